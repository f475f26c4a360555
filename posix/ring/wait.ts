/**
 * Calls under way: what a thread blocks on or awaits.
 *
 * A call has begun when it exists. It is settled by whatever it waits for: completions of the ring,
 * other calls, a deadline, or the end of its descriptor; never by a microtask, so that it comes to
 * its end while the thread blocks, too.
 *
 * @module
 */

import type { Guard, Outcome, Waiting } from "../engine.ts";
import type { BlockingRing, Waiter } from "./blocking_ring.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Longer deadlines are none. */
const LONGEST_MS = 2 ** 40;

/** A call under way. */
export abstract class Wait implements Waiting, Waiter, DeadlineTarget {
  /** {@inheritDoc Waiting.guard} */
  guard: Guard | null = null;
  /** Whether the process must stay alive for it while it is awaited. */
  protected keepsAlive = true;
  protected readonly ring: BlockingRing;
  #isDone = false;
  #result = 0;
  #listener: ((result: number) => void) | null = null;
  #deadline: Deadline | null = null;

  /** @param ring where it waits */
  constructor(ring: BlockingRing) {
    this.ring = ring;
  }

  /** {@inheritDoc Waiter.isDone} */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** {@inheritDoc Waiter.hasDeadline} */
  get hasDeadline(): boolean {
    return this.#deadline !== null;
  }

  /** The result once it is done, else itself. */
  get outcome(): Outcome {
    if (this.#isDone) return this.#result;
    this.ring.waiters.add(this);
    return this;
  }

  /** {@inheritDoc Waiting.block} */
  block(): number {
    this.ring.block(this);
    return this.#result;
  }

  /** {@inheritDoc Waiting.later} */
  later(): Promise<number> {
    if (this.#isDone) return Promise.resolve(this.#result);
    const { guard, ring } = this;
    if (guard !== null) {
      if (guard.isClosed()) this.interrupt(Errno.EBADF);
      guard.onClose(() => this.interrupt(Errno.EBADF));
    }
    const { reactor } = ring;
    const { keepsAlive } = this;
    if (keepsAlive) reactor.reference();
    return new Promise((resolve) => {
      this.onDone((result) => {
        guard?.onClose(null);
        if (keepsAlive) reactor.dereference();
        resolve(result);
      });
    });
  }

  /** Has a function called when it is done; there is one at most. */
  onDone(listener: (result: number) => void): void {
    if (this.#isDone) listener(this.#result);
    else this.#listener = listener;
  }

  /** {@inheritDoc Waiter.interrupt} */
  abstract interrupt(errno: number): void;

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#deadline = null;
    if (!this.#isDone) this.expire();
  }

  /** Ends it because its time is over. */
  protected expire(): void {
    this.interrupt(Errno.EAGAIN);
  }

  /** Gives it a time to end. @param timeoutMs milliseconds from now, Infinity for none */
  protected limit(timeoutMs: number): void {
    if (timeoutMs >= LONGEST_MS || this.#isDone) return;
    this.#deadline = this.ring.reactor.armDeadline(timeoutMs, this, 0);
  }

  /** Ends it. */
  protected settle(result: number): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#result = result;
    this.ring.waiters.delete(this);
    if (this.#deadline !== null) this.ring.reactor.disarmDeadline(this.#deadline);
    this.#deadline = null;
    const listener = this.#listener;
    this.#listener = null;
    listener?.(result);
  }
}

/** Fills the entry at `at`; scratch bytes of `slot` are the operation's own. */
export type Fill = (at: number, slot: number) => void;

/** What an {@linkcode EntryCall} is about beside its entry. */
export interface EntryOptions {
  /** Turns the completion's result into the call's; `slot` is negative when there was no entry. */
  readonly finish?: (result: number, slot: number) => number;
  /** It may take long: it is cancelled when it is interrupted. Others end soon, and are let. */
  readonly isLong?: boolean;
}

/** A call that is one entry. */
export class EntryCall extends Wait implements CompletionTarget {
  readonly #options: EntryOptions;
  #slot: number;
  #errno = 0;

  /** @param head opcode, SQE flags, ioprio */
  constructor(
    ring: BlockingRing,
    head: number,
    fd: number,
    fill: Fill | null = null,
    options: EntryOptions = {},
  ) {
    super(ring);
    this.#options = options;
    this.#slot = ring.submit(this, 0, head, fd);
    if (this.#slot < 0) this.onCompletion(0, this.#slot, 0, this.#slot);
    else fill?.(ring.at, this.#slot);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, _flags: number, slot: number): void {
    this.#slot = -1;
    const isInterrupted = result === -Errno.ECANCELED && this.#errno !== 0;
    const outcome = isInterrupted ? -this.#errno : result;
    this.settle(this.#options.finish?.(outcome, slot) ?? outcome);
  }

  /** {@inheritDoc Waiter.interrupt} */
  interrupt(errno: number): void {
    if (this.#options.isLong !== true || this.#errno !== 0 || this.#slot < 0) return;
    this.#errno = errno;
    this.ring.reactor.cancel(this.#slot);
  }
}

/** A call of several steps: a generator of outcomes, which is given their results. */
export type Steps = Generator<Outcome, number, number>;

/** Runs steps one after the other. */
export class StepsCall extends Wait {
  readonly #steps: Steps;
  #current: Wait | null = null;
  /** Why it is to end, 0 while it is not. */
  errno = 0;

  constructor(ring: BlockingRing, steps: (call: StepsCall) => Steps) {
    super(ring);
    this.#steps = steps(this);
    this.#run(0);
  }

  /** {@inheritDoc Waiter.hasDeadline} */
  override get hasDeadline(): boolean {
    return this.#current?.hasDeadline ?? false;
  }

  /** {@inheritDoc Waiter.interrupt} */
  interrupt(errno: number): void {
    if (this.errno === 0) this.errno = errno;
    this.#current?.interrupt(errno);
  }

  #run(result: number): void {
    for (;;) {
      const { value, done } = this.#steps.next(result);
      if (done === true) return this.settle(value as number);
      if (typeof value === "number") {
        result = value;
        continue;
      }
      const step = value as Wait;
      if (step.isDone) {
        result = step.outcome as number;
        continue;
      }
      this.#current = step;
      step.onDone((stepResult) => {
        this.#current = null;
        this.#run(stepResult);
      });
      return;
    }
  }
}
