/**
 * What moves bytes between a stream and the Node socket that wraps it.
 *
 * ```text
 *   stream.receiveMany() --one lease at a time, copied--> socket.push()   until it says "enough"
 *   stream.send()        <--at most BATCH_BYTES a call--- socket.write()  called back when accepted
 * ```
 *
 * @module
 */

import type { Duplex } from "node:stream";
import { NetError } from "../errors.ts";
import type { Lease } from "../lease.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";

/** Bytes of one send: what a slow peer takes of a large write counts as activity piece by piece. */
const BATCH_BYTES = 256 * 1024;

/** The longest timeout of a timer; Node takes longer ones for it too. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** One end of a connection in Node's words; empty for a Unix socket. */
export interface NodeAddress {
  readonly address?: string;
  readonly family?: string;
  readonly port?: number;
}

type Callback = (error?: Error) => void;

/** One socket's connection to its stream. */
export class NodeBridge {
  readonly stream: StreamSocket<Deno.Addr>;
  /** Bytes received. */
  bytesRead = 0;
  /** Whether the connection ends with a reset. */
  isReset = false;
  /** The idle time that was set last, in milliseconds. */
  timeoutMs: number | undefined = undefined;
  readonly #socket: Duplex;
  readonly #leases: AsyncIterator<Lease>;
  #isWanted = false;
  #isReading = false;
  #hasEnded = false;
  #bytesAccepted = 0;
  #activeAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #noDelay: boolean | undefined = undefined;
  #local: NodeAddress | null = null;
  #remote: NodeAddress | null = null;

  /** @param socket that wraps the stream */
  constructor(stream: StreamSocket<Deno.Addr>, socket: Duplex) {
    this.stream = stream;
    this.#socket = socket;
    this.#leases = stream.receiveMany();
  }

  /** This end. */
  get local(): NodeAddress {
    return this.#local ??= nodeAddress(this.stream.localAddr);
  }

  /** The other end. */
  get remote(): NodeAddress {
    return this.#remote ??= nodeAddress(this.stream.remoteAddr);
  }

  /** Bytes written, those that wait included. */
  get bytesWritten(): number {
    return this.#bytesAccepted + this.#socket.writableLength;
  }

  /** Node's word for which sides are open. */
  get readyState(): string {
    const { readable, writable } = this.#socket;
    if (readable) return writable ? "open" : "readOnly";
    return writable ? "writeOnly" : "closed";
  }

  /** The socket has room for more. */
  read(): void {
    this.#isWanted = true;
    if (!this.#isReading && !this.#hasEnded) this.#pump();
  }

  /** Sends chunks in their order. @param callback called when all are accepted */
  write(chunks: readonly Uint8Array[], callback: Callback): void {
    this.#sendAll(chunks).then(
      () => callback(),
      (error) => callback(this.#nodeError(error, "write")),
    );
  }

  /** Ends the write side. */
  end(callback: Callback): void {
    this.stream.closeWrite().then(() => callback(), (error) => {
      // A stream that is closed has ended its write side, too.
      if (error instanceof Deno.errors.BadResource) callback();
      else callback(this.#nodeError(error, "shutdown"));
    });
  }

  /** Closes the stream; "close" comes when its descriptor is closed, after "error". */
  destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#clearTimer();
    callback(error);
    this.#close().then(() => {
      process.nextTick(() => this.#socket.emit("close", error !== null));
    });
  }

