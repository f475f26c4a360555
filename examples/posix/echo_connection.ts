/**
 * One client of an event loop: what it sent and has not got back yet.
 *
 * The loop that uses it waits for readiness by `poll` or `epoll`; what it does then is the same.
 *
 * @module
 */

import { type Posix, PosixError } from "../../posix/mod.ts";
import { Step } from "./step.ts";

/** How long a client may do nothing, in milliseconds, and how long it has at the end. */
const IDLE_MS = 30_000;
const GRACE_MS = 2000;
const BUFFER_BYTES = 16384;

/** A connection of a non-blocking echo server. */
export class EchoConnection {
  /** Its descriptor. */
  readonly fd: number;
  /** When it has done nothing for too long, on the clock of `performance.now()`. */
  deadlineMs: number;
  readonly #posix: Posix;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #from = 0;
  #to = 0;
  #isFinishing = false;
  #isShutDown = false;

  /** @param fd a connection with `O_NONBLOCK`, which belongs to this object from now on */
  constructor(posix: Posix, fd: number) {
    this.#posix = posix;
    this.fd = fd;
    this.deadlineMs = performance.now() + IDLE_MS;
  }

  /** Whether it waits for room to write: what comes in meanwhile waits in the kernel. */
  get wantsWrite(): boolean {
    return this.#from < this.#to;
  }

  /** Ends it in order: what is here goes out, then this side ends, then the other side may. */
  finish(): void {
    this.#isFinishing = true;
    this.deadlineMs = performance.now() + GRACE_MS;
    if (!this.wantsWrite) this.#endWrites();
  }

  /** Writes what is left, or reads something and writes it. */
  step(): Step {
    try {
      return this.wantsWrite ? this.#write() : this.#read();
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      if (error.code === "EAGAIN") return this.wantsWrite ? Step.WRITE_BLOCKED : Step.READ_BLOCKED;
      // One client's reset.
      return error.code === "EINTR" ? Step.MOVED : Step.ENDED;
    }
  }

  /** Closes it; that takes it out of an epoll, too. */
  close(): void {
    this.#posix.close(this.fd);
  }

  #read(): Step {
    const posix = this.#posix;
    const count = posix.recv(this.fd, this.#buffer);
    if (count === 0) return Step.ENDED;
    // What a client sends after this side has ended is read only to see its end.
    if (this.#isShutDown) return Step.MOVED;
    this.#from = 0;
    this.#to = count;
    return this.#write();
  }

  #write(): Step {
    const posix = this.#posix;
    const rest = this.#buffer.subarray(this.#from, this.#to);
    this.#from += posix.send(this.fd, rest, posix.MSG_NOSIGNAL);
    if (!this.#isFinishing) this.deadlineMs = performance.now() + IDLE_MS;
    else if (!this.wantsWrite) this.#endWrites();
    return Step.MOVED;
  }

  /** The client hears of it, ends its side, and that is an event. */
  #endWrites(): void {
    this.#isShutDown = true;
    try {
      this.#posix.shutdown(this.fd, this.#posix.SHUT_WR);
    } catch (error) {
      // It was reset: that is an event, too.
      if (!(error instanceof PosixError && error.code === "ENOTCONN")) throw error;
    }
  }
}
