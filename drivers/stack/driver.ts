/**
 * A ring of a stack that runs in the isolate of its program.
 *
 * @module
 */

import { hasCompletions } from "../../ring/completion.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { LocalDriver } from "../machine/local_driver.ts";
import { softwareFeatures, supportedOpcodes } from "../machine/opcodes.ts";
import type { FeatureMask } from "../options.ts";
import type { StackExecutor } from "./executor.ts";
import { STACK_OPCODES } from "./opcodes.ts";
import type { StackHost } from "./stack_host.ts";
import { allocateRingMemory } from "./user_memory.ts";

const MICROSECONDS = 1000;
/** One quiet turn without, and one with a look at the ports that takes a moment. */
const SPIN_TURNS = 1;

/** What a ring of a stack is made of. */
export interface StackDriverOptions {
  readonly host: StackHost;
  readonly plan: MemoryPlan;
  readonly without: FeatureMask;
  readonly why: string;
  /** Called when the ring has been closed: whoever owns the stack may end it. */
  readonly onClosed?: () => Promise<void>;
  /** Which host serves another ring on the same stack; this one. */
  readonly next?: () => StackHost;
}

/** Executes entries in the isolate that submits them, with the sockets of a stack. */
export class StackDriver extends LocalDriver {
  protected override readonly executor: StackExecutor;
  readonly #stack: StackHost;
  readonly #onClosed: (() => Promise<void>) | undefined;
  readonly #next: (() => StackHost) | undefined;
  readonly #hasCompletions = (): boolean => hasCompletions(this.main);
  readonly #run = (): void => this.host?.run();
  #isEntering = false;

  /** @param options what it is made of */
  constructor(options: StackDriverOptions) {
    const { host, plan, without, why } = options;
    const ring = allocateRingMemory(plan);
    super({
      kind: "stack",
      why,
      memory: ring.memory,
      supported: supportedOpcodes(STACK_OPCODES, without.opcodes),
      features: softwareFeatures(without),
      spinTurns: SPIN_TURNS,
    });
    this.#stack = host;
    this.#onClosed = options.onClosed;
    this.#next = options.next;
    this.executor = host.attach(ring, () => this.posted(), 0);
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  override openPrivate(): RingDriver {
    throw new Error(
      "stack: a thread cannot block on a stack of its own: ask for one in a Worker, worker: true",
    );
  }

  /** Opens another ring on the same stack, which is closed first. */
  openSibling(plan: MemoryPlan): StackDriver {
    const next = this.#next;
    return new StackDriver({ host: next?.() ?? this.#stack, plan, without: {}, why: "", next });
  }

  /** {@inheritDoc RingDriver.enter} */
  override enter(pending: number, mayLinger: boolean): number {
    this.#isEntering = true;
    this.#stack.runUntil(this.#hasCompletions, mayLinger);
    this.#isEntering = false;
    return pending;
  }

  /** {@inheritDoc RingDriver.defer} */
  override defer(): void {
    const { clock } = this.#stack;
    if (clock.defer === undefined) super.defer();
    else clock.defer(this.#run);
  }

  /** {@inheritDoc RingDriver.breathe} */
  override breathe(): void {
    const { clock } = this.#stack;
    if (clock.defer === undefined) super.breathe();
    else clock.defer(this.#run);
  }

  /** {@inheritDoc RingDriver.sleep} */
  override sleep(alive: boolean): boolean {
    if (!super.sleep(alive)) return false;
    this.#stack.rest();
    return true;
  }

  /** {@inheritDoc RingDriver.now} */
  override now(): number {
    return this.#stack.clock.now() / MICROSECONDS;
  }

  /** {@inheritDoc LocalDriver.end} */
  protected override async end(): Promise<void> {
    await this.#stack.detach(this.executor);
    await this.#onClosed?.();
  }

  /** What completes while the ring is entered is taken by the very turn that has entered. */
  protected override posted(): void {
    if (this.#isEntering) return;
    super.posted();
    // In virtual time nobody gains by it; and a ring that is being closed has no turns any more.
    if (this.host !== null && this.#stack.clock.defer === undefined) this.#stack.handOver();
  }
}