  /** Sets an option; a socket that is gone has none, which no Node code expects to be an error. */
  setOption(name: "noDelay" | "keepAlive", on: boolean): void {
    if (name === "noDelay") {
      // HTTP servers set it for every connection and for every request.
      if (this.#noDelay === on) return;
      this.#noDelay = on;
    }
    this.stream.setOption(name, Boolean(on)).catch(() => {});
  }

  /** Emits "timeout" after so many milliseconds without traffic, then again; 0 is never. */
  setTimeout(timeoutMs: number, callback: (() => void) | undefined): void {
    if (typeof timeoutMs !== "number" || !(timeoutMs >= 0)) {
      throw new RangeError(`setTimeout: timeoutMs must be 0 or more, not ${String(timeoutMs)}`);
    }
    this.timeoutMs = Math.min(timeoutMs, TIMEOUT_MAX_MS);
    this.#clearTimer();
    if (timeoutMs === 0) {
      if (callback !== undefined) this.#socket.removeListener("timeout", callback);
      return;
    }
    if (this.#socket.destroyed) return;
    this.#activeAt = performance.now();
    this.#armTimer(this.timeoutMs);
    if (callback !== undefined) this.#socket.once("timeout", callback);
  }

  async #pump(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#isWanted && !this.#socket.destroyed) {
        this.#isWanted = false;
        const { done, value: lease } = await this.#leases.next();
        if (done === true) {
          this.#endOfStream();
          return;
        }
        const bytes = lease.copy();
        // Nothing is held while Node code keeps its time.
        lease.release();
        this.bytesRead += bytes.length;
        this.#touch();
        if (this.#socket.push(bytes)) this.#isWanted = true;
      }
    } catch (error) {
      this.#hasEnded = true;
      this.#socket.destroy(this.#nodeError(error, "read"));
    } finally {
      this.#isReading = false;
    }
  }

  #endOfStream(): void {
    this.#hasEnded = true;
    this.#socket.push(null);
    // With nothing left to read, "end" comes although nobody listens for data.
    this.#socket.read(0);
  }

  async #sendAll(chunks: readonly Uint8Array[]): Promise<void> {
    let batch: Uint8Array[] = [];
    let room = BATCH_BYTES;
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length;) {
        const piece = chunk.subarray(start, start + room);
        batch.push(piece);
        start += piece.length;
        room -= piece.length;
        if (room > 0) continue;
        await this.#send(batch);
        batch = [];
        room = BATCH_BYTES;
      }
    }
    if (batch.length > 0) await this.#send(batch);
    // The socket still counts what it waits for; now that is over.
    for (const chunk of chunks) this.#bytesAccepted += chunk.length;
  }

  async #send(batch: readonly Uint8Array[]): Promise<void> {
    this.#touch();
    await this.stream.send(batch.length === 1 ? batch[0] : batch);
    this.#touch();
  }

  async #close(): Promise<void> {
    if (this.isReset) {
      // Where the backend cannot reset, the connection ends in order.
      await this.stream.setOption("lingerSeconds", 0).catch(() => {});
    }
    await this.stream.close();
  }

  #touch(): void {
    const { timeoutMs } = this;
    if (timeoutMs === undefined || timeoutMs === 0) return;
    this.#activeAt = performance.now();
    if (this.#timer === null && !this.#socket.destroyed) this.#armTimer(timeoutMs);
  }

  /** One timer that looks whether there was traffic is cheaper than one set by every packet. */
  #armTimer(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const leftMs = this.#activeAt + this.timeoutMs! - performance.now();
      if (leftMs >= 1) {
        this.#armTimer(leftMs);
        return;
      }
      this.#timer = null;
      this.#socket.emit("timeout");
    }, delayMs);
    // As in Node, it does not keep the process alive.
    Deno.unrefTimer(this.#timer);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** An error as Node code knows it: `read ECONNRESET`, with a negative number. */
  #nodeError(error: unknown, syscall: string): Error {
    if (!(error instanceof NetError)) return error as Error;
    const { code, errno } = error;
    const { address, port } = this.remote;
    const nodeError = new Error(`${syscall} ${code}`, { cause: error });
    return Object.assign(nodeError, { errno: -errno, code, syscall, address, port });
  }
}

function nodeAddress(address: Deno.Addr): NodeAddress {
  if (address.transport !== "tcp") return {};
  const { hostname, port } = address as Deno.NetAddr;
  return { address: hostname, family: hostname.includes(":") ? "IPv6" : "IPv4", port };
}
