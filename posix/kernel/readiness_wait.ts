/**
 * Waiting until a call can go on: for readiness, then once more.
 *
 * A blocked thread waits in slices, since neither `Worker.terminate()` nor another thread's `close`
 * ends a system call under way. What waits without blocking has a poll in the capability's ring.
 *
 * @module
 */

import type { Guard, Waiting } from "../engine.ts";
import type { SystemCalls } from "../../ring/system_calls.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import type { Reactor } from "../../ring/reactor.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Op } from "../../ring/abi/opcodes.ts";

/** The longest a thread is blocked at a time, in milliseconds. */
export const SLICE_MS = 100;
/** How long to wait where readiness does not tell, in milliseconds: at first, and at most. */
const BACKOFF_MS = 1;
const BACKOFF_MOST_MS = 16;
const POLLFD_BYTES = 8;

/** What all waits of one engine share. */
export interface WaitContext {
  readonly calls: SystemCalls;
  readonly reactor: Reactor;
  /** Milliseconds on a monotonic clock. */
  now(): number;
}

/** How to wait, and what for. */
export interface WaitPlan {
  /** Descriptor of the kernel. */
  readonly fd: number;
  /** `POLLIN`, `POLLOUT` ...; asked for each time it waits. */
  readonly events: number;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
  /** Whether a signal ends the wait, be there a timeout or not: `epoll_wait`, not `recv`. */
  readonly isInterruptible?: boolean;
  /** Tries again. @returns the result, or `-EAGAIN` to wait on */
  readonly attempt: () => number;
  /**
   * The same as waiting and then trying, in one call, where no other thread can make the descriptor
   * another file's meanwhile. @returns the result, or `-EAGAIN`
   */
  readonly attemptWithin?: (timeoutMs: number) => number;
  /** What it comes to when the time is over, or a signal came, or the descriptor was closed. */
  readonly ended: (errno: number) => number;
}

/** Whether a call would have had to wait. */
export function mustWait(result: number): boolean {
  return result === -Errno.EAGAIN || result === -Errno.EINPROGRESS;
}

/** A call that waits for one descriptor. */
export class ReadinessWait implements Waiting {
  /** {@inheritDoc Waiting.guard} */
  guard: Guard | null = null;
  readonly #context: WaitContext;
  readonly #plan: WaitPlan;
  readonly #until: number;
  /** Whether the time is still the whole of it: reading the clock costs as much as a call. */
  #isFresh = true;
  #backoffMs = BACKOFF_MS;
  #pauseMs = 0;
  #failedAt = -Infinity;

  constructor(context: WaitContext, plan: WaitPlan) {
    this.#context = context;
    this.#plan = plan;
    this.#until = plan.timeoutMs === Infinity ? Infinity : context.now() + plan.timeoutMs;
  }

