/**
 * What became of each block that was sent.
 *
 * Every DATA message has a number of its own, its _transmission_, also when its block was sent
 * before. An acknowledgement names the latest one that arrived; what was sent well before it and
 * has not arrived is lost. Unlike with numbers of blocks alone, that finds lost retransmissions
 * too, and every acknowledgement measures a round trip.
 *
 * @module
 */

import { type Acknowledgement, WINDOW_BLOCKS } from "./protocol.ts";

/** Transmissions whose fate is not known: more than blocks, since some were overtaken. */
const LOG = 2 * WINDOW_BLOCKS;
/**
 * So many later transmissions must have arrived before one is taken to be lost (RFC 9002, 6.1.1).
 */
const REORDERING_LEAST = 3;
const REORDERING_MOST = 1024;
/** Or so many round trips must have passed (RFC 9002, 6.1.2). */
const LATE = 9 / 8;

const State = { FREE: 0, IN_FLIGHT: 1, LOST: 2, ARRIVED: 3 } as const;

/** What an acknowledgement brought. */
export interface Progress {
  /** Blocks that are known to have arrived, and were not before. */
  readonly arrived: number;
  /** Transmissions that are taken to be lost. */
  readonly lost: number;
  /** The round trip of the latest transmission, undefined when it was measured before. */
  readonly roundTripMs: number | undefined;
}

/** The blocks of one file that are on their way. */
export class SendWindow {
  /** All blocks below it have arrived. */
  base = 0;
  /** Blocks below it may be sent, says the receiver. */
  edge = 0;
  /** The first block that was never sent. */
  next = 0;
  /** Transmissions whose fate is not known. */
  inFlight = 0;
  /** Blocks that have arrived. */
  arrived = 0;
  /** Transmissions altogether. */
  transmissions = 0;
  readonly #states = new Uint8Array(WINDOW_BLOCKS);
  readonly #latest = new Float64Array(WINDOW_BLOCKS);
  readonly #blocks = new Float64Array(LOG);
  readonly #sentAt = new Float64Array(LOG);
  /** The first transmission whose fate may not be known. */
  #oldest = 0;
  /** Behind the latest transmission that has arrived. */
  #reached = 0;
  readonly #lost: number[] = [];
  #reordering = REORDERING_LEAST;
  #duplicates = 0;

  /** Whether a transmission can be noted. */
  get hasRoom(): boolean {
    return this.transmissions - this.#oldest < LOG;
  }

  /** Whether there may be blocks to send again. */
  get hasLost(): boolean {
    return this.#lost.length > 0;
  }

  /** The next block to send again, undefined when there is none. */
  takeLost(): number | undefined {
    while (this.#lost.length > 0) {
      const block = this.#lost.shift()!;
      // It may have arrived late.
      if (block >= this.base && this.#states[block % WINDOW_BLOCKS] === State.LOST) return block;
    }
    return undefined;
  }

  /** Notes that a block leaves. @returns The number of the transmission. */
  leaves(block: number, now: number): number {
    const transmission = this.transmissions++;
    const at = block % WINDOW_BLOCKS;
    this.#states[at] = State.IN_FLIGHT;
    this.#latest[at] = transmission;
    this.#blocks[transmission % LOG] = block;
    this.#sentAt[transmission % LOG] = now;
    this.inFlight++;
    if (block === this.next) this.next++;
    return transmission;
  }

  /**
   * Takes an acknowledgement.
   *
   * @param roundTripMs The smoothed round trip.
   * @returns undefined when it cannot be one of this file's.
   */
  acknowledged(ack: Acknowledgement, now: number, roundTripMs: number): Progress | undefined {
    const { reached, next } = ack;
    const isPossible = next <= this.next && reached <= this.transmissions &&
      next + 8 * ack.bitmap.length <= this.next + 7;
    if (!isPossible) return undefined;
    this.edge = Math.max(this.edge, ack.edge);
    const before = this.arrived;
    while (this.base < next) this.#arrive(this.base++);
    this.#readBitmap(ack);
    while (this.base < this.next && this.#states[this.base % WINDOW_BLOCKS] === State.ARRIVED) {
      this.base++;
    }
    let measuredMs: number | undefined;
    if (reached > this.#reached) {
      measuredMs = now - this.#sentAt[(reached - 1) % LOG];
      this.#reached = reached;
    }
    this.#noteDuplicates(ack.duplicates);
    const lost = this.#findLost(now, Math.max(roundTripMs, measuredMs ?? 0));
    return { arrived: this.arrived - before, lost, roundTripMs: measuredMs };
  }

  /**
   * No answer came in time.
   *
   * @returns A block whose arrival would tell what became of the others; undefined when all have
   * arrived.
   */
  probe(): number | undefined {
    const lost = this.takeLost();
    if (lost !== undefined || this.base === this.next) return lost;
    const at = this.base % WINDOW_BLOCKS;
    if (this.#states[at] === State.IN_FLIGHT) this.inFlight--;
    this.#states[at] = State.LOST;
    return this.base;
  }

  #arrive(block: number): void {
    const at = block % WINDOW_BLOCKS;
    const state = this.#states[at];
    if (state === State.ARRIVED) return;
    if (state === State.IN_FLIGHT) this.inFlight--;
    this.#states[at] = State.ARRIVED;
    this.arrived++;
  }

  #readBitmap({ next, bitmap }: Acknowledgement): void {
    for (let index = 0; index < bitmap.length; index++) {
      let bits = bitmap[index];
      for (let block = next + 8 * index; bits !== 0; bits >>>= 1, block++) {
        if ((bits & 1) !== 0 && block >= this.base && block < this.next) this.#arrive(block);
      }
    }
  }

  /** What arrives twice was sent again too early: the path reorders more than was thought. */
  #noteDuplicates(duplicates: number): void {
    if (duplicates <= this.#duplicates) return;
    this.#duplicates = duplicates;
    this.#reordering = Math.min(REORDERING_MOST, 2 * this.#reordering);
  }

  #findLost(now: number, roundTripMs: number): number {
    let lost = 0;
    const lateMs = LATE * roundTripMs + 1;
    for (; this.#oldest < this.#reached; this.#oldest++) {
      const block = this.#blocks[this.#oldest % LOG];
      const at = block % WINDOW_BLOCKS;
      const isOpen = block >= this.base && this.#states[at] === State.IN_FLIGHT &&
        this.#latest[at] === this.#oldest;
      if (!isOpen) continue;
      const isOvertaken = this.#reached - 1 - this.#oldest >= this.#reordering;
      if (!isOvertaken && now - this.#sentAt[this.#oldest % LOG] <= lateMs) break;
      this.#states[at] = State.LOST;
      this.inFlight--;
      this.#lost.push(block);
      lost++;
    }
    return lost;
  }
}
