/**
 * What every call works with: the engine, the table, the authority, and the two ways to wait.
 *
 * @module
 */

import { CallAuthority } from "./authority.ts";
import { type Descriptors, FIRST_DESCRIPTOR } from "./descriptors.ts";
import type { Engine, Guard, Name, Outcome, Waiting } from "./engine.ts";
import { PosixError } from "./errors.ts";
import type { NetworkCapability } from "../native/capability.ts";
import { Errno } from "../ring/abi/errno.ts";

/** The result of a call, or what has to wait for it. */
export type Step<Result> = Result | Parked<Result>;

/** A call that waits. */
export class Parked<Result> {
  readonly #core: Core;
  readonly #call: string;
  readonly #fd: number;
  readonly #waiting: Waiting;
  readonly #finish: (result: number) => Result;

  /** @param fd the descriptor that it waits on, -1 for none */
  constructor(
    core: Core,
    call: string,
    fd: number,
    waiting: Waiting,
    finish: (result: number) => Result,
  ) {
    this.#core = core;
    this.#call = call;
    this.#fd = fd;
    this.#waiting = waiting;
    this.#finish = finish;
  }

  /** Blocks until the result is there. @throws {PosixError} when the call failed */
  block(): Result {
    // While this thread blocks nobody closes anything, unless other threads have the table, too.
    const guard = this.#core.descriptors.isShared ? this.#guard() : null;
    let result: number;
    try {
      result = this.#waiting.block();
    } finally {
      guard?.end();
    }
    return this.#finish(this.#core.check(this.#call, result));
  }

  /** Waits without blocking. @throws {PosixError} when the call failed */
  async later(): Promise<Result> {
    const guard = this.#guard();
    let result: number;
    try {
      result = await this.#waiting.later();
    } finally {
      guard?.end();
    }
    return this.#finish(this.#core.check(this.#call, result));
  }

