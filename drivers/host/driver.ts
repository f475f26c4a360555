/**
 * The host driver in the isolate of its program: entering the ring is a function call.
 *
 * @module
 */

import { hasCompletions } from "../../ring/completion.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { leaveIfAsked, tableOf } from "../leave.ts";
import type { DescriptorTable } from "../../ring/descriptor_table.ts";
import type { DriverOptions } from "../options.ts";
import { Executor } from "./executor.ts";
import { KeepAlive } from "../machine/keep_alive.ts";
import { OPCODES } from "../machine/opcodes.ts";
import { hostFeatures, hostOpcodes } from "./opcodes.ts";
import { PlainRounds } from "./rounds.ts";
import { Turns } from "../machine/turns.ts";
import { HostWorkerDriver } from "./worker_driver.ts";

/** Executes entries in the isolate that submits them. */
export class HostDriver implements RingDriver {
  readonly kind = "host";
  readonly why: string;
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side = null;
  readonly routes: Uint8Array = new Uint8Array(OPCODES);
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly ledger = null;
  readonly #table: DescriptorTable | null;
  readonly spinTurns = 0;
  readonly breatheTurns = 0;
  readonly #executor: Executor;
  readonly #keepAlive = new KeepAlive();
  readonly #turns = new Turns(() => this.#host?.run());
  readonly #wake = (): void => this.#wakeHost();
  #host: DriverHost | null = null;
  #isWaking = false;

  /** @param options the sizes of the ring, and what to do without */
  constructor(options: DriverOptions) {
    this.why = options.why;
    this.#table = tableOf(options.ledger);
    this.supported = hostOpcodes(options.without);
    this.features = hostFeatures(options.without);
    this.memory = RingMemory.create(options.plan);
    this.main = layRing(this.memory);
    const rounds = new PlainRounds();
    this.#executor = new Executor(this.memory, this.main, () => this.#posted(), rounds);
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  openPrivate(plan: MemoryPlan): RingDriver {
    return HostWorkerDriver.beginPrivate(plan, this);
  }

  /** {@inheritDoc RingDriver.leaveIfAsked} */
  leaveIfAsked(): void {
    leaveIfAsked(this.#table);
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number): number {
    this.#executor.consume();
    return pending;
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
    if (this.#executor.consumer.backlog > 0 || hasCompletions(this.main)) return false;
    this.keepAlive(alive);
    return true;
  }

  /** {@inheritDoc RingDriver.keepAlive} */
  keepAlive(alive: boolean): void {
    this.#executor.setAlive(alive);
    this.#keepAlive.set(alive);
  }

  /** {@inheritDoc RingDriver.now} */
  now(): number {
    return performance.now();
  }

  /** {@inheritDoc RingDriver.close} */
  async close(): Promise<void> {
    this.#host = null;
    // What Deno must let go of is unreferenced: the process must see it through.
    this.#keepAlive.set(true);
    await this.#executor.close();
    this.#keepAlive.close();
  }

  /** Deno settles what is ready in one go: one turn hands all of it out. */
  #posted(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    queueMicrotask(this.#wake);
  }

  #wakeHost(): void {
    this.#isWaking = false;
    this.#turns.interrupted();
    this.#host?.wake();
  }
}
