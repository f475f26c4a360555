/**
 * Ledgers: what a parent needs to clean up after a Worker that it terminates.
 *
 * @module
 */

import { busy } from "./errors.ts";
import { planOf, type RingOptions } from "./ring_options.ts";
import { type ReapReport, reapWorker, WAKE_PLAN } from "../drivers/mod.ts";
import { type LedgerHandle, TABLE_BYTES } from "../ring/descriptor_table.ts";
import { type MemoryPlan, PAGE_BYTES, RingMemory } from "../ring/memory.ts";

export type { ReapReport } from "../drivers/mod.ts";
export type { LedgerHandle } from "../ring/descriptor_table.ts";

/** What {@linkcode WorkerLedger} takes. */
export interface WorkerLedgerOptions {
  /** Sizes of the Worker's ring. */
  readonly ring?: Pick<RingOptions, "entries" | "completions" | "slots" | "buffers" | "arenaBytes">;
}

/** Memory that a Worker's kernel rings use: held until the Worker is reaped, come what may. */
const liveMemory: Set<LedgerHandle> = new Set();

/**
 * The memory of one Worker's ring, and the record of the descriptors it has open.
 *
 * `Worker.terminate()` ends a Worker wherever it stands: nothing closes its kernel ring and its
 * sockets, and memory of its own would be freed although the ring still uses it. So its parent
 * makes a ledger, posts the handle, and the Worker requests its capability with it. When the Worker has
 * ended, however it ended, the parent reaps. One ledger serves one capability of one Worker, or one
 * `IoUring` of it.
 *
 * A Worker that blocks in a call of `posix/mod.ts` is not ended by `Worker.terminate()`, which Deno
 * carries out on the Worker's event loop. Reaping ends it, within 100 ms.
 *
 * On `host` there is nothing to reap: Deno closes a Worker's own sockets.
 *
 * Not covered: a descriptor between the system call that made it and the next instruction, which
 * notes it, in a Worker that dies just there; descriptors of a message whose completion was not
 * taken; a CLOSE that waits outside of a full submission queue; completions that overflowed; sockets
 * that a program opened or accepted through an `IoUring` itself. They leak; a number that was reused
 * is never closed.
 *
 * Permissions: none, but to reap a kernel ring `--allow-ffi`.
 *
 * @example
 * ```ts
 * import { WorkerLedger } from "../mod.ts";
 * const ledger = new WorkerLedger({ ring: { entries: 256 } });
 * const library = new URL("../mod.ts", import.meta.url).href;
 * const source = `
 *   import { NetworkCapability } from "${library}";
 *   self.onmessage = async ({ data }) => {
 *     await NetworkCapability.request({ ledger: data });
 *     self.postMessage("ready");
 *   };`;
 * const url = `data:text/javascript,${encodeURIComponent(source)}`;
 * const worker = new Worker(url, { type: "module" });
 * worker.postMessage(ledger.handle);
 * await new Promise((resolve) => worker.onmessage = resolve);
 * worker.terminate();
 * const report = await ledger.reap();
 * console.log(report.rings); // 2 on the kernel backend, 0 on host
 * ```
 */
export class WorkerLedger {
  /** What to post to the Worker, for its `NetworkCapability.request({ ledger })`. */
  readonly handle: LedgerHandle;
  #reaping: Promise<ReapReport> | null = null;

  /**
   * Allocates the memory.
   *
   * @param options sizes of the Worker's ring, as `request` takes them
   * @throws {RangeError} when a size is out of its range, naming it
   * @throws {TypeError} for an unknown option
   */
  constructor(options: WorkerLedgerOptions = {}) {
    const { plan } = planOf(options.ring ?? {});
    this.handle = Object.freeze({
      ring: allocate(plan),
      wake: allocate(WAKE_PLAN),
      table: new SharedArrayBuffer(TABLE_BYTES),
    });
    liveMemory.add(this.handle);
  }

  /**
   * Closes what the Worker left: its rings first, then its sockets, those among them that had just
   * arrived. Call it after `worker.terminate()`, or when the Worker has ended by itself; it waits
   * until the Worker's thread is gone. Once more returns the same report.
   *
   * @returns how much was closed: nothing when the Worker closed its capability itself
   * @throws {NetError} EBUSY when the Worker is alive; it may be called again then
   * @throws {Deno.errors.NotCapable} without `--allow-ffi`, when there is something to close
   */
  reap(): Promise<ReapReport> {
    this.#reaping ??= this.#reap();
    return this.#reaping;
  }

  async #reap(): Promise<ReapReport> {
    try {
      const report = await reapWorker(this.handle);
      if (report === null) throw busy("reap", "the Worker is alive: terminate it first");
      liveMemory.delete(this.handle);
      return report;
    } catch (error) {
      this.#reaping = null;
      throw error;
    }
  }
}

function allocate(plan: MemoryPlan): LedgerHandle["ring"] {
  // Whoever adopts it aligns the regions to pages, where it needs that.
  return { buffer: RingMemory.allocate(plan, PAGE_BYTES), plan, skew: 0 };
}
