/**
 * TIMEOUT and LINK_TIMEOUT: one wake-up of the clock serves them all, through a heap of deadlines.
 *
 * @module
 */

import { type Deadline, Deadlines, type DeadlineTarget } from "../../ring/deadlines.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { TIMESPEC } from "../../ring/abi/layout.ts";
import { Op, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import type { Clock } from "./clock.ts";
import type { Machine } from "./machine.ts";
import type { Operation, OperationOwner, OperationPool } from "./operation.ts";
import { isWithin, readLong } from "./segments.ts";

/** `IORING_TIMEOUT_BOOTTIME`, `IORING_TIMEOUT_REALTIME`. */
const BOOT_TIME = 1 << 2;
const REAL_TIME = 1 << 3;
const CLOCKS = BOOT_TIME | REAL_TIME;
const KNOWN_FLAGS = TimeoutFlag.ABS | CLOCKS | TimeoutFlag.ETIME_SUCCESS | TimeoutFlag.MULTISHOT;

/** Every timeout of one ring. */
export class Timeouts implements OperationOwner, DeadlineTarget {
  /** Timeouts that also complete after a number of completions. */
  counting = 0;
  readonly #machine: Machine;
  readonly #operations: OperationPool;
  readonly #clock: Clock;
  readonly #deadlines = new Deadlines();
  /** By place in the pool. */
  readonly #armed: (Deadline | null)[] = [];
  /** By place in the pool: at which count of completions it is due; 0 for never. */
  readonly #targets: number[] = [];
  #posted = 0;
  /** When the clock was asked to call. */
  #wakeAt = Infinity;
  readonly #onTime: () => void;

  /**
   * @param operations where deadlines find their operation
   * @param clock the program's own, which absolute times refer to
   */
  constructor(machine: Machine, operations: OperationPool, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
    this.#operations = operations;
    this.#onTime = () => this.#fire();
  }

  /** Begins a TIMEOUT. */
  start(operation: Operation): void {
    const { operationFlags, offset } = operation;
    const delayMs = this.#delayOf(operation, operation.address, operationFlags);
    if (operation.length !== 1 || (operationFlags & ~KNOWN_FLAGS) !== 0) {
      return this.#machine.complete(operation, -Errno.EINVAL, 0);
    }
    if (delayMs < 0) return this.#machine.complete(operation, delayMs, 0);
    this.#machine.park(operation, this);
    if (delayMs === 0) this.#armRound(operation);
    else this.#arm(operation, delayMs);
    const counts = offset > 0 && (operationFlags & TimeoutFlag.MULTISHOT) === 0;
    this.#targets[operation.id] = counts ? this.#posted + offset : 0;
    if (counts) this.counting++;
  }

  /** Begins the LINK_TIMEOUT of an operation that waits. */
  guard(operation: Operation, guarded: Operation): void {
    const delayMs = this.#delayOf(operation, operation.address, operation.operationFlags);
    operation.guarded = guarded;
    this.#targets[operation.id] = 0;
    this.#machine.park(operation, this);
    this.#arm(operation, Math.max(0, delayMs));
  }

  /** Whether an entry can be a LINK_TIMEOUT at all. */
  isValid(operation: Operation): boolean {
    return operation.length === 1 &&
      this.#delayOf(operation, operation.address, operation.operationFlags) >= 0;
  }

  /** Gives a timeout another time. @returns 0 or `-errno` */
  update(operation: Operation, timespec: number, flags: number): number {
    const delayMs = this.#delayOf(operation, timespec, flags);
    if (delayMs < 0) return delayMs;
    this.#disarm(operation);
    this.#arm(operation, delayMs);
    return 0;
  }

  /** Notes a completion that was posted, for the timeouts that count them. */
  onPosted(): void {
    this.#posted++;
    for (let operation = this.#oldestCounting(); operation !== null;) {
      this.#end(operation, 0);
      operation = this.#oldestCounting();
    }
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    this.#end(operation, -Errno.ECANCELED);
    return 0;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(id: number): void {
    const operation = this.#operations.at(id);
    this.#armed[id] = null;
    if (operation.opcode === Op.LINK_TIMEOUT) return this.#expireGuard(operation);
    const isMultishot = (operation.operationFlags & TimeoutFlag.MULTISHOT) !== 0;
    // `off` is how often a multishot timeout is to fire, 0 for ever.
    if (!isMultishot || operation.offset === 1) return this.#end(operation, -Errno.ETIME);
    if (operation.offset > 0) operation.offset--;
    const relative = operation.operationFlags & ~TimeoutFlag.ABS;
    this.#arm(operation, this.#delayOf(operation, operation.address, relative));
    this.#machine.more(operation, -Errno.ETIME, 0);
  }

  /** Lets go of the clock; nothing may be armed. */
  close(): void {
    this.#clock.wakeAt(Infinity, this.#onTime);
  }

  #oldestCounting(): Operation | null {
    if (this.counting === 0) return null;
    for (let id = 0; id < this.#targets.length; id++) {
      const target = this.#targets[id];
      if (target > 0 && target <= this.#posted) return this.#operations.at(id);
    }
    return null;
  }

  #expireGuard(operation: Operation): void {
    const guarded = operation.guarded!;
    // Taken apart first, so that the end of the one does not cancel the other.
    guarded.timeout = null;
    operation.guarded = null;
    const outcome = guarded.owner === null ? -Errno.ENOENT : guarded.owner.cancel(guarded);
    this.#end(operation, outcome === 0 ? -Errno.ETIME : outcome);
  }

  #end(operation: Operation, result: number): void {
    this.#disarm(operation);
    if (this.#targets[operation.id] > 0) {
      this.#targets[operation.id] = 0;
      this.counting--;
    }
    if (operation.guarded !== null) operation.guarded.timeout = null;
    this.#machine.complete(operation, result, 0);
  }

  /** @returns milliseconds from now, or `-errno` */
  #delayOf(operation: Operation, timespec: number, flags: number): number {
    const { memory } = this.#machine;
    if (timespec % 4 !== 0 || !isWithin(memory, timespec, TIMESPEC.SIZE)) return -Errno.EFAULT;
    const milliseconds = timespecOf(memory, timespec);
    if (!(milliseconds >= 0)) return -Errno.EINVAL;
    if ((flags & CLOCKS) === CLOCKS) return -Errno.EINVAL;
    if ((flags & TimeoutFlag.ABS) === 0) return milliseconds;
    const isReal = (flags & REAL_TIME) !== 0 || (operation.operationFlags & REAL_TIME) !== 0;
    return Math.max(0, milliseconds - (isReal ? this.#clock.date() : this.#clock.now()));
  }

  /** No time is one round: a timer would come later. */
  #armRound(operation: Operation): void {
    const { id, serial } = operation;
    this.#armed[id] = null;
    this.#machine.outstanding++;
    this.#clock.soon(() => {
      this.#machine.outstanding--;
      // It may have ended, or been given another time.
      if (operation.serial === serial && this.#armed[id] === null) this.onDeadline(id);
    });
  }

  #arm(operation: Operation, delayMs: number): void {
    const at = this.#clock.now() + delayMs;
    this.#armed[operation.id] = this.#deadlines.arm(at, this, operation.id);
    this.#schedule();
  }

  #disarm(operation: Operation): void {
    const deadline = this.#armed[operation.id];
    if (deadline === null || deadline === undefined) return;
    this.#armed[operation.id] = null;
    this.#deadlines.disarm(deadline);
    if (this.#deadlines.size > 0) return;
    // A timer for nothing would wake an idle process.
    this.#wakeAt = Infinity;
    this.#clock.wakeAt(Infinity, this.#onTime);
  }

  #schedule(): void {
    const { next } = this.#deadlines;
    if (next >= this.#wakeAt) return;
    this.#wakeAt = next;
    this.#clock.wakeAt(next, this.#onTime);
  }

  #fire(): void {
    this.#wakeAt = Infinity;
    this.#deadlines.fire(this.#clock.now());
    if (this.#deadlines.size > 0) this.#schedule();
  }
}

/** A `__kernel_timespec` in milliseconds; NaN where it is none. */
function timespecOf(memory: RingMemory, offset: number): number {
  const seconds = readLong(memory, offset + TIMESPEC.SECONDS);
  const nanoseconds = readLong(memory, offset + TIMESPEC.NANOSECONDS);
  if (seconds < 0 || nanoseconds < 0) return NaN;
  return seconds * 1000 + nanoseconds / 1e6;
}
