/**
 * The host driver with its consumer in a Worker: the same executor over the same ring memory.
 *
 * Both sides sleep by io_uring's own protocol: whoever is about to sleep raises a flag, looks once
 * more, and parks on the other's tail word; who publishes notifies only when the flag is up.
 *
 * @module
 */

import process from "node:process";
import type { Worker } from "node:worker_threads";
import { loadAcquire, MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import { CompletionQueue, hasCompletions } from "../../ring/completion.ts";
import { awaitCompletion, parkForCompletion, wakeConsumer } from "../../ring/consumer.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { leaveIfAsked, tableOf } from "../leave.ts";
import type { DriverOptions } from "../options.ts";
import { KeepAlive } from "./keep_alive.ts";
import { hostFeatures, hostOpcodes, OPCODES } from "./opcodes.ts";
import { Turns } from "./turns.ts";
import {
  CLOSE_MESSAGE,
  CLOSED_MESSAGE,
  READY_MESSAGE,
  type WorkerStart,
} from "./worker_messages.ts";
import { WorkerState, WorkerStatus } from "./worker_status.ts";

/** How long the Worker may take to close its sockets before it is ended anyway. */
const CLOSE_LIMIT_MS = 5000;
/** How long it may take to start: one whose module cannot be loaded tells only the event loop. */
const START_LIMIT_MS = 10_000;

const ENTRY = new URL("./worker.ts", import.meta.url);

/** Why a driver Worker cannot be started here, "" where it can. */
export function workerRefusal(): string {
  const root = new URL("../../", ENTRY);
  if (root.protocol !== "file:") return "";
  const { state } = Deno.permissions.querySync({ name: "read", path: root });
  return state === "granted" ? "" : `host: a driver Worker needs --allow-read=${root.pathname}`;
}

/** Has entries executed in a Worker. */
export class HostWorkerDriver implements RingDriver {
  readonly kind = "host";
  readonly why: string;
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side = null;
  readonly routes: Uint8Array = new Uint8Array(OPCODES);
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly ledger = null;
  readonly #leaveIfAsked: () => void;
  readonly spinTurns = 0;
  readonly breatheTurns = 0;
  /** Why the Worker did not start, "" once it runs. */
  readonly started: Promise<string>;
  readonly #worker: Worker;
  readonly #status: WorkerStatus;
  readonly #startedAt: number = performance.now();
  readonly #completions: CompletionQueue;
  // A park can end late, or not at all while nothing else happens: the timer looks, too.
  readonly #keepAlive = new KeepAlive(() => this.#look(), MAXIMUM_PARK_MS);
  readonly #turns = new Turns(() => this.#host?.run());
  readonly #onUnparked = (): void => this.#unparked();
  #host: DriverHost | null = null;
  #isAsleep = false;
  #isParked = false;
  #hasStarted = false;
  #isClosing = false;
  #failure: string | undefined;

  /**
   * Starts a Worker, without waiting for it: a thread that blocks can do so.
   *
   * @param options the sizes of the ring
   * @param isPrivate whether its program asks whether sockets are ready rather than to be told
   * @param entry the Worker's module
   * @param leave ends the thread that blocks, where it is to end
   * @returns a driver that takes entries at once; should the Worker not start, all of them fail
   */
  static start(
    options: DriverOptions,
    isPrivate: boolean,
    entry: URL = ENTRY,
    leave?: () => void,
  ): HostWorkerDriver {
    // Loaded when it is asked for, and at once: `import()` would need the event loop.
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    const memory = RingMemory.create(options.plan);
    const status = new WorkerStatus();
    const workerData: WorkerStart = {
      memory: memory.handle(),
      timeOrigin: performance.timeOrigin,
      status: status.buffer,
      isPrivate,
    };
    const worker = new Worker(asWorkerUrl(entry), { workerData });
    return new HostWorkerDriver(options, memory, worker, status, leave);
  }

  /**
   * Starts a Worker whose ring a thread may block on: see {@linkcode RingDriver.openPrivate}.
   *
   * @param beside the driver of the same thread, which knows whether the thread is to end
   * @throws {Error} when Deno would not load its modules
   */
  static startPrivate(plan: MemoryPlan, beside: RingDriver): HostWorkerDriver {
    const refusal = workerRefusal();
    if (refusal !== "") throw new Error(refusal);
    const options: DriverOptions = { plan, worker: true, without: {}, why: "" };
    return HostWorkerDriver.start(options, true, ENTRY, () => beside.leaveIfAsked?.());
  }

  private constructor(
    options: DriverOptions,
    memory: RingMemory,
    worker: Worker,
    status: WorkerStatus,
    leave?: () => void,
  ) {
    const table = tableOf(options.ledger);
    this.#leaveIfAsked = leave ?? (() => leaveIfAsked(table));
    this.why = options.why;
    this.supported = hostOpcodes(options.without);
    this.features = hostFeatures(options.without);
    this.memory = memory;
    this.main = layRing(memory);
    this.#completions = new CompletionQueue(this.main);
    this.#worker = worker;
    this.#status = status;
    this.started = new Promise((resolve) => {
      worker.on("error", (error) => {
        this.#fail(String(error));
        resolve(this.#failure!);
      });
      worker.on("exit", () => {
        if (!this.#isClosing) this.#fail("it has ended");
        resolve(this.#failure ?? "");
      });
      worker.once("message", (message) => {
        if (message !== READY_MESSAGE) this.#fail(`unexpected message ${message}`);
        resolve(this.#failure ?? "");
      });
    });
  }

  /** {@inheritDoc RingDriver.failure} */
  get failure(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const { state } = this.#status;
    if (state === WorkerState.FAILED) {
      this.#note(this.#status.reason);
    } else if (state === WorkerState.RUNNING) {
      this.#hasStarted = true;
    } else if (performance.now() - this.#startedAt > START_LIMIT_MS) {
      this.#note(`it does not run after ${START_LIMIT_MS} ms`);
    }
    return this.#failure;
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  openPrivate(plan: MemoryPlan): RingDriver {
    return HostWorkerDriver.startPrivate(plan, this);
  }

  /** {@inheritDoc RingDriver.leaveIfAsked} */
  leaveIfAsked(): void {
    this.#leaveIfAsked();
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
    // What keeps the process alive is the work that is pending, not the thread that waits for it.
    this.#worker.unref();
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number): number {
    if (this.failure !== undefined) return -Errno.EIO;
    this.#awake();
    if (pending > 0 || this.#completions.hasOverflow) wakeConsumer(this.main);
    // A full queue has others waiting behind it: they need another turn, which nothing else asks
    // for. All else the Worker takes on its own.
    return pending < this.main.sqEntries ? pending : 0;
  }

  /** {@inheritDoc RingDriver.enterSide} */
  enterSide(): void {}

  /** {@inheritDoc RingDriver.defer} */
  defer(): void {
    this.#turns.defer();
  }

  /** {@inheritDoc RingDriver.breathe} */
  breathe(): void {
    this.#turns.breathe();
  }

  /** {@inheritDoc RingDriver.sleep} */
  sleep(alive: boolean): boolean {
    this.#completions.announceSleep();
    this.#isAsleep = true;
    this.#keepAlive.start();
    if (this.#hasWork() || !this.#park()) {
      this.#awake();
      return false;
    }
    this.#keepAlive.set(alive);
    return true;
  }

  /** {@inheritDoc RingDriver.park} */
  park(timeoutMs: number): void {
    this.#completions.announceSleep();
    if (!this.#hasWork()) parkForCompletion(this.main, timeoutMs);
    this.#completions.announceAwake();
    this.#leaveIfAsked();
  }

  /** {@inheritDoc RingDriver.keepAlive} */
  keepAlive(alive: boolean): void {
    this.#keepAlive.set(alive);
  }

  /** {@inheritDoc RingDriver.now} */
  now(): number {
    return performance.now();
  }

  /** {@inheritDoc RingDriver.close} */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#host = null;
    this.#awake();
    this.#keepAlive.close();
    if (this.failure === undefined) await this.#closeWorker();
    await this.#worker.terminate();
  }

  /** Has the Worker close its sockets: ending it would leave them to the garbage collector. */
  async #closeWorker(): Promise<void> {
    const worker = this.#worker;
    worker.ref();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      const settle = () => {
        clearTimeout(timer);
        resolve();
      };
      worker.on("message", (message) => {
        if (message === CLOSED_MESSAGE) settle();
      });
      worker.on("exit", settle);
      worker.postMessage(CLOSE_MESSAGE);
    });
  }

  #fail(reason: string): void {
    this.#note(reason);
    this.#host?.wake();
  }

  #note(reason: string): void {
    const what = this.#hasStarted ? "has ended" : "did not start";
    this.#failure ??= `host: the driver Worker ${what}: ${reason}`;
  }

  #hasWork(): boolean {
    return hasCompletions(this.main) || this.#completions.hasOverflow;
  }

  #awake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    this.#completions.announceAwake();
  }

  /** Parks on the tail of the completion queue. @returns false when it has moved already */
  #park(): boolean {
    // A park from before is still good: the next notification ends it.
    if (this.#isParked) return true;
    const { words, cqHead } = this.main;
    const seen = loadAcquire(words, cqHead);
    const parked = awaitCompletion(this.main, seen, MAXIMUM_PARK_MS);
    if (parked === null) return false;
    this.#isParked = true;
    parked.then(this.#onUnparked);
    return true;
  }

  #unparked(): void {
    this.#isParked = false;
    if (!this.#look() && this.#isAsleep && !this.#park()) this.#look();
  }

  /** Runs a turn if there is something to take. @returns whether there was */
  #look(): boolean {
    if (!this.#isAsleep || !this.#hasWork()) return false;
    this.#awake();
    this.#turns.interrupted();
    this.#host?.wake();
    return true;
  }
}

/** Deno starts such Workers from files and data URLs only, but those may import anything. */
function asWorkerUrl(entry: URL): URL {
  if (entry.protocol === "file:" || entry.protocol === "data:") return entry;
  const source = `import ${JSON.stringify(entry.href)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
