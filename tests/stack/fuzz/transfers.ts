/**
 * Honest TCP: clients that connect, send bytes that both ends know and get as many back, and
 * servers that do the same from the other end. How each end came out is judged by its own bytes.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { SockOpt } from "../../../ring/abi/opcodes.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { Ready, type SocketOwner, type StreamStackSocket } from "../../../stack/socket.ts";
import type { Stack } from "../../../stack/stack.ts";
import { IPV6_ANY } from "../../../stack/wire/addresses.ts";
import { CHUNK, type PatternMemory, ROOM_AT } from "./pattern.ts";

/** Where servers listen. */
export const PORT = 80;
/** The number of the transfer, twice: the second time inverted. */
const HEADER_BYTES = 8;
const BACKLOG = 32;
const SHUT_WRITE = 1;
/** A server waits for the header of a connection for so many microseconds. */
const STRANGER_TIME = 60e6;

/** How an end of a transfer came out. */
export type Outcome =
  | "pending"
  | "right"
  | "wrong"
  | "short"
  | "error"
  | "stranger"
  /** Its program has given up for no reason. */
  | "abandoned";

/** A transfer, as both ends know it. */
export interface Transfer {
  readonly number: number;
  /** Bytes each way. */
  readonly bytes: number;
  client: Outcome;
  server: Outcome;
  /** Whether the server knows of it: data in SYNs may come twice (RFC 7413 section 6.1). */
  isServed: boolean;
}

/** Whose transfers there are. */
export type TransferBook = ReadonlyMap<number, Transfer>;

/** One end of a connection: it sends a stream, and compares what it gets with another one. */
class End implements SocketOwner {
  outcome: Outcome = "pending";
  sendStream = 0;
  receiveStream = 0;
  bytes = 0;
  errno = 0;
  protected sent = 0;
  protected received = 0;
  #isShut = false;
  #isEnded = false;

  constructor(readonly socket: StreamStackSocket, protected readonly memory: PatternMemory) {
    socket.owner = this;
    // Whoever waits for one that is gone learns of it.
    const { SOL_SOCKET, SO_KEEPALIVE } = SockOpt;
    const result = socket.setOption(SOL_SOCKET, SO_KEEPALIVE, Uint8Array.of(1, 0, 0, 0));
    if (result !== 0) throw new Error(`keepalive is refused: ${result}`);
  }

  onReady(ready: number): void {
    if ((ready & Ready.ERROR) !== 0) this.errno ||= this.socket.takeError() || Errno.EIO;
  }

  /** Sends and receives some bytes. @returns whether this end is done */
  pump(budget: number): boolean {
    if (this.outcome !== "pending") return true;
    if (this.errno !== 0) return this.end("error");
    this.sendSome(budget);
    for (let left = budget; left > 0 && this.outcome === "pending" && !this.#isEnded;) {
      const room = Math.min(left, CHUNK);
      const count = this.socket.receive(this.memory, ROOM_AT, room, 0);
      if (count === -Errno.EAGAIN || count === -Errno.ENOTCONN) break;
      if (count < 0) return this.end("error");
      if (count === 0) this.#isEnded = true;
      else this.take(count);
      left -= count;
    }
    if (this.outcome !== "pending") return true;
    if (this.#isEnded && this.received < this.bytes) return this.end("short");
    return this.#isEnded && this.#isShut && this.end("right");
  }

  protected sendSome(budget: number): void {
    const { socket, memory } = this;
    const left = this.bytes - this.sent;
    if (left > 0) {
      const at = memory.at(this.sendStream, this.sent);
      const count = socket.send(memory, at, Math.min(left, budget, CHUNK), 0);
      if (count > 0) this.sent += count;
      else if (count !== -Errno.EAGAIN && count !== -Errno.ENOTCONN) this.errno ||= -count;
    } else if (!this.#isShut && (this.received > 0 || socket.unacknowledged === 0)) {
      // To shut a connection that has not come about would end it.
      this.#isShut = true;
      socket.shutdown(SHUT_WRITE);
    }
  }

  /** Compares bytes that are in the room. */
  protected take(count: number, roomOffset = 0): void {
    const bytes = count - roomOffset;
    const isRight = this.received + bytes <= this.bytes &&
      this.memory.isRight(this.receiveStream, this.received, roomOffset, bytes);
    this.received += bytes;
    if (!isRight) this.end("wrong");
  }

  /** It is over. */
  end(outcome: Outcome): true {
    this.outcome = outcome;
    this.socket.owner = null;
    if (outcome === "right" || outcome === "short") this.socket.close();
    else this.socket.abort();
    return true;
  }
}

/** The end that connects. */
export class ClientEnd extends End {
  #headerLeft = HEADER_BYTES;

