import { assert, assertEquals, assertRejects } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Msg, Op, Poll, SqeFlag } from "../../ring/abi/opcodes.ts";
import { ScriptedUdp } from "../../tests/support/scripted_udp.ts";

const ONE = "127.0.0.1:1";
const OTHER = "127.0.0.1:2";

function items(count: number, size: number, to = ONE): { data: Uint8Array; to: string }[] {
  return Array.from({ length: count }, (_, index) => ({
    data: new Uint8Array(size).fill(index + 1),
    to,
  }));
}

function joinOf(batch: readonly { readonly data: Uint8Array }[]): Uint8Array {
  return new Uint8Array(batch.flatMap(({ data }) => [...data]));
}

Deno.test("datagrams of one size to one address are one message that the kernel cuts", async () => {
  const udp = new ScriptedUdp();
  const batch = [...items(3, 100), { data: new Uint8Array(40).fill(9), to: ONE }, ...items(1, 7)];
  const sending = udp.endpoint.sendBatch(batch);
  const [joined, single] = await udp.acceptAll();
  assertEquals([joined.to, joined.segment, joined.pieces.length], [ONE, 100, 1]);
  assertEquals(joined.bytes, joinOf(batch.slice(0, 4)));
  assertEquals([single.entry.opcode, single.to, single.bytes], [Op.SEND, ONE, batch[4].data]);
  assertEquals(single.entry.words[W_OPERATION_FLAGS], Msg.NOSIGNAL | Msg.DONTWAIT);
  assertEquals(await sending, { sent: 5, failed: [] });
  assertEquals(udp.endpoint.stats().joined, 1);
  assertEquals(udp.network.reactor.arena.usedBytes, 0);
});

Deno.test("views of one buffer are sent as what they view, whatever lies between them", async () => {
  const udp = new ScriptedUdp();
  const [one, other] = [1, 2].map((seed) => Uint8Array.from({ length: 80 }, (_, at) => seed + at));
  const at = (buffer: Uint8Array, from: number, to = from + 10) => buffer.subarray(from, to);
  const views = [
    ...[0, 10, 20].map((from) => at(one, from)),
    ...[30, 40].map((from) => at(other, from)),
    at(one, 50),
    at(one, 60),
    at(one, 60),
    at(one, 70, 74),
  ];
  const batch = views.map((data) => ({ data, to: ONE }));
  const sending = udp.endpoint.sendBatch(batch);
  const [message] = await udp.sent();
  assertEquals([message.segment, message.bytes], [10, joinOf(batch)]);
  await udp.acceptAll();
  assertEquals(await sending, { sent: 9, failed: [] });
});

Deno.test("slices of a ring buffer leave from where they are, neighbours as one piece", async () => {
  const udp = new ScriptedUdp();
  const { arena } = udp.network.reactor;
  const slab = udp.endpoint.allocBuffer(4096);
  slab.bytes.set(Uint8Array.from({ length: 4096 }, (_, index) => index >> 2));
  const batch = [0, 1, 2, 3, 7, 8].map((place) => ({
    data: slab.slice(place * 100, place * 100 + 100),
    to: ONE,
  }));
  const sending = udp.endpoint.sendBatch(batch);
  const [message] = await udp.sent();
  assertEquals(message.segment, 100);
  assertEquals(message.pieces, [slab.slice(0, 400).bytes, slab.slice(700, 900).bytes]);
  slab.release();
  assert(arena.usedBytes >= 4096, "it is still being sent from");
  await udp.acceptAll();
  assertEquals(await sending, { sent: 6, failed: [] });
  assertEquals(arena.usedBytes, 0);
});

Deno.test("a slice whose buffer was released fails, and keeps no other from leaving", async () => {
  const udp = new ScriptedUdp();
  const [kept, gone] = [udp.endpoint.allocBuffer(512), udp.endpoint.allocBuffer(512)];
  const late = gone.slice(0, 10);
  gone.release();
  const data = [kept.slice(0, 10), late, kept.slice(10, 20)];
  const sending = udp.endpoint.sendBatch(data.map((each) => ({ data: each, to: ONE })));
  await udp.acceptAll();
  const { sent, failed } = await sending;
  assertEquals([sent, failed.map(({ index }) => index)], [2, [1]]);
  kept.release();
  assertEquals(udp.network.reactor.arena.usedBytes, 0);
});

