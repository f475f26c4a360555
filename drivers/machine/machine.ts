/**
 * What the parts of a software consumer see of the whole: where results go, and what everything
 * that is open shares. Whoever executes a ring's entries, by Deno's sockets or by a stack of its
 * own, is one of these.
 *
 * @module
 */

import type { BufferSupply } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { Operation, OperationIndex, OperationOwner } from "./operation.ts";
import type { Polls } from "./polls.ts";
import type { Timeouts } from "./timeouts.ts";

/** The whole, as its parts see it. */
export interface Machine {
  readonly memory: RingMemory;
  readonly supply: BufferSupply;
  readonly datagramSupply: BufferSupply;
  /** Calls to others that have not settled; a part counts its own in and out. */
  outstanding: number;
  /** Notes that an operation begins to wait with `owner`. */
  park(operation: Operation, owner: OperationOwner): void;
  /** Posts an operation's terminal completion, and starts what is linked to it. */
  complete(operation: Operation, result: number, flags: number): void;
  /** Posts one of several completions; the operation goes on. */
  more(operation: Operation, result: number, flags: number): void;
}

/** The whole, as operations on operations see it. */
export interface ControlMachine extends Machine {
  readonly index: OperationIndex;
  readonly timeouts: Timeouts;
  /** Entries taken and not completed. */
  readonly inFlight: number;
  /** Ends an operation without a completion: its chain has been silenced. */
  drop(operation: Operation): void;
  /** The polls of what a descriptor stands for, or null where it stands for nothing. */
  pollsOf(fd: number): Polls | null;
}

/** An operation that waits for something that nothing can take back. */
export const uncancellable: OperationOwner = {
  cancel(): number {
    return -Errno.EALREADY;
  },
};
