/**
 * The loop under `IoUring`: it submits, reaps, and sleeps until enough completions are there, by
 * the protocol that the reactor uses. There are no slots here: a completion is what the ring says.
 *
 * ```text
 *          wait()                      nothing happened for spinTurns turns
 *   rest ----------> scheduled ------------------------------------------> asleep
 *    ^                 |   ^  defer(), or breathe() every breatheTurns        |
 *    +--- enough ---- turn +<------------------- driver.wake() ---------------+
 * ```
 *
 * @module
 */

import { netError } from "../errors.ts";
import { CompletionQueue, type CompletionSink } from "../../ring/completion.ts";
import { Counter, Counters } from "../../ring/counters.ts";
import type { DriverHost, RingDriver } from "../../ring/driver.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { SubmissionQueue } from "../../ring/submission.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  TIMESPEC,
  W_ADDRESS,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { longOf, setLong } from "../../ring/abi/long.ts";
import { CancelFlag, Op, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import { writeTimespec } from "../../ring/abi/timespec.ts";

/** A completion queue entry. */
export interface Completion {
  /** What the entry's submission was given: a number that is a safe integer. */
  readonly userData: number;
  /** The operation's result, or `-errno`. */
  readonly result: number;
  /** `IORING_CQE_F_*`, with the id of a provided buffer from bit 16. */
  readonly flags: number;
}

/** The errors of a full submission path that clear by themselves: EAGAIN, EBUSY, EINTR. */
const TRANSIENT: ReadonlySet<number> = new Set<number>([
  -Errno.EAGAIN,
  -Errno.EBUSY,
  -Errno.EINTR,
]);
/** Marks entries of the loop's own: no safe integer has such a high half. */
const PRIVATE_HIGH = -1;
const PRIVATE_TIMEOUT = 1;
const PRIVATE_CANCEL = 2;
const PRIVATE_IGNORED = 3;
/** Waits that end at once before the event loop gets its share. */
const BURST_LIMIT = 8;
/** Scratch bytes kept for the loop's own timespecs. */
export const LOOP_SCRATCH_BYTES: number = 2 * TIMESPEC.SIZE;

interface Waiter {
  readonly min: number;
  /** On the driver's clock, `Infinity` for none. */
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Runs one ring for one waiter at a time. */
export class RingLoop implements DriverHost, CompletionSink {
  readonly driver: RingDriver;
  readonly memory: RingMemory;
  readonly queue: SubmissionQueue;
  readonly counters: Counters;
  /** Completions reaped and not yet handed out. */
  held: Completion[] = [];
  /** Completions reaped, ever. */
  reaped = 0;
  isClosed = false;
  readonly #completions: CompletionQueue;
  #waiter: Waiter | null = null;
  #isScheduled = false;
  #isBreathing = false;
  #isAlive = false;
  #quietTurns = 0;
  #busyTurns = 0;
  #burst = 0;
  #overflowsAtClose = 0;
  /** When the ring's own TIMEOUT is due on the driver's clock, `Infinity` when none is armed. */
  #timeoutAt = Infinity;
  /** What the cancellation of everything came to; null while it is not there. */
  #cancelled: number | null = null;

  /** @param driver a started-up consumer; the loop binds itself to it */
  constructor(driver: RingDriver) {
    this.driver = driver;
    this.memory = driver.memory;
    this.queue = new SubmissionQueue(driver.main);
    this.counters = new Counters(driver.memory);
    this.#completions = new CompletionQueue(driver.main);
    driver.start(this);
  }

  /** Whether somebody waits. */
  get isWaiting(): boolean {
    return this.#waiter !== null;
  }

  /** Completions that found their queue full, ever; none is lost. */
  get overflows(): number {
    return this.isClosed ? this.#overflowsAtClose : this.#completions.overflows;
  }

  /** Ends the loop: the ring's memory is not looked at any more. */
  close(): void {
    this.#overflowsAtClose = this.overflows;
    this.isClosed = true;
  }

  /**
   * Publishes entries and enters the consumer once.
   *
   * @param mayLinger whether to look for completions a little longer, because nothing else waits
   * @returns entries that the consumer has not taken
   * @throws {NetError} when the ring cannot be entered at all
   */
  submit(operation: string, mayLinger = false): number {
    const pending = this.queue.publish();
    this.counters.add(Counter.enters, 1);
    const entered = this.driver.enter(pending, mayLinger);
    if (entered < 0 && !TRANSIENT.has(entered)) throw netError(entered, { operation });
    // Only a kernel tells what it took; others take everything, here or on their own thread.
    return this.driver.registrar === undefined ? 0 : pending - Math.max(0, entered);
  }

  /** Reaps what is complete, without waiting. */
  reap(): void {
    this.#completions.drain(this, this.driver.main.cqEntries);
  }

  /** Hands out what was reaped. */
  take(): Completion[] {
    const taken = this.held;
    this.held = [];
    return taken;
  }

  /**
   * Waits until `min` completions are held, or until `deadline`; one waiter at a time.
   *
   * @param deadline on the driver's clock, `Infinity` for none
   */
  wait(min: number, deadline: number): Promise<void> {
    this.#cycle();
    if (this.held.length >= min && ++this.#burst <= BURST_LIMIT) return Promise.resolve();
    this.#burst = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiter = { min, deadline, resolve, reject };
    if (this.held.length >= min) this.#breathe();
    else if (!this.#isScheduled || this.#isBreathing) this.#defer();
    return promise;
  }

  /** Ends the wait with an error; what was reaped stays for the next one. */
  endWait(reason: unknown): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    this.#rest();
    waiter.reject(reason);
  }

  /**
   * Cancels everything that is in flight.
   *
   * @returns how many operations that was, or `-errno`
   */
  async cancelAll(): Promise<number> {
    this.#cancelled = null;
    const at = this.queue.acquire();
    const words = this.queue.entries;
    words[at] = Op.ASYNC_CANCEL;
    words[at + W_OPERATION_FLAGS] = CancelFlag.ANY | CancelFlag.ALL;
    this.#sign(at, PRIVATE_CANCEL);
    while (this.#cancelled === null) {
      this.#cycle();
      if (this.#cancelled === null) {
        await new Promise<void>((resolve, reject) => {
          this.#waiter = { min: Infinity, deadline: 0, resolve, reject };
          this.#defer();
        });
      }
    }
    this.#cycle();
    return this.#cancelled;
  }

  /** {@inheritDoc DriverHost.wake} */
  wake(): void {
    if (this.isClosed || (this.#isScheduled && !this.#isBreathing)) return;
    this.counters.add(Counter.wakes, 1);
    this.run();
  }

  /** {@inheritDoc DriverHost.run} */
  run(): void {
    this.#isScheduled = false;
    this.#isBreathing = false;
    const waiter = this.#waiter;
    if (this.isClosed || waiter === null) return;
    const before = this.reaped;
    try {
      this.#cycle(this.#quietTurns > 0);
    } catch (error) {
      this.endWait(error);
      return;
    }
    const isDue = waiter.deadline !== Infinity && this.driver.now() >= waiter.deadline;
    if (this.held.length >= waiter.min || isDue) {
      this.#rest();
      waiter.resolve();
    } else {
      this.#schedule(this.reaped - before);
    }
  }

  /** {@inheritDoc CompletionSink.complete} */
  complete(userLow: number, userHigh: number, result: number, flags: number): void {
    this.reaped++;
    if (userHigh === PRIVATE_HIGH) {
      if (userLow === PRIVATE_TIMEOUT) this.#timeoutAt = Infinity;
      else if (userLow === PRIVATE_CANCEL) this.#cancelled = result;
      return;
    }
    this.held.push({ userData: longOf(userLow, userHigh), result, flags });
  }

  #cycle(mayLinger = false): void {
    this.submit("waitCqes", mayLinger);
    this.reap();
    this.counters.add(Counter.turns, 1);
  }

  /** Nobody waits any more: nothing keeps the process alive, and no turn follows. */
  #rest(): void {
    this.#waiter = null;
    this.#quietTurns = 0;
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.driver.keepAlive(false);
  }

  #schedule(progress: number): void {
    if (progress > 0) {
      this.#quietTurns = 0;
    } else if (++this.#quietTurns > this.driver.spinTurns) {
      this.#quietTurns = 0;
      this.#armTimeout();
      this.#isAlive = true;
      if (this.driver.sleep(true)) return;
    }
    const { breatheTurns } = this.driver;
    if (breatheTurns > 0 && ++this.#busyTurns >= breatheTurns) this.#breathe();
    else this.#defer();
  }

  #defer(): void {
    this.#isScheduled = true;
    this.#isBreathing = false;
    this.driver.defer(false);
  }

  #breathe(): void {
    this.#busyTurns = 0;
    this.#isScheduled = true;
    this.#isBreathing = true;
    this.#isAlive = true;
    this.driver.keepAlive(true);
    this.driver.breathe();
  }

  /** Keeps one TIMEOUT in the ring while somebody sleeps, due no later than the deadline. */
  #armTimeout(): void {
    const deadline = this.#waiter!.deadline;
    if (deadline >= this.#timeoutAt) return;
    const isUpdate = this.#timeoutAt !== Infinity;
    this.#timeoutAt = deadline;
    const offset = this.memory.at.scratch + (isUpdate ? TIMESPEC.SIZE : 0);
    writeTimespec(this.memory.words, offset, Math.max(0, deadline - this.driver.now()));
    const at = this.queue.acquire();
    const words = this.queue.entries;
    if (isUpdate) {
      words[at] = Op.TIMEOUT_REMOVE;
      words[at + W_ADDRESS] = PRIVATE_TIMEOUT;
      words[at + W_ADDRESS + 1] = PRIVATE_HIGH;
      setLong(words, at + W_OFFSET, this.memory.base + offset);
      words[at + W_OPERATION_FLAGS] = TimeoutFlag.UPDATE;
      this.#sign(at, PRIVATE_IGNORED);
    } else {
      words[at] = Op.TIMEOUT;
      setLong(words, at + W_ADDRESS, this.memory.base + offset);
      words[at + W_LENGTH] = 1;
      this.#sign(at, PRIVATE_TIMEOUT);
    }
    this.submit("waitCqes");
  }

  /** Gives an entry user data of the loop's own. */
  #sign(at: number, low: number): void {
    const words = this.queue.entries;
    words[at + W_USER_DATA] = low;
    words[at + W_USER_DATA + 1] = PRIVATE_HIGH;
  }
}
