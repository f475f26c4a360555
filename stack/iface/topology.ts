/**
 * What makes paths stale.
 *
 * @module
 */

import type { Topology } from "./types.ts";

/** Counts changes of addresses, routes, links and routers. */
export class TopologyChanges implements Topology {
  #generation = 0;

  /** See {@linkcode Topology.generation}. */
  get generation(): number {
    return this.#generation;
  }

  /** Something has changed. */
  change(): void {
    this.#generation++;
  }
}
