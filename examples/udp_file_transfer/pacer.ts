/**
 * How fast to send: as fast as blocks are delivered, and now and then a little faster.
 *
 * A loss says little about congestion where radio links lose packets at random, and halving the
 * rate at each, as TCP once did, would bring a transfer to a crawl. So the rate follows what is
 * _delivered_ (the idea of BBR): time is cut into epochs, the best delivery rate of the last epochs
 * is what the path can take, and blocks leave at that rate. Every eighth epoch tries a quarter
 * more. Only when much is lost, which no radio link does, the rate goes down.
 *
 * ```text
 *   STARTING  twice the rate each epoch, until three epochs bring no more, or much is lost
 *      |
 *   STEADY    1.25, 0.75, 1, 1, 1, 1, 1, 1 times the best rate of the last ten epochs
 * ```
 *
 * What may be on its way is bounded by twice the delivery rate times the round trip, and some slack
 * for programs that wait for a processor, so that a queue in front of a slow link stays short.
 * Where bursts of that size are lost, in a short queue, they shrink. Time is an argument: no clock,
 * no timer.
 *
 * @module
 */

/** An epoch lasts a round trip, and at least so long: shorter ones measure the scheduler. */
const EPOCH_LEAST_MS = 10;
const STARTING_GAIN = 2;
const CYCLE: readonly number[] = [1.25, 0.75, 1, 1, 1, 1, 1, 1];
/** Epochs in which the best delivery rate counts. */
const MEMORY = 10;
/** Starting ends when so many epochs in a row brought no more than a quarter more. */
const FLAT_EPOCHS = 3;
const GROWTH = 1.25;
/** The share of lost blocks from which on the path is taken to be congested. */
const LOSS_CONGESTED = 0.25;
const DECREASE = 0.85;
/** Epochs between two decreases. */
const HOLD_EPOCHS = 3;
/** The share from which on bursts are taken to be too large for some queue on the path. */
const LOSS_BURSTY = 0.12;
const BURST_LEAST_MS = 1;
/** What bursts may grow by in an epoch, after they had to shrink. */
const BURST_GROWTH_MS = 0.5;
/** Blocks of which a share is worth looking at. */
const LOSS_SAMPLE_LEAST = 50;
/** Blocks that may always be on their way. */
const FLIGHT_LEAST = 16;
const FIRST_FLIGHT = 32;
/** Both programs have to get their turn on a processor: answers may be late by so much, and more
 * when they are; but not by any amount, because what is late may as well wait in a queue. */
const SLACK_LEAST_MS = 4;
const SLACK_MOST_MS = 200;
/** The shortest round trip counts for so long: routes change. */
const SHORTEST_LASTS_MS = 10_000;

/** Decides how many blocks may leave. */
export class Pacer {
  readonly #best: number[] = new Array(MEMORY).fill(0);
  #epoch = 0;
  #epochBegan: number;
  #delivered = 0;
  #lost = 0;
  #isIdle = false;
  /** The most milliseconds worth of blocks that may leave together. */
  #burstMostMs = SLACK_MOST_MS;
  #isStarting = true;
  #flatEpochs = 0;
  #plateau = 0;
  #decreasedAt = -HOLD_EPOCHS;
  #smoothedMs: number;
  #shortestMs: number;
  #shortestSince: number;
  /** Blocks that the clock has allowed and that were not sent. */
  #allowance = FIRST_FLIGHT;
  #clock: number;

  /** @param roundTripMs As the handshake has measured it. */
  constructor(now: number, roundTripMs: number) {
    this.#shortestMs = Math.max(roundTripMs, 0.05);
    this.#smoothedMs = this.#shortestMs;
    this.#shortestSince = now;
    this.#epochBegan = now;
    this.#clock = now;
    this.#best[0] = FIRST_FLIGHT / Math.max(EPOCH_LEAST_MS, this.#shortestMs);
  }