Deno.test("a message has at most 128 datagrams, and as many bytes as one datagram may", async () => {
  const udp = new ScriptedUdp();
  const small = udp.endpoint.sendBatch(items(300, 10));
  assertEquals((await udp.acceptAll()).map(({ bytes }) => bytes.length), [1280, 1280, 440]);
  assertEquals((await small).sent, 300);
  const large = udp.endpoint.sendBatch(items(5, 30_000));
  assertEquals((await udp.acceptAll()).map(({ bytes }) => bytes.length), [60_000, 60_000, 30_000]);
  assertEquals((await large).sent, 5);
});

Deno.test("where more than 64 are too many, they leave by 64 from then on", async () => {
  const udp = new ScriptedUdp();
  const sending = udp.endpoint.sendBatch(items(100, 10));
  const [first] = await udp.sent();
  assertEquals(first.bytes.length, 1000);
  await udp.answer(first, -Errno.EINVAL);
  assertEquals((await udp.acceptAll()).map(({ bytes }) => bytes.length), [640, 360]);
  assertEquals(await sending, { sent: 100, failed: [] });
  const next = udp.endpoint.sendBatch(items(70, 10));
  assertEquals((await udp.acceptAll()).map(({ bytes }) => bytes.length), [640, 60]);
  assertEquals((await next).sent, 70);
});

Deno.test("joined datagrams that fail leave one by one, each with an error of its own", async () => {
  for (const [errno, isLearnt] of [[Errno.EMSGSIZE, 1000], [Errno.EIO, 10]] as const) {
    const udp = new ScriptedUdp();
    const sending = udp.endpoint.sendBatch(items(4, 1000));
    const [joined] = await udp.sent();
    await udp.answer(joined, -errno);
    const singles = await udp.sent();
    assertEquals(singles.map(({ bytes }) => bytes[0]), [1, 2, 3, 4]);
    assertEquals(singles.map(({ segment }) => segment), [0, 0, 0, 0]);
    udp.complete(singles[0].entry, 1000);
    udp.complete(singles[1].entry, -Errno.EPERM);
    udp.complete(singles[2].entry, 1000);
    await udp.answer(singles[3], -Errno.EMSGSIZE);
    const { sent, failed } = await sending;
    assertEquals([sent, failed.map(({ index }) => index)], [2, [1, 3]]);
    assertEquals(failed.map(({ error }) => (error as { code: string }).code), [
      "EPERM",
      "EMSGSIZE",
    ]);
    // What failed joined is not tried again, what is smaller is where that may help.
    const next = udp.endpoint.sendBatch(items(2, isLearnt));
    assertEquals((await udp.acceptAll()).map(({ segment }) => segment), [0, 0]);
    await next;
    const smaller = udp.endpoint.sendBatch(items(2, isLearnt - 1));
    const joinedAgain = errno === Errno.EMSGSIZE ? [999] : [0, 0];
    assertEquals((await udp.acceptAll()).map(({ segment }) => segment), joinedAgain);
    await smaller;
  }
});

Deno.test("an error of a message falls on its first datagram, and the others have another go", async () => {
  const udp = new ScriptedUdp();
  const sending = udp.endpoint.sendBatch(items(4, 50));
  const [joined] = await udp.sent();
  await udp.answer(joined, -Errno.ECONNREFUSED);
  const again = await udp.acceptAll();
  assertEquals(again.map(({ segment, bytes }) => [segment, bytes[0]]), [[50, 2]]);
  const { sent, failed } = await sending;
  assertEquals([sent, failed.map(({ index }) => index)], [3, [0]]);
});

Deno.test("datagrams that take turns between addresses are brought together", async () => {
  const udp = new ScriptedUdp();
  const batch = items(6, 10).map(({ data }, index) => ({ data, to: [ONE, OTHER][index % 2] }));
  const sending = udp.endpoint.sendBatch(batch);
  const messages = await udp.sent();
  assertEquals(messages.map(({ to, bytes }) => [to, bytes[0], bytes[10], bytes[20]]), [
    [ONE, 1, 3, 5],
    [OTHER, 2, 4, 6],
  ]);
  udp.complete(messages[0].entry, 30);
  await udp.answer(messages[1], -Errno.EPERM);
  const [again] = await udp.sent();
  assertEquals([again.to, again.bytes[0], again.bytes[10]], [OTHER, 4, 6]);
  await udp.acceptAll();
  const { sent, failed } = await sending;
  assertEquals([sent, failed.map(({ index }) => index)], [5, [1]]);
});

