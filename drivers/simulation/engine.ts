/**
 * Runs a virtual network beside the programs that use it: time goes on only when no program has
 * anything to do now.
 *
 * ```text
 *            +--------------------------------------------------------------+
 *            v                                                              |
 *   programs run until they are quiet -> nothing external is awaited -> the next event
 * ```
 *
 * A program is quiet when the event loop came round without it having used the network, slept or
 * been told of anything. What it awaits elsewhere must be known as external, or time passes it by.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { VirtualNetwork } from "../../stack/sim/mod.ts";
import type { HostNodeOwner } from "./host_node.ts";
import type { PipeNode } from "./pipe_node.ts";
import { Sleepers } from "./sleepers.ts";

/** Why a run could not go on. */
export type EngineFailure =
  /** Nothing will ever happen any more. */
  | "stalled"
  /** It took longer than it may. */
  | "limit";

/** What an engine goes by. */
export interface EngineOptions {
  /** Virtual time, in microseconds, that is not passed. */
  readonly limit: number;
  /** Whether virtual time keeps to real time. */
  readonly isRealTime: boolean;
}

/** Events between two looks at the real clock. */
const EVENTS_PER_LOOK = 256;
/** Milliseconds of real time after which Deno's own work gets its turn. */
const SLICE_MS = 8;
/** Milliseconds of real time in which something may still come from elsewhere. */
const PATIENCE_MS = 1000;
const PATIENCE_STEP_MS = 2;
const MICROSECONDS = 1000;
/** In real time, it looks around at least so often. */
const REAL_TIME_STEP_MS = 50;

/** Runs a network and its programs in turn. */
export class SimulationEngine implements HostNodeOwner {
  readonly network: VirtualNetwork;
  /** Who sleeps in virtual time. */
  readonly sleepers: Sleepers;
  /** The sleepers' number in the network. */
  readonly #sleepersNode: number;
  readonly #options: EngineOptions;
  /** Counts what programs do. */
  #activity = 0;
  /** A program was told of something. */
  #isWoken = false;
  #jobs = 0;
  #external = 0;
  #onExternal: (() => void) | null = null;
  #loop: Promise<void> | null = null;
  #failure: ((why: EngineFailure) => void)[] = [];
  readonly #pipes: { readonly node: PipeNode; readonly number: number }[] = [];
  /** Real and virtual time when the loop began, in microseconds. */
  #realStart = 0;
  #virtualStart = 0;

  /** @param network whose time it has advanced by nobody else */
  constructor(network: VirtualNetwork, options: EngineOptions) {
    this.network = network;
    this.#options = options;
    this.sleepers = new Sleepers(() => {
      this.#isWoken = true;
    });
    this.#sleepersNode = network.add("sleeping programs", this.sleepers);
  }

  /** Promises that programs await and that are not the network's. */
  get external(): number {
    return this.#external;
  }

  /** Adds a node that other threads send frames to. */
  addPipe(node: PipeNode, number: number): void {
    this.#pipes.push({ node, number });
  }

  /** {@inheritDoc HostNodeOwner.onCompletions} */
  onCompletions(): void {
    this.#isWoken = true;
  }

  /** Notes that a program did something: it is not quiet. */
  noteActivity(): void {
    this.#activity++;
  }

  /** Runs something before time goes on. */
  defer(run: () => void): void {
    this.#activity++;
    queueMicrotask(run);
  }

