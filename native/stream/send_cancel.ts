/**
 * Cancelling a send until it hears it: Linux does not find one that it is about to try again, and
 * one whose peer has ended its side it tries over a hundred times in a row before it gives it to a
 * thread.
 *
 * @module
 */

import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** Milliseconds that a cancellation may take before it is asked for once more. */
const AGAIN_MS = 20;

/** The cancellation of one send. */
export class SendCancel implements DeadlineTarget {
  readonly #reactor: Reactor;
  readonly #slot: number;
  #again: Deadline | null = null;

  /** @param slot the send's; its completion ends the cancellation */
  constructor(reactor: Reactor, slot: number) {
    this.#reactor = reactor;
    this.#slot = slot;
    this.#ask();
  }

  /** Notes that the send is over. */
  end(): void {
    if (this.#again !== null) this.#reactor.disarmDeadline(this.#again);
    this.#again = null;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#ask();
  }

  #ask(): void {
    this.#reactor.cancel(this.#slot);
    this.#again = this.#reactor.armDeadline(AGAIN_MS, this, 0);
  }
}
