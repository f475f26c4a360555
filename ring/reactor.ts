/**
 * The reactor: one ring's event loop. Under traffic it takes one turn per macrotask (publish, enter
 * once to submit and reap, hand out completions); idle, it spins briefly and then sleeps until the
 * driver wakes it. It keeps the process alive exactly while referenced work is pending.
 *
 * ```text
 *            kick()                    nothing happened for spinTurns turns
 *   asleep ----------> scheduled ---------------------------------------> asleep
 *     ^  driver.wake()     |  ^
 *     |                    v  | defer(), or breathe() every breatheTurns busy turns
 *     +---- (no work) ---- turn
 * ```
 *
 * @module
 */

import { Arena } from "./arena.ts";
import type { Words } from "./barrier.ts";
import { BufferProvider } from "./buffer_provider.ts";
import { bufferGroups, ProvidedBuffers } from "./buffers.ts";
import { CompletionQueue } from "./completion.ts";
import { Counter, Counters } from "./counters.ts";
import { type Deadline, Deadlines, type DeadlineTarget } from "./deadlines.ts";
import { markDescriptorOperation } from "./descriptor_table.ts";
import type { DriverHost, RingDriver } from "./driver.ts";
import type { RingMemory } from "./memory.ts";
import { RingTimeout } from "./ring_timeout.ts";
import { IGNORED_SLOT, SCRATCH_BYTES, Slots } from "./slots.ts";
import { SubmissionQueue } from "./submission.ts";
import { W_ADDRESS, W_FD, W_OPERATION_FLAGS, W_USER_DATA } from "./abi/layout.ts";
import { setLong } from "./abi/long.ts";
import { CancelFlag, Op } from "./abi/opcodes.ts";

/** Completions handed out in one turn before the event loop gets its share. */
const TURN_LIMIT = 8192;

/** The error of a full submission path that clears by itself: EAGAIN, EBUSY, EINTR. */
const TRANSIENT: ReadonlySet<number> = new Set([-11, -16, -4]);

/** Whoever waits for provided buffers or arena memory to come back. */
export interface Starved {
  /** Tries again. @returns false when there was still not enough */
  resume(): boolean;
}

/** Whoever gathers what one turn brings. */
export interface TurnEnd {
  /** Told once, when the turn that asked for it has handed out its completions. */
  onTurnEnd(): void;
}

/** One ring's event loop, and the calls that put entries into it. */
export class Reactor implements DriverHost {
  readonly driver: RingDriver;
  readonly memory: RingMemory;
  /** What streams receive into. */
  readonly buffers: ProvidedBuffers;
  /** What datagrams are received into. */
  readonly datagramBuffers: ProvidedBuffers;
  readonly arena: Arena;
  readonly slots: Slots;
  readonly counters: Counters;
  /** The view that the last {@linkcode Reactor.entry} points into. */
  entries: Words;
  /** Work that keeps the process alive. */
  references = 0;
  /** Whether the driver is gone. */
  isClosed = false;
  readonly #main: SubmissionQueue;
  readonly #completions: CompletionQueue;
  readonly #side: SubmissionQueue | null;
  readonly #sideCompletions: CompletionQueue | null;
  readonly #deadlines = new Deadlines();
  readonly #timeout = new RingTimeout(this);
  readonly #streamProvider: BufferProvider;
  readonly #datagramProvider: BufferProvider;
  readonly #starvedOfArena: Starved[] = [];
  #turnEnds: TurnEnd[] = [];
  /** The consumer is gone. */
  #hasFailed = false;
  #overflowsAtClose = 0;
  #scheduled = false;
  /** Asked for while a turn ran: the next one must follow. */
  #kicked = false;
  #breathing = false;
  /** The event loop must come round before the next turn, whatever there is to do. */
  #mustBreathe = false;
  #inTurn = false;
  #quietTurns = 0;
  #busyTurns = 0;
  #now = -1;
  #idle: (() => void)[] = [];