  /**
   * Has somebody woken at a time.
   *
   * @param time in microseconds
   * @returns what takes it back
   */
  sleepUntil(time: number, wake: () => void): () => void {
    this.#activity++;
    const cancel = this.sleepers.add(time, wake);
    this.network.reconsider(this.#sleepersNode);
    return () => {
      cancel();
      this.network.reconsider(this.#sleepersNode);
    };
  }

  /** Waits for something that is not the network's; time stands still meanwhile. */
  async waitExternally<Value>(promise: PromiseLike<Value>): Promise<Value> {
    this.#external++;
    try {
      return await promise;
    } finally {
      this.#external--;
      this.#activity++;
      this.#onExternal?.();
    }
  }

  /**
   * Lets time pass until a program has ended.
   *
   * @param fail makes the error of a run that cannot go on
   */
  async run<Value>(
    program: () => PromiseLike<Value> | Value,
    fail: (why: EngineFailure) => Error,
  ): Promise<Value> {
    this.#jobs++;
    let onFailure = (_why: EngineFailure): void => {};
    const failed = new Promise<never>((_, reject) => {
      onFailure = (why) => reject(fail(why));
    });
    this.#failure.push(onFailure);
    try {
      const result = (async () => await program())();
      this.#loop ??= this.#runLoop();
      return await Promise.race([result, failed]);
    } finally {
      this.#jobs--;
      this.#activity++;
      this.#onExternal?.();
      this.#failure = this.#failure.filter((other) => other !== onFailure);
    }
  }

  /** Resolves when no loop runs. */
  async whenStopped(): Promise<void> {
    await this.#loop;
  }

  async #runLoop(): Promise<void> {
    this.#realStart = performance.now() * MICROSECONDS;
    this.#virtualStart = this.network.now;
    let patience = PATIENCE_MS / PATIENCE_STEP_MS;
    try {
      while (true) {
        await this.#settle();
        if (this.#jobs === 0) return;
        if (this.#external > 0) {
          await this.#waitForExternal();
        } else if (this.#advance()) {
          patience = PATIENCE_MS / PATIENCE_STEP_MS;
        } else if (this.network.nextTime < Infinity && !this.#options.isRealTime) {
          return this.#fail("limit");
        } else if (this.#options.isRealTime) {
          await this.#waitForReality();
        } else if (patience-- > 0) {
          await delay(PATIENCE_STEP_MS);
        } else {
          return this.#fail("stalled");
        }
      }
    } finally {
      this.#loop = null;
    }
  }

  #fail(why: EngineFailure): void {
    for (const fail of this.#failure) fail(why);
  }

  /** Lets programs run until the event loop comes round without any of them doing something. */
  async #settle(): Promise<void> {
    let before: number;
    do {
      before = this.#activity;
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (before !== this.#activity);
  }

  /** Until the next event is due, another thread sends something, or a program has ended. */
  #waitForReality(): Promise<void> {
    const untilNextMs = (this.network.nextTime - this.#until()) / MICROSECONDS;
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(), Math.min(untilNextMs, REAL_TIME_STEP_MS));
      const end = () => {
        clearTimeout(timer);
        this.#onExternal = null;
        resolve();
      };
      this.#onExternal = end;
      for (const { node } of this.#pipes) if (!node.sleep(end)) end();
    });
  }

  #waitForExternal(): Promise<void> {
    return new Promise((resolve) => {
      this.#onExternal = () => {
        this.#onExternal = null;
        resolve();
      };
    });
  }

  /** Goes from event to event until a program is told of something. @returns whether there was one */
  #advance(): boolean {
    const { network } = this;
    const until = this.#until();
    this.#isWoken = false;
    if (this.#options.isRealTime) this.#keepUp(until);
    const started = performance.now();
    for (let count = 0; !this.#isWoken; count++) {
      if (!network.advance(until)) return count > 0;
      if (count % EVENTS_PER_LOOK === 0 && performance.now() - started > SLICE_MS) break;
    }
    return true;
  }

  /** What comes from elsewhere comes now, not when the last event was. */
  #keepUp(until: number): void {
    const { network } = this;
    for (const { node, number } of this.#pipes) {
      node.awake();
      if (!node.hasFrames()) continue;
      if (network.nextTime > until) network.runUntil(until);
      network.wake(number);
    }
  }

  /** How far time may go on now. */
  #until(): number {
    const { limit, isRealTime } = this.#options;
    if (!isRealTime) return limit;
    const elapsed = performance.now() * MICROSECONDS - this.#realStart;
    return Math.min(limit, this.#virtualStart + Math.floor(elapsed));
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