Deno.test("a round has 256 messages, and the next begins when all of them are through", async () => {
  const udp = new ScriptedUdp();
  const batch = Array.from({ length: 600 }, (_, index) => ({
    data: Uint8Array.of(index),
    to: `127.0.0.1:${index + 1}`,
  }));
  const sending = udp.endpoint.sendBatch(batch);
  const first = await udp.sent();
  assertEquals(first.length, 256);
  for (const { entry } of first.slice(1)) udp.driver.complete(entry, 1);
  udp.driver.wake();
  assertEquals((await udp.sent()).length, 1, "one is still under way: nothing overtakes it");
  await udp.answer(first[0], 1);
  assertEquals((await udp.sent()).map(({ bytes }) => bytes[0])[0], 256 & 0xff);
  await udp.acceptAll();
  assertEquals((await sending).sent, 600);
});

Deno.test("where there is no room, a poll is awaited, and everything leaves in its order", async () => {
  const udp = new ScriptedUdp();
  const [single, batch] = [udp.endpoint.send(Uint8Array.of(0), OTHER), items(3, 10)];
  const second = udp.endpoint.send(Uint8Array.of(1), OTHER);
  const sending = udp.endpoint.sendBatch([...batch, { data: Uint8Array.of(7), to: OTHER }]);
  const messages = await udp.sent();
  assertEquals(messages.map(({ bytes }) => bytes.length), [1, 1, 30, 1]);
  udp.complete(messages[0].entry, 1);
  for (const { entry } of messages.slice(1)) udp.complete(entry, -Errno.EAGAIN);
  assertEquals((await udp.sent()).length, 0);
  const [poll] = await udp.taken(Op.POLL_ADD);
  assertEquals([poll.fd, poll.words[W_OPERATION_FLAGS]], [5, Poll.OUT]);
  const late = udp.endpoint.send(Uint8Array.of(9), OTHER);
  assertEquals((await udp.sent()).length, 0, "nothing overtakes what waits");
  udp.complete(poll, Poll.OUT);
  const again = await udp.acceptAll();
  assertEquals(again.map(({ bytes }) => bytes[0]), [1, 1, 7, 9]);
  assertEquals(again[1].bytes, joinOf(batch));
  assertEquals([await single, await second, await late], [1, 1, 1]);
  assertEquals((await sending).sent, 4);
});

Deno.test("after there was no room, no more is tried than there was room for", async () => {
  const udp = new ScriptedUdp();
  const batch = Array.from({ length: 100 }, (_, index) => ({
    data: Uint8Array.of(index),
    to: `127.0.0.1:${index + 1}`,
  }));
  const sending = udp.endpoint.sendBatch(batch);
  const first = await udp.sent();
  assertEquals(first.length, 100);
  for (const [index, { entry }] of first.entries()) {
    udp.driver.complete(entry, index < 3 ? 1 : -Errno.EAGAIN);
  }
  udp.driver.wake();
  const sizes: number[] = [];
  udp.complete((await udp.taken(Op.POLL_ADD))[0], Poll.OUT);
  for (let round = await udp.sent(); round.length > 0; round = await udp.sent()) {
    sizes.push(round.length);
    for (const { entry } of round) udp.driver.complete(entry, 1);
    udp.driver.wake();
  }
  assertEquals(sizes, [4, 8, 16, 32, 37]);
  assertEquals((await sending).sent, 100);
});

Deno.test("an empty arena is waited for, and nothing is lost", async () => {
  const udp = new ScriptedUdp({ plan: { arenaBytes: 8192 } });
  const { reactor } = udp.network;
  const taken = reactor.arena.take(8192);
  const sending = udp.endpoint.sendBatch(items(20, 500));
  assertEquals((await udp.sent()).length, 0);
  reactor.giveArena(taken);
  const messages = await udp.acceptAll();
  assertEquals(messages.reduce((sum, { bytes }) => sum + bytes.length, 0), 10_000);
  assertEquals((await sending).sent, 20);
  assertEquals(reactor.arena.usedBytes, 0);
});

Deno.test("messages over Unix sockets are linked, and go on behind one that fails", async () => {
  const udp = new ScriptedUdp();
  const batch = Array.from({ length: 40 }, (_, index) => ({ data: Uint8Array.of(index) }))
    .map(({ data }) => ({ data, to: "unix:/run/peer" }));
  const sending = udp.unix.sendBatch(batch);
  const chain = await udp.sent();
  const links = chain.map(({ entry }) => (entry.words[0] >>> 8) & SqeFlag.IO_LINK);
  assertEquals(links, [...Array(31).fill(SqeFlag.IO_LINK), 0]);
  assertEquals(chain[0].to, "unix:/run/peer");
  for (const [index, { entry }] of chain.entries()) {
    const result = index < 5 ? 1 : index === 5 ? -Errno.ENOENT : -Errno.ECANCELED;
    udp.driver.complete(entry, result);
  }
  udp.driver.wake();
  const rest = await udp.acceptAll();
  assertEquals(rest.map(({ bytes }) => bytes[0]), batch.slice(6).map(({ data }) => data[0]));
  const { sent, failed } = await sending;
  assertEquals([sent, failed.map(({ index }) => index)], [39, [5]]);
});

