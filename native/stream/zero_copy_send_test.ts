import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BufferLease } from "../lease.ts";
import { Network } from "../network.ts";
import { RingBuffer } from "../ring_buffer.ts";
import { SendSide } from "./stream_send.ts";
import { ZERO_COPY_BYTES } from "./zero_copy_send.ts";
import { W_ADDRESS, W_ADDRESS3, W_LENGTH } from "../../ring/abi/layout.ts";
import { CqeFlag, DriverOp, IoPrio, Op, SockOpt } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { ScriptedDriver, type TakenEntry } from "../../tests/support/scripted_driver.ts";
import { StubSocket } from "../../tests/support/stub_socket.ts";

const COPIED = -0x80000000;
const LARGE = ZERO_COPY_BYTES;
const ARENA_BYTES = 1024 * 1024;

/** A stream's sending half over a driver that does what the test says. */
class Bench {
  readonly driver: ScriptedDriver;
  readonly network: Network;
  readonly socket: StubSocket;
  readonly side: SendSide;
  /** What the option `zeroCopy` reads as. */
  isWanted = true;
  /** Options that were set: level, name, value. */
  readonly set: number[][] = [];

  constructor(supported = true) {
    this.driver = new ScriptedDriver({
      withSide: true,
      plan: { arenaBytes: ARENA_BYTES, bufferBytes: 2 * LARGE, slots: 512 },
    });
    this.driver.sideResult = null;
    this.driver.supported[Op.SEND_ZC] = supported ? 1 : 0;
    this.network = new Network(this.driver);
    this.socket = new StubSocket(this.network, 7);
    this.side = new SendSide(this.socket);
  }

  get arenaUsed(): number {
    return this.network.reactor.arena.usedBytes;
  }

  /** Runs turns, and answers for the socket's options. */
  async settle(): Promise<void> {
    await this.driver.settle();
    const asked = this.driver.taken.filter(({ isSide }) => isSide);
    for (const entry of asked) this.#answer(entry);
    if (asked.length > 0) await this.settle();
  }

  #answer(entry: TakenEntry): void {
    const { words } = this.driver.memory;
    const place = entry.words[W_ADDRESS3] >> 2;
    const [level, name] = entry.words.subarray(W_ADDRESS, W_ADDRESS + 2);
    if (entry.opcode === DriverOp.SETSOCKOPT) this.set.push([level, name, words[place]]);
    else words[place] = name === SockOpt.SO_ZEROCOPY && this.isWanted ? 1 : 0;
    this.driver.complete(entry, 4);
    this.driver.wake();
  }

  /** The one operation in the ring that is no cancellation. */
  async entry(opcode: number): Promise<TakenEntry> {
    await this.settle();
    const entries = this.driver.taken.filter((entry) => entry.opcode === opcode);
    assertEquals(entries.length, 1, `operations ${this.driver.taken.map(({ opcode }) => opcode)}`);
    return entries[0];
  }

  async complete(entry: TakenEntry, result: number, flags = 0): Promise<void> {
    this.driver.complete(entry, result, flags);
    this.driver.wake();
    await this.settle();
  }

  /** Says that the bytes were accepted, and that a notification will follow. */
  accept(entry: TakenEntry, bytes = entry.words[W_LENGTH]): Promise<void> {
    return this.complete(entry, bytes, CqeFlag.MORE);
  }

  /** The notification. */
  notify(entry: TakenEntry, result = 0): Promise<void> {
    return this.complete(entry, result, CqeFlag.NOTIF);
  }

  alloc(bytes: number): RingBuffer {
    return RingBuffer.allocate(this.socket, bytes);
  }
}

/** Whether a promise has settled, and how. */
function watch<T>(promise: Promise<T>): { outcome: T | undefined; error: unknown } {
  const watched: { outcome: T | undefined; error: unknown } = {
    outcome: undefined,
    error: undefined,
  };
  promise.then((value) => watched.outcome = value, (error) => watched.error = error);
  return watched;
}

