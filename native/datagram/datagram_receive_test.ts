import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { Datagram } from "./datagram.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import { ScriptedUdp } from "../../tests/support/scripted_udp.ts";

const PEER = "192.0.2.1:7";

function counted(length: number, from = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => from + index);
}

function bytesOf(batch: readonly Datagram[]): number[][] {
  return batch.map((datagram) => [...datagram.bytes]);
}

async function receiving(udp: ScriptedUdp) {
  const [entry] = await udp.taken(Op.RECVMSG);
  return entry;
}

Deno.test("joined datagrams are split where the kernel says, the last one shorter", async () => {
  const udp = new ScriptedUdp();
  const batches = udp.endpoint.receiveMany();
  const waiting = batches.next();
  const entry = await receiving(udp);
  udp.driver.calls.length = 0;
  udp.deliver(entry, 0, PEER, counted(25), 10);
  await udp.driver.settle();
  const { value: batch } = await waiting;
  assertEquals(bytesOf(batch), [[...counted(10)], [...counted(10, 10)], [...counted(5, 20)]]);
  assertEquals(batch.map(({ length }: Datagram) => length), [10, 10, 5]);
  assertStrictEquals(batch[0].remoteAddr, batch[2].remoteAddr);
  assertEquals(batch[1].remoteName, PEER);
  assertEquals(udp.endpoint.stats().received, 3);
});

Deno.test("what one turn brings is one batch, in its order", async () => {
  const udp = new ScriptedUdp();
  const batches = udp.endpoint.receiveMany();
  const waiting = batches.next();
  const entry = await receiving(udp);
  for (let id = 0; id < 4; id++) {
    udp.deliver(entry, id, `192.0.2.1:${id + 1}`, counted(3, id), 0, false, id === 3);
  }
  await udp.driver.settle();
  const { value: batch } = await waiting;
  assertEquals(bytesOf(batch).map(([first]) => first), [0, 1, 2, 3]);
  assertEquals(batch.map(({ remoteName }: Datagram) => remoteName).at(-1), "192.0.2.1:4");
});

Deno.test("a batch gives its buffers back when the next one is asked for", async () => {
  const udp = new ScriptedUdp();
  const { datagramBuffers } = udp.network.reactor;
  const batches = udp.endpoint.receiveMany();
  let waiting = batches.next();
  const entry = await receiving(udp);
  udp.deliver(entry, 0, PEER, counted(30), 10);
  await udp.driver.settle();
  const { value: batch } = await waiting;
  assertEquals([datagramBuffers.held, udp.network.leases], [1, 3]);
  const kept = batch[1].retain();
  waiting = batches.next();
  assertEquals([datagramBuffers.held, udp.network.leases], [1, 1]);
  assertThrows(() => batch[0].length, TypeError, "released");
  assertEquals([...kept.bytes], [...counted(10, 10)]);
  // The objects are used again; the handle that was kept is not.
  udp.deliver(entry, 1, PEER, counted(4, 100));
  await udp.driver.settle();
  const { value: next } = await waiting;
  assertEquals([bytesOf(next), [...kept.bytes]], [[[...counted(4, 100)]], [...counted(10, 10)]]);
  assertThrows(() => batch[2].length, TypeError, "released");
  kept.release();
  kept.release();
  await stop(udp, entry, batches);
  assertEquals([datagramBuffers.held, udp.network.leases], [0, 0]);
});

async function stop(
  udp: ScriptedUdp,
  entry: Awaited<ReturnType<typeof receiving>>,
  batches: AsyncIterableIterator<readonly Datagram[]>,
): Promise<void> {
  const returning = batches.return!();
  for (const cancel of await udp.taken(Op.ASYNC_CANCEL)) udp.complete(cancel, 0);
  if (udp.driver.taken.includes(entry)) udp.complete(entry, -Errno.ECANCELED);
  await udp.driver.settle();
  await returning;
}

Deno.test("a reader that lags has the receive cancelled, and armed again when it caught up", async () => {
  const udp = new ScriptedUdp({ plan: { datagramCount: 256, completions: 1024 } });
  const batches = udp.endpoint.receiveMany();
  let waiting = batches.next();
  const entry = await receiving(udp);
  for (let id = 0; id < 192; id++) {
    udp.deliver(entry, id, PEER, counted(1, id), 0, false, id === 191);
  }
  await udp.driver.settle();
  assertEquals((await waiting).value.length, 64);
  udp.deliver(entry, 192, PEER, counted(1, 192));
  await udp.driver.settle();
  const [cancel] = await udp.taken(Op.ASYNC_CANCEL);
  udp.complete(cancel, 0);
  udp.complete(entry, -Errno.ECANCELED);
  await udp.driver.settle();
  assertEquals(await udp.taken(Op.RECVMSG), []);
  const sizes: number[] = [];
  for (let left = 129; left > 0; left -= sizes.at(-1)!) {
    waiting = batches.next();
    sizes.push((await waiting).value.length);
    const isArmed = (await udp.taken(Op.RECVMSG)).length === 1;
    assertEquals(isArmed, sizes.length > 1, "it is armed when little is left");
  }
  assertEquals(sizes, [64, 64, 1]);
});

