/**
 * What the host backend's Worker is started with.
 *
 * @module
 */

import type { MemoryHandle } from "../../ring/memory.ts";

/** What the Worker is started with. */
export interface WorkerStart {
  readonly memory: MemoryHandle;
  /** When the parent's clock began: a Worker's own begins with the Worker. */
  readonly timeOrigin: number;
  /** Where the Worker says how it fares. */
  readonly status: SharedArrayBuffer;
  /** Whether the program asks whether sockets are ready rather than to be told: `posix/` does. */
  readonly isPrivate: boolean;
}
