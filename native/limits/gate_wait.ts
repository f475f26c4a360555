/**
 * Waiting until a rate limit lets bytes leave.
 *
 * @module
 */

import type { RateGate } from "../../ring/authority/mod.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** Bytes that may never leave, at a rate of 0, wait as long as a deadline can be away. */
const WAIT_MOST_MS = 2 ** 31;

/** One sender at a rate limit: it books what is about to leave, once, and is told when it may. */
export class GateWait implements DeadlineTarget {
  /** Bytes that {@linkcode GateWait.pass} has booked and that have not left. */
  booked = 0;
  readonly #gate: RateGate;
  readonly #reactor: Reactor;
  readonly #onOpen: () => void;
  #deadline: Deadline | null = null;

  /** @param onOpen called when bytes that had to wait may leave */
  constructor(gate: RateGate, reactor: Reactor, onOpen: () => void) {
    this.#gate = gate;
    this.#reactor = reactor;
    this.#onOpen = onOpen;
  }

  /** Whether bytes wait. */
  get isWaiting(): boolean {
    return this.#deadline !== null;
  }

  /** Books bytes that nobody has booked before. @returns whether they may leave now */
  book(bytes: number): boolean {
    const reactor = this.#reactor;
    const delayMs = this.#gate.delayMs(reactor.driver.now(), bytes);
    if (delayMs === 0) return true;
    this.#deadline = reactor.armDeadline(Math.min(delayMs, WAIT_MOST_MS), this, 0);
    return false;
  }

  /** Books what of the next bytes was not booked before. @returns whether they may leave now */
  pass(bytes: number): boolean {
    if (this.isWaiting) return false;
    const unbooked = bytes - this.booked;
    if (unbooked <= 0) return true;
    this.booked = bytes;
    return this.book(unbooked);
  }

  /** Notes that bytes have left. */
  left(bytes: number): void {
    this.booked = Math.max(0, this.booked - bytes);
  }

  /** Waits no more. */
  stop(): void {
    if (this.#deadline !== null) this.#reactor.disarmDeadline(this.#deadline);
    this.#deadline = null;
  }

  /** Waits no more, and gives back what was booked and does not leave. */
  close(): void {
    this.stop();
    this.#gate.refund(this.booked);
    this.booked = 0;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#deadline = null;
    this.#onOpen();
  }
}
