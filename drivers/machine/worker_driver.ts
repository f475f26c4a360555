/**
 * A ring whose consumer is another thread.
 *
 * Both sides sleep by io_uring's own protocol: whoever is about to sleep raises a flag, looks once
 * more, and parks on the other's tail word; who publishes notifies only when the flag is up.
 *
 * @module
 */

import { loadAcquire, MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import { CompletionQueue, hasCompletions } from "../../ring/completion.ts";
import { awaitCompletion, parkForCompletion } from "../../ring/consumer.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import type { MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { KeepAlive } from "./keep_alive.ts";
import { OPCODES } from "./opcodes.ts";
import { Turns } from "./turns.ts";

/** The thread that consumes a ring, as the ring's driver sees it. */
export interface RemoteConsumer {
  /** Why nothing is consumed any more, undefined while it is. */
  readonly failure: string | undefined;
  /** Says who is told that nothing is consumed any more. */
  bind(onFailure: () => void): void;
  /** Wakes it if it sleeps; called after entries were published. */
  wake(geometry: RingGeometry): void;
  /** Has it let go of the ring. */
  close(): Promise<void>;
}

/** What a ring with a consumer on another thread is made of. */
export interface WorkerDriverParts {
  readonly kind: string;
  readonly why: string;
  readonly memory: RingMemory;
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly consumer: RemoteConsumer;
  /** Empty turns to spin through before sleeping. */
  readonly spinTurns: number;
  readonly leaveIfAsked: () => void;
  readonly openPrivate: (plan: MemoryPlan) => RingDriver;
}

/** Has entries executed by another thread. */
export class WorkerDriver implements RingDriver {
  readonly kind: string;
  readonly why: string;
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side = null;
  readonly routes: Uint8Array = new Uint8Array(OPCODES);
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly ledger = null;
  readonly spinTurns: number;
  readonly breatheTurns = 0;
  readonly #parts: WorkerDriverParts;
  readonly #consumer: RemoteConsumer;
  readonly #completions: CompletionQueue;
  // A park can end late, or not at all while nothing else happens: the timer looks, too.
  readonly #keepAlive = new KeepAlive(() => this.#look(), MAXIMUM_PARK_MS);
  readonly #turns = new Turns(() => this.#host?.run());
  readonly #onUnparked = (): void => this.#unparked();
  #host: DriverHost | null = null;
  #isAsleep = false;
  #isParked = false;

  /** @param parts what it is made of */
  constructor(parts: WorkerDriverParts) {
    this.#parts = parts;
    this.kind = parts.kind;
    this.why = parts.why;
    this.supported = parts.supported;
    this.features = parts.features;
    this.memory = parts.memory;
    this.spinTurns = parts.spinTurns;
    this.main = layRing(parts.memory);
    this.#completions = new CompletionQueue(this.main);
    this.#consumer = parts.consumer;
    this.#consumer.bind(() => this.#host?.wake());
  }

  /** {@inheritDoc RingDriver.failure} */
  get failure(): string | undefined {
    return this.#consumer.failure;
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  openPrivate(plan: MemoryPlan): RingDriver {
    return this.#parts.openPrivate(plan);
  }

  /** {@inheritDoc RingDriver.leaveIfAsked} */
  leaveIfAsked(): void {
    this.#parts.leaveIfAsked();
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number): number {
    if (this.failure !== undefined) return -Errno.EIO;
    this.#awake();
    if (pending > 0 || this.#completions.hasOverflow) this.#consumer.wake(this.main);
    // A full queue has others waiting behind it: they need another turn, which nothing else asks
    // for. All else the consumer takes on its own.
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
    this.leaveIfAsked();
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
    await this.#consumer.close();
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