Deno.test("a full queue of a Unix peer is tried again after a while, sooner after progress", async () => {
  const udp = new ScriptedUdp();
  const sending = udp.unix.send(Uint8Array.of(1), "unix:/run/peer");
  const waits: number[] = [];
  for (let tries = 0; tries < 9; tries++) {
    const [message] = await udp.sent();
    assertEquals(message.bytes, Uint8Array.of(1));
    await udp.answer(message, -Errno.EAGAIN);
    assertEquals(await udp.taken(Op.POLL_ADD), []);
    waits.push(udp.driver.timeoutDue! - udp.driver.time);
    udp.driver.advance(waits.at(-1)!);
  }
  assertEquals(waits.map((each) => Math.round(each * 100)), [
    5,
    10,
    20,
    40,
    80,
    160,
    320,
    400,
    400,
  ]);
  await udp.acceptAll();
  assertEquals(await sending, 1);
  const { length } = waits;
  const next = udp.unix.send(Uint8Array.of(2), "unix:/run/peer");
  await udp.answer((await udp.sent())[0], -Errno.EAGAIN);
  assertEquals(Math.round((udp.driver.timeoutDue! - udp.driver.time) * 100), 5, `${length}`);
  udp.driver.advance(1);
  await udp.acceptAll();
  await next;
});

Deno.test("an item whose getters fail or change keeps the others from nothing", async () => {
  const udp = new ScriptedUdp();
  let reads = 0;
  const fickle = {
    get data(): Uint8Array {
      return new Uint8Array(reads++ === 0 ? 10 : 4000);
    },
    to: ONE,
  };
  const failing = {
    get data(): Uint8Array {
      throw new Error("no data today");
    },
    to: ONE,
  };
  const batch = [...items(2, 10), failing, ...items(2, 10), fickle];
  const sending = udp.endpoint.sendBatch(batch);
  await udp.acceptAll();
  const { sent, failed } = await sending;
  assertEquals(failed.map(({ index }) => index).filter((index) => index < 5), [2]);
  assertEquals(sent + failed.length, batch.length);
  assertEquals(udp.network.reactor.arena.usedBytes, 0);
});

Deno.test("closing cancels what is under way and rejects all that waits, leaving nothing", async () => {
  const udp = new ScriptedUdp();
  const calls = [
    udp.endpoint.send(Uint8Array.of(1), ONE),
    udp.endpoint.sendBatch(items(300, 65_000)),
    udp.endpoint.send(Uint8Array.of(2), ONE),
  ].map((call) => assertRejects(() => call, Deno.errors.BadResource));
  const messages = await udp.sent();
  const closing = udp.endpoint.close();
  const cancels = await udp.taken(Op.ASYNC_CANCEL);
  assertEquals(cancels.length, messages.length);
  for (const entry of cancels) udp.complete(entry, 0);
  for (const { entry } of messages) udp.complete(entry, -Errno.ECANCELED);
  for (const entry of await udp.taken(Op.CLOSE)) udp.complete(entry, 0);
  await udp.driver.settle();
  await Promise.all(calls);
  await closing;
  const { reactor } = udp.network;
  assertEquals([reactor.arena.usedBytes, reactor.inFlight, reactor.references], [0, 0, 0]);
});

Deno.test("an address that was changed in an object is another address", async () => {
  const udp = new ScriptedUdp();
  const to = { hostname: "127.0.0.1", port: 1 };
  const sent: string[] = [];
  for (const port of [1, 2, 2, 3]) {
    to.port = port;
    const sending = udp.endpoint.send(Uint8Array.of(port), to);
    sent.push(...(await udp.acceptAll()).map((message) => message.to));
    await sending;
  }
  assertEquals(sent, [ONE, OTHER, OTHER, "127.0.0.1:3"]);
});

Deno.test("a socket of IPv6 writes addresses of IPv4 as mapped ones, and one of IPv4 none of IPv6", async () => {
  const both = new ScriptedUdp({ local: "[::]:1000" });
  const sending = both.endpoint.send(Uint8Array.of(1), ONE);
  assertEquals((await both.acceptAll()).map(({ to }) => to), ["[::ffff:127.0.0.1]:1"]);
  await sending;
  const four = new ScriptedUdp();
  const error = await assertRejects(() => four.endpoint.send(Uint8Array.of(1), "[::1]:1"));
  assert(error instanceof Error && error.message.includes("EAFNOSUPPORT"), String(error));
});
