/**
 * The host driver with its consumer in a Worker: the same executor over the same ring memory.
 *
 * Both sides sleep by io_uring's own protocol: whoever is about to sleep raises a flag, looks once
 * more, and parks on the other's tail word; who publishes notifies only when the flag is up.
 *
 * @module
 */

import type { Worker } from "node:worker_threads";
import { loadAcquire, MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import { CompletionQueue } from "../../ring/completion.ts";
import { awaitCompletion, wakeConsumer } from "../../ring/consumer.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { DriverOptions } from "../options.ts";
import { hasCompletions, hostFeatures, hostOpcodes } from "./driver.ts";
import { OPCODES } from "./handlers.ts";
import { KeepAlive } from "./keep_alive.ts";
import { Turns } from "./turns.ts";
import { CLOSE_MESSAGE, CLOSED_MESSAGE } from "./worker_messages.ts";

/** How long the Worker may take to close its sockets before it is ended anyway. */
const CLOSE_LIMIT_MS = 5000;

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
  readonly spinTurns = 0;
  readonly breatheTurns = 0;
  readonly #worker: Worker;
  readonly #completions: CompletionQueue;
  // A park can end late, or not at all while nothing else happens: the timer looks, too.
  readonly #keepAlive = new KeepAlive(() => this.#look(), MAXIMUM_PARK_MS);
  readonly #turns = new Turns(() => this.#host?.run());
  readonly #onUnparked = (): void => this.#unparked();
  #host: DriverHost | null = null;
  #isAsleep = false;
  #isParked = false;
  #hasFailed = false;

  /**
   * @param memory that the Worker has attached
   * @param worker which has said that it is ready
   */
  constructor(options: DriverOptions, memory: RingMemory, worker: Worker) {
    this.why = options.why;
    this.supported = hostOpcodes(options.without);
    this.features = hostFeatures(options.without);
    this.memory = memory;
    this.main = layRing(memory);
    this.#completions = new CompletionQueue(this.main);
    this.#worker = worker;
    worker.on("error", () => this.#fail());
    // What keeps the process alive is the work that is pending, not the thread that waits for it.
    worker.unref();
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number): number {
    if (this.#hasFailed) return -Errno.EIO;
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
    this.#host = null;
    this.#awake();
    this.#keepAlive.close();
    if (!this.#hasFailed) await this.#closeWorker();
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

  #fail(): void {
    this.#hasFailed = true;
    this.#host?.wake();
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