Deno.test("an empty datagram ends a multishot receive, which is armed again", async () => {
  const udp = new ScriptedUdp();
  const batches = udp.endpoint.receiveMany();
  const waiting = batches.next();
  udp.deliver(await receiving(udp), 0, PEER, new Uint8Array(0), 0, true);
  await udp.driver.settle();
  const { value: [empty] } = await waiting;
  assertEquals([empty.length, empty.copy().length, empty.remoteName], [0, 0, PEER]);
  const next = batches.next();
  udp.deliver(await receiving(udp), 1, PEER, counted(2));
  await udp.driver.settle();
  assertEquals(bytesOf((await next).value), [[0, 1]]);
});

Deno.test("exhausted buffers are waited for, and nobody is told", async () => {
  const udp = new ScriptedUdp();
  const waiting = udp.endpoint.receive();
  const entry = await receiving(udp);
  const { datagramBuffers } = udp.network.reactor;
  for (let id = 0; id < 8; id++) datagramBuffers.arrive(id);
  udp.complete(entry, -Errno.ENOBUFS);
  assertEquals(await udp.taken(Op.RECVMSG), []);
  datagramBuffers.release(3);
  const again = await receiving(udp);
  udp.deliver(again, 3, PEER, counted(1, 9));
  await udp.driver.settle();
  assertEquals([...(await waiting).bytes], [9]);
});

Deno.test("an error of the network is told once, to whoever reads next", async () => {
  const udp = new ScriptedUdp();
  const first = udp.endpoint.receive();
  const refused = assertRejects(() => first, Deno.errors.ConnectionRefused);
  udp.complete(await receiving(udp), -Errno.ECONNREFUSED);
  await udp.driver.settle();
  await refused;
  const second = udp.endpoint.receive();
  const entry = await receiving(udp);
  udp.deliver(entry, 0, PEER, counted(1, 1));
  udp.complete(entry, -Errno.EHOSTUNREACH);
  await udp.driver.settle();
  assertEquals((await second).length, 1);
  await assertRejects(() => udp.endpoint.receive(), Deno.errors.NetworkUnreachable);
  const third = udp.endpoint.receive();
  udp.deliver(await receiving(udp), 1, PEER, counted(1, 2));
  await udp.driver.settle();
  assertEquals([...(await third).bytes], [2]);
});

Deno.test("data that comes with an abort or a deadline is delivered", async () => {
  const udp = new ScriptedUdp();
  const controller = new AbortController();
  const waiting = udp.endpoint.receive({ signal: controller.signal });
  const entry = await receiving(udp);
  controller.abort(new Error("enough"));
  for (const cancel of await udp.taken(Op.ASYNC_CANCEL)) udp.driver.complete(cancel, 0);
  udp.deliver(entry, 0, PEER, counted(1, 5), 0, true);
  await udp.driver.settle();
  assertEquals([...(await waiting).bytes], [5]);
  const late = udp.endpoint.receive({ timeoutMs: 10 });
  const timedOut = assertRejects(() => late, Deno.errors.TimedOut);
  const next = await receiving(udp);
  udp.driver.advance(10);
  for (const cancel of await udp.taken(Op.ASYNC_CANCEL)) udp.complete(cancel, 0);
  udp.complete(next, -Errno.ECANCELED);
  await udp.driver.settle();
  await timedOut;
});

Deno.test("control messages that make no sense are survived", async () => {
  for (const forged of [[0, 0], [1, 17], [-1, 17], [1 << 30, 17], [20, 1 << 30]]) {
    const udp = new ScriptedUdp();
    const batches = udp.endpoint.receiveMany();
    const waiting = batches.next();
    const entry = await receiving(udp);
    const { memory, datagramBuffers } = udp.network.reactor;
    const origin = datagramBuffers.offsetOf(0);
    udp.deliver(entry, 0, PEER, counted(30), 10);
    const control = (origin + 16 + udp.endpoint.inbox.nameRoom) >> 2;
    memory.words[(origin >> 2) + 1] = 1 << 20;
    [memory.words[control], memory.words[control + 2]] = forged;
    await udp.driver.settle();
    const { value } = await waiting;
    assertEquals(value.reduce((sum: number, each: Datagram) => sum + each.length, 0), 30);
    assertEquals(value[0].timeToLive, undefined);
    assertEquals(value[0].localAddr, undefined);
  }
});
