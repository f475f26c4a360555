/**
 * One opened backend: its reactor, and operations that are awaited one by one. Capabilities, which
 * say what may be done, share it.
 *
 * @module
 */

import { type CompactAddress, readCompact } from "./compact_address.ts";
import type { Socket } from "./socket.ts";
import { limitExceeded } from "./errors.ts";
import { Reactor } from "../ring/reactor.ts";
import type { RingDriver } from "../ring/driver.ts";
import { type CompletionTarget, IGNORED_SLOT, Scratch } from "../ring/slots.ts";
import { Counter } from "../ring/counters.ts";
import type { SocketAddress } from "../ring/abi/address.ts";
import { encodeSockaddr } from "../ring/abi/sockaddr.ts";
import { Errno } from "../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../ring/abi/layout.ts";
import { DriverOp, Op, type Shut, SqeFlag } from "../ring/abi/opcodes.ts";

/** What `NAMES` is asked for. */
export const Want = { LOCAL: 1, PEER: 2, BOTH: 3 } as const;

/** A socket with addresses, for error messages. */
export interface NamedSocket {
  /** The local address as text, "" when unknown. */
  readonly localName: string;
  /** The peer's address as text, "" when unknown. */
  readonly remoteName: string;
}

/** Local and peer address of a socket. */
export interface SocketNames {
  readonly local: CompactAddress | null;
  readonly peer: CompactAddress | null;
}

/** Fills the entry at `at`; scratch bytes of `slot` are the operation's own. */
type Fill = (reactor: Reactor, at: number, slot: number) => void;

/** An operation that somebody awaits. */
export class PendingOperation implements CompletionTarget {
  /** Resolves with the result, `-errno` included; never rejects. */
  readonly done: Promise<number>;
  /** The slot while in flight, else -1. */
  slot = -1;
  #resolve!: (result: number) => void;
  readonly #read: ((slot: number, result: number) => void) | undefined;

  /** @param read takes what the operation left in its scratch bytes, before they are reused */
  constructor(read?: (slot: number, result: number) => void) {
    this.#read = read;
    this.done = new Promise((resolve) => this.#resolve = resolve);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, _flags: number, slot: number): void {
    this.slot = -1;
    this.#read?.(slot, result);
    this.#resolve(result);
  }

  /** Ends one that was never submitted. */
  refuse(result: number): void {
    this.#resolve(result);
  }
}

/** One backend, opened. */
export class Network {
  readonly reactor: Reactor;
  /** Leases that programs hold now. */
  leases = 0;
  /** Files that are sent within turns. */
  filesUnderWay = 0;

  constructor(driver: RingDriver) {
    this.reactor = new Reactor(driver);
  }

  /** "kernel", "host", ... */
  get kind(): string {
    return this.reactor.driver.kind;
  }

  /** Starts an operation. Its result comes through `done`. */
  start(
    head: number,
    fd: number,
    fill?: Fill,
    read?: (slot: number, result: number) => void,
  ): PendingOperation {
    const operation = new PendingOperation(read);
    const { reactor } = this;
    const isClosing = (head & 0xff) === Op.CLOSE || (head & 0xff) === Op.SHUTDOWN;
    const slot = isClosing
      ? reactor.slots.takeReserved(operation, 0)
      : reactor.slots.take(operation, 0);
    if (slot < 0) {
      operation.refuse(-Errno.ENOBUFS);
      return operation;
    }
    operation.slot = slot;
    const at = reactor.entry(head, fd, slot);
    fill?.(reactor, at, slot);
    return operation;
  }

  /**
   * Starts an operation and awaits it, alive.
   *
   * @returns the result or `-errno`
   * @throws {NetError} ENOBUFS naming the limit when as many operations are in flight as may be
   */
  async run(
    head: number,
    fd: number,
    fill?: Fill,
    read?: (slot: number, result: number) => void,
    operation = "submit",
  ): Promise<number> {
    const pending = this.start(head, fd, fill, read);
    if (pending.slot < 0) throw this.inFlightExceeded(operation);
    this.reactor.reference();
    try {
      return await pending.done;
    } finally {
      this.reactor.dereference();
    }
  }

