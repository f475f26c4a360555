/**
 * A ring of a stack that runs in the isolate of its program: entering the ring is a function call.
 *
 * @module
 */

import { hasCompletions } from "../../ring/completion.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import { layRing } from "../../ring/geometry.ts";
import type { MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { KeepAlive } from "../machine/keep_alive.ts";
import { OPCODES } from "../machine/opcodes.ts";
import { Turns } from "../machine/turns.ts";
import type { FeatureMask } from "../options.ts";
import type { StackExecutor } from "./executor.ts";
import { stackFeatures, stackOpcodes } from "./opcodes.ts";
import type { StackHost } from "./stack_host.ts";
import { allocateRingMemory } from "./user_memory.ts";

const MICROSECONDS = 1000;

/** What a ring of a stack is made of. */
export interface StackDriverOptions {
  readonly host: StackHost;
  readonly plan: MemoryPlan;
  readonly without: FeatureMask;
  readonly why: string;
  /** Called when the ring has been closed: whoever owns the stack may end it. */
  readonly onClosed?: () => Promise<void>;
}

/** Executes entries in the isolate that submits them, with the sockets of a stack. */
export class StackDriver implements RingDriver {
  readonly kind = "stack";
  readonly why: string;
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side = null;
  readonly routes: Uint8Array = new Uint8Array(OPCODES);
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly ledger = null;
  /** One quiet turn without, and one with a look at the ports that takes a moment. */
  readonly spinTurns = 1;
  readonly breatheTurns = 0;
  readonly #stack: StackHost;
  readonly #executor: StackExecutor;
  readonly #onClosed: (() => Promise<void>) | undefined;
  readonly #keepAlive = new KeepAlive();
  readonly #turns = new Turns(() => this.#host?.run());
  readonly #wake = (): void => this.#wakeHost();
  readonly #hasCompletions = (): boolean => hasCompletions(this.main);
  #host: DriverHost | null = null;
  #isWaking = false;
  #isEntering = false;

  /** @param options what it is made of */
  constructor(options: StackDriverOptions) {
    const { host, plan, without } = options;
    const ring = allocateRingMemory(plan);
    this.why = options.why;
    this.supported = stackOpcodes(without);
    this.features = stackFeatures(without);
    this.memory = ring.memory;
    this.main = layRing(ring.memory);
    this.#stack = host;
    this.#onClosed = options.onClosed;
    this.#executor = host.attach(ring, () => this.#posted(), 0);
  }

  /** What runs the stack. */
  get stackHost(): StackHost {
    return this.#stack;
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  openPrivate(): RingDriver {
    throw new Error(
      "stack: a thread cannot block on a stack of its own: ask for one in a Worker, worker: true",
    );
  }

  /** Opens another ring on the same stack, which is closed first. */
  openSibling(plan: MemoryPlan): StackDriver {
    return new StackDriver({ host: this.#stack, plan, without: {}, why: "" });
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number, mayLinger: boolean): number {
    // What completes meanwhile is taken by the very turn that has entered.
    this.#isEntering = true;
    this.#stack.runUntil(this.#hasCompletions);
    if (mayLinger && !hasCompletions(this.main)) {
      this.#stack.linger();
      this.#stack.runUntil(this.#hasCompletions);
    }
    this.#isEntering = false;
    return pending;
  }

  /** {@inheritDoc RingDriver.enterSide} */
  enterSide(): void {}

  /** {@inheritDoc RingDriver.defer} */
  defer(): void {
    const { clock } = this.#stack;
    if (clock.defer === undefined) this.#turns.defer();
    else clock.defer(() => this.#host?.run());
  }

  /** {@inheritDoc RingDriver.breathe} */
  breathe(): void {
    const { clock } = this.#stack;
    if (clock.defer === undefined) this.#turns.breathe();
    else clock.defer(() => this.#host?.run());
  }

  /** {@inheritDoc RingDriver.sleep} */
  sleep(alive: boolean): boolean {
    if (this.#executor.consumer.backlog > 0 || hasCompletions(this.main)) return false;
    this.keepAlive(alive);
    this.#stack.rest();
    return true;
  }

  /** {@inheritDoc RingDriver.keepAlive} */
  keepAlive(alive: boolean): void {
    this.#keepAlive.set(alive);
  }

  /** {@inheritDoc RingDriver.now} */
  now(): number {
    return this.#stack.clock.now() / MICROSECONDS;
  }

  /** {@inheritDoc RingDriver.close} */
  async close(): Promise<void> {
    this.#host = null;
    // What is still to be closed is unreferenced: the process must see it through.
    this.#keepAlive.set(true);
    await this.#stack.detach(this.#executor);
    await this.#onClosed?.();
    this.#keepAlive.close();
  }

  /** A step completes many operations in one go: one turn hands all of them out. */
  #posted(): void {
    if (this.#isWaking || this.#isEntering) return;
    this.#isWaking = true;
    queueMicrotask(this.#wake);
  }

  #wakeHost(): void {
    this.#isWaking = false;
    this.#turns.interrupted();
    this.#host?.wake();
  }
}
