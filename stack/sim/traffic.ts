/**
 * Programs for stacks in a simulation: a server that sends as many bytes as it is asked for, and
 * clients that fetch them and compare each one with what it should be.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { PacketMemory } from "../memory/mod.ts";
import { Ready, type SocketOwner, type StreamStackSocket, type UserMemory } from "../socket.ts";
import type { IpAddress } from "../ip/types.ts";
import type { StackCore } from "../types.ts";
import { IPV6_ANY } from "../wire/mod.ts";

/** The bytes of a stream repeat after so many: a prime, so that no buffer's length divides it. */
const PERIOD = 65_521;
/** Bytes that are taken or given at a time. */
const CHUNK = 65_536;
/** A request: how many bytes, as a number of 32 bits. */
const REQUEST_BYTES = 4;
const BACKLOG = 512;
const SHUT_WRITE = 1;

/** What all programs of a simulation send, and room for what they receive. */
export class PatternMemory implements UserMemory {
  /** Where received bytes go. */
  readonly room: number;
  readonly #memory: PacketMemory;
  readonly #base: number;

  /** @param memory whose packets the stacks have; a part of it is reserved */
  constructor(memory: PacketMemory) {
    this.#memory = memory;
    this.#base = memory.reserve(PERIOD + CHUNK + CHUNK);
    this.room = PERIOD + CHUNK;
    for (let at = 0; at < PERIOD + CHUNK; at++) {
      const nth = at % PERIOD;
      memory.bytes[this.#base + at] = Math.imul(nth, 0x9e3779b1) >>> 24;
    }
  }

  /** {@inheritDoc UserMemory.copyIn} */
  copyIn(packetAt: number, userAt: number, bytes: number): void {
    this.#memory.checksummer.copy(packetAt, this.#base + userAt, bytes);
  }

  /** {@inheritDoc UserMemory.copyOut} */
  copyOut(userAt: number, packetAt: number, bytes: number): void {
    this.#memory.checksummer.copy(this.#base + userAt, packetAt, bytes);
  }

  /** Where the bytes of a stream from an offset on are. */
  at(offset: number): number {
    return offset % PERIOD;
  }

  /** Whether the received bytes are those of a stream from an offset on. */
  isRight(offset: number, bytes: number): boolean {
    const { checksummer } = this.#memory;
    const wanted = checksummer.sum(this.#base + offset % PERIOD, bytes);
    return checksummer.sum(this.#base + this.room, bytes) === wanted;
  }

  /** Writes a number into the room, to send it from there. */
  putNumber(value: number): void {
    this.#memory.view.setUint32(this.#base + this.room, value);
  }

  /** Reads a number from the room. */
  get number(): number {
    return this.#memory.view.getUint32(this.#base + this.room);
  }
}

/** Serves requests on a port. */
export class PatternServer implements SocketOwner {
  /** Connections that were accepted, and that have come to their end. */
  accepted = 0;
  closed = 0;
  readonly #memory: PatternMemory;
  readonly #listener: StreamStackSocket;

  /**
   * Begins to listen.
   *
   * @param prepare may set options of the listener, which its connections inherit
   * @throws {Error} when the stack refuses
   */
  constructor(
    stack: StackCore,
    memory: PatternMemory,
    port: number,
    prepare: (socket: StreamStackSocket) => void = () => {},
  ) {
    this.#memory = memory;
    // It takes connections of IPv4, too.
    this.#listener = socketOf(stack, "ipv6");
    this.#listener.owner = this;
    prepare(this.#listener);
    expectDone(this.#listener.bind(IPV6_ANY, port, 0), "bind");
    expectDone(this.#listener.listen(BACKLOG), "listen");
  }

  /** {@inheritDoc SocketOwner.onReady} */
  onReady(ready: number): void {
    if ((ready & Ready.IN) === 0) return;
    for (;;) {
      const socket = this.#listener.accept();
      if (typeof socket === "number") return;
      this.accepted++;
      new Service(socket, this.#memory, () => this.closed++);
    }
  }

  /** Accepts nobody any more. */
  close(): void {
    this.#listener.close();
  }
}

/** One connection of a server. */
class Service implements SocketOwner {
  readonly #socket: StreamStackSocket;
  readonly #memory: PatternMemory;
  readonly #onEnd: () => void;
  #wanted = -1;
  #sent = 0;
  #isShut = false;
  #isEnded = false;

  constructor(socket: StreamStackSocket, memory: PatternMemory, onEnd: () => void) {
    this.#socket = socket;
    this.#memory = memory;
    this.#onEnd = onEnd;
    socket.owner = this;
    this.onReady(socket.readiness());
  }

  onReady(ready: number): void {
    if ((ready & Ready.ERROR) !== 0) return this.#end();
    if (this.#wanted < 0 && !this.#readRequest()) return;
    if (this.#isShut) return this.#awaitEnd();
    const memory = this.#memory;
    while (this.#sent < this.#wanted) {
      const bytes = Math.min(CHUNK, this.#wanted - this.#sent);
      const taken = this.#socket.send(memory, memory.at(this.#sent), bytes, 0);
      if (taken === -Errno.EAGAIN) return;
      if (taken < 0) return this.#end();
      this.#sent += taken;
    }
    this.#isShut = true;
    this.#socket.shutdown(SHUT_WRITE);
    this.#awaitEnd();
  }

  /** A socket that is closed too early is given up early, too: the other end closes first. */
  #awaitEnd(): void {
    if (this.#isEnded) return;
    const bytes = this.#socket.receive(this.#memory, this.#memory.room, CHUNK, 0);
    if (bytes !== -Errno.EAGAIN) this.#end();
  }

  #readRequest(): boolean {
    if (this.#socket.available < REQUEST_BYTES) return false;
    const memory = this.#memory;
    if (this.#socket.receive(memory, memory.room, REQUEST_BYTES, 0) !== REQUEST_BYTES) return false;
    this.#wanted = memory.number;
    return true;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#socket.owner = null;
    this.#socket.close();
    this.#onEnd();
  }
}

/** How a fetch ended. */
export interface FetchResult {
  /** The bytes that came. */
  readonly bytes: number;
  /** Whether all of them came, and were right. */
  readonly isRight: boolean;
  /** The error, positive; 0 when there was none. */
  readonly errno: number;
}

/** Fetches a number of bytes from a {@linkcode PatternServer}, over a connection of its own. */
export class PatternFetch implements SocketOwner {
  /** The connection. */
  readonly socket: StreamStackSocket;
  readonly #memory: PatternMemory;
  readonly #wanted: number;
  readonly #onEnd: (result: FetchResult) => void;
  #received = 0;
  #isRight = true;
  #isAsked = false;

  /**
   * Begins; it must be called within a step, or before the node is woken.
   *
   * @param prepare may set options of the socket before it connects
   */
  constructor(
    stack: StackCore,
    memory: PatternMemory,
    to: { readonly address: IpAddress; readonly port: number; readonly bytes: number },
    onEnd: (result: FetchResult) => void,
    prepare: (socket: StreamStackSocket) => void = () => {},
  ) {
    this.#memory = memory;
    this.#wanted = to.bytes;
    this.#onEnd = onEnd;
    this.socket = socketOf(stack, typeof to.address === "number" ? "ipv4" : "ipv6");
    this.socket.owner = this;
    prepare(this.socket);
    const result = this.socket.connect(to.address, to.port, 0);
    if (result < 0 && result !== -Errno.EINPROGRESS) this.#end(-result);
  }

  /** Bytes that have come so far. */
  get received(): number {
    return this.#received;
  }

  /** {@inheritDoc SocketOwner.onReady} */
  onReady(ready: number): void {
    if ((ready & Ready.ERROR) !== 0) return this.#end(this.socket.takeError());
    if (!this.#isAsked && (ready & Ready.OUT) !== 0) this.#ask();
    if ((ready & (Ready.IN | Ready.READ_HANGUP | Ready.HANGUP)) !== 0) this.#read();
  }

  #ask(): void {
    this.#isAsked = true;
    this.#memory.putNumber(this.#wanted);
    const sent = this.socket.send(this.#memory, this.#memory.room, REQUEST_BYTES, 0);
    if (sent < 0) this.#end(-sent);
  }

  #read(): void {
    const memory = this.#memory;
    for (;;) {
      const bytes = this.socket.receive(memory, memory.room, CHUNK, 0);
      if (bytes === -Errno.EAGAIN) return;
      if (bytes <= 0) return this.#end(Math.abs(bytes));
      if (!memory.isRight(this.#received, bytes)) this.#isRight = false;
      this.#received += bytes;
    }
  }

  #end(errno: number): void {
    this.socket.owner = null;
    this.socket.close();
    const isRight = this.#isRight && this.#received === this.#wanted;
    this.#onEnd({ bytes: this.#received, isRight, errno });
  }
}

function socketOf(stack: StackCore, family: "ipv4" | "ipv6"): StreamStackSocket {
  const socket = stack.streamSocket(family);
  if (typeof socket === "number") throw new Error(`no socket is left: errno ${-socket}`);
  return socket;
}

function expectDone(result: number, what: string): void {
  if (result < 0) throw new Error(`${what} is refused: errno ${-result}`);
}