  constructor(
    stack: Stack,
    memory: PatternMemory,
    to: IpAddress,
    readonly transfer: Pick<Transfer, "number" | "bytes">,
  ) {
    const socket = stack.streamSocket(typeof to === "number" ? "ipv4" : "ipv6");
    if (typeof socket === "number") throw new Error(`no socket: ${socket}`);
    super(socket, memory);
    this.bytes = transfer.bytes;
    this.sendStream = transfer.number;
    this.receiveStream = ~transfer.number;
    // Where the stack may, it asks for a cookie, and sends data in SYNs the next time.
    const { IPPROTO_TCP, TCP_FASTOPEN_CONNECT } = SockOpt;
    socket.setOption(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, Uint8Array.of(1, 0, 0, 0));
    const result = socket.connect(to, PORT, 0);
    if (result < 0 && result !== -Errno.EINPROGRESS) this.errno = -result;
  }

  /** Whether the connection has surely come about at both ends. */
  get isEstablished(): boolean {
    return this.received > 0;
  }

  /** Goes away in the middle. @returns how it came out */
  abandon(isAborted: boolean): Outcome {
    this.outcome = "abandoned";
    this.socket.owner = null;
    if (isAborted) this.socket.abort();
    else this.socket.close();
    return this.outcome;
  }

  protected override sendSome(budget: number): void {
    if (this.#headerLeft === 0) return super.sendSome(budget);
    const { socket, memory, transfer } = this;
    memory.view.setInt32(ROOM_AT, transfer.number);
    memory.view.setInt32(ROOM_AT + 4, ~transfer.number);
    const from = ROOM_AT + HEADER_BYTES - this.#headerLeft;
    const count = socket.send(memory, from, this.#headerLeft, 0);
    if (count > 0) this.#headerLeft -= count;
    else if (count !== -Errno.EAGAIN && count !== -Errno.ENOTCONN) this.errno ||= -count;
  }
}

/** The end that was connected to. */
export class ServerEnd extends End {
  /** What it serves, once the header has come. */
  transfer: Transfer | null = null;
  readonly #book: TransferBook;
  readonly #deadline: number;

  constructor(
    socket: StreamStackSocket,
    memory: PatternMemory,
    book: TransferBook,
    now: number,
  ) {
    super(socket, memory);
    this.#book = book;
    this.#deadline = now + STRANGER_TIME;
  }

  /** As above; whoever does not say which transfer it is, is a stranger. */
  pumpAt(now: number, budget: number): boolean {
    if (this.transfer === null && this.outcome === "pending" && !this.#readHeader(now)) {
      return this.outcome !== "pending";
    }
    return this.pump(budget);
  }

  #readHeader(now: number): boolean {
    const { socket, memory } = this;
    const isLate = now > this.#deadline || this.errno !== 0;
    if (socket.available < HEADER_BYTES) return isLate && !this.end("stranger");
    if (socket.receive(memory, ROOM_AT, HEADER_BYTES, 0) !== HEADER_BYTES) {
      return !this.end("stranger");
    }
    const number = memory.view.getInt32(ROOM_AT);
    const transfer = this.#book.get(number);
    const isKnown = memory.view.getInt32(ROOM_AT + 4) === ~number;
    if (transfer === undefined || !isKnown || transfer.isServed) {
      return !this.end("stranger");
    }
    this.transfer = transfer;
    transfer.isServed = true;
    this.bytes = transfer.bytes;
    this.sendStream = ~number;
    this.receiveStream = number;
    return true;
  }
}

/** Accepts on a stack. */
export class Server {
  readonly ends: ServerEnd[] = [];
  readonly #listener: StreamStackSocket;

  constructor(
    stack: Stack,
    private readonly memory: PatternMemory,
    private readonly book: TransferBook,
  ) {
    const listener = stack.streamSocket("ipv6");
    if (typeof listener === "number") throw new Error(`no socket: ${listener}`);
    if (listener.bind(IPV6_ANY, PORT, 0) < 0 || listener.listen(BACKLOG) < 0) {
      throw new Error("a listener is refused");
    }
    const { IPPROTO_TCP, TCP_FASTOPEN } = SockOpt;
    listener.setOption(IPPROTO_TCP, TCP_FASTOPEN, Uint8Array.of(8, 0, 0, 0));
    this.#listener = listener;
  }

  /** Goes on with all connections. */
  pump(now: number, budget: number): void {
    for (;;) {
      const socket = this.#listener.accept();
      if (typeof socket === "number") break;
      this.ends.push(new ServerEnd(socket, this.memory, this.book, now));
    }
    for (let at = this.ends.length - 1; at >= 0; at--) {
      const end = this.ends[at];
      if (!end.pumpAt(now, budget)) continue;
      if (end.transfer !== null) end.transfer.server = end.outcome;
      this.ends.splice(at, 1);
    }
  }

  /** Ends everything at once. */
  close(): void {
    this.#listener.close();
    for (const end of this.ends.splice(0)) {
      end.end("error");
      if (end.transfer !== null) end.transfer.server = "error";
    }
  }
}
