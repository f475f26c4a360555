/**
 * The host driver with its consumer in a Worker: the same executor over the same ring memory.
 *
 * @module
 */

import { wakeConsumer } from "../../ring/consumer.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { leaveIfAsked, tableOf } from "../leave.ts";
import { SOFTWARE_OPCODES, softwareFeatures, supportedOpcodes } from "../machine/opcodes.ts";
import { type RemoteConsumer, WorkerDriver } from "../machine/worker_driver.ts";
import { workerRefusal, WorkerThread } from "../machine/worker_thread.ts";
import type { DriverHost } from "../../ring/driver.ts";
import type { DriverOptions } from "../options.ts";
import type { WorkerStart } from "./worker_start.ts";

const KIND = "host";
const ENTRY = new URL("./worker.ts", import.meta.url);

/** Why a driver Worker cannot be started here, "" where it can. */
export function hostWorkerRefusal(): string {
  return workerRefusal(KIND);
}

/** A Worker that serves one ring. */
class OneRing implements RemoteConsumer {
  readonly #thread: WorkerThread;

  constructor(thread: WorkerThread) {
    this.#thread = thread;
  }

  get failure(): string | undefined {
    return this.#thread.failure;
  }

  bind(onFailure: () => void): void {
    this.#thread.onFailure = onFailure;
  }

  wake(geometry: RingGeometry): void {
    wakeConsumer(geometry);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** Has entries executed in a Worker, by Deno's own API. */
export class HostWorkerDriver extends WorkerDriver {
  readonly #thread: WorkerThread;

  /**
   * Starts a Worker, without waiting for it: a thread that blocks can do so.
   *
   * @param options the sizes of the ring
   * @param isPrivate whether its program asks whether sockets are ready rather than to be told
   * @param entry the Worker's module
   * @param leave ends the thread that blocks, where it is to end
   * @returns a driver that takes entries at once; should the Worker not start, all of them fail
   */
  static begin(
    options: DriverOptions,
    isPrivate: boolean,
    entry: URL = ENTRY,
    leave?: () => void,
  ): HostWorkerDriver {
    const memory = RingMemory.create(options.plan);
    const thread = new WorkerThread(KIND, entry, (status): WorkerStart => ({
      memory: memory.handle(),
      timeOrigin: performance.timeOrigin,
      status,
      isPrivate,
    }));
    return new HostWorkerDriver(options, memory, thread, leave);
  }

  /**
   * Starts a Worker whose ring a thread may block on: see {@linkcode RingDriver.openPrivate}.
   *
   * @param beside the driver of the same thread, which knows whether the thread is to end
   * @throws {Error} when Deno would not load its modules
   */
  static beginPrivate(plan: MemoryPlan, beside: RingDriver): HostWorkerDriver {
    const refusal = hostWorkerRefusal();
    if (refusal !== "") throw new Error(refusal);
    const options: DriverOptions = { plan, worker: true, without: {}, why: "" };
    return HostWorkerDriver.begin(options, true, ENTRY, () => beside.leaveIfAsked?.());
  }

  private constructor(
    options: DriverOptions,
    memory: RingMemory,
    thread: WorkerThread,
    leave?: () => void,
  ) {
    const table = tableOf(options.ledger);
    super({
      kind: KIND,
      why: options.why,
      memory,
      supported: supportedOpcodes(SOFTWARE_OPCODES, options.without.opcodes),
      features: softwareFeatures(options.without),
      consumer: new OneRing(thread),
      spinTurns: 0,
      leaveIfAsked: leave ?? (() => leaveIfAsked(table)),
      openPrivate: (plan) => HostWorkerDriver.beginPrivate(plan, this),
    });
    this.#thread = thread;
  }

  /** Why the Worker did not start, "" once it runs. */
  get started(): Promise<string> {
    return this.#thread.started;
  }

  /** {@inheritDoc RingDriver.start} */
  override start(host: DriverHost): void {
    super.start(host);
    // What keeps the process alive is the work that is pending, not the thread that waits for it.
    this.#thread.unref();
  }
}
