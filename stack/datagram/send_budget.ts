/**
 * How much datagram sockets may send at a time (`SO_SNDBUF`).
 *
 * A stack keeps nothing that was sent: it leaves with the frames of the step, or waits for a
 * neighbour in a queue of its own. What would grow are the frames of one step. So a socket may send
 * as many bytes as its buffer has within one instant of the stack's clock; then it waits for the
 * next one, and is told.
 *
 * @module
 */

import { type Environment, MILLISECOND } from "../environment.ts";

/** Whoever waits for its turn. */
export interface BudgetHolder {
  /** It may send again. */
  onBudget(): void;
}

/** When sockets may send again. */
export class SendBudget {
  readonly #environment: Environment;
  readonly #timer: number;
  readonly #waiting: Set<BudgetHolder> = new Set();

  /**
   * Nobody waits.
   *
   * @throws {RangeError} When there is no timer.
   */
  constructor(environment: Environment) {
    this.#environment = environment;
    const { timers } = environment;
    this.#timer = timers.take(timers.register(() => this.#wake()), 0);
    if (this.#timer < 0) throw new RangeError("no timer is left for sockets that wait to send");
  }

  /**
   * Waits for the next instant.
   *
   * @param isMemoryShort whether packets ran out, which takes longer to pass
   */
  wait(holder: BudgetHolder, isMemoryShort: boolean): void {
    this.#waiting.add(holder);
    const { timers, now } = this.#environment;
    if (!timers.isArmed(this.#timer)) {
      timers.arm(this.#timer, now + (isMemoryShort ? MILLISECOND : 1));
    }
  }

  /** It is closed, and waits no more. */
  forget(holder: BudgetHolder): void {
    this.#waiting.delete(holder);
  }

  #wake(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const holder of woken) holder.onBudget();
  }
}

/** Beside its bytes, so much counts for each datagram that is sent. */
const OVERHEAD_BYTES = 256;

/** What one socket has sent within the instant. */
export class SendShare {
  readonly #environment: Environment;
  #at = -1;
  #bytes = 0;

  /** Nothing yet. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Whether there is room for one more datagram. @param limit as `SO_SNDBUF` */
  hasRoom(limit: number): boolean {
    return this.#at !== this.#environment.now || this.#bytes < limit;
  }

  /** Counts a datagram. */
  spend(bytes: number): void {
    const { now } = this.#environment;
    if (this.#at !== now) {
      this.#at = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes + OVERHEAD_BYTES;
  }

  /** There is room again. */
  renew(): void {
    this.#at = -1;
  }
}
