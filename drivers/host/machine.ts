/**
 * What the parts of the host backend see of the whole, beside what all software consumers have.
 *
 * @module
 */

import type { Machine as BaseMachine } from "../machine/machine.ts";
import type { ChunkPool } from "./chunks.ts";
import type { Rounds } from "./rounds.ts";

/** The whole, as its parts see it. */
export interface Machine extends BaseMachine {
  readonly chunks: ChunkPool;
  readonly rounds: Rounds;
  /**
   * Takes charge of whether a connection keeps the process alive: asking Deno with every read costs
   * more than asking once, when the program says that nothing shall.
   */
  hold(conn: Deno.Conn): void;
  /** Closes a connection. */
  release(conn: Deno.Conn): void;
}

/** Whoever wants to know that a socket became readable or writable, or ended. */
export interface ReadinessListener {
  /** Called after every change. */
  onReadiness(): void;
  /** Called when there is more of what was there already. */
  onMore(): void;
}
