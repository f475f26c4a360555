import { assertEquals } from "@std/assert";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { Machine } from "./machine.ts";
import type { DatagramPort } from "./node_datagrams.ts";
import { type Operation, OperationPool } from "../machine/operation.ts";
import { useRange } from "../machine/segments.ts";
import { Sender } from "./sender.ts";
import { ringAt } from "../../tests/support/ring.ts";

interface Handed {
  readonly bytes: readonly number[];
  readonly done: (error: unknown) => void;
}

/** A sender over a socket that sends when it is told to. */
class Bench {
  readonly memory: RingMemory = ringAt(0).memory;
  readonly handed: Handed[] = [];
  readonly completed: [user: number, result: number][] = [];
  outstanding = 0;
  readonly sender: Sender;
  readonly #pool = new OperationPool();

  constructor() {
    const port = {
      send: (parts: readonly Uint8Array[], _host: string, _port: number, done: () => void) =>
        this.handed.push({ bytes: parts.flatMap((part) => [...part]), done }),
    };
    this.sender = new Sender(this as unknown as Machine, port as unknown as DatagramPort);
  }

  complete(operation: Operation, result: number): void {
    this.completed.push([operation.userLow, result]);
    this.#pool.give(operation);
  }

  /** Sends bytes of ring memory. */
  send(user: number, bytes: readonly number[], segmentBytes = bytes.length): void {
    const operation = this.#pool.take();
    operation.userLow = user;
    operation.address = this.memory.at.arena + user * 8;
    this.memory.bytes.set(bytes, operation.address);
    assertEquals(useRange(this.memory, operation, bytes.length), 0);
    this.sender.send(operation, segmentBytes, "127.0.0.1", 9);
  }

  /** Has everything that was handed over be sent. */
  settle(error?: unknown): number[] {
    const batch = this.handed.splice(0);
    for (const { done } of batch) done(error);
    return batch.map(({ bytes }) => bytes[0]);
  }
}

Deno.test("the first datagram of a socket goes alone, the next ones together", () => {
  const bench = new Bench();
  for (let user = 1; user <= 4; user++) bench.send(user, [user]);
  assertEquals(bench.settle(), [1]);
  assertEquals(bench.outstanding, 3);
  bench.send(5, [5]);
  assertEquals(bench.settle(), [2, 3, 4]);
  assertEquals(bench.settle(), [5]);
  assertEquals(bench.completed, [[1, 1], [2, 1], [3, 1], [4, 1], [5, 1]]);
  assertEquals([bench.outstanding, bench.sender.isIdle], [0, true]);
});

Deno.test("no more than 256 datagrams are with Deno at once", () => {
  const bench = new Bench();
  for (let user = 0; user < 600; user++) bench.send(user & 0xff, [user & 0xff]);
  const sizes: number[] = [];
  while (!bench.sender.isIdle) sizes.push(bench.settle().length);
  assertEquals(sizes, [1, 256, 256, 87]);
  assertEquals(
    bench.completed.map(([user]) => user),
    Array.from({ length: 600 }, (_, n) => n & 0xff),
  );
});

Deno.test("an operation of several datagrams completes once, with the first error", () => {
  const bench = new Bench();
  bench.send(1, [1, 2, 3, 4, 5], 2);
  assertEquals(bench.handed.map(({ bytes }) => bytes), [[1, 2]]);
  bench.settle();
  assertEquals(bench.handed.map(({ bytes }) => bytes), [[3, 4], [5]]);
  const [first, second] = bench.handed.splice(0);
  first.done(Object.assign(new Error("too large"), { code: "EMSGSIZE" }));
  assertEquals(bench.completed, []);
  second.done(new Error("another"));
  assertEquals(bench.completed, [[1, -Errno.EMSGSIZE]]);
});

Deno.test("an empty datagram is one", () => {
  const bench = new Bench();
  bench.send(1, []);
  assertEquals(bench.handed.map(({ bytes }) => bytes), [[]]);
  bench.settle();
  assertEquals(bench.completed, [[1, 0]]);
});

Deno.test("whoever waits for the last datagram is told once", () => {
  const bench = new Bench();
  let told = 0;
  bench.send(1, [1]);
  bench.send(2, [2]);
  bench.sender.onDrained = () => told++;
  bench.settle();
  assertEquals(told, 0);
  bench.settle();
  assertEquals(told, 1);
});