  /** What the path delivers, in blocks per millisecond. */
  get rate(): number {
    return Math.max(...this.#best, FLIGHT_LEAST / Math.max(EPOCH_LEAST_MS, this.#shortestMs));
  }

  /** Blocks that may be on their way at a time. */
  get flight(): number {
    const { rate } = this;
    const growth = this.#isStarting ? STARTING_GAIN : 1;
    const path = growth * rate * (2 * this.#shortestMs + this.#slackMs);
    return Math.max(FLIGHT_LEAST, this.#isStarting ? FIRST_FLIGHT : 0, Math.ceil(path));
  }

  /** Blocks that may leave now. */
  mayLeave(now: number, inFlight: number): number {
    const { flight, pace } = this;
    const earned = (now - this.#clock) * pace;
    this.#clock = now;
    // What was not used in time is lost: a pause must not end in a flood.
    const most = Math.max(FLIGHT_LEAST, pace * this.#slackMs);
    this.#allowance = Math.min(most, this.#allowance + earned);
    return Math.max(0, Math.min(Math.floor(this.#allowance), flight - inFlight));
  }

  /** In how many milliseconds a burst worth its system call may leave. */
  get delayMs(): number {
    const { pace } = this;
    const wanted = Math.max(1, Math.min(FLIGHT_LEAST, pace * SLACK_LEAST_MS / 2));
    return Math.max(0, (wanted - this.#allowance) / pace);
  }

  /** Blocks left. */
  left(blocks: number): void {
    this.#allowance -= blocks;
  }

  /** There was nothing to send although blocks might have left: the rate is not the path's. */
  idled(): void {
    this.#isIdle = true;
  }

  /** A round trip was measured; the smoothed one is that of the retransmission timer. */
  measured(now: number, milliseconds: number, smoothedMs: number): void {
    this.#smoothedMs = smoothedMs;
    const isOver = now - this.#shortestSince > SHORTEST_LASTS_MS;
    if (milliseconds > this.#shortestMs && !isOver) return;
    this.#shortestMs = Math.max(milliseconds, 0.05);
    this.#shortestSince = now;
  }

  /** Blocks arrived, and others are taken to be lost. */
  delivered(now: number, blocks: number, lost: number): void {
    this.#delivered += blocks;
    this.#lost += lost;
    const lastedMs = now - this.#epochBegan;
    if (lastedMs < Math.max(EPOCH_LEAST_MS, this.#shortestMs)) return;
    this.#end(lastedMs);
    this.#epochBegan = now;
    this.#delivered = 0;
    this.#lost = 0;
    this.#isIdle = false;
  }

  /** Blocks per millisecond that leave now. */
  get pace(): number {
    const gain = this.#isStarting ? STARTING_GAIN : CYCLE[this.#epoch % CYCLE.length];
    return gain * this.rate;
  }

  get #slackMs(): number {
    const excess = this.#smoothedMs - this.#shortestMs;
    return Math.min(this.#burstMostMs, SLACK_LEAST_MS + Math.max(0, excess));
  }

  #end(lastedMs: number): void {
    const rate = this.#delivered / lastedMs;
    const before = this.rate;
    const gone = this.#delivered + this.#lost;
    this.#epoch++;
    const share = gone < LOSS_SAMPLE_LEAST ? 0 : this.#lost / gone;
    this.#burstMostMs = share > LOSS_BURSTY
      ? Math.max(BURST_LEAST_MS, this.#slackMs / 2)
      : Math.min(SLACK_MOST_MS, this.#burstMostMs + BURST_GROWTH_MS);
    if (share > LOSS_CONGESTED) {
      this.#isStarting = false;
      // What left before the last decrease is still being lost in the epoch after it.
      if (this.#epoch < this.#decreasedAt + HOLD_EPOCHS) return;
      this.#decreasedAt = this.#epoch;
      // Multiplicative decrease: what was best before counts no more.
      this.#best.fill(0);
      this.#best[0] = Math.max(rate, before / 2) * DECREASE;
      return;
    }
    // An epoch in which there was little to send tells nothing, unless it was better all the same.
    if (this.#isIdle && rate < before) return;
    this.#best[this.#epoch % MEMORY] = rate;
    if (!this.#isStarting) return;
    if (rate >= GROWTH * this.#plateau) {
      this.#plateau = rate;
      this.#flatEpochs = 0;
    } else if (++this.#flatEpochs >= FLAT_EPOCHS) {
      this.#isStarting = false;
    }
  }
}
