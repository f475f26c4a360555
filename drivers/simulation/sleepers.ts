/**
 * Programs that sleep in virtual time, as one node of the network.
 *
 * @module
 */

import { Deadlines, type DeadlineTarget } from "../../ring/deadlines.ts";
import type { FrameQueue } from "../../stack/frame_queue.ts";
import type { SimNode } from "../../stack/sim/mod.ts";

/** Wakes programs up. */
export class Sleepers implements SimNode, DeadlineTarget {
  readonly #deadlines = new Deadlines();
  readonly #sleeping = new Map<number, () => void>();
  readonly #onWoken: () => void;
  readonly #due: number[] = [];
  #next = 0;

  /** @param onWoken called when a program goes on */
  constructor(onWoken: () => void) {
    this.#onWoken = onWoken;
  }

  /** How many sleep. */
  get size(): number {
    return this.#sleeping.size;
  }

  /**
   * Has somebody woken at a time.
   *
   * @param time in microseconds
   * @returns what takes it back
   */
  add(time: number, wake: () => void): () => void {
    const tag = this.#next++;
    const deadline = this.#deadlines.arm(time, this, tag);
    this.#sleeping.set(tag, wake);
    return () => {
      if (this.#sleeping.delete(tag)) this.#deadlines.disarm(deadline);
    };
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(tag: number): void {
    this.#due.push(tag);
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    return this.#deadlines.size > 0 ? this.#deadlines.next : Infinity;
  }

  /** {@inheritDoc SimNode.step} */
  step(now: number, _received: FrameQueue, _sent: FrameQueue): void {
    if (this.#deadlines.fire(now) === 0) return;
    this.#onWoken();
    // Of those whose time is the same, who went to sleep first wakes up first.
    for (const tag of this.#due.splice(0).sort((one, other) => one - other)) {
      const wake = this.#sleeping.get(tag);
      this.#sleeping.delete(tag);
      wake?.();
    }
  }
}
