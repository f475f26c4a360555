/**
 * A program for tests: it drives a ring through the reactor, one promise per completion.
 *
 * @module
 */

import type { RingDriver } from "../../ring/driver.ts";
import { Reactor } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_BUFFER_GROUP,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { CqeFlag, DriverOp, Op, Sock } from "../../ring/abi/opcodes.ts";
import { AF_INET, decodeSockaddr, encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { Scratch, SCRATCH_BYTES } from "../../ring/slots.ts";
import { openHostDriver } from "../../drivers/host/mod.ts";

/** The fields of a submission entry. */
export interface Fields {
  readonly flags?: number;
  readonly ioprio?: number;
  readonly offset?: number;
  readonly address?: number;
  /** Instead of `address`, where its words are two fields. */
  readonly addressWords?: readonly [number, number];
  readonly length?: number;
  readonly operationFlags?: number;
  readonly bufferGroup?: number;
  readonly fileIndex?: number;
  readonly address3?: number;
}

/** A completion. */
export interface Completion {
  readonly result: number;
  readonly flags: number;
}

/** An operation in flight, and the completions that came so far. */
export class Flight implements CompletionTarget {
  readonly slot: number;
  readonly generation: number;
  readonly completions: Completion[] = [];
  #taken = 0;
  #waiting: (() => void) | null = null;
  readonly #onCompletion: (completion: Completion) => void;

  constructor(
    reactor: Reactor,
    order: Completion[],
    onCompletion: (completion: Completion) => void,
  ) {
    this.#onCompletion = (completion) => {
      order.push(completion);
      onCompletion(completion);
    };
    this.slot = reactor.slots.take(this, 0);
    this.generation = reactor.slots.generation(this.slot);
  }

  onCompletion(_tag: number, result: number, flags: number): void {
    const completion = { result, flags };
    this.completions.push(completion);
    this.#onCompletion(completion);
    this.#waiting?.();
  }

  /** The next completion. */
  async next(): Promise<Completion> {
    while (this.#taken === this.completions.length) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return this.completions[this.#taken++];
  }

  /** The terminal completion's result. */
  async result(): Promise<number> {
    let completion = await this.next();
    while ((completion.flags & CqeFlag.MORE) !== 0) completion = await this.next();
    return completion.result;
  }
}

/** Sizes that every test can live with. */
export const TEST_PLAN = {
  entries: 64,
  completions: 128,
  slots: 4096,
  bufferCount: 8,
  bufferBytes: 1024,
  datagramCount: 8,
  datagramBytes: 1024,
  arenaBytes: 16 << 20,
};

/** A ring on the host backend. */
export class TestProgram {
  readonly reactor: Reactor;
  /** Every completion, in the order they came. */
  readonly order: Completion[] = [];

  private constructor(reactor: Reactor) {
    this.reactor = reactor;
    reactor.reference();
  }

  static async open(worker: boolean, plan: Partial<typeof TEST_PLAN> = {}): Promise<TestProgram> {
    const options = { plan: { ...TEST_PLAN, ...plan }, worker, without: {}, why: "" };
    const outcome = await openHostDriver(options);
    if (!("driver" in outcome)) throw new Error(outcome.refusal);
    return new TestProgram(new Reactor(outcome.driver));
  }

  /** Drives the ring of a driver that was opened elsewhere. */
  static over(driver: RingDriver): TestProgram {
    return new TestProgram(new Reactor(driver));
  }

  async close(): Promise<void> {
    // Only a test that has failed leaves something in flight: it must not hang as well.
    if (this.reactor.inFlight > 0) this.reactor.cancelAll();
    await this.reactor.close();
  }

  /** Begins an operation. */
  begin(opcode: number, fd: number, fields: Fields = {}): Flight {
    const { reactor } = this;
    const flight = new Flight(reactor, this.order, () => {});
    const head = opcode | ((fields.flags ?? 0) << 8) | ((fields.ioprio ?? 0) << 16);
    const at = reactor.entry(head, fd, flight.slot);
    const words = reactor.entries;
    reactor.setLong(at + W_OFFSET, fields.offset ?? 0);
    if (fields.addressWords === undefined) {
      reactor.setLong(at + W_ADDRESS, fields.address ?? 0);
    } else {
      words[at + W_ADDRESS] = fields.addressWords[0];
      words[at + W_ADDRESS + 1] = fields.addressWords[1];
    }
    words[at + W_LENGTH] = fields.length ?? 0;
    words[at + W_OPERATION_FLAGS] = fields.operationFlags ?? 0;
    words[at + W_BUFFER_GROUP] = fields.bufferGroup ?? 0;
    words[at + W_FILE_INDEX] = fields.fileIndex ?? 0;
    reactor.setLong(at + W_ADDRESS3, fields.address3 ?? 0);
    return flight;
  }

  /** Runs an operation. @returns its terminal result */
  run(opcode: number, fd: number, fields: Fields = {}): Promise<number> {
    return this.begin(opcode, fd, fields).result();
  }

  /** Takes memory of the ring's arena; it is never given back. */
  take(bytes: number): number {
    const offset = this.reactor.arena.take(bytes);
    if (offset < 0) throw new Error("the arena is empty");
    this.reactor.memory.bytes.fill(0, offset, offset + bytes);
    return offset;
  }

  /** Puts text into ring memory. @returns where */
  put(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const offset = this.take(bytes.length + 1);
    this.reactor.memory.bytes.set(bytes, offset);
    return offset;
  }

  /** Reads text from ring memory. */
  text(offset: number, bytes: number): string {
    return new TextDecoder().decode(this.reactor.memory.bytes.slice(offset, offset + bytes));
  }

  /** Puts a vector into ring memory. @returns where */
  vector(parts: readonly (readonly [offset: number, bytes: number])[]): number {
    const offset = this.take(parts.length * 16);
    parts.forEach(([base, length], index) => {
      this.reactor.memory.words[(offset >> 2) + index * 4] = base;
      this.reactor.memory.words[(offset >> 2) + index * 4 + 2] = length;
    });
    return offset;
  }

  /** Puts a message header into ring memory. @returns where */
  message(parts: readonly (readonly [offset: number, bytes: number])[]): number {
    const offset = this.take(56);
    this.reactor.memory.words[(offset >> 2) + 4] = this.vector(parts);
    this.reactor.memory.words[(offset >> 2) + 6] = parts.length;
    return offset;
  }

  /** Puts a timespec into ring memory. @returns where */
  timespec(milliseconds: number): number {
    const offset = this.take(16);
    const seconds = Math.floor(milliseconds / 1000);
    this.reactor.memory.words[offset >> 2] = seconds;
    this.reactor.memory.words[(offset >> 2) + 2] = Math.round(
      (milliseconds - seconds * 1000) * 1e6,
    );
    return offset;
  }

  /** Makes a TCP socket. */
  socket(family: number = AF_INET): Promise<number> {
    return this.run(Op.SOCKET, family, { offset: Sock.STREAM });
  }

  /** Binds or connects. */
  withAddress(opcode: number, fd: number, address: string): Flight {
    const offset = this.take(128);
    const parsed = SocketAddress.parse(address);
    const length = encodeSockaddr(parsed, this.reactor.memory.bytes, offset);
    return this.begin(opcode, fd, { address: offset, offset: length });
  }

  /** The local or the peer's name, or the errno as text. */
  async name(fd: number, which: "local" | "peer"): Promise<string> {
    const scratch = this.take(SCRATCH_BYTES);
    const operationFlags = which === "local" ? 1 : 2;
    const result = await this.run(DriverOp.NAMES, fd, { address: scratch, operationFlags });
    if (result < 0) return String(result);
    const { words, bytes } = this.reactor.memory;
    const at = scratch + (which === "local" ? Scratch.SOCKADDR : Scratch.PEER);
    const lengthAt = which === "local" ? Scratch.SOCKADDR_LENGTH : Scratch.PEER_LENGTH;
    return decodeSockaddr(bytes, at, words[(scratch + lengthAt) >> 2]).toString();
  }

  /** Opens a listener on a free port of 127.0.0.1. */
  async listen(): Promise<{ fd: number; port: number }> {
    const fd = await this.socket();
    await this.withAddress(Op.BIND, fd, "127.0.0.1:0").result();
    const result = await this.run(Op.LISTEN, fd, { length: 16 });
    if (result !== 0) throw new Error(`listen: ${result}`);
    const port = SocketAddress.parse(await this.name(fd, "local")).port;
    return { fd, port };
  }

  /** Accepts a connection whose other end is a plain connection of Deno's. */
  async pair(): Promise<{ fd: number; peer: Deno.TcpConn; listener: number }> {
    const { fd: listener, port } = await this.listen();
    const accepted = this.run(Op.ACCEPT, listener);
    const peer = await Deno.connect({ hostname: "127.0.0.1", port });
    return { fd: await accepted, peer, listener };
  }

  /** Closes descriptors. */
  async closeAll(...fds: number[]): Promise<void> {
    for (const fd of fds) await this.run(Op.CLOSE, fd);
  }

  /** Cancels an operation. @returns the result of the cancellation */
  cancel(flight: Flight, operationFlags: number = 0): Promise<number> {
    return this.run(Op.ASYNC_CANCEL, -1, {
      addressWords: [flight.slot, flight.generation],
      operationFlags,
    });
  }
}

/** Registers a test twice: with the consumer in this isolate, and in a Worker. */
export function testBoth(name: string, body: (program: TestProgram) => Promise<void>): void {
  for (const worker of [false, true]) {
    Deno.test(`${name} (${worker ? "worker" : "isolate"})`, async () => {
      const program = await TestProgram.open(worker);
      try {
        await body(program);
      } finally {
        await program.close();
      }
    });
  }
}

/** Reads from a peer until it has this many bytes, or the end. */
export async function readFully(peer: Deno.Conn, bytes: number): Promise<Uint8Array> {
  const all = new Uint8Array(bytes);
  let at = 0;
  while (at < bytes) {
    const count = await peer.read(all.subarray(at));
    if (count === null) break;
    at += count;
  }
  return all.subarray(0, at);
}
