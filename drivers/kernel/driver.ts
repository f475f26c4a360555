/**
 * Linux io_uring as a ring's consumer, entered by FFI on the thread that owns the ring.
 *
 * @module
 */

import { BreathPace } from "./breath_pace.ts";
import type { Descriptors } from "./descriptors.ts";
import { addressOf, F_DUPFD_CLOEXEC, lastErrno, type Libc, SYS_IO_URING_ENTER } from "./libc.ts";
import { SYS_IO_URING_REGISTER } from "./libc.ts";
import { Registrar } from "./registrar.ts";
import type { KernelRing } from "./setup.ts";
import { LIBC_OPCODES, SideConsumer } from "./side.ts";
import type { Sleeper } from "./sleeper.ts";
import { SpinPace } from "./spin_pace.ts";
import { KernelCalls } from "./system_calls.ts";
import { leaveIfAsked } from "../leave.ts";
import { loadAcquire, storeRelease, type Words } from "../../ring/barrier.ts";
import { hasCompletions } from "../../ring/completion.ts";
import { LedgerState } from "../../ring/descriptor_table.ts";
import type {
  DescriptorLedger,
  DriverFeatures,
  DriverHost,
  RingDriver,
} from "../../ring/driver.ts";
import { laySideRing, type RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Staging } from "../../ring/staging.ts";
import {
  CqRingFlag,
  EnterFlag,
  FIRST_DRIVER_OP,
  RegisterOp,
  SetupFlag,
  SqRingFlag,
} from "../../ring/abi/opcodes.ts";

/** Looks at the ring within one empty turn: a few microseconds, dearer to spend on more turns. */
const LINGER_LOOKS = 1000;
/** Where the table of descriptors is grown to at once; growing it later stalls every thread. */
const DESCRIPTOR_TABLE_SIZES: readonly number[] = [16384, 8192, 4096, 1024];

/** Memory that kernel rings use: V8 would free it although the kernel still writes to it. */
const liveMemory: Set<RingMemory | Staging> = new Set();

/** What {@linkcode KernelDriver} is made of. */
export interface KernelParts {
  readonly descriptors: Descriptors;
  readonly memory: RingMemory;
  readonly ring: KernelRing;
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  /** Whether direct descriptors may be used. */
  readonly hasFiles: boolean;
  readonly openSleeper: (woken: () => void) => Promise<Sleeper>;
}

/** A kernel ring, entered on its own thread. */
export class KernelDriver implements RingDriver {
  readonly kind = "kernel";
  readonly memory: RingMemory;
  readonly main: RingGeometry;
  readonly side: RingGeometry;
  readonly routes: Uint8Array = new Uint8Array(256);
  readonly supported: Uint8Array;
  readonly features: DriverFeatures;
  readonly registrar: Registrar;
  readonly ledger: DescriptorLedger | null;
  #systemCalls: KernelCalls | null = null;
  #staging: Staging | null = null;
  readonly #breathPace = new BreathPace();
  readonly #spinPace = new SpinPace();
  readonly #descriptors: Descriptors;
  readonly #libc: Libc;
  readonly #ring: KernelRing;
  readonly #words: Words;
  readonly #hasTaskrunFlag: boolean;
  readonly #sideConsumer: SideConsumer;
  #sleeper!: Sleeper;
  /** The eventfd is signalled by completions. */
  #isAsleep = false;
  #host: DriverHost | null = null;
  #run: () => void = () => {};

