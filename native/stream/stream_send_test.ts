import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BufferLease } from "../lease.ts";
import { NetError } from "../errors.ts";
import { Network } from "../network.ts";
import type { SocketOwner } from "../socket.ts";
import { SendSide } from "./stream_send.ts";
import { W_ADDRESS, W_LENGTH } from "../../ring/abi/layout.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import { ScriptedDriver, type TakenEntry } from "../../tests/support/scripted_driver.ts";
import { StubSocket } from "../../tests/support/stub_socket.ts";

const SIZE = 10;

/** A stream's sending half over a driver that does what the test says. */
class Bench {
  readonly driver = new ScriptedDriver();
  readonly network = new Network(this.driver);
  readonly side: SendSide;
  #arrivals = 0;

  constructor(owner: Partial<SocketOwner> = {}) {
    this.side = new SendSide(new StubSocket(this.network, 7, owner));
  }

  /** A lease on ten bytes that just arrived. */
  lease(): BufferLease {
    const { buffers, memory } = this.network.reactor;
    const id = this.#arrivals++;
    buffers.arrive(id);
    return BufferLease.view(memory, buffers, id, SIZE);
  }

  /** Sends a lease as an echo does: it is released before its bytes have left. */
  send(): Promise<number> {
    using lease = this.lease();
    return this.side.send(lease, undefined);
  }

  /** The one operation in the ring. */
  async entry(opcode: number = Op.SEND): Promise<TakenEntry> {
    await this.driver.settle();
    assertEquals(this.driver.taken.map((entry) => entry.opcode), [opcode]);
    return this.driver.taken[0];
  }

  async complete(entry: TakenEntry, result: number): Promise<void> {
    this.driver.complete(entry, result);
    this.driver.wake();
    await this.driver.settle();
  }

  /** What an entry sends: where in the buffer of the `index`th lease, and how many bytes. */
  range(entry: TakenEntry, index: number): [start: number, length: number] {
    const { buffers, memory } = this.network.reactor;
    return [
      entry.words[W_ADDRESS] - memory.base - buffers.offsetOf(index),
      entry.words[W_LENGTH],
    ];
  }

  async end(): Promise<void> {
    await this.driver.settle();
    assertEquals(this.driver.taken, [], "operations are left");
    assertEquals(this.network.reactor.buffers.held, 0, "buffers are held");
    assertEquals(this.network.reactor.references, 0, "the process is kept alive");
    assertEquals([this.side.isAwaited, this.side.queuedBytes], [false, 0]);
  }
}

Deno.test("a lease that is sent alone holds its buffer until its bytes have left", async () => {
  const bench = new Bench();
  for (let round = 0; round < 3; round++) {
    const sent = bench.send();
    const entry = await bench.entry();
    assertEquals(bench.range(entry, round), [0, SIZE]);
    assertEquals(bench.network.reactor.buffers.held, 1);
    await bench.complete(entry, SIZE);
    assertEquals(await sent, SIZE);
    await bench.end();
  }
});

Deno.test("what is sent behind a lone lease leaves behind it", async () => {
  const bench = new Bench();
  const first = bench.send();
  const others = [bench.send(), bench.side.send(new Uint8Array(3), undefined)];
  assertEquals(bench.side.queuedBytes, 2 * SIZE + 3);
  const entry = await bench.entry();
  assertEquals(bench.range(entry, 0), [0, SIZE]);
  await bench.complete(entry, SIZE);
  assertEquals(await first, SIZE);
  await bench.complete(await bench.entry(Op.SENDMSG), SIZE + 3);
  assertEquals(await Promise.all(others), [SIZE, 3]);
  await bench.end();
});

Deno.test("the rest of a lone lease that left in part follows before anything else", async () => {
  const bench = new Bench();
  const sent = bench.send();
  await bench.complete(await bench.entry(), 4);
  const behind = bench.side.send(new Uint8Array(3), undefined);
  const rest = await bench.entry();
  assertEquals(bench.range(rest, 0), [4, SIZE - 4]);
  await bench.complete(rest, SIZE - 4);
  assertEquals(await sent, SIZE);
  await bench.complete(await bench.entry(), 3);
  assertEquals(await behind, 3);
  await bench.end();
});

Deno.test("a lone lease whose operation was interrupted is sent again", async () => {
  const bench = new Bench();
  const sent = bench.send();
  for (const errno of [Errno.EINTR, Errno.EAGAIN]) {
    await bench.complete(await bench.entry(), -errno);
  }
  const again = await bench.entry();
  assertEquals(bench.range(again, 0), [0, SIZE]);
  await bench.complete(again, SIZE);
  assertEquals(await sent, SIZE);
  await bench.end();
});

Deno.test("a lone lease rejects with what became of it, and nothing is sent after it", async () => {
  const bench = new Bench();
  const sent = bench.send();
  await bench.complete(await bench.entry(), -Errno.EPIPE);
  const error = await assertRejects(() => sent, NetError, "127.0.0.1:2");
  assertEquals(error.code, "EPIPE");
  await assertRejects(() => bench.send(), NetError, "EPIPE");
  await bench.end();
});

Deno.test("closing gives a lone lease up, and its buffer when the operation is over", async () => {
  const bench = new Bench();
  const sent = bench.send();
  const entry = await bench.entry();
  const rejection = assertRejects(() => sent, NetError, "closed");
  const closed = bench.side.terminate(null)!;
  await rejection;
  assertEquals(bench.network.reactor.buffers.held, 1);
  await bench.driver.settle();
  assertEquals(bench.driver.taken.map(({ opcode }) => opcode), [Op.SEND, Op.ASYNC_CANCEL]);
  await bench.complete(entry, -Errno.ECANCELED);
  await closed;
  for (const cancel of [...bench.driver.taken]) await bench.complete(cancel, 0);
  await bench.end();
});

Deno.test("a released lease and one of another ring are not sent in place", async () => {
  const bench = new Bench();
  const released = bench.lease();
  released.release();
  assertThrows(() => bench.side.send(released, undefined), TypeError, "released");
  using foreign = new Bench().lease();
  const sent = bench.side.send(foreign, undefined);
  assertEquals(bench.network.reactor.arena.usedBytes > 0, true);
  await bench.complete(await bench.entry(), SIZE);
  assertEquals(await sent, SIZE);
  await bench.end();
});

Deno.test("an owner that counts is asked about a lone lease, too", async () => {
  const asked: string[] = [];
  const bench = new Bench({
    isCounted: true,
    acquire: (limit, amount) => {
      asked.push(`${limit} ${amount}`);
      return null;
    },
    release: (limit, amount) => void asked.push(`${limit} -${amount}`),
  });
  const sent = bench.send();
  await bench.complete(await bench.entry(), SIZE);
  assertEquals(await sent, SIZE);
  assertEquals(asked, ["inFlight 1", "inFlight -1"]);
  await bench.end();
});
