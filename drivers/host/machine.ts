/**
 * What the parts of the host backend see of the whole: where results go, and what all sockets
 * share.
 *
 * @module
 */

import type { BufferSupply } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import type { ChunkPool } from "./chunks.ts";
import type { Operation, OperationOwner } from "./operation.ts";
import type { Rounds } from "./rounds.ts";

/** The whole, as its parts see it. */
export interface Machine {
  readonly memory: RingMemory;
  readonly supply: BufferSupply;
  readonly datagramSupply: BufferSupply;
  readonly chunks: ChunkPool;
  readonly rounds: Rounds;
  /** Calls to Deno that have not settled; a part counts its own in and out. */
  outstanding: number;
  /**
   * Takes charge of whether a connection keeps the process alive: asking Deno with every read costs
   * more than asking once, when the program says that nothing shall.
   */
  hold(conn: Deno.Conn): void;
  /** Closes a connection. */
  release(conn: Deno.Conn): void;
  /** Notes that an operation begins to wait with `owner`. */
  park(operation: Operation, owner: OperationOwner): void;
  /** Posts an operation's terminal completion, and starts what is linked to it. */
  complete(operation: Operation, result: number, flags: number): void;
  /** Posts one of several completions; the operation goes on. */
  more(operation: Operation, result: number, flags: number): void;
}

/** Whoever wants to know that a socket became readable or writable, or ended. */
export interface ReadinessListener {
  /** Called after every change. */
  onReadiness(): void;
  /** Called when there is more of what was there already. */
  onMore(): void;
}
