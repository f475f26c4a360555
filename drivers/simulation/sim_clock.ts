/**
 * Virtual time as the stacks of a simulation see it.
 *
 * @module
 */

import type { VirtualClock } from "../../stack/sim/mod.ts";
import type { StackClock } from "../stack/clock.ts";

/** The clock of one host. The network, not the clock, steps the host when its time has come. */
export class SimClock implements StackClock {
  readonly #clock: VirtualClock;
  readonly #epochMs: number;
  readonly #onChange: () => void;
  readonly #defer: (run: () => void) => void;

  /**
   * @param clock the network's
   * @param epochMs milliseconds since 1970 when virtual time was 0
   * @param onChange called when the host may have another deadline
   * @param defer runs something before time goes on
   */
  constructor(
    clock: VirtualClock,
    epochMs: number,
    onChange: () => void,
    defer: (run: () => void) => void,
  ) {
    this.#clock = clock;
    this.#epochMs = epochMs;
    this.#onChange = onChange;
    this.#defer = defer;
  }

  /** {@inheritDoc StackClock.now} */
  now(): number {
    return this.#clock.now;
  }

  /** {@inheritDoc StackClock.date} */
  date(): number {
    return this.#epochMs + this.#clock.nowMs;
  }

  /** {@inheritDoc StackClock.wakeAt} */
  wakeAt(): void {
    this.#onChange();
  }

  /** {@inheritDoc StackClock.defer} */
  defer(run: () => void): void {
    this.#defer(run);
  }
}