Deno.test("a stream without the option zeroCopy sends large segments by SEND", async () => {
  const bench = new Bench();
  bench.isWanted = false;
  for (let count = 0; count < 3; count++) {
    const sent = bench.side.send(new Uint8Array(LARGE), undefined);
    const entry = await bench.entry(Op.SEND);
    await bench.complete(entry, LARGE);
    assertEquals(await sent, LARGE);
  }
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a consumer without SEND_ZC is sent SEND, and not asked for the option", async () => {
  const bench = new Bench(false);
  const sent = bench.side.send(new Uint8Array(LARGE), undefined);
  await bench.driver.settle();
  assert(bench.driver.taken.every(({ isSide }) => !isSide));
  await bench.complete(await bench.entry(Op.SEND), LARGE);
  assertEquals(await sent, LARGE);
});

Deno.test("bytes resolve when they are accepted, and their copy goes back when it is notified", async () => {
  const bench = new Bench();
  const sent = watch(bench.side.send(new Uint8Array(LARGE), undefined));
  const entry = await bench.entry(Op.SEND_ZC);
  assertEquals(entry.words[0] >>> 16, IoPrio.ZC_REPORT_USAGE);
  await bench.accept(entry);
  assertEquals(sent.outcome, LARGE);
  assertEquals(bench.arenaUsed, LARGE);
  await bench.notify(entry);
  assertEquals(bench.arenaUsed, 0);
  assertEquals(bench.network.reactor.inFlight, 0);
});

