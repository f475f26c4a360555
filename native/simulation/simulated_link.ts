/**
 * A link of a simulation.
 *
 * @module
 */

import type { Link, LinkOptions, LinkStatistics } from "../../drivers/mod.ts";

/** A link, which can be changed, cut and mended while programs run. */
export class SimulatedLink {
  readonly #link: Link;

  /** @ignore */
  constructor(link: Link) {
    this.#link = link;
  }

  /** Its ends: `a - b`. */
  get name(): string {
    return this.#link.name;
  }

  /** Whether frames get through. */
  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** @ignore For captures. */
  get link(): Link {
    return this.#link;
  }

  /** Changes what it is like, for frames that are sent from now on; what is not named stays. */
  set(options: LinkOptions): void {
    this.#link.set(options);
  }

  /** Cuts it: what is under way is lost, and so is whatever is sent. */
  down(): void {
    this.#link.down();
  }

  /** Mends it. */
  up(): void {
    this.#link.up();
  }

  /** What was sent, what arrived, and why the rest did not. */
  statistics(): LinkStatistics {
    return this.#link.statistics();
  }
}
