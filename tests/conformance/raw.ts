/**
 * Rings entry by entry: what io_uring itself promises, asked of whoever consumes the queue.
 *
 * @module
 */

import { closeQuietly } from "./close_quietly.ts";
import type { Context } from "./context.ts";
import type { SocketAddress } from "../../mod.ts";
import { SocketAddress as Address } from "../../mod.ts";
import { AF_INET, decodeSockaddr, encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import {
  TIMESPEC,
  W_ADDRESS,
  W_ADDRESS3,
  W_BUFFER_GROUP,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { CqeFlag, DriverOp, Op, Sock } from "../../ring/abi/opcodes.ts";
import type { Reactor } from "../../ring/reactor.ts";
import { type CompletionTarget, Scratch, SCRATCH_BYTES } from "../../ring/slots.ts";

/** What NAMES is asked for. */
export const NAMES_LOCAL = 1;
/** See {@linkcode NAMES_LOCAL}. */
export const NAMES_PEER = 2;

/** Addresses as text, "" where they were not asked for. */
export interface RawNames {
  readonly local: string;
  readonly peer: string;
}

/** One completion. */
export interface Completion {
  readonly result: number;
  readonly flags: number;
}

/** The fields of an entry; those left out are zero. */
export interface Entry {
  readonly fd?: number;
  /** `IOSQE_*`. */
  readonly flags?: number;
  readonly ioprio?: number;
  /** `addr`: an offset in ring memory, made an address. */
  readonly pointer?: number;
  /** `addr`: the slot of another operation, as `user_data`. */
  readonly target?: RawOperation;
  /** `addr`, as a number. */
  readonly address?: number;
  readonly length?: number;
  /** `off`, as a number. */
  readonly offset?: number;
  /** `addr2`: an offset in ring memory, made an address. */
  readonly pointer2?: number;
  readonly operationFlags?: number;
  readonly bufferGroup?: number;
  readonly fileIndex?: number;
  /** `addr3`: an offset in ring memory, as driver operations take it. */
  readonly address3?: number;
}

/** An operation and its completions, however many it has. */
export class RawOperation implements CompletionTarget {
  /** Every completion so far. */
  readonly completions: Completion[] = [];
  /** Where it is in the table of operations; it stays that after the end. */
  slot = -1;
  /** What went into the high half of `user_data`. */
  generation = 0;
  /** Whether its last completion is in. */
  isDone = false;
  readonly #log: RawOperation[];
  #taken = 0;
  #waiting: (() => void)[] = [];

  /** @param log operations in the order of their completions */
  constructor(log: RawOperation[]) {
    this.#log = log;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number): void {
    this.completions.push({ result, flags });
    this.#log.push(this);
    if ((flags & CqeFlag.MORE) === 0) this.isDone = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The next completion that was not asked for yet. */
  async next(): Promise<Completion> {
    while (this.completions.length === this.#taken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.completions[this.#taken++];
  }

  /** The result of the next completion. */
  async result(): Promise<number> {
    return (await this.next()).result;
  }

  /** The last completion. */
  async last(): Promise<Completion> {
    while (!this.isDone) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.completions.at(-1)!;
  }
}

/** What a ring is used through: its capability, and who closes what is left. */
export type RawContext =
  & Pick<Context, "capability" | "defer">
  & Partial<Pick<Context, "strangers">>;

/** Puts entries into the ring of a behaviour's capability. */
export class Raw {
  /** Operations in the order in which their completions came. */
  readonly log: RawOperation[] = [];
  readonly #t: RawContext;

  constructor(t: RawContext) {
    this.#t = t;
  }

  get reactor(): Reactor {
    return this.#t.capability.network.reactor;
  }

  /** The ring's memory as bytes. */
  get bytes(): Uint8Array<ArrayBufferLike> {
    return this.reactor.memory.bytes;
  }

  /** Submits an entry: those submitted without waiting in between are published together. */
  start(opcode: number, entry: Entry = {}): RawOperation {
    const operation = new RawOperation(this.log);
    const { reactor } = this;
    const slot = reactor.slots.take(operation, 0);
    if (slot < 0) throw new Error("the ring has no slot left");
    operation.slot = slot;
    operation.generation = reactor.slots.generation(slot);
    this.fill(opcode, entry, slot);
    return operation;
  }

  /** Submits an entry and waits for its first completion. */
  run(opcode: number, entry: Entry = {}): Promise<number> {
    return this.start(opcode, entry).result();
  }

  /** Fills an entry for a slot. @returns the index of its first word in `reactor.entries` */
  fill(opcode: number, entry: Entry, slot: number): number {
    const { reactor } = this;
    const head = opcode | ((entry.flags ?? 0) << 8) | ((entry.ioprio ?? 0) << 16);
    const at = reactor.entry(head, entry.fd ?? -1, slot);
    const words = reactor.entries;
    const base = reactor.baseOf(opcode);
    if (entry.pointer !== undefined) reactor.setLong(at + W_ADDRESS, base + entry.pointer);
    if (entry.address !== undefined) reactor.setLong(at + W_ADDRESS, entry.address);
    if (entry.target !== undefined) {
      words[at + W_ADDRESS] = entry.target.slot;
      words[at + W_ADDRESS + 1] = entry.target.generation;
    }
    if (entry.offset !== undefined) reactor.setLong(at + W_OFFSET, entry.offset);
    if (entry.pointer2 !== undefined) reactor.setLong(at + W_OFFSET, base + entry.pointer2);
    words[at + W_LENGTH] = entry.length ?? 0;
    words[at + W_OPERATION_FLAGS] = entry.operationFlags ?? 0;
    words[at + W_BUFFER_GROUP] = entry.bufferGroup ?? 0;
    words[at + W_FILE_INDEX] = entry.fileIndex ?? 0;
    if (entry.address3 !== undefined) reactor.setLong(at + W_ADDRESS3, entry.address3);
    return at;
  }

  /** Takes ring memory until the behaviour ends. @returns its offset */
  block(bytes: number): number {
    const { reactor } = this;
    const offset = reactor.arena.take(bytes);
    if (offset < 0) throw new Error("the arena is full");
    this.#t.defer(() => reactor.giveArena(offset));
    return offset;
  }

  /** A block with these bytes in it. */
  blockOf(bytes: Uint8Array): number {
    const offset = this.block(bytes.length);
    this.bytes.set(bytes, offset);
    return offset;
  }

  /** A copy of ring memory. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.slice(offset, offset + length));
  }

  /** A block with a `__kernel_timespec`. */
  timespec(milliseconds: number): number {
    const offset = this.block(TIMESPEC.SIZE);
    const words = this.reactor.memory.words;
    words.fill(0, offset >> 2, (offset + TIMESPEC.SIZE) >> 2);
    words[offset >> 2] = Math.floor(milliseconds / 1000);
    words[(offset >> 2) + 2] = Math.round((milliseconds % 1000) * 1e6);
    return offset;
  }

  /** A block with a sockaddr. */
  sockaddr(address: SocketAddress): { pointer: number; length: number } {
    const pointer = this.block(128);
    return { pointer, length: encodeSockaddr(address, this.bytes, pointer) };
  }

  /** A new TCP socket, closed at the end unless the behaviour closes it. */
  async socket(domain: number = AF_INET): Promise<number> {
    const fd = await this.run(Op.SOCKET, { fd: domain, offset: Sock.STREAM | Sock.CLOEXEC });
    if (fd < 0) throw new Error(`no socket: errno ${-fd}`);
    this.closeLater(fd);
    return fd;
  }

  /** Closes a descriptor at the end, unless {@linkcode Raw.close} has. */
  closeLater(fd: number): void {
    const open = opened.get(this.reactor) ?? new Set<number>();
    opened.set(this.reactor, open);
    open.add(fd);
    this.#t.defer(() => this.close(fd));
  }

  /** Closes a descriptor that came from here. */
  async close(fd: number): Promise<void> {
    if (opened.get(this.reactor)?.delete(fd)) await this.run(Op.CLOSE, { fd });
  }

  /** Notes that the behaviour has closed a descriptor itself. */
  forget(fd: number): void {
    opened.get(this.reactor)?.delete(fd);
  }

  /** `bind(2)`. */
  bind(fd: number, address: SocketAddress): Promise<number> {
    const { pointer, length } = this.sockaddr(address);
    return this.run(Op.BIND, { fd, pointer, offset: length });
  }

  /** `connect(2)`. */
  connect(fd: number, address: SocketAddress): Promise<number> {
    const { pointer, length } = this.sockaddr(address);
    return this.run(Op.CONNECT, { fd, pointer, offset: length });
  }

  /** `setsockopt(2)`. */
  setOption(fd: number, level: number, name: number, value: number): Promise<number> {
    const address3 = this.blockOf(new Uint8Array(Int32Array.of(value).buffer));
    return this.run(DriverOp.SETSOCKOPT, optionEntry(fd, level, name, address3));
  }

  /** `getsockopt(2)`. @returns the result, and the value found */
  async getOption(fd: number, level: number, name: number): Promise<[number, number]> {
    const address3 = this.block(4);
    const result = await this.run(DriverOp.GETSOCKOPT, optionEntry(fd, level, name, address3));
    return [result, this.reactor.memory.words[address3 >> 2]];
  }

  /** Both addresses of a socket, or those that `want` says. @returns them, or `-errno` */
  async names(fd: number, want: number): Promise<RawNames | number> {
    const block = this.block(SCRATCH_BYTES);
    const result = await this.run(DriverOp.NAMES, { fd, address: block, operationFlags: want });
    if (result < 0) return result;
    const { words } = this.reactor.memory;
    const at = (place: number, length: number) =>
      decodeSockaddr(this.bytes, block + place, words[(block + length) >> 2]).toString();
    return {
      local: (want & NAMES_LOCAL) === 0 ? "" : at(Scratch.SOCKADDR, Scratch.SOCKADDR_LENGTH),
      peer: (want & NAMES_PEER) === 0 ? "" : at(Scratch.PEER, Scratch.PEER_LENGTH),
    };
  }

  /** A listening socket and its address. */
  async listener(): Promise<{ fd: number; address: SocketAddress }> {
    const fd = await this.socket();
    await expectZero("bind", this.bind(fd, Address.parse("127.0.0.1:0")));
    await expectZero("listen", this.run(Op.LISTEN, { fd, length: 128 }));
    const names = await this.names(fd, NAMES_LOCAL);
    if (typeof names === "number") throw new Error(`no name: errno ${-names}`);
    return { fd, address: Address.parse(names.local) };
  }

  /** Two connected sockets. */
  async pair(): Promise<{ client: number; server: number }> {
    const { fd, address } = await this.listener();
    const client = await this.socket();
    const accepting = this.start(Op.ACCEPT, { fd });
    await expectZero("connect", this.connect(client, address));
    const server = await accepting.result();
    if (server < 0) throw new Error(`accept: errno ${-server}`);
    this.closeLater(server);
    await this.close(fd);
    return { client, server };
  }

  /** An accepted socket whose other end is a stranger's. */
  async accepted(): Promise<{ server: number; peer: Deno.TcpConn }> {
    const { fd, address } = await this.listener();
    const accepting = this.start(Op.ACCEPT, { fd });
    const peer = await this.#t.strangers!.connect(address.port);
    this.#t.defer(() => closeQuietly(peer));
    const server = await accepting.result();
    this.closeLater(server);
    await this.close(fd);
    return { server, peer };
  }

  /** Sends bytes. @returns the result */
  send(fd: number, bytes: Uint8Array, entry: Entry = {}): Promise<number> {
    return this.run(Op.SEND, { fd, pointer: this.blockOf(bytes), length: bytes.length, ...entry });
  }

  /** Receives up to `length` bytes. */
  async receive(
    fd: number,
    length: number,
    entry: Entry = {},
  ): Promise<{ result: number; bytes: Uint8Array<ArrayBuffer> }> {
    const pointer = this.block(length);
    const result = await this.run(Op.RECV, { fd, pointer, length, ...entry });
    return { result, bytes: this.read(pointer, Math.max(0, result)) };
  }

  /** Takes the provided buffer of a completion, and gives it back. @returns its bytes */
  takeBuffer({ result, flags }: Completion): Uint8Array<ArrayBuffer> {
    const { buffers } = this.reactor;
    const id = flags >>> 16;
    buffers.arrive(id);
    const bytes = this.read(buffers.offsetOf(id), Math.max(0, result));
    buffers.release(id);
    return bytes;
  }
}

function optionEntry(fd: number, level: number, name: number, address3: number): Entry {
  return { fd, address: level + name * 2 ** 32, fileIndex: 4, address3 };
}

/** Descriptors that are still to be closed, by ring: {@linkcode Context.raw} is made anew. */
const opened = new WeakMap<Reactor, Set<number>>();

async function expectZero(what: string, result: Promise<number>): Promise<void> {
  const errno = await result;
  if (errno !== 0) throw new Error(`${what}: errno ${-errno}`);
}