  private constructor(parts: KernelParts) {
    const { descriptors, memory, ring, supported } = parts;
    const { libc } = descriptors;
    this.#descriptors = descriptors;
    this.ledger = descriptors.table;
    this.#libc = libc;
    this.#ring = ring;
    this.memory = memory;
    this.main = ring.geometry;
    this.side = laySideRing(memory);
    this.supported = supported;
    this.features = parts.features;
    this.registrar = new Registrar(descriptors, ring.fd, memory, parts.hasFiles);
    // Whoever reaps cannot ask the ring when it has ended: only its own thread may enter it.
    if (descriptors.table !== null) this.registrar.guard();
    this.#words = ring.geometry.words;
    this.#hasTaskrunFlag = (ring.flags & SetupFlag.TASKRUN_FLAG) !== 0;
    this.#sideConsumer = new SideConsumer(libc, memory, this.side);
    this.#sideConsumer.onLate = () => this.#host?.wake();
    this.routes.fill(1, FIRST_DRIVER_OP);
    for (const opcode of LIBC_OPCODES) {
      if (supported[opcode] === 1) continue;
      this.routes[opcode] = 1;
      supported[opcode] = 1;
    }
    liveMemory.add(memory);
  }

  /** Completes a driver with its sleeper. */
  static async open(parts: KernelParts): Promise<KernelDriver> {
    const driver = new KernelDriver(parts);
    try {
      driver.#sleeper = await parts.openSleeper(() => driver.#woken());
    } catch (error) {
      driver.#closeRing();
      throw error;
    }
    driver.#setEventFd(true);
    const registered = driver.#register(RegisterOp.EVENTFD, driver.#sleeper.eventFd);
    if (registered < 0) {
      await driver.close();
      throw new Error(`the ring's eventfd cannot be registered: errno ${-registered}`);
    }
    driver.#growDescriptorTable();
    return driver;
  }

  /** {@inheritDoc RingDriver.why} */
  get why(): string {
    return this.#sleeper.why;
  }

  /** {@inheritDoc RingDriver.systemCalls} */
  get systemCalls(): KernelCalls {
    return this.#systemCalls ??= new KernelCalls(this.#descriptors);
  }