  /** @param driver a started-up consumer; the reactor binds itself to it */
  constructor(driver: RingDriver) {
    this.driver = driver;
    this.memory = driver.memory;
    const [streams, datagrams] = bufferGroups(driver.memory);
    this.buffers = new ProvidedBuffers(driver.memory, streams);
    this.datagramBuffers = new ProvidedBuffers(driver.memory, datagrams);
    this.buffers.isRing = driver.features.bufferRing;
    this.datagramBuffers.isRing = driver.features.bufferRing;
    this.arena = new Arena(driver.memory.at.arena, driver.memory.plan.arenaBytes);
    this.slots = new Slots(driver.memory.plan.slots);
    this.counters = new Counters(driver.memory);
    this.#main = new SubmissionQueue(driver.main);
    this.#completions = new CompletionQueue(driver.main);
    this.#side = driver.side === null ? null : new SubmissionQueue(driver.side);
    this.#sideCompletions = driver.side === null ? null : new CompletionQueue(driver.side);
    this.entries = this.#main.entries;
    driver.start(this);
    this.#streamProvider = new BufferProvider(this, this.buffers);
    this.#datagramProvider = new BufferProvider(this, this.datagramBuffers);
  }

  /** Operations in flight, the ring's own timer not among them. */
  get inFlight(): number {
    return this.slots.inFlight - (this.#timeout.isArmed ? 1 : 0);
  }

  /** Milliseconds on the driver's clock, read once a turn. */
  get now(): number {
    if (this.#now < 0) this.#now = this.driver.now();
    return this.#now;
  }

  /** Completions that found their queue full, ever; none is lost. */
  get overflows(): number {
    return this.isClosed ? this.#overflowsAtClose : this.#completions.overflows;
  }

  /** Entries that follow one another in the main queue without waiting for room, at least. */
  get room(): number {
    return this.#main.room;
  }

  /** Entries that had to wait for room in the submission queue, ever. */
  get spilled(): number {
    return this.#main.spilled + (this.#side?.spilled ?? 0);
  }

  /**
   * Takes the next submission entry, zeroed but for opcode, descriptor and user data, and makes
   * sure that a turn will submit it.
   *
   * @param head opcode in bits 0-7, SQE flags in bits 8-15, ioprio in bits 16-31
   * @param fd the descriptor, -1 for none
   * @param slot from {@linkcode Slots.take}, or `IGNORED_SLOT`
   * @returns the index of the entry's first word in {@linkcode Reactor.entries}
   */
  entry(head: number, fd: number, slot: number): number {
    const isSide = this.driver.routes[head & 0xff] !== 0;
    const queue = isSide ? this.#side! : this.#main;
    const at = queue.acquire();
    const words = queue.entries;
    this.entries = words;
    words[at] = head;
    words[at + W_FD] = fd;
    words[at + W_USER_DATA] = slot;
    words[at + W_USER_DATA + 1] = this.slots.generation(slot);
    if (!this.#kicked) this.kick();
    return at;
  }

  /** What to add to an offset in ring memory to make it an address for this opcode. */
  baseOf(opcode: number): number {
    return this.driver.routes[opcode] !== 0 ? 0 : this.memory.base;
  }

  /** Writes a 64-bit address or offset into two words of the entry taken last. */
  setLong(at: number, value: number): void {
    setLong(this.entries, at, value);
  }

  /** The byte offset of a slot's scratch bytes. */
  scratchOf(slot: number): number {
    return this.memory.at.scratch + slot * SCRATCH_BYTES;
  }

  /** Says for whoever reaps a dead Worker that results of this operation are descriptors. */
  expectDescriptors(slot: number): void {
    markDescriptorOperation(this.memory.words, this.scratchOf(slot), this.slots.generation(slot));
  }

  /** Forgets a descriptor whose CLOSE was just given an entry: from now on that tells of it. */
  forgetDescriptor(fd: number): void {
    const { ledger } = this.driver;
    if (ledger === null) return;
    this.#main.publish();
    ledger.clear(fd);
  }

  /** Asks for the cancellation of an operation in flight; its own completion tells the outcome. */
  cancel(slot: number): void {
    const generation = this.slots.generation(slot);
    const at = this.entry(Op.ASYNC_CANCEL, -1, IGNORED_SLOT);
    this.entries[at + W_ADDRESS] = slot;
    this.entries[at + W_ADDRESS + 1] = generation;
  }

  /** Asks for the cancellation of everything in flight on this ring. */
  cancelAll(): void {
    const at = this.entry(Op.ASYNC_CANCEL, -1, IGNORED_SLOT);
    this.entries[at + W_OPERATION_FLAGS] = CancelFlag.ANY | CancelFlag.ALL;
  }

  /** Arms a deadline on the ring's time. @param delayMs from now, 0 or more */
  armDeadline(delayMs: number, target: DeadlineTarget, tag: number): Deadline {
    const deadline = this.#deadlines.arm(this.driver.now() + delayMs, target, tag);
    this.#timeout.dueBy(this.#deadlines.next);
    return deadline;
  }

  /** Disarms a deadline. */
  disarmDeadline(deadline: Deadline): void {
    this.#deadlines.disarm(deadline);
  }

  /** Has `starved` resumed when a provided buffer of its group comes back. */
  awaitBuffers(starved: Starved, buffers: ProvidedBuffers = this.buffers): void {
    const isStream = buffers === this.buffers;
    (isStream ? this.#streamProvider : this.#datagramProvider).await(starved);
  }

  /** Has `target` told, once, when the turn under way has handed out its completions. */
  atTurnEnd(target: TurnEnd): void {
    this.#turnEnds.push(target);
  }

  /** Has `starved` resumed when arena memory comes back. */
  awaitArena(starved: Starved): void {
    this.#starvedOfArena.push(starved);
  }

  /** Gives an arena block back, and resumes whoever waited for it. */
  giveArena(offset: number): void {
    this.arena.give(offset);
    if (this.#starvedOfArena.length > 0) this.kick();
  }

  /** Adds work that keeps the process alive. */
  reference(): void {
    // A turn that comes by the driver's wake-up may have been asked for unreferenced.
    const isAlive = this.#scheduled && !this.#breathing;
    if (this.references++ === 0 && !isAlive) this.driver.keepAlive(true);
  }

  /** Removes it. */
  dereference(): void {
    if (--this.references === 0 && !this.#scheduled) this.driver.keepAlive(false);
  }

  /** Makes sure that a turn will run. */
  kick(): void {
    if (this.#breathing && !this.#kicked) this.#goOn();
    this.#kicked = true;
    if (this.#scheduled || this.isClosed) return;
    this.#scheduled = true;
    this.driver.defer(false);
  }

  /** {@inheritDoc DriverHost.wake} */
  wake(): void {
    // The event loop came round.
    this.#busyTurns = 0;
    if (this.isClosed || (this.#scheduled && !this.#breathing)) return;
    this.counters.add(Counter.wakes, 1);
    this.run();
  }

  /** Runs one turn and schedules the next, or sleeps. */
  run(): void {
    if (this.isClosed || this.#inTurn) return;
    this.#breathing = false;
    this.#scheduled = true;
    this.#kicked = false;
    this.#inTurn = true;
    let count = 0;
    try {
      count = this.#cycle();
    } finally {
      this.#inTurn = false;
      if (!this.isClosed) this.#schedule(count);
    }
  }

  /**
   * Runs one turn for a caller that blocks its thread, and parks the thread when nothing came of it.
   * The driver must be one that can park.
   *
   * @param limitMs the longest to park, in milliseconds
   */
  turn(limitMs: number): void {
    if (this.isClosed || this.#inTurn) return;
    // Once the thread comes back to its event loop, a turn there goes on with what is in flight.
    this.kick();
    this.#kicked = false;
    this.#inTurn = true;
    let count = 0;
    try {
      count = this.#cycle();
    } finally {
      this.#inTurn = false;
    }
    if (count > 0 || this.#kicked) return;
    const untilDeadlineMs = this.#deadlines.next - this.driver.now();
    this.driver.park!(Math.min(limitMs, Math.max(0, untilDeadlineMs)));
  }

  /** Resolves when nothing is in flight any more. */
  async whenIdle(): Promise<void> {
    while (this.inFlight > 0 && !this.isClosed) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Waits until nothing is in flight, then frees the driver. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    // Whoever awaits the close is alive until it is done.
    this.reference();
    await this.whenIdle();
    this.#timeout.stop();
    // Entries that nobody awaits are no operations in flight: a CLOSE among them must go out too.
    while (!this.isClosed && !this.#hasFailed && (this.#timeout.isArmed || this.#hasUnsubmitted)) {
      this.#timeout.cancel();
      this.kick();
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    this.dereference();
    if (this.isClosed) return;
    // A kernel's ring may be gone with its driver.
    this.#overflowsAtClose = this.#completions.overflows;
    this.isClosed = true;
    this.driver.keepAlive(false);
    await this.driver.close();
  }

  get #hasUnsubmitted(): boolean {
    if (this.#side !== null && (this.#side.hasPending || this.#side.publish() > 0)) return true;
    return this.#main.hasPending || this.#main.publish() > 0;
  }

  /** Publish, enter, reap, and what follows from it. @returns how much happened */
  #cycle(): number {
    this.#now = -1;
    this.#streamProvider.publish();
    this.#datagramProvider.publish();
    // Before the main queue: a CLOSE there must not free a descriptor that is still asked about.
    if (this.#side !== null && this.#side.publish() > 0) this.driver.enterSide();
    const pending = this.#main.publish();
    const entered = this.driver.enter(pending, this.#quietTurns > 0);
    if (entered < pending || this.#main.waiting > 0) this.#resubmit(entered);
    let count = this.#completions.drain(this.slots, TURN_LIMIT);
    if (this.#side !== null) count += this.#cycleSide();
    if (this.#turnEnds.length > 0) this.#endTurn();
    if (this.#deadlines.size > 0) {
      this.#now = -1;
      count += this.#deadlines.fire(this.now);
      this.#timeout.dueBy(this.#deadlines.next);
    }
    this.#streamProvider.resume();
    this.#datagramProvider.resume();
    if (this.#starvedOfArena.length > 0) this.#resumeStarvedOfArena();
    this.counters.add(Counter.turns, 1);
    if (this.#idle.length > 0 && this.inFlight === 0) this.#tellIdle();
    return count;
  }

  #endTurn(): void {
    const targets = this.#turnEnds;
    this.#turnEnds = [];
    for (const target of targets) target.onTurnEnd();
  }

  /** What the consumer did not take is submitted again by the next turn. */
  #resubmit(entered: number): void {
    if (entered < 0 && !TRANSIENT.has(entered)) {
      if (this.driver.failure === undefined) {
        throw new Error(`the ring cannot be entered: errno ${-entered}`);
      }
      // Nobody will complete them.
      this.#hasFailed = true;
      this.slots.failAll(entered);
      return;
    }
    // The consumer may empty the queue right behind the look for room: what waits for that is still
    // to be submitted.
    if (this.#main.publish() === 0 && this.#main.waiting === 0) return;
    this.#kicked = true;
  }

  /** Driver operations complete within the turn that asked for them where the driver is here. */
  #cycleSide(): number {
    let count = 0;
    while (true) {
      if (this.#side!.hasPending) this.#side!.publish();
      this.driver.enterSide();
      const drained = this.#sideCompletions!.drain(this.slots, TURN_LIMIT);
      count += drained;
      if (drained > 0 && this.#side!.hasPending) continue;
      // What found no room must not wait until somebody else asks for a turn.
      if (this.#side!.hasPending) this.#kicked = true;
      return count;
    }
  }

  #schedule(count: number): void {
    if (count > 0 || this.#kicked) {
      this.#quietTurns = 0;
    } else if (++this.#quietTurns > this.driver.spinTurns) {
      this.#quietTurns = 0;
      this.#scheduled = false;
      if (this.driver.sleep(this.references > 0)) return;
      this.#scheduled = true;
    }
    const breathe = this.driver.breatheTurns;
    if (count > 0) this.#busyTurns++;
    const mustBreathe = this.#busyTurns >= breathe;
    // Work that must not keep the process alive is polled through the driver's own wake-up, which
    // can be unreferenced; a deferred turn cannot. Those who were just told may wait for more.
    const isUnreferenced = count === 0 && this.references === 0;
    if (breathe > 0 && (mustBreathe || isUnreferenced)) {
      this.#mustBreathe = mustBreathe;
      this.#breathing = true;
      this.driver.keepAlive(this.references > 0);
      this.driver.breathe();
    } else {
      this.driver.defer(count > 0);
    }
  }

  /** The program has more for a ring that waits for the event loop. */
  #goOn(): void {
    if (this.#mustBreathe || this.references === 0) {
      this.driver.noteWork?.();
      return;
    }
    // It had nothing to do: whoever awaits one call after the other must not wait each time.
    this.#breathing = false;
    this.driver.defer(true);
  }

  /** Strictly in order: who asks for little must not starve who asks for much. */
  #resumeStarvedOfArena(): void {
    const waiting = this.#starvedOfArena;
    while (waiting.length > 0 && waiting[0].resume()) waiting.shift();
  }

  #tellIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
