/**
 * What both processes of the soak measure of themselves, and say at their ends.
 *
 * @module
 */

import type { NetworkStats } from "../../mod.ts";
import { countDescriptors } from "../support/leaks.ts";

/** How often memory is looked at. */
const SAMPLE_MS = 250;
/** How long descriptors may take to be gone. */
const SETTLE_MS = 2000;

/** The last line that a process of the soak prints. */
export interface SoakReport {
  readonly stats: NetworkStats;
  /** Descriptors by kind that were not there before the capability. */
  readonly leaked: Readonly<Record<string, number>>;
  /** Resident memory in bytes, at equal times. */
  readonly memory: readonly number[];
  /** Connections made or accepted, and what went over them. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Watches this process from before its capability until after it. */
export class Watch {
  readonly #before = countDescriptors();
  readonly #memory: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.#timer = setInterval(() => this.#memory.push(Deno.memoryUsage().rss), SAMPLE_MS);
  }

  /** Ends it, and prints the report; what closes late has a while for it. */
  async report(stats: NetworkStats, counts: Readonly<Record<string, number>>): Promise<void> {
    clearInterval(this.#timer);
    const deadline = performance.now() + SETTLE_MS;
    let leaked = this.#leaks();
    while (Object.keys(leaked).length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      leaked = this.#leaks();
    }
    const report: SoakReport = { stats, leaked, memory: this.#memory, counts };
    console.log(JSON.stringify(report));
  }

  #leaks(): Record<string, number> {
    const leaked: Record<string, number> = {};
    for (const [kind, count] of Object.entries(countDescriptors())) {
      const grown = count - (this.#before[kind] ?? 0);
      if (grown > 0) leaked[kind] = grown;
    }
    return leaked;
  }
}