  /** `fcntl(2)`, for `operation`. @returns what it says, or `-errno` */
  control(
    fd: number,
    command: number,
    argument: number,
    operation: string,
    read?: (slot: number, result: number) => void,
  ): Promise<number> {
    const fill: Fill = (reactor, at) => {
      reactor.entries[at + W_OPERATION_FLAGS] = command;
      reactor.entries[at + W_LENGTH] = argument;
    };
    return this.run(DriverOp.FCNTL, fd, fill, read, operation);
  }

  /** `socket(2)`, for `operation`. @returns a descriptor or `-errno` */
  socket(domain: number, type: number, operation: string, protocol = 0): Promise<number> {
    const fill: Fill = (reactor, at) => {
      reactor.entries[at + W_OFFSET] = type;
      reactor.entries[at + W_LENGTH] = protocol;
    };
    const note = (_slot: number, fd: number) => {
      if (fd >= 0) this.opened(fd);
    };
    return this.run(Op.SOCKET, domain, fill, note, operation);
  }

  /** `bind(2)`. @returns 0 or `-errno` */
  bind(fd: number, address: SocketAddress): Promise<number> {
    return this.run(Op.BIND, fd, (reactor, at, slot) => {
      const offset = reactor.scratchOf(slot) + Scratch.SOCKADDR;
      const length = encodeSockaddr(address, reactor.memory.bytes, offset);
      reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.BIND) + offset);
      reactor.entries[at + W_OFFSET] = length;
    });
  }

  /** `listen(2)`. @returns 0 or `-errno` */
  listen(fd: number, backlog: number): Promise<number> {
    return this.run(Op.LISTEN, fd, (reactor, at) => {
      reactor.entries[at + W_LENGTH] = backlog;
    });
  }

  /** `connect(2)`, started: it can be cancelled by its slot. */
  connect(fd: number, address: SocketAddress): PendingOperation {
    return this.start(Op.CONNECT, fd, (reactor, at, slot) => {
      const offset = reactor.scratchOf(slot) + Scratch.SOCKADDR;
      const length = encodeSockaddr(address, reactor.memory.bytes, offset);
      reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.CONNECT) + offset);
      reactor.entries[at + W_OFFSET] = length;
    });
  }

  /** Asks for a socket's addresses. @returns them, or `-errno` */
  async names(fd: number, want: number): Promise<SocketNames | number> {
    let names: SocketNames = { local: null, peer: null };
    const result = await this.run(
      DriverOp.NAMES,
      fd,
      (_reactor, at, slot) => this.fillNames(at, slot, want),
      (slot, result) => {
        if (result >= 0) names = this.readNames(slot, want);
      },
    );
    return result < 0 ? result : names;
  }

  /** Fills a `NAMES` entry. */
  fillNames(at: number, slot: number, want: number): void {
    const { reactor } = this;
    reactor.setLong(at + W_ADDRESS, reactor.scratchOf(slot));
    reactor.entries[at + W_OPERATION_FLAGS] = want;
  }

  /** Reads what a `NAMES` operation left in its scratch bytes. */
  readNames(slot: number, want: number): SocketNames {
    const local = (want & Want.LOCAL) === 0
      ? null
      : this.#nameAt(slot, Scratch.SOCKADDR, Scratch.SOCKADDR_LENGTH);
    const peer = (want & Want.PEER) === 0
      ? null
      : this.#nameAt(slot, Scratch.PEER, Scratch.PEER_LENGTH);
    return { local, peer };
  }

  /** `setsockopt(2)`. @returns 0 or `-errno` */
  setOption(fd: number, level: number, name: number, value: Int32Array): Promise<number> {
    return this.#option(DriverOp.SETSOCKOPT, fd, level, name, value, false);
  }

  /** `getsockopt(2)` into `value`. @returns the length or `-errno` */
  getOption(fd: number, level: number, name: number, value: Int32Array): Promise<number> {
    return this.#option(DriverOp.GETSOCKOPT, fd, level, name, value, true);
  }

  /** Fills a `SETSOCKOPT` or `GETSOCKOPT` entry; the value is in the scratch bytes of `slot`. */
  fillOption(at: number, slot: number, level: number, name: number, bytes: number): void {
    const { reactor } = this;
    const words = reactor.entries;
    words[at + W_ADDRESS] = level;
    words[at + W_ADDRESS + 1] = name;
    words[at + W_FILE_INDEX] = bytes;
    reactor.setLong(at + W_ADDRESS3, reactor.scratchOf(slot));
  }

  /** `shutdown(2)`. @returns 0 or `-errno` */
  shutdown(socket: Socket, how: typeof Shut[keyof typeof Shut]): Promise<number> {
    const { done } = this.start(Op.SHUTDOWN, socket.descriptor, (reactor, at) => {
      reactor.entries[at + W_LENGTH] = how;
    });
    socket.shutdowns = Promise.all([socket.shutdowns, done]);
    return done;
  }

  /** `close(2)`. */
  async close(fd: number): Promise<void> {
    const operation = this.start(Op.CLOSE, fd);
    if (operation.slot < 0) {
      // Even the reserved slots are taken: it is closed all the same, and nobody is told when.
      this.discard(fd);
      return;
    }
    this.#closing(fd);
    // Whoever awaits the close is alive until it is done.
    this.reactor.reference();
    await operation.done;
    this.reactor.dereference();
  }

  /** `close(2)` of a descriptor nobody waits for. */
  discard(fd: number): void {
    this.reactor.entry(Op.CLOSE | (SqeFlag.CQE_SKIP_SUCCESS << 8), fd, IGNORED_SLOT);
    this.#closing(fd);
  }

  /** Notes that a descriptor came to be. */
  opened(fd: number): void {
    this.reactor.counters.add(Counter.sockets, 1);
    this.reactor.driver.ledger?.note(fd);
  }

  /** Notes that somebody else will close a descriptor. */
  released(fd: number): void {
    this.reactor.counters.add(Counter.sockets, -1);
    this.reactor.driver.ledger?.clear(fd);
  }

  /** The error of a ring whose slots are all taken. */
  inFlightExceeded(operation: string): Error {
    const { most } = this.reactor.slots;
    return limitExceeded("inFlight", most, Errno.ENOBUFS, operation);
  }

  /** A socket's addresses for an error. */
  namesOf(socket: Socket): { local: string; remote: string } {
    const named = socket as Partial<NamedSocket>;
    return { local: named.localName ?? "", remote: named.remoteName ?? "" };
  }

  /** Notes that the entry taken last closes a descriptor. */
  #closing(fd: number): void {
    this.reactor.counters.add(Counter.sockets, -1);
    this.reactor.forgetDescriptor(fd);
  }

  #nameAt(slot: number, place: number, lengthPlace: number): CompactAddress {
    const { memory } = this.reactor;
    const scratch = this.reactor.scratchOf(slot);
    return readCompact(
      memory.bytes,
      scratch + place,
      memory.words[(scratch + lengthPlace) >> 2],
    );
  }

  #option(
    opcode: number,
    fd: number,
    level: number,
    name: number,
    value: Int32Array,
    isRead: boolean,
  ): Promise<number> {
    return this.run(opcode, fd, (reactor, at, slot) => {
      if (!isRead) reactor.memory.words.set(value, reactor.scratchOf(slot) >> 2);
      this.fillOption(at, slot, level, name, value.byteLength);
    }, (slot, result) => {
      if (!isRead || result < 0) return;
      const first = this.reactor.scratchOf(slot) >> 2;
      for (let index = 0; index < value.length; index++) {
        value[index] = this.reactor.memory.words[first + index];
      }
    });
  }
}