  #guard(): FileGuard | null {
    if (this.#fd < 0) return null;
    const core = this.#core;
    const { descriptors } = core;
    const file = core.hold(this.#fd);
    if (file < 0) core.fail(this.#call, Errno.EBADF);
    const guard = new FileGuard(core, file, descriptors.stamp(file), !descriptors.isShared);
    this.#waiting.guard = guard;
    return guard;
  }
}

/**
 * Watches the file that a call waits on. Where no other thread has the table the file stays open
 * until the call ends; else only while the call is tried, since a thread that is terminated while it
 * waits never says that it has ended.
 */
class FileGuard implements Guard {
  readonly #core: Core;
  readonly #file: number;
  readonly #stamp: number;
  readonly #isHeld: boolean;
  #listener: (() => void) | null = null;

  /** @param isHeld whether the file, which the caller holds, is held until the end */
  constructor(core: Core, file: number, stamp: number, isHeld: boolean) {
    this.#core = core;
    this.#file = file;
    this.#stamp = stamp;
    this.#isHeld = isHeld;
    if (!isHeld) core.release(file);
  }

  /** {@inheritDoc Guard.isShared} */
  get isShared(): boolean {
    return this.#core.descriptors.isShared;
  }

  /** {@inheritDoc Guard.isClosed} */
  isClosed(): boolean {
    return this.#core.descriptors.stamp(this.#file) !== this.#stamp;
  }

  /** {@inheritDoc Guard.enter} */
  enter(): boolean {
    return this.#isHeld ? !this.isClosed() : this.#core.enter(this.#file, this.#stamp);
  }

  /** {@inheritDoc Guard.leave} */
  leave(): void {
    if (!this.#isHeld) this.#core.release(this.#file);
  }

  /** The call has ended. */
  end(): void {
    if (this.#isHeld) this.#core.release(this.#file);
  }

  /** {@inheritDoc Guard.onClose} */
  onClose(listener: (() => void) | null): void {
    const { listeners } = this.#core;
    if (this.#listener !== null) {
      const others = listeners.get(this.#file);
      others?.delete(this.#listener);
      if (others?.size === 0) listeners.delete(this.#file);
    }
    this.#listener = listener;
    if (listener === null) return;
    const all = listeners.get(this.#file) ?? new Set();
    listeners.set(this.#file, all.add(listener));
  }
}

/** A descriptor for whoever withdraws the capability that it was made under. */
class OwnedDescriptor {
  /** {@inheritDoc Placed.place} */
  place = -1;
  readonly #core: Core;
  readonly fd: number;
  readonly file: number;

  constructor(core: Core, fd: number, file: number) {
    this.#core = core;
    this.fd = fd;
    this.file = file;
  }

  /** {@inheritDoc Owned.terminate} */
  async terminate(): Promise<void> {
    await this.#core.terminate(this);
  }
}

/** The state of one `Posix`. */
export class Core {
  readonly engine: Engine;
  readonly descriptors: Descriptors;
  readonly authority: CallAuthority;
  readonly capability: NetworkCapability;
  /** Who wants to know when this thread closes a file, by its place. */
  readonly listeners: Map<number, Set<() => void>> = new Map();
  /** The number of the last error of this thread. */
  errno = 0;
  /** Descriptors that this thread made and that count for its capability, by their file's place. */
  readonly #owned: Map<number, OwnedDescriptor> = new Map();
  /** How many there may be before those that other threads closed are looked for. */
  #settleAt = 64;
  readonly #closeHandle = (handle: number): void => {
    this.#closeQuietly(handle);
  };

  constructor(capability: NetworkCapability, engine: Engine, descriptors: Descriptors) {
    this.capability = capability;
    this.engine = engine;
    this.descriptors = descriptors;
    this.authority = new CallAuthority(capability);
  }

  /** Throws what a call failed with. */
  fail(call: string, errno: number, options?: ErrorOptions): never {
    throw new PosixError(errno, call, options);
  }

  /** Notes what a call failed with, for `errno` and `perror`. @returns it */
  noted(error: unknown): unknown {
    if (error instanceof PosixError) this.errno = error.errno;
    return error;
  }

  /** Proves that a call did not fail. @returns its result */
  check(call: string, result: number): number {
    return result < 0 ? this.fail(call, -result) : result;
  }

  /** The handle of a descriptor. @throws {PosixError} EBADF */
  handle(call: string, fd: number): number {
    const handle = this.descriptors.handle(fd);
    return handle < 0 ? this.fail(call, Errno.EBADF) : handle;
  }

  /** Goes on with a result, now or when it is there. @param fd what it waits on, -1 for nothing */
  step<Result>(
    call: string,
    fd: number,
    outcome: Outcome,
    finish: (result: number) => Result,
  ): Step<Result> {
    if (typeof outcome === "number") return finish(this.check(call, outcome));
    return new Parked(this, call, fd, outcome, finish);
  }

  /** The same for a call whose result is its number. */
  count(call: string, fd: number, outcome: Outcome): Step<number> {
    if (typeof outcome === "number") return this.check(call, outcome);
    return new Parked(this, call, fd, outcome, identity);
  }

  /** Makes room for descriptors to come, {@linkcode Core.install} or {@linkcode Core.refund} each. */
  reserve(call: string, count = 1): void {
    const { authorization } = this.capability;
    if (this.#owned.size >= this.#settleAt) this.#settle();
    if (this.descriptors.count + count > this.descriptors.maximum) this.fail(call, Errno.EMFILE);
    for (let taken = 0; taken < count; taken++) {
      try {
        authorization.takeSocket(call);
      } catch (cause) {
        this.refund(taken);
        // Those that other threads closed still count.
        if (this.#settle() > 0) return this.reserve(call, count);
        this.fail(call, Errno.EMFILE, { cause });
      }
    }
  }

  /** Gives back room that was not used. */
  refund(count = 1): void {
    for (let index = 0; index < count; index++) this.capability.authorization.returnSocket();
  }

  /**
   * Gives a handle a number; room for it was reserved.
   *
   * @param least the lowest number that will do
   */
  install(call: string, handle: number, flags: number, kind: number, least?: number): number {
    const fd = this.descriptors.open(handle, flags, kind, least);
    if (fd < 0) {
      this.refund();
      this.#closeQuietly(handle);
      return this.fail(call, -fd);
    }
    this.#own(fd);
    return fd;
  }

  /** Gives a handle a certain number, and closes what had it; room was reserved. */
  replace(fd: number, handle: number, flags: number, kind: number): void {
    const before = this.descriptors.replace(fd, handle, flags, kind);
    if (before >= 0) this.#dropFile(before);
    this.#own(fd);
  }

  /** `close(2)` of a number. @returns the outcome of the backend's close, or `-EBADF` */
  close(fd: number): Outcome {
    const file = this.descriptors.remove(fd);
    return file < 0 ? -Errno.EBADF : this.#dropFile(file);
  }

  /** Keeps the file of a number open while a call waits. @returns its place, or -1 */
  hold(fd: number): number {
    return this.descriptors.hold(fd, this.#closeHandle);
  }

  /** Keeps a file open while a call is tried. @returns false when it is not the same any more */
  enter(file: number, stamp: number): boolean {
    return this.descriptors.enter(file, stamp, this.#closeHandle);
  }

  /** Ends that. */
  release(file: number): void {
    if (file < 0) return;
    const handle = this.descriptors.drop(file);
    if (handle >= 0) this.#closeQuietly(handle);
  }

  /** Closes a descriptor whose capability is withdrawn. */
  async terminate(owned: OwnedDescriptor): Promise<void> {
    if (this.descriptors.file(owned.fd) !== owned.file) {
      this.#disown(owned.file);
      return;
    }
    const outcome = this.close(owned.fd);
    if (typeof outcome !== "number") await outcome.later();
  }

  /** Closes every descriptor that this thread made. */
  async closeAll(): Promise<void> {
    for (const owned of [...this.#owned.values()]) await this.terminate(owned);
  }

  /** Closes what other threads left in the table. */
  async closeRest(): Promise<void> {
    const { descriptors } = this;
    const end = descriptors.maximum + FIRST_DESCRIPTOR;
    for (let fd = FIRST_DESCRIPTOR; fd < end && descriptors.count > 0; fd++) {
      const outcome = this.close(fd);
      if (typeof outcome !== "number") await outcome.later();
    }
    // A thread that was terminated in the middle of a call still refers to what it was about.
    if (!descriptors.isShared) return;
    for (const handle of descriptors.reclaim()) this.#closeQuietly(handle);
  }

  #own(fd: number): void {
    const file = this.descriptors.file(fd);
    const owned = new OwnedDescriptor(this, fd, file);
    this.#disown(file);
    this.#owned.set(file, owned);
    this.capability.authorization.scope.adopt(owned);
  }

  #disown(file: number): void {
    const owned = this.#owned.get(file);
    if (owned === undefined) return;
    this.#owned.delete(file);
    this.capability.authorization.scope.forget(owned);
  }

  #dropFile(file: number): Outcome {
    this.#disown(file);
    const listeners = this.listeners.get(file);
    const handle = this.descriptors.drop(file);
    // The place may be another file's by now, with listeners of its own.
    this.listeners.delete(file);
    if (listeners !== undefined) { for (const listener of [...listeners]) listener(); }
    return handle < 0 ? 0 : this.engine.close(handle);
  }

  /** Forgets descriptors that other threads closed. @returns how many there were */
  #settle(): number {
    const before = this.#owned.size;
    for (const { fd, file } of [...this.#owned.values()]) {
      if (this.descriptors.file(fd) !== file) this.#disown(file);
    }
    this.#settleAt = Math.max(64, this.#owned.size * 2);
    return before - this.#owned.size;
  }

  #closeQuietly(handle: number): void {
    const outcome = this.engine.close(handle);
    if (typeof outcome !== "number") outcome.later();
  }
}

/** A copy of a name, for a call that waits. */
export function copyName(name: Name): Name {
  return { bytes: name.bytes.slice(), length: name.length };
}

function identity(result: number): number {
  return result;
}