Deno.test("smaller segments are sent by SEND, and what follows does not wait for notifications", async () => {
  const bench = new Bench();
  const large = bench.side.send(new Uint8Array(LARGE), undefined);
  const small = bench.side.send(new Uint8Array(LARGE - 1), undefined);
  const first = await bench.entry(Op.SEND_ZC);
  await bench.accept(first);
  const second = await bench.entry(Op.SEND);
  await bench.complete(second, LARGE - 1);
  assertEquals(await Promise.all([large, small]), [LARGE, LARGE - 1]);
  const third = bench.side.send(new Uint8Array(2 * LARGE), undefined);
  const entries = bench.driver.taken.filter(({ opcode }) => opcode === Op.SEND_ZC);
  assertEquals(entries, [first], "the first is still to be notified");
  await bench.notify(first);
  const last = await bench.entry(Op.SEND_ZC);
  await bench.accept(last);
  await bench.notify(last);
  assertEquals(await third, 2 * LARGE);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("large and small segments that wait together leave in their order", async () => {
  const bench = new Bench();
  const sizes = [10, 20, LARGE, 30, 2 * LARGE, LARGE + 1, 40, 50];
  const all = sizes.map((size) => bench.side.send(new Uint8Array(size), undefined));
  const seen: number[][] = [];
  for (let moved = 0; moved < sizes.reduce((sum, size) => sum + size);) {
    await bench.settle();
    const entry = bench.driver.taken.at(-1)!;
    const length = entry.opcode === Op.SENDMSG ? vectorBytes(bench, entry) : entry.words[W_LENGTH];
    seen.push([entry.opcode, length]);
    moved += length;
    if (entry.opcode !== Op.SEND_ZC) await bench.complete(entry, length);
    else await bench.accept(entry);
  }
  assertEquals(seen, [
    [Op.SEND, 10],
    [Op.SEND, 20],
    [Op.SEND_ZC, LARGE],
    [Op.SEND, 30],
    [Op.SEND_ZC, 2 * LARGE],
    [Op.SEND_ZC, LARGE + 1],
    [Op.SENDMSG, 90],
  ]);
  assertEquals(await Promise.all(all), sizes);
  for (const entry of [...bench.driver.taken]) await bench.notify(entry);
  assertEquals(bench.arenaUsed, 0);
});

function vectorBytes({ driver }: Bench, entry: TakenEntry): number {
  const { words } = driver.memory;
  const header = entry.words[W_ADDRESS] >> 2;
  const vector = words[header + 4] >> 2;
  let bytes = 0;
  for (let index = 0; index < words[header + 6]; index++) bytes += words[vector + index * 4 + 2];
  return bytes;
}

Deno.test("a program's own buffer is the operation's until the notification", async () => {
  const bench = new Bench();
  const buffer = bench.alloc(LARGE);
  const sent = watch(bench.side.sendBuffer(buffer, undefined));
  const entry = await bench.entry(Op.SEND_ZC);
  await bench.accept(entry);
  assertEquals(sent.outcome, undefined, "its bytes may still be looked at");
  buffer.release();
  assertEquals(bench.arenaUsed, LARGE);
  await bench.notify(entry);
  assertEquals(sent.outcome, LARGE);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a lease's buffer is held until the notification, whoever released it", async () => {
  const bench = new Bench();
  const { buffers, memory } = bench.network.reactor;
  const { available } = buffers;
  buffers.arrive(0);
  const lease = BufferLease.view(memory, buffers, 0, LARGE);
  const sent = watch(bench.side.send(lease, undefined));
  lease.release();
  const entry = await bench.entry(Op.SEND_ZC);
  await bench.accept(entry);
  assertEquals(sent.outcome, LARGE);
  assertEquals(buffers.available, available - 1);
  await bench.notify(entry);
  assertEquals(buffers.available, available);
});

Deno.test("a buffer that leaves in parts waits for the notification of each", async () => {
  const bench = new Bench();
  const buffer = bench.alloc(4 * LARGE);
  const sent = watch(bench.side.sendBuffer(buffer, undefined));
  const first = await bench.entry(Op.SEND_ZC);
  await bench.accept(first, LARGE);
  const second = bench.driver.taken.find((entry) => entry !== first)!;
  assertEquals(second.opcode, Op.SEND_ZC);
  assertEquals(second.words[W_LENGTH], 3 * LARGE);
  await bench.accept(second);
  await bench.notify(second);
  assertEquals(sent.outcome, undefined);
  buffer.release();
  assertEquals(bench.arenaUsed, 4 * LARGE);
  await bench.notify(first);
  assertEquals(sent.outcome, 4 * LARGE);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("after one that was copied after all, 256 are sent plainly, then it is tried again", async () => {
  const bench = new Bench();
  const send = async (opcode: number) => {
    const sent = bench.side.send(new Uint8Array(LARGE), undefined);
    const entry = await bench.entry(opcode);
    if (opcode === Op.SEND) {
      await bench.complete(entry, LARGE);
    } else {
      await bench.accept(entry);
      await bench.notify(entry, COPIED);
    }
    assertEquals(await sent, LARGE);
  };
  await send(Op.SEND_ZC);
  for (let count = 0; count < 256; count++) await send(Op.SEND);
  await send(Op.SEND_ZC);
  await send(Op.SEND);
});

Deno.test("where the system refuses, the same bytes go by SEND: for good, or this once", async () => {
  for (const [errno, next] of [[Errno.EOPNOTSUPP, Op.SEND], [Errno.ENOMEM, Op.SEND_ZC]] as const) {
    const bench = new Bench();
    const sent = watch(bench.side.send(new Uint8Array(LARGE), undefined));
    const refused = await bench.entry(Op.SEND_ZC);
    await bench.complete(refused, -errno);
    const entry = await bench.entry(Op.SEND);
    assertEquals(entry.words[W_ADDRESS], refused.words[W_ADDRESS]);
    assertEquals(entry.words[W_LENGTH], LARGE);
    await bench.complete(entry, LARGE);
    assertEquals(sent.outcome, LARGE);
    bench.side.send(new Uint8Array(LARGE), undefined);
    await bench.entry(next);
  }
});

Deno.test("an option that is set later is heeded", async () => {
  const bench = new Bench();
  bench.isWanted = false;
  bench.side.send(new Uint8Array(LARGE), undefined);
  await bench.complete(await bench.entry(Op.SEND), LARGE);
  bench.isWanted = true;
  bench.side.zeroCopyChanged();
  bench.side.send(new Uint8Array(LARGE), undefined);
  const entry = await bench.entry(Op.SEND_ZC);
  await bench.accept(entry);
  await bench.notify(entry);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a signal that comes when all is accepted ends the wait, and the buffer stays locked", async () => {
  const bench = new Bench();
  const controller = new AbortController();
  const buffer = bench.alloc(LARGE);
  const sent = watch(bench.side.sendBuffer(buffer, { signal: controller.signal }));
  const entry = await bench.entry(Op.SEND_ZC);
  await bench.accept(entry);
  controller.abort();
  await bench.settle();
  assertEquals(sent.outcome, LARGE, "all of it was sent");
  assert(buffer.isSending);
  assertThrows(() => buffer.bytes, TypeError, "still sends");
  assertThrows(() => buffer.slice(0, 1).bytes, TypeError, "still sends");
  await bench.notify(entry);
  assert(!buffer.isSending);
  assertEquals(buffer.bytes.length, LARGE);
  buffer.release();
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a deadline that comes when all is accepted ends the wait", async () => {
  const bench = new Bench();
  const buffer = bench.alloc(LARGE);
  const sent = watch(bench.side.sendBuffer(buffer, { timeoutMs: 100 }));
  const entry = await bench.entry(Op.SEND_ZC);
  await bench.accept(entry);
  bench.driver.advance(101);
  await bench.settle();
  assertEquals(sent.outcome, LARGE);
  assert(buffer.isSending);
  buffer.release();
  assertEquals(bench.arenaUsed, LARGE);
  await bench.notify(entry);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a signal that comes before anything is accepted cancels it", async () => {
  const bench = new Bench();
  const controller = new AbortController();
  const buffer = bench.alloc(LARGE);
  const sent = watch(bench.side.sendBuffer(buffer, { signal: controller.signal }));
  const entry = await bench.entry(Op.SEND_ZC);
  controller.abort(new Error("enough"));
  const cancel = await bench.entry(Op.ASYNC_CANCEL);
  assertEquals(cancel.words[W_ADDRESS], entry.slot);
  await bench.complete(entry, -Errno.ECANCELED, CqeFlag.MORE);
  assertEquals(String(sent.error), "Error: enough");
  assert(buffer.isSending, "the kernel has not said that it is done");
  await bench.notify(entry);
  assert(!buffer.isSending);
  buffer.release();
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("a part that was accepted before the signal ends the write side, and is waited for", async () => {
  const bench = new Bench();
  const controller = new AbortController();
  const buffer = bench.alloc(2 * LARGE);
  const sent = bench.side.sendBuffer(buffer, { signal: controller.signal });
  const entry = await bench.entry(Op.SEND_ZC);
  controller.abort();
  await bench.settle();
  const rejected = assertRejects(() => sent, Error, "bytes had been sent");
  await bench.accept(entry, LARGE);
  await rejected;
  assert(buffer.isSending);
  buffer.release();
  await bench.notify(entry);
  assertEquals(bench.arenaUsed, 0);
});

Deno.test("closing ends the wait, limits how long the system may try, and leaks nothing", async () => {
  const bench = new Bench();
  assertEquals(bench.side.limitDelivery(false), null, "nothing is out");
  const buffer = bench.alloc(LARGE);
  const sent = bench.side.sendBuffer(buffer, undefined);
  const copied = watch(bench.side.send(new Uint8Array(LARGE), undefined));
  const first = await bench.entry(Op.SEND_ZC);
  await bench.accept(first);
  const second = bench.driver.taken.find((entry) => entry !== first)!;
  await bench.accept(second);
  assertEquals(copied.outcome, LARGE);
  const rejected = assertRejects(() => sent, Deno.errors.BadResource);
  assertEquals(bench.side.terminate(null), null, "no operation has to be waited for");
  await rejected;
  const limited = bench.side.limitDelivery(false);
  await bench.settle();
  await limited;
  assertEquals(bench.set, [[SockOpt.IPPROTO_TCP, SockOpt.TCP_USER_TIMEOUT, 10_000]]);
  buffer.release();
  assertEquals(bench.arenaUsed, 2 * LARGE);
  await bench.notify(first);
  await bench.notify(second);
  assertEquals(bench.arenaUsed, 0);
  assertEquals(bench.network.reactor.inFlight, 0);
});

Deno.test("a send that fails without a notification gives its memory back at once", async () => {
  const bench = new Bench();
  const buffer = bench.alloc(LARGE);
  const sent = bench.side.sendBuffer(buffer, undefined);
  const entry = await bench.entry(Op.SEND_ZC);
  const rejected = assertRejects(() => sent, Deno.errors.BrokenPipe);
  await bench.complete(entry, -Errno.EPIPE);
  await rejected;
  assert(!buffer.isSending);
  buffer.release();
  assertEquals(bench.arenaUsed, 0);
});
