/**
 * What a backend is to the reactor: whoever consumes the submission queue, and the ways to run
 * again later, to sleep, and to stay alive. Clocks and timers reach `ring/` only through it.
 *
 * @module
 */

import type { RingGeometry } from "./geometry.ts";
import type { MemoryPlan, RingMemory } from "./memory.ts";
import type { Staging } from "./staging.ts";
import type { SystemCalls } from "./system_calls.ts";

/** What a driver calls to run the reactor. */
export interface DriverHost {
  /** Runs one turn: after {@linkcode RingDriver.defer} or {@linkcode RingDriver.breathe}. */
  run(): void;
  /** Says that completions may be there; does nothing while a turn is scheduled anyway. */
  wake(): void;
}

/** Where a Worker's driver records its descriptors, for whoever outlives the Worker. */
export interface DescriptorLedger {
  /** Notes an open descriptor. */
  note(fd: number): void;
  /** Forgets one, before it is closed. */
  clear(fd: number): void;
}

/** What a kernel ring can be given beside entries; only the expert layer asks for it. */
export interface RingRegistrar {
  /** The ring's own descriptor. */
  readonly fd: number;
  /**
   * Registers `count` buffers of `bytes` each that follow one another in ring memory.
   *
   * @returns 0 or `-errno`
   */
  registerBuffers(offset: number, count: number, bytes: number): number;
  /** Takes the registration back. @returns 0 or `-errno` */
  unregisterBuffers(): number;
  /** Registers an empty table of direct descriptors. @returns 0 or `-errno` */
  registerFiles(count: number): number;
  /**
   * Called just before the driver is closed.
   *
   * @returns a promise of whether the consumer is proved to be done with the memory
   */
  watchEnd(): Promise<boolean>;
}

/** A consumer of one ring. */
export interface RingDriver {
  /** "kernel", "host", ... */
  readonly kind: string;
  /** Why this backend and not a better one, or what it had to do without; "" when nothing. */
  readonly why: string;
  readonly memory: RingMemory;
  /** The main queue pair. */
  readonly main: RingGeometry;
  /** The queue pair for driver operations where the main one is a kernel's, else null. */
  readonly side: RingGeometry | null;
  /** Per opcode: 1 where its entries go to the side queue. */
  readonly routes: Uint8Array;
  /** Per opcode: 1 where this driver can do it. */
  readonly supported: Uint8Array;
  /** What multishot operations, provided-buffer rings ... this driver has. */
  readonly features: DriverFeatures;
  /** Registrations, where the consumer is a kernel. */
  readonly registrar?: RingRegistrar;
  /** Where open descriptors are recorded; null where nobody reaps them. */
  readonly ledger: DescriptorLedger | null;
  /** The system calls beside the ring, where the consumer is the kernel that this program runs on. */
  readonly systemCalls?: SystemCalls;
  /** Memory beside the ring that entries may send from; null or missing where they may not. */
  readonly staging?: Staging | null;
  /** Why no entry is consumed any more; undefined while entries are. */
  readonly failure?: string;
  /** Empty turns to spin through before sleeping. */
  readonly spinTurns: number;
  /** Busy turns between two {@linkcode RingDriver.breathe}, 0 for never. */
  readonly breatheTurns: number;
  /** Binds the reactor; called once, before anything else. */
  start(host: DriverHost): void;
  /**
   * Submits what is published and takes what is complete, without blocking.
   *
   * @param pending entries that the consumer has not taken
   * @param mayLinger whether nothing else waits, so that it may look for completions for some
   * microseconds before it returns without any
   * @returns 0 or more, or `-errno` when the entries must be submitted again later
   */
  enter(pending: number, mayLinger: boolean): number;
  /** Consumes the side queue. */
  enterSide(): void;
  /**
   * Runs a turn soon.
   *
   * @param isBusy within this macrotask, once those who were told of completions had their say;
   * else after the event loop came round
   */
  defer(isBusy: boolean): void;
  /** Runs a turn after everything else in the event loop had its chance. */
  breathe(): void;
  /** Says that the program itself does something before the event loop comes round. */
  noteWork?(): void;
  /**
   * Prepares to be woken by the next completion.
   *
   * @param alive whether the process must stay alive for it
   * @returns false when completions are there already
   */
  sleep(alive: boolean): boolean;
  /**
   * Blocks the calling thread until completions may be there, where the consumer is another one.
   *
   * @param timeoutMs upper bound in milliseconds, at most 100
   */
  park?(timeoutMs: number): void;
  /**
   * Ends this Worker where its parent asked for it, by its ledger. Whoever blocks calls it every now
   * and then: `Worker.terminate()` does not reach a thread that does not come back to its event loop.
   */
  leaveIfAsked?(): void;
  /**
   * Opens a second ring of the same backend that a thread may block on. It takes entries at once;
   * should its consumer not start, all of them fail, and {@linkcode RingDriver.failure} says why.
   *
   * @param plan the sizes of the ring
   * @throws {Error} when there can be none, saying why
   */
  openPrivate?(plan: MemoryPlan): RingDriver;
  /**
   * Opens another ring of the same consumer, where that has a network of its own; it is to be closed
   * before this one.
   *
   * @param plan the sizes of the ring
   */
  openSibling?(plan: MemoryPlan): RingDriver;
  /** Says whether the process must stay alive, while asleep. */
  keepAlive(alive: boolean): void;
  /** Milliseconds on a monotonic clock; virtual where time is. */
  now(): number;
  /** Frees everything; nothing may be in flight. */
  close(): Promise<void>;
}

/** What a consumer can do beyond the plainest ring. */
export interface DriverFeatures {
  readonly multishotAccept: boolean;
  readonly multishotReceive: boolean;
  readonly bufferRing: boolean;
}
