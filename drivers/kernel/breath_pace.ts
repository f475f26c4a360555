/**
 * How many busy turns a ring may take before the event loop comes round once: few while the program
 * does something else there, too, many while the ring is alone, and never for long.
 *
 * @module
 */

/** Busy turns between two looks at Deno's own sockets, while nothing happens there. */
const TURNS = 12;
/** The same just after something did: a `fetch` takes several rounds of the event loop. */
const TURNS_SHARED = 2;
/** The same after long in which nothing did: a round costs as much as some dozen messages. */
const TURNS_ALONE = 32;
/** A round of the event loop that took longer, in milliseconds, did more than wake this ring. */
const SHARED_ROUND_MS = 0.05;
/** Rounds with nothing else in them after which the event loop is no longer shared. */
const SHARED_ROUNDS = 12;
/** And after which it counts as this ring's alone: about a tenth of a second of traffic. */
const ALONE_ROUNDS = 96;
/** What the event loop waits for busy turns at most, in milliseconds, as far as turns are alike. */
const BUSY_MS = 2;

/** The pace of one ring; all times are milliseconds on one clock. */
export class BreathPace {
  /** Busy turns that may follow one another now. */
  turns: number = TURNS;
  #roundStart = 0;
  /** When the event loop came round last, or the ring awoke. */
  #busySince = 0;
  /** Turns that take about as long as the event loop may wait. */
  #turnsMost = TURNS_ALONE;
  /** Rounds of the event loop, one after another, with nothing else in them. */
  #quietRounds = SHARED_ROUNDS;

  /** Whether the event loop was asked to come round, and has not. */
  get isInRound(): boolean {
    return this.#roundStart > 0;
  }

  /** The ring was asleep. */
  awoke(now: number): void {
    this.#busySince = now;
  }

  /** The event loop is asked to come round. */
  beginRound(now: number): void {
    this.#roundStart = now;
    // Turns that bring large messages take several times as long as others.
    const busyMs = now - this.#busySince;
    if (busyMs > BUSY_MS) this.#turnsMost = Math.max(1, this.turns >> 1);
    else if (busyMs < BUSY_MS / 4) this.#turnsMost = Math.min(TURNS_ALONE, this.#turnsMost * 2);
  }

  /** The round under way counts from now on: what was before is no part of the event loop. */
  restartRound(now: number): void {
    this.#roundStart = now;
  }

  /** The event loop came round. */
  endRound(now: number): void {
    const isShared = now - this.#roundStart > SHARED_ROUND_MS;
    this.#roundStart = 0;
    this.#busySince = now;
    this.#quietRounds = isShared ? 0 : Math.min(this.#quietRounds + 1, ALONE_ROUNDS);
    this.turns = Math.min(this.#turnsMost, turnsAfter(this.#quietRounds));
  }
}

function turnsAfter(quietRounds: number): number {
  if (quietRounds < SHARED_ROUNDS) return TURNS_SHARED;
  return quietRounds < ALONE_ROUNDS ? TURNS : TURNS_ALONE;
}