  /** {@inheritDoc RingDriver.staging} */
  get staging(): Staging | null {
    // A Worker's memory ends with it; the ring, which somebody else reaps, may not.
    if (this.ledger !== null) return null;
    if (this.#staging === null) {
      this.#staging = new Staging(addressOf);
      liveMemory.add(this.#staging);
    }
    return this.#staging;
  }

  /** {@inheritDoc RingDriver.leaveIfAsked} */
  leaveIfAsked(): void {
    leaveIfAsked(this.#descriptors.table);
  }

  /** {@inheritDoc RingDriver.start} */
  start(host: DriverHost): void {
    this.#host = host;
    this.#run = () => host.run();
  }

  /** {@inheritDoc RingDriver.spinTurns} */
  get spinTurns(): number {
    return this.#spinPace.turns;
  }

  /** {@inheritDoc RingDriver.breatheTurns} */
  get breatheTurns(): number {
    return this.#breathPace.turns;
  }

  /** {@inheritDoc RingDriver.enter} */
  enter(pending: number, mayLinger: boolean): number {
    if (this.#isAsleep) {
      this.#isAsleep = false;
      this.#setEventFd(true);
      const now = performance.now();
      this.#breathPace.awoke(now);
      this.#spinPace.awoke(now);
    }
    if (pending === 0 && this.#hasTaskrunFlag && !this.#hasWork(mayLinger ? LINGER_LOOKS : 1)) {
      return 0;
    }
    // Not with the look for completions: the kernel would look twice then, and bring twice as many.
    // A smaller batch is still warm in the processor's cache when it is answered, and others' replies
    // leave earlier.
    const submitted = pending === 0 ? 0 : this.#enterRing(pending, 0);
    if (submitted < 0) return submitted;
    const looked = this.#enterRing(0, EnterFlag.GETEVENTS);
    return looked < 0 ? looked : submitted;
  }

  /** @returns entries that the kernel took, or `-errno` */
  #enterRing(pending: number, flags: number): number {
    const fd = this.#ring.fd;
    const entered = this.#libc.enter(SYS_IO_URING_ENTER, fd, pending, 0, flags, null);
    return entered < 0 ? -lastErrno() : entered;
  }

  /** {@inheritDoc RingDriver.enterSide} */
  enterSide(): void {
    this.#sideConsumer.consume();
  }

  /** {@inheritDoc RingDriver.defer} */
  defer(isBusy: boolean): void {
    if (isBusy) queueMicrotask(this.#run);
    else setImmediate(this.#run);
  }

  /** {@inheritDoc RingDriver.breathe} */
  breathe(): void {
    if (this.#breathPace.isInRound) {
      this.#breathPace.restartRound(performance.now());
      return;
    }
    this.#breathPace.beginRound(performance.now());
    this.#sleeper.breathe();
  }

  /** {@inheritDoc RingDriver.noteWork} */
  noteWork(): void {
    // What the program does takes its time, too, and is no reason to breathe more often.
    if (this.#breathPace.isInRound) queueMicrotask(this.#restartRound);
  }

  readonly #restartRound = (): void => {
    if (this.#breathPace.isInRound) this.#breathPace.restartRound(performance.now());
  };

  /** The event loop came round, or the eventfd was signalled. */
  #woken(): void {
    if (this.#breathPace.isInRound) this.#breathPace.endRound(performance.now());
    this.#host?.wake();
  }

  /** {@inheritDoc RingDriver.sleep} */
  sleep(alive: boolean): boolean {
    this.#setEventFd(false);
    // Deferred task work is no completion yet: run it, then look once more.
    this.#enterRing(0, EnterFlag.GETEVENTS);
    if (hasCompletions(this.main) || hasCompletions(this.side)) {
      this.#setEventFd(true);
      return false;
    }
    this.#isAsleep = true;
    this.#spinPace.slept(performance.now());
    this.#sleeper.keepAlive(alive);
    this.#sleeper.arm();
    return true;
  }

  /** {@inheritDoc RingDriver.keepAlive} */
  keepAlive(alive: boolean): void {
    this.#sleeper.keepAlive(alive);
  }

  /** {@inheritDoc RingDriver.now} */
  now(): number {
    return performance.now();
  }

  /** {@inheritDoc RingDriver.close} */
  close(): Promise<void> {
    this.#host = null;
    this.#run = () => {};
    this.#closeRing();
    this.#sleeper.close();
    this.#descriptors.table?.end(LedgerState.CLOSED);
    return Promise.resolve();
  }

  #closeRing(): void {
    this.#systemCalls?.end();
    this.#descriptors.close(this.#ring.fd);
    this.registrar.close();
    this.#ring.unmap();
    liveMemory.delete(this.memory);
    if (this.#staging !== null) liveMemory.delete(this.#staging);
  }

  /** Whether the kernel has task work to run or completions that overflowed. */
  #hasWork(looks: number): boolean {
    const words = this.#words;
    const { sqFlags } = this.main;
    for (let look = 0; look < looks; look++) {
      const flags = loadAcquire(words, sqFlags);
      if ((flags & (SqRingFlag.TASKRUN | SqRingFlag.CQ_OVERFLOW)) !== 0) return true;
    }
    return false;
  }

  #setEventFd(disabled: boolean): void {
    storeRelease(this.#words, this.main.cqFlags, disabled ? CqRingFlag.EVENTFD_DISABLED : 0);
  }

  #register(opcode: number, argument: number): number {
    const words = new Int32Array(new ArrayBuffer(8));
    words[0] = argument;
    const bytes = new Uint8Array(words.buffer);
    const result = this.#libc.register(SYS_IO_URING_REGISTER, this.#ring.fd, opcode, bytes, 1);
    return result < 0 ? -lastErrno() : result;
  }

  #growDescriptorTable(): void {
    for (const size of DESCRIPTOR_TABLE_SIZES) {
      const fd = this.#descriptors.keep(this.#libc.fcntl(this.#ring.fd, F_DUPFD_CLOEXEC, size));
      if (fd < 0) continue;
      this.#descriptors.close(fd);
      return;
    }
  }
}
