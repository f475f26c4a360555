/**
 * Calls that wait for another call of the same engine: tried again whenever that may have changed
 * something.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { Wait } from "./wait.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** How long to try. */
export interface TransferOptions {
  /** Whether to try once only. */
  readonly isHasty: boolean;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
  /** What was moved so far: told instead of the reason why no more is. */
  readonly partial?: () => number;
  /** Called once, when it is over. */
  readonly onEnd?: () => void;
}

/** A call that is tried until it does not have to wait any more. */
export class LocalTransfer extends Wait {
  protected override keepsAlive = false;
  readonly #waiting: Set<LocalTransfer>;
  readonly #step: () => number;
  readonly #options: TransferOptions;
  #isTrying = false;
  /** Whether something has changed since it was tried last. */
  #isStale = false;

  /**
   * @param waiting those that are told, in order, when something has changed
   * @param step tries. @returns the result, or `-EAGAIN` to wait on
   */
  constructor(
    ring: BlockingRing,
    waiting: Set<LocalTransfer>,
    step: () => number,
    options: TransferOptions,
  ) {
    super(ring);
    this.#waiting = waiting;
    this.#step = step;
    this.#options = options;
    if (!this.#attempt() && options.isHasty) this.interrupt(Errno.EAGAIN);
    if (this.isDone) return;
    waiting.add(this);
    this.limit(options.timeoutMs);
  }

  /** Tries again: something has changed. */
  advance(): void {
    this.#isStale = true;
    // Its own step may be what has changed something.
    if (this.#isTrying) return;
    while (this.#isStale && !this.isDone) this.#attempt();
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    const moved = this.#options.partial?.() ?? 0;
    this.settle(moved > 0 ? moved : -errno);
  }

  protected override settle(result: number): void {
    if (this.isDone) return;
    this.#waiting.delete(this);
    this.#options.onEnd?.();
    super.settle(result);
  }

  #attempt(): boolean {
    this.#isStale = false;
    this.#isTrying = true;
    const result = this.#step();
    this.#isTrying = false;
    if (result === -Errno.EAGAIN) return false;
    this.settle(result);
    return true;
  }
}
