/**
 * A link between two nodes: two directions that know nothing of each other.
 *
 * @module
 */

import type { LinkCounters } from "./link_counters.ts";
import type { LinkDirection, LinkTap } from "./link_direction.ts";
import { type LinkOptions, parametersOf } from "./link_options.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** What both directions of a link counted. */
export interface LinkStatistics {
  /** From the first node to the second one. */
  readonly there: LinkCounters;
  /** From the second node to the first one. */
  readonly back: LinkCounters;
}

/** Two nodes, and what lies between them. */
export class Link {
  /** From the first node to the second one. */
  readonly there: LinkDirection;
  /** From the second node to the first one. */
  readonly back: LinkDirection;
  readonly #clock: VirtualClock;
  #options: LinkOptions;

  constructor(
    there: LinkDirection,
    back: LinkDirection,
    options: LinkOptions,
    clock: VirtualClock,
  ) {
    this.there = there;
    this.back = back;
    this.#options = options;
    this.#clock = clock;
  }

  /** The names of its nodes: `a - b`. */
  get name(): string {
    return `${this.there.source.name} - ${this.there.target.name}`;
  }

  /** Whether frames get through. */
  get isUp(): boolean {
    return this.there.isUp;
  }

  /**
   * Changes what it is like, for frames that are sent from now on.
   *
   * @param options what changes; the rest stays
   */
  set(options: LinkOptions): void {
    const all = { ...this.#options, ...options };
    this.there.parameters = parametersOf(all, all.there);
    this.back.parameters = parametersOf(all, all.back);
    this.#options = all;
  }

  /** Cuts it: what is under way is lost, and so is whatever is sent. */
  down(): void {
    for (const direction of [this.there, this.back]) {
      direction.isUp = false;
      direction.clear(this.#clock.now);
    }
  }

  /** Mends it. */
  up(): void {
    this.there.isUp = true;
    this.back.isUp = true;
  }

  /** Lets somebody see the frames of both directions. @returns what ends it */
  tap(tap: LinkTap): Disposable {
    const directions = [this.there, this.back];
    for (const direction of directions) direction.taps.push(tap);
    return {
      [Symbol.dispose]() {
        for (const { taps } of directions) {
          const at = taps.indexOf(tap);
          if (at >= 0) taps.splice(at, 1);
        }
      },
    };
  }

  /** What was counted so far. */
  statistics(): LinkStatistics {
    return { there: this.there.counters.snapshot(), back: this.back.counters.snapshot() };
  }
}
