/**
 * A ring's consumer that does what a test tells it, under virtual time: the reactor's protocol can
 * be watched call by call.
 *
 * @module
 */

import { RingConsumer } from "../../ring/consumer.ts";
import { hasCompletions } from "../../ring/completion.ts";
import type { DriverFeatures, DriverHost, RingDriver } from "../../ring/driver.ts";
import { layRing, laySideRing, type RingGeometry } from "../../ring/geometry.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { Reactor } from "../../ring/reactor.ts";
import {
  SQE_WORDS,
  W_ADDRESS,
  W_FD,
  W_OFFSET,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CancelFlag, FIRST_DRIVER_OP, Op, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import { SMALL_PLAN } from "./ring.ts";

/** An entry that the driver took. */
export interface TakenEntry {
  readonly opcode: number;
  readonly fd: number;
  readonly slot: number;
  readonly generation: number;
  readonly words: Int32Array;
  readonly isSide: boolean;
}

/** How a scripted driver differs from the plainest one. */
export interface Script {
  readonly spinTurns?: number;
  readonly breatheTurns?: number;
  readonly features?: Partial<DriverFeatures>;
  readonly plan?: Partial<MemoryPlan>;
  readonly withSide?: boolean;
}

/** Microtasks that whoever awaits the reactor may need to go on. */
const SETTLE_TICKS = 16;

interface Timer {
  readonly entry: TakenEntry;
  due: number;
}

/** See the module. */
export class ScriptedDriver implements RingDriver {
  readonly kind = "scripted";
  readonly why = "";
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side: RingGeometry | null;
  readonly routes: Uint8Array = new Uint8Array(256);
  readonly supported: Uint8Array = new Uint8Array(256).fill(1);
  readonly features: DriverFeatures;
  readonly ledger = null;
  readonly spinTurns: number;
  readonly breatheTurns: number;
  /** What the reactor called, in order. */
  readonly calls: string[] = [];
  /** Entries taken and not completed; the ring's own timer is not among them. */
  readonly taken: TakenEntry[] = [];
  /** Results of the next calls of `enter`: how many entries are taken, or an error. */
  readonly enterResults: number[] = [];
  /** Completes side entries at once with this result; null leaves them to the test. */
  sideResult: number | null = 0;
  time = 1000;
  isAlive = false;
  isAsleep = false;
  isClosed = false;
  readonly #consumer: RingConsumer;
  readonly #sideConsumer: RingConsumer | null;
  #host!: DriverHost;
  #next: "run" | "wake" | null = null;
  #timer: Timer | null = null;

  constructor(script: Script = {}) {
    this.memory = RingMemory.create({ ...SMALL_PLAN, ...script.plan });
    this.main = layRing(this.memory);
    this.side = script.withSide === true ? laySideRing(this.memory) : null;
    if (this.side !== null) this.routes.fill(1, FIRST_DRIVER_OP);
    this.spinTurns = script.spinTurns ?? 2;
    this.breatheTurns = script.breatheTurns ?? 0;
    this.features = {
      multishotAccept: true,
      multishotReceive: true,
      bufferRing: true,
      ...script.features,
    };
    this.#consumer = new RingConsumer(this.main);
    this.#sideConsumer = this.side === null ? null : new RingConsumer(this.side);
  }

  /** Whether the ring's own timer is armed, and when it is due. */
  get timeoutDue(): number | null {
    return this.#timer?.due ?? null;
  }

  /** Whether a turn is coming. */
  get isScheduled(): boolean {
    return this.#next !== null;
  }

  start(host: DriverHost): void {
    this.#host = host;
  }

  enter(pending: number): number {
    this.calls.push(`enter ${pending}`);
    this.#consumer.flushOverflow();
    const scripted = this.enterResults.shift() ?? pending;
    for (let count = 0; count < scripted; count++) this.#take(this.#consumer, false);
    return scripted;
  }

  enterSide(): void {
    const consumer = this.#sideConsumer!;
    consumer.flushOverflow();
    while (consumer.available > 0) this.#take(consumer, true);
  }

  defer(): void {
    this.calls.push("defer");
    this.#next = "run";
  }

  breathe(): void {
    this.calls.push("breathe");
    this.#next = "wake";
  }

  sleep(alive: boolean): boolean {
    const isReady = hasCompletions(this.main);
    this.calls.push(isReady ? "sleep refused" : `sleep ${alive ? "alive" : "unreferenced"}`);
    if (isReady) return false;
    this.isAlive = alive;
    this.isAsleep = true;
    return true;
  }

  keepAlive(alive: boolean): void {
    this.calls.push(`keepAlive ${alive}`);
    this.isAlive = alive;
  }

  now(): number {
    return this.time;
  }

  close(): Promise<void> {
    this.calls.push("close");
    this.isClosed = true;
    return Promise.resolve();
  }

  /** Runs the turn that was asked for. @returns false when there is none */
  turn(): boolean {
    const next = this.#next;
    this.#next = null;
    if (next === null) return false;
    this.isAsleep = false;
    if (next === "run") this.#host.run();
    else this.#host.wake();
    return true;
  }

  /** Runs turns until the reactor sleeps, and lets promises run between them. */
  async settle(): Promise<void> {
    for (let count = 0; this.turn(); count++) {
      if (count > 10_000) throw new Error("the reactor does not come to rest");
      await Promise.resolve();
    }
    for (let count = 0; count < SETTLE_TICKS; count++) await Promise.resolve();
    if (this.isScheduled) await this.settle();
  }

  /** Wakes the reactor, as a completion does while it sleeps. */
  wake(): void {
    this.isAsleep = false;
    this.#host.wake();
  }

  /** Completes an entry that was taken. */
  complete(entry: TakenEntry, result: number, flags = 0): void {
    if ((flags & 2) === 0) this.taken.splice(this.taken.indexOf(entry), 1);
    const consumer = entry.isSide ? this.#sideConsumer! : this.#consumer;
    consumer.post(entry.slot, entry.generation, result, flags);
  }

  /** Posts a completion of the test's own making. */
  post(slot: number, generation: number, result: number): void {
    this.#consumer.post(slot, generation, result, 0);
  }

  /** Lets virtual time pass; the ring's own timer fires, and wakes a sleeping reactor. */
  advance(ms: number): void {
    this.time += ms;
    const timer = this.#timer;
    if (timer === null || timer.due > this.time) return;
    this.#timer = null;
    this.post(timer.entry.slot, timer.entry.generation, -Errno.ETIME);
    if (this.isAsleep) this.wake();
  }

  #take(consumer: RingConsumer, isSide: boolean): void {
    const at = consumer.next();
    if (at < 0) throw new Error("the reactor asked for more entries than it published");
    const words = consumer.entries.slice(at, at + SQE_WORDS) as Int32Array;
    consumer.release();
    const entry: TakenEntry = {
      opcode: words[0] & 0xff,
      fd: words[W_FD],
      slot: words[W_USER_DATA],
      generation: words[W_USER_DATA + 1],
      words,
      isSide,
    };
    if (isSide && this.sideResult !== null) {
      consumer.post(entry.slot, entry.generation, this.sideResult, 0);
    } else if (!this.#isOwn(entry)) {
      this.taken.push(entry);
    }
  }

  /** Executes what concerns the ring's own timer. */
  #isOwn(entry: TakenEntry): boolean {
    const { opcode, words, slot, generation } = entry;
    const isTarget = words[W_ADDRESS] === this.#timer?.entry.slot &&
      words[W_ADDRESS + 1] === this.#timer.entry.generation;
    if (opcode === Op.TIMEOUT) {
      this.#timer = { entry, due: this.time + this.#timespecAt(words[W_ADDRESS]) };
      return true;
    }
    if (opcode === Op.TIMEOUT_REMOVE && words[W_OPERATION_FLAGS] === TimeoutFlag.UPDATE) {
      if (isTarget) this.#timer!.due = this.time + this.#timespecAt(words[W_OFFSET]);
      this.post(slot, generation, isTarget ? 0 : -Errno.ENOENT);
      return true;
    }
    const isAny = (words[W_OPERATION_FLAGS] & CancelFlag.ANY) !== 0;
    const timer = this.#timer;
    if (opcode !== Op.ASYNC_CANCEL || timer === null || !(isTarget || isAny)) return false;
    this.#timer = null;
    this.post(timer.entry.slot, timer.entry.generation, -Errno.ECANCELED);
    this.post(slot, generation, 0);
    return true;
  }

  #timespecAt(offset: number): number {
    const [low, high, nanoseconds] = this.memory.words.subarray(offset >> 2, (offset >> 2) + 3);
    if (nanoseconds < 0 || nanoseconds >= 1e9) throw new Error(`${nanoseconds} nanoseconds`);
    return ((low >>> 0) + high * 2 ** 32) * 1000 + nanoseconds / 1e6;
  }
}

/** A reactor on a driver of its own. */
export function scriptedReactor(script: Script = {}): { driver: ScriptedDriver; reactor: Reactor } {
  const driver = new ScriptedDriver(script);
  const reactor = new Reactor(driver);
  return { driver, reactor };
}
