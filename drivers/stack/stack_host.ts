/**
 * What runs a stack: it takes the entries of its rings and the frames of its ports, has the stack
 * step, and sends what comes of it. Whether that is in the isolate of a program, in a Worker, or in
 * a simulation is its owner's matter, who says what time it is and when to run.
 *
 * ```text
 *   rings --entries-->  sockets  --step-->  frames --> ports
 *   rings <-completions-  |      <--step--  frames <-- ports
 * ```
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { FrameQueue } from "../../stack/frame_queue.ts";
import type { StackCore } from "../../stack/types.ts";
import type { Port, PortStatistics } from "../port/port.ts";
import type { Clock } from "../machine/clock.ts";
import type { StackClock } from "./clock.ts";
import { StackExecutor } from "./executor.ts";
import { Patience } from "./patience.ts";
import { RingClock, type RingClockOwner } from "./ring_clock.ts";
import { LARGEST_ROUND, RoundSize } from "./round_size.ts";
import type { StackService } from "./service.ts";
import type { StackRingMemory } from "./user_memory.ts";

/** Ports of a stack at most. */
const MAXIMUM_PORTS = 256;
/** Rounds in one run, so that its thread has its own share of time. */
const MAXIMUM_ROUNDS = 256;
/** Looks for frames between two of the clock, which costs more than a look. */
const LOOKS = 16;

/** The other shards of a stack, as what runs one of them sees them. */
export interface HostPeers {
  /** Says who runs this shard. */
  attach(host: StackHost): void;
  /** Makes what executes the entries of a ring. */
  createExecutor(ring: StackRingMemory, clock: Clock, onPosted: () => void): StackExecutor;
  /** Takes messages of other shards. @returns how many */
  take(): number;
  /** Publishes messages to other shards. */
  flush(): void;
  /** Whether there are messages to take, or room for some that had to wait. */
  hasMessages(): boolean;
}

/** What a stack is run with. */
export interface StackHostParts {
  readonly core: StackCore;
  readonly service: StackService;
  readonly clock: StackClock;
  /** The other shards, where it is one of several. */
  readonly peers?: HostPeers;
  /** Called instead of {@linkcode StackHost.run} when frames have arrived or a time has come. */
  readonly onWake?: () => void;
}

/** A ring that is served, and its clock. */
interface Client {
  readonly executor: StackExecutor;
  readonly clock: RingClock;
}

/** A port, and the interface that it belongs to. */
interface Link {
  readonly index: number;
  readonly port: Port;
}