  /** {@inheritDoc Waiting.block} */
  block(): number {
    const { ended, fd, timeoutMs, attemptWithin } = this.#plan;
    const isInterruptible = this.#plan.isInterruptible ?? timeoutMs !== Infinity;
    if (attemptWithin !== undefined && this.guard?.isShared !== true) {
      return this.#blockIn(attemptWithin);
    }
    const { calls } = this.#context;
    const pollfd = new DataView(new ArrayBuffer(POLLFD_BYTES));
    const bytes = new Uint8Array(pollfd.buffer);
    while (true) {
      const sliceMs = Math.min(SLICE_MS, this.#remainingMs);
      if (sliceMs <= 0) return ended(Errno.EAGAIN);
      let ready: number;
      if (this.#pauseMs > 0) {
        ready = calls.poll(bytes, 0, Math.ceil(Math.min(sliceMs, this.#pauseMs)));
        this.#pauseMs = 0;
      } else {
        pollfd.setInt32(0, fd, true);
        pollfd.setInt32(4, this.#plan.events, true);
        ready = calls.poll(bytes, 1, Math.ceil(sliceMs));
      }
      if (this.guard?.isClosed() === true) return ended(Errno.EBADF);
      if (ready === -Errno.EINTR && isInterruptible) return ended(Errno.EINTR);
      if (ready <= 0) continue;
      const result = this.#attempt();
      if (!mustWait(result)) return result;
      this.#notReady();
    }
  }

  #blockIn(attemptWithin: (timeoutMs: number) => number): number {
    const { ended } = this.#plan;
    while (true) {
      const sliceMs = Math.min(SLICE_MS, this.#remainingMs);
      if (sliceMs <= 0) return ended(Errno.EAGAIN);
      const result = attemptWithin(Math.ceil(sliceMs));
      if (this.guard?.isClosed() === true) return ended(Errno.EBADF);
      if (result !== -Errno.EAGAIN) return result;
    }
  }

  /** {@inheritDoc Waiting.later} */
  async later(): Promise<number> {
    const { ended, fd } = this.#plan;
    const { reactor } = this.#context;
    reactor.reference();
    try {
      while (true) {
        const remainingMs = this.#remainingMs;
        if (remainingMs <= 0) return ended(Errno.EAGAIN);
        const isPause = this.#pauseMs > 0;
        const waitMs = isPause ? Math.min(this.#pauseMs, remainingMs) : remainingMs;
        this.#pauseMs = 0;
        const poll = new RingPoll(reactor, isPause ? -1 : fd, this.#plan.events);
        const ready = await poll.wait(waitMs, this.guard);
        if (this.guard?.isClosed() === true) return ended(Errno.EBADF);
        if (ready < 0) return ended(-ready);
        if (ready === 0) continue;
        const result = this.#attempt();
        if (!mustWait(result)) return result;
        this.#notReady();
      }
    } finally {
      reactor.dereference();
    }
  }

  /** While it waited the descriptor may have come to be another file's. */
  #attempt(): number {
    const { guard } = this;
    if (guard === null) return this.#plan.attempt();
    if (!guard.enter()) return this.#plan.ended(Errno.EBADF);
    try {
      return this.#plan.attempt();
    } finally {
      guard.leave();
    }
  }

  get #remainingMs(): number {
    if (this.#until === Infinity) return Infinity;
    if (!this.#isFresh) return this.#until - this.#context.now();
    this.#isFresh = false;
    return this.#plan.timeoutMs;
  }

  /**
   * Ready, and yet it has to wait: another thread was faster, or readiness does not say what is
   * wanted, as with a Unix datagram socket whose peer's queue is full.
   */
  #notReady(): void {
    const now = this.#context.now();
    const wasInstant = now - this.#failedAt < 2 * BACKOFF_MOST_MS;
    this.#backoffMs = wasInstant ? Math.min(this.#backoffMs * 2, BACKOFF_MOST_MS) : BACKOFF_MS;
    this.#pauseMs = this.#backoffMs;
    this.#failedAt = now;
  }
}

/** One poll in a ring, or a pause where there is nothing to poll. */
class RingPoll implements CompletionTarget, DeadlineTarget {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #events: number;
  readonly #done = Promise.withResolvers<number>();
  #slot = -1;
  #isLate = false;

  constructor(reactor: Reactor, fd: number, events: number) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#events = events;
  }

  /** @returns events, 0 when the time was over first, or `-errno` */
  async wait(timeoutMs: number, guard: Guard | null): Promise<number> {
    const reactor = this.#reactor;
    if (this.#fd >= 0) {
      this.#slot = reactor.slots.take(this, 0);
      if (this.#slot < 0) return -Errno.ENOBUFS;
      const at = reactor.entry(Op.POLL_ADD, this.#fd, this.#slot);
      reactor.entries[at + W_OPERATION_FLAGS] = this.#events;
    }
    // Nobody tells this thread when another one closes the descriptor.
    const limitMs = guard?.isShared === true ? Math.min(timeoutMs, SLICE_MS) : timeoutMs;
    const deadline = limitMs === Infinity ? null : reactor.armDeadline(limitMs, this, 0);
    guard?.onClose(() => this.onDeadline());
    const result = await this.#done.promise;
    if (deadline !== null) reactor.disarmDeadline(deadline);
    guard?.onClose(null);
    return result;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.#slot = -1;
    this.#done.resolve(result < 0 && this.#isLate ? 0 : result);
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#isLate = true;
    if (this.#slot >= 0) this.#reactor.cancel(this.#slot);
    else this.#done.resolve(0);
  }
}
