/**
 * What calls ask of a descriptor before they wait for it: whether it blocks, for how long, and
 * whether anything can still come.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import { mustWait, ReadinessWait, type WaitContext } from "./readiness_wait.ts";
import { F_GETFL, O_NONBLOCK, POLLHUP, POLLRDHUP, SOL_SOCKET } from "../constants/mod.ts";

const POLLFD_BYTES = 8;
const TIMEVAL_BYTES = 16;

/** The state of the kernel's descriptors. */
export class DescriptorState {
  readonly #context: WaitContext;
  readonly #value = new DataView(new ArrayBuffer(TIMEVAL_BYTES));
  readonly #valueBytes = new Uint8Array(this.#value.buffer);

  constructor(context: WaitContext) {
    this.#context = context;
  }

  /** Whether `O_NONBLOCK` is set; the kernel knows best, as others may have the file, too. */
  isNonBlocking(fd: number): boolean {
    const flags = this.#context.calls.fcntl(fd, F_GETFL, 0);
    return flags < 0 || (flags & O_NONBLOCK) !== 0;
  }

  /** Waits for readiness, as long as the socket's own timeout allows. */
  wait(
    fd: number,
    events: number,
    option: number,
    attempt: () => number,
    ended: (errno: number) => number,
  ): Outcome {
    const timeoutMs = this.timeoutOf(fd, option);
    return new ReadinessWait(this.#context, { fd, events, timeoutMs, attempt, ended });
  }

  /**
   * A receive that waits on datagrams comes back with nothing when their socket is shut down; one
   * that does not wait is EAGAIN for ever.
   */
  orEnd(fd: number, count: number): number {
    return mustWait(count) && this.hasEnded(fd) ? 0 : count;
  }

  /** Whether nothing more can come. */
  hasEnded(fd: number): boolean {
    return (this.ready(fd, POLLRDHUP) & (POLLRDHUP | POLLHUP)) !== 0;
  }

  /** What of `events`, or of what is always told, there is now. */
  ready(fd: number, events: number): number {
    const pollfd = new DataView(new ArrayBuffer(POLLFD_BYTES));
    pollfd.setInt32(0, fd, true);
    pollfd.setInt16(4, events, true);
    this.#context.calls.poll(new Uint8Array(pollfd.buffer), 1, 0);
    return pollfd.getInt16(6, true);
  }

  /** An option of `SOL_SOCKET` that is a number, or `-errno`. */
  option(fd: number, name: number): number {
    const result = this.#context.calls.getsockopt(fd, SOL_SOCKET, name, this.#valueBytes, 4);
    return result < 0 ? result : this.#value.getInt32(0, true);
  }

  /** `SO_RCVTIMEO` or `SO_SNDTIMEO` in milliseconds; 0 there means for ever. */
  timeoutOf(fd: number, option: number): number {
    const value = this.#value;
    const { calls } = this.#context;
    if (calls.getsockopt(fd, SOL_SOCKET, option, this.#valueBytes, TIMEVAL_BYTES) < 0) {
      return Infinity;
    }
    const seconds = Number(value.getBigInt64(0, true));
    const microseconds = Number(value.getBigInt64(8, true));
    const timeoutMs = seconds * 1000 + microseconds / 1000;
    return timeoutMs === 0 ? Infinity : timeoutMs;
  }
}