/** Runs a stack. */
export class StackHost implements RingClockOwner {
  readonly core: StackCore;
  readonly service: StackService;
  readonly clock: StackClock;
  readonly #onWake: () => void;
  readonly #peers: HostPeers | null;
  readonly #input = new FrameQueue(MAXIMUM_PORTS * LARGEST_ROUND);
  readonly #clients: Client[] = [];
  readonly #links: Link[] = [];
  /** By the index of an interface. */
  readonly #ports: (Port | undefined)[] = [];
  readonly #nothing = new FrameQueue(1);
  /** Delivers what the stack has sent to itself; nothing within a step. */
  readonly deliver = (): void => {
    if (this.#isStepping || !this.core.wantsStep) return;
    this.#isStepping = true;
    this.core.step(this.core.environment.now, this.#nothing);
    this.#isStepping = false;
  };
  #isStepping = false;
  #soon: (() => void)[] = [];
  readonly #patience = new Patience();
  readonly #roundSize = new RoundSize();
  /** Whether its ports are to wake it. */
  #isAsleep = false;
  #isRunning = false;
  #isAgain = false;
  /** Whether a ring's own turn goes on with the run that is under way. */
  #isHandedOver = false;
  readonly #hasHandedOver = (): boolean => this.#isHandedOver;
  #isScheduled = false;
  #isClosed = false;

  /** @param parts what it runs */
  constructor(parts: StackHostParts) {
    this.core = parts.core;
    this.service = parts.service;
    this.clock = parts.clock;
    this.#onWake = parts.onWake ?? (() => this.run());
    this.#peers = parts.peers ?? null;
    this.#peers?.attach(this);
  }

  /**
   * Begins to serve a ring.
   *
   * @param onPosted called after completions were posted outside of its own entries
   * @param aheadMs how much its program's clock is ahead of the stack's
   */
  attach(ring: StackRingMemory, onPosted: () => void, aheadMs: number): StackExecutor {
    const clock = new RingClock(this.clock, this, aheadMs);
    const { core, service, deliver } = this;
    const executor = this.#peers === null
      ? new StackExecutor(ring, core, service, clock, onPosted, deliver)
      : this.#peers.createExecutor(ring, clock, onPosted);
    this.#clients.push({ executor, clock });
    return executor;
  }

  /** Closes what a ring has open, and serves it no more. */
  async detach(executor: StackExecutor): Promise<void> {
    this.core.setTime(this.clock.now());
    const closed = executor.close();
    this.run();
    await closed;
    const at = this.#clients.findIndex((client) => client.executor === executor);
    if (at >= 0) this.#clients.splice(at, 1);
    this.run();
  }

  /** Begins to serve a port. @param index the interface that its frames belong to */
  addPort(index: number, port: Port): void {
    port.open(this.core.environment);
    this.#links.push({ index, port });
    this.#ports[index] = port;
  }

  /** Serves a port no more. */
  removePort(index: number): void {
    const at = this.#links.findIndex((link) => link.index === index);
    if (at < 0) return;
    const [{ port }] = this.#links.splice(at, 1);
    this.#ports[index] = undefined;
    port.close();
  }

  /** What a port has done, null where an interface has none. */
  portStatistics(index: number): PortStatistics | null {
    return this.#ports[index]?.statistics() ?? null;
  }

  /** Whether a round would find something to do. */
  hasWork(): boolean {
    if (this.core.wantsStep || this.#soon.length > 0) return true;
    for (const { executor } of this.#clients) if (executor.consumer.available > 0) return true;
    for (const { port } of this.#links) if (port.hasFrames()) return true;
    return this.#peers !== null && this.#peers.hasMessages();
  }

  /** When it has to run at the latest, in microseconds of its clock. */
  nextDeadline(): number {
    let at = this.core.nextDeadline();
    for (const { clock } of this.#clients) at = Math.min(at, clock.at);
    return at;
  }

  /**
   * Runs until there is nothing to do now, and prepares to be woken; or until a ring's own turn is
   * to go on with it.
   */
  run(): void {
    if (this.#isRunning) {
      this.#isAgain = true;
      return;
    }
    if (this.#isClosed) return;
    this.#isHandedOver = false;
    const isIdle = this.#runRounds(this.#hasHandedOver);
    if (this.#isHandedOver) return;
    if (isIdle) this.#awaitWake();
    else this.#schedule();
  }

  /**
   * Says that a ring of this thread has completions, and that a turn of it is to come, which goes on
   * with what there is to do: what a program makes of the first frames is to be on its way while the
   * next ones are dealt with.
   */
  handOver(): void {
    this.#isHandedOver = true;
  }

  /**
   * Runs for a ring of the same thread that is being entered: until there is nothing to do now, or
   * there are completions to hand out. What is left then is done by the next call. Whoever owns the
   * ring calls {@linkcode rest} before it sleeps.
   *
   * @param mayLinger whether to look for frames for a moment when there are no completions
   */
  runUntil(hasCompletions: () => boolean, mayLinger: boolean): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#runRounds(hasCompletions);
    if (!mayLinger || hasCompletions()) return;
    // In virtual time nothing happens while a thread looks.
    if (this.#links.length === 0 || this.clock.defer !== undefined) return;
    this.#lookForWork();
    this.#runRounds(hasCompletions);
  }

  /** Notes that who runs it has found nothing to do, and looks for more. */
  noteIdle(): void {
    this.#roundSize.starved();
  }

  #lookForWork(): void {
    if (this.hasWork()) return;
    this.noteIdle();
    const end = this.clock.now() + this.#patience.microseconds;
    do {
      for (let look = 0; look < LOOKS; look++) if (this.hasWork()) return;
    } while (this.clock.now() < end);
  }

  /** @returns whether there is nothing left to do now */
  #runRounds(isEnough: () => boolean): boolean {
    this.#isRunning = true;
    if (this.#isAsleep) this.#wakeUp();
    let rounds = 0;
    let isBusy = true;
    try {
      while (isBusy && rounds < MAXIMUM_ROUNDS && !isEnough()) {
        this.#isAgain = false;
        rounds++;
        isBusy = this.#round() || this.#isAgain;
      }
    } finally {
      this.#isRunning = false;
      // Even when a round threw: what it completed before is not to stay hidden.
      this.#flush();
    }
    return !isBusy;
  }

  /** Has it run soon. */
  wake(): void {
    this.#onWake();
  }

  /** {@inheritDoc RingClockOwner.soon} */
  soon(done: () => void): void {
    this.#soon.push(done);
    if (!this.#isRunning) this.#schedule();
  }

  /** {@inheritDoc RingClockOwner.onWakeChanged} */
  onWakeChanged(): void {
    if (!this.#isRunning && !this.#isClosed) this.#arm();
  }

  /** Whether others are at the ends of its ports. */
  get hasPorts(): boolean {
    return this.#links.length > 0;
  }

  /** Closes every ring. */
  async closeRings(): Promise<void> {
    await Promise.all(this.#clients.slice().map(({ executor }) => this.detach(executor)));
  }

  /** Closes every ring and port. */
  async close(): Promise<void> {
    await this.closeRings();
    this.#isClosed = true;
    this.clock.wakeAt(Infinity, this.#onWake);
    for (const { index } of this.#links.slice()) this.removePort(index);
  }

  /** Shows programs what a round has brought them, all at once. */
  #flush(): void {
    for (let index = 0; index < this.#clients.length; index++) {
      this.#clients[index].executor.consumer.flush();
    }
  }

  /** @returns whether anything happened */
  #round(): boolean {
    const now = this.clock.now();
    const { core } = this;
    core.setTime(now);
    let count = 0;
    for (let index = 0; index < this.#clients.length; index++) {
      const { executor, clock } = this.#clients[index];
      executor.consumer.hold();
      count += executor.consume();
      if (clock.fire(now)) count++;
    }
    if (this.#peers !== null) count += this.#peers.take();
    // What programs have sent is not to wait for what is dealt with next.
    if (core.output.size > 0) count += this.#sendFrames();
    const { frames } = this.#roundSize;
    for (let index = 0; index < this.#links.length; index++) {
      const link = this.#links[index];
      const received = link.port.receive(link.index, this.#input, frames);
      this.#roundSize.took(received);
      count += received;
    }
    if (this.#input.size > 0 || core.wantsStep || core.nextDeadline() <= now) {
      this.#isStepping = true;
      core.step(now, this.#input);
      this.#isStepping = false;
    }
    if (core.output.size > 0) count += this.#sendFrames();
    if (this.#soon.length > 0) count += this.#callBack();
    if (this.#peers !== null) this.#peers.flush();
    this.#flush();
    return count > 0 || core.wantsStep;
  }

  #sendFrames(): number {
    const { output, environment } = this.core;
    let count = 0;
    while (output.size > 0) {
      const port = this.#ports[output.interface];
      const packet = output.shift();
      if (port === undefined) environment.arena.release(packet);
      else port.send(packet);
      count++;
    }
    for (const { port } of this.#links) port.flush();
    return count;
  }

  #callBack(): number {
    const due = this.#soon;
    this.#soon = [];
    for (const done of due) done();
    return due.length;
  }

  /** Prepares for its thread to sleep, and to be woken by whatever comes first. */
  rest(): void {
    this.#patience.fallAsleep(this.clock.now());
    this.#awaitWake();
  }

  #awaitWake(): void {
    this.#isAsleep = true;
    this.#arm();
    if (this.#peers !== null && this.#peers.hasMessages()) return this.#schedule();
    for (const { port } of this.#links) {
      if (!port.sleep(this.#onWake)) return this.#schedule();
    }
  }

  #wakeUp(): void {
    this.#isAsleep = false;
    this.#patience.wakeUp(this.clock.now());
    for (const { port } of this.#links) port.awake();
  }

  #arm(): void {
    this.clock.wakeAt(this.nextDeadline(), this.#onWake);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    const run = () => {
      this.#isScheduled = false;
      this.#onWake();
    };
    if (this.clock.defer !== undefined) this.clock.defer(run);
    else setImmediate(run);
  }
}
