/**
 * How long to wait for an answer: the retransmission timer of RFC 6298.
 *
 * @module
 */

/** The clock's granularity, `G` of the RFC: timers fire with about this precision. */
const GRANULARITY_MS = 1;
/** Before anything was measured; section 2.1 says a second, which small messages need not wait. */
const FIRST_MS = 500;
/** Section 2.4 says a second, too. Here a timeout sends one block again, and reduces nothing. */
const LEAST_MS = 30;
const MOST_MS = 2_000;

/** Measures round trips. */
export class RoundTrip {
  #smoothedMs = 0;
  #variationMs = 0;
  #timeoutMs = FIRST_MS;

  /** The smoothed round trip, 0 before the first measurement. */
  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  /** How long to wait for an answer. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Adds a measurement. */
  measured(milliseconds: number): void {
    if (this.#smoothedMs === 0) {
      this.#smoothedMs = milliseconds;
      this.#variationMs = milliseconds / 2;
    } else {
      const difference = Math.abs(this.#smoothedMs - milliseconds);
      this.#variationMs = 3 / 4 * this.#variationMs + 1 / 4 * difference;
      this.#smoothedMs = 7 / 8 * this.#smoothedMs + 1 / 8 * milliseconds;
    }
    this.#restore();
  }

  /** No answer came in time: the next wait is twice as long (section 5.5). */
  expired(): void {
    this.#timeoutMs = Math.min(MOST_MS, 2 * this.#timeoutMs);
  }

  /** An answer came: waits are as long as what was measured says (section 5.7). */
  answered(): void {
    if (this.#smoothedMs > 0) this.#restore();
  }

  #restore(): void {
    const wanted = this.#smoothedMs + Math.max(GRANULARITY_MS, 4 * this.#variationMs);
    this.#timeoutMs = Math.min(MOST_MS, Math.max(LEAST_MS, wanted));
  }
}
