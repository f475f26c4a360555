/**
 * A ring whose consumer is in the isolate of its program: entering the ring is a function call.
 *
 * @module
 */

import { hasCompletions } from "../../ring/completion.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import type { MemoryPlan, RingMemory } from "../../ring/memory.ts";
import type { Executor } from "./executor.ts";
import { KeepAlive } from "./keep_alive.ts";
import { OPCODES } from "./opcodes.ts";
import { Turns } from "./turns.ts";

/** What a ring with a consumer in the same isolate is made of. */
export interface LocalDriverParts {
  readonly kind: string;
  readonly why: string;
  readonly memory: RingMemory;
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  /** Empty turns to spin through before sleeping. */
  readonly spinTurns: number;
}

/** Executes entries in the isolate that submits them. */
export abstract class LocalDriver implements RingDriver {
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
  protected abstract readonly executor: Executor;
  protected host: DriverHost | null = null;
  readonly #keepAlive = new KeepAlive();
  readonly #turns = new Turns(() => this.host?.run());
  readonly #wake = (): void => this.#wakeHost();
  #isWaking = false;

  /** @param parts what it is made of */
  constructor(parts: LocalDriverParts) {
    this.kind = parts.kind;
    this.why = parts.why;
    this.memory = parts.memory;
    this.main = layRing(parts.memory);
    this.supported = parts.supported;
    this.features = parts.features;
    this.spinTurns = parts.spinTurns;
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  abstract openPrivate(plan: MemoryPlan): RingDriver;

  /** {@inheritDoc RingDriver.enter} */
  abstract enter(pending: number, mayLinger: boolean): number;

  /** Has the executor let go of everything, and whoever runs it. */
  protected abstract end(): Promise<void>;

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.host = host;
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
    if (this.executor.consumer.backlog > 0 || hasCompletions(this.main)) return false;
    this.keepAlive(alive);
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
    this.host = null;
    // What is still to be closed is unreferenced: the process must see it through.
    this.#keepAlive.set(true);
    await this.end();
    this.#keepAlive.close();
  }

  /** Many operations complete in one go: one turn hands all of them out. */
  protected posted(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    queueMicrotask(this.#wake);
  }

  #wakeHost(): void {
    this.#isWaking = false;
    this.#turns.interrupted();
    this.host?.wake();
  }
}
