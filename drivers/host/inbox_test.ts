import { assert, assertEquals } from "@std/assert";
import { bufferGroups, BufferSupply, ProvidedBuffers } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { CqeFlag, IoPrio, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { Inbox, MAXIMUM_KEPT_BYTES, MAXIMUM_KEPT_DATAGRAMS } from "./inbox.ts";
import type { Machine } from "./machine.ts";
import { type Operation, type OperationOwner, OperationPool } from "../machine/operation.ts";
import { PlainRounds } from "./rounds.ts";
import { useRange } from "../machine/segments.ts";
import { ringAt } from "../../tests/support/ring.ts";

const ORIGIN = Uint8Array.of(2, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
const PORT = 0x1234;

/** An inbox whose completions are kept. */
class Bench {
  readonly memory: RingMemory = ringAt(0, { datagramCount: 2, datagramBytes: 1024 }).memory;
  readonly buffers = new ProvidedBuffers(this.memory, bufferGroups(this.memory)[1]);
  readonly supply = new BufferSupply(this.memory, bufferGroups(this.memory)[0]);
  readonly datagramSupply = new BufferSupply(this.memory, bufferGroups(this.memory)[1]);
  readonly results: [user: number, result: number, flags: number][] = [];
  outstanding = 0;
  failure = 0;
  readinesses = 0;
  readonly rounds = new PlainRounds();
  readonly inbox = new Inbox(this as unknown as Machine, this);
  readonly #pool = new OperationPool();

  takeFailure(): number {
    const { failure } = this;
    this.failure = 0;
    return failure;
  }

  onReadiness(): void {
    this.readinesses++;
  }

  onMore(): void {}

  park(operation: Operation, owner: OperationOwner): void {
    operation.owner = owner;
  }

  more(operation: Operation, result: number, flags: number): void {
    this.results.push([operation.userLow, result, flags | CqeFlag.MORE]);
  }

  complete(operation: Operation, result: number, flags: number): void {
    operation.owner = null;
    this.results.push([operation.userLow, result, flags]);
    this.#pool.give(operation);
  }

  arrive(bytes: Uint8Array): void {
    this.inbox.arrive(bytes, ORIGIN, PORT);
  }

  /** Begins a receive into arena memory. */
  receive(user: number, length: number): Operation {
    const operation = this.#take(Op.RECV, user);
    operation.address = this.memory.at.arena;
    useRange(this.memory, operation, length);
    this.inbox.receive(operation);
    return operation;
  }

  /** Begins a multishot RECVMSG with room for a name and 8 bytes of control data. */
  receiveMany(user: number): void {
    const operation = this.#take(Op.RECVMSG, user);
    operation.flags = SqeFlag.BUFFER_SELECT;
    operation.ioprio = IoPrio.RECV_MULTISHOT;
    operation.bufferGroup = 1;
    operation.total = 0;
    operation.room = 28;
    operation.vector = 8;
    this.inbox.receive(operation);
  }

  #take(opcode: number, user: number): Operation {
    const operation = this.#pool.take();
    operation.opcode = opcode;
    operation.userLow = user;
    operation.flags = 0;
    operation.ioprio = 0;
    operation.operationFlags = 0;
    return operation;
  }
}

Deno.test("datagrams are kept up to a number, and those beyond are dropped and counted", () => {
  const bench = new Bench();
  for (let index = 0; index < MAXIMUM_KEPT_DATAGRAMS + 10; index++) {
    bench.arrive(Uint8Array.of(index & 0xff, index >> 8));
  }
  assertEquals(bench.inbox.dropped, 10);
  assertEquals(bench.inbox.keptBytes, MAXIMUM_KEPT_DATAGRAMS * 2);
  const { bytes, at } = bench.memory;
  for (let index = 0; index < MAXIMUM_KEPT_DATAGRAMS; index++) {
    bench.receive(index, 10);
    assertEquals(bytes[at.arena] | (bytes[at.arena + 1] << 8), index);
  }
  assertEquals([bench.inbox.keptBytes, bench.inbox.isReadable], [0, false]);
  bench.arrive(Uint8Array.of(1));
  assertEquals(bench.inbox.dropped, 10);
});

Deno.test("datagrams are kept up to a number of bytes", () => {
  const bench = new Bench();
  const size = 60_000;
  const whole = Math.floor(MAXIMUM_KEPT_BYTES / size);
  for (let index = 0; index < whole + 3; index++) bench.arrive(new Uint8Array(size));
  assertEquals([bench.inbox.dropped, bench.inbox.keptBytes], [3, whole * size]);
  // There is room for a small one still.
  bench.arrive(new Uint8Array(10));
  assertEquals(bench.inbox.dropped, 3);
});

Deno.test("a kept datagram does not hold the memory that it was received into", () => {
  const bench = new Bench();
  const received = new Uint8Array(65536);
  const view = received.subarray(0, 3);
  view.set([1, 2, 3]);
  bench.arrive(view);
  received.fill(9);
  bench.receive(1, 10);
  assertEquals([...bench.memory.bytes.subarray(bench.memory.at.arena).subarray(0, 3)], [1, 2, 3]);
});

Deno.test("who waits longest is served first, and who was cancelled is not", () => {
  const bench = new Bench();
  bench.receive(1, 4);
  const second = bench.receive(2, 4);
  bench.receive(3, 4);
  bench.inbox.cancel(second);
  bench.arrive(Uint8Array.of(1));
  bench.arrive(Uint8Array.of(1, 2));
  assertEquals(bench.results, [[2, -Errno.ECANCELED, 0], [1, 1, 0], [3, 2, 0]]);
  assertEquals(bench.inbox.isReadable, false);
});

Deno.test("a multishot receive goes on until buffers run out, and keeps what finds none", () => {
  const bench = new Bench();
  bench.receiveMany(7);
  for (let index = 1; index <= 3; index++) bench.arrive(new Uint8Array(index).fill(index));
  const head = RECVMSG_OUT.SIZE + 28 + 8;
  assertEquals(bench.results.map(([user, result]) => [user, result]), [
    [7, head + 1],
    [7, head + 2],
    [7, -Errno.ENOBUFS],
  ]);
  assertEquals(bench.results[1][2] & CqeFlag.MORE, CqeFlag.MORE);
  assertEquals(bench.results[2][2], 0);
  const at = bench.buffers.offsetOf(bench.results[1][2] >>> 16);
  const buffer = bench.memory.bytes.slice(at, at + head + 2);
  assertEquals([...buffer.subarray(0, 16)], [16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals([...buffer.subarray(16, 24)], [2, 0, 0x12, 0x34, 10, 0, 0, 1]);
  assertEquals([...buffer.subarray(head)], [2, 2]);
  assert(bench.inbox.isReadable);
  bench.receive(8, 10);
  assertEquals(bench.results[3], [8, 3, 0]);
});

Deno.test("a failure is told to who waits, or to the next one", () => {
  const bench = new Bench();
  bench.receive(1, 4);
  assert(bench.inbox.fail(Errno.EIO));
  assertEquals(bench.inbox.fail(Errno.EIO), false);
  bench.failure = Errno.ECONNREFUSED;
  bench.receive(2, 4);
  bench.receive(3, 4);
  bench.inbox.close();
  assertEquals(bench.results, [
    [1, -Errno.EIO, 0],
    [2, -Errno.ECONNREFUSED, 0],
    [3, -Errno.ECANCELED, 0],
  ]);
});
