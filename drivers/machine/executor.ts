/**
 * The consumer of one ring: it takes entries from the submission queue, has them executed, posts
 * what came of them, and starts what is linked to them. Who executes them is a subclass's matter.
 *
 * @module
 */

import { bufferGroups, BufferSupply } from "../../ring/buffers.ts";
import { RingConsumer } from "../../ring/consumer.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import type { Words } from "../../ring/barrier.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_BUFFER_GROUP,
  W_FD,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { getLong, longOf } from "../../ring/abi/long.ts";
import { CqeFlag, Op, SqeFlag, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import type { Clock } from "./clock.ts";
import { Links } from "./links.ts";
import type { ControlMachine } from "./machine.ts";
import { type Operation, OperationIndex, type OperationOwner, OperationPool } from "./operation.ts";
import type { Polls } from "./polls.ts";
import { Timeouts } from "./timeouts.ts";
import { isFailure } from "./transfers.ts";

/** Flags that make an operation more than one entry that stands for itself. */
const ORDERED = SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK | SqeFlag.IO_DRAIN;
const KNOWN_FLAGS = ORDERED | SqeFlag.ASYNC | SqeFlag.BUFFER_SELECT | SqeFlag.CQE_SKIP_SUCCESS |
  SqeFlag.FIXED_FILE;

/** Executes one ring's entries. */
export abstract class Executor implements ControlMachine {
  readonly memory: RingMemory;
  readonly consumer: RingConsumer;
  readonly supply: BufferSupply;
  readonly datagramSupply: BufferSupply;
  readonly index: OperationIndex = new OperationIndex();
  readonly timeouts: Timeouts;
  readonly #operations = new OperationPool();
  readonly #links: Links;
  readonly #onPosted: () => void;
  #isConsuming = false;
  #isStarting = false;
  /** What became ready to start while something else was being started. */
  #ready: Operation[] = [];
  #outstanding = 0;
  #onQuiet: (() => void) | null = null;

  /**
   * @param geometry the queue pair to consume
   * @param onPosted called after a completion was posted while nothing was being consumed
   * @param clock what its timeouts run on
   */
  constructor(memory: RingMemory, geometry: RingGeometry, onPosted: () => void, clock: Clock) {
    this.memory = memory;
    this.consumer = new RingConsumer(geometry);
    const [streams, datagrams] = bufferGroups(memory);
    this.supply = new BufferSupply(memory, streams);
    this.datagramSupply = new BufferSupply(memory, datagrams);
    this.timeouts = new Timeouts(this, this.#operations, clock);
    this.#links = new Links(this, (operation) => this.#start(operation));
    this.#onPosted = onPosted;
  }

  /** Calls to others that have not settled. */
  get outstanding(): number {
    return this.#outstanding;
  }

  set outstanding(count: number) {
    this.#outstanding = count;
    if (count === 0 && this.#onQuiet !== null) this.#onQuiet();
  }

  /** {@inheritDoc ControlMachine.inFlight} */
  get inFlight(): number {
    return this.#operations.size;
  }

  /** {@inheritDoc ControlMachine.pollsOf} */
  abstract pollsOf(fd: number): Polls | null;

  /** Why an opcode cannot be executed at all. @returns a positive errno, or 0 */
  protected abstract refusalOf(opcode: number): number;

  /** Begins an operation that nothing refuses: it completes, or somebody parks it. */
  protected abstract execute(operation: Operation): void;

  /** Takes everything that is published. @returns how many entries there were */
  consume(): number {
    const { consumer } = this;
    const words = consumer.entries;
    this.#isConsuming = true;
    consumer.flushOverflow();
    const isHolder = consumer.hold();
    let count = 0;
    for (let at = consumer.next(); at >= 0; at = consumer.next()) {
      const operation = this.#operations.take();
      read(operation, words, at);
      consumer.take();
      count++;
      operation.refusal = this.#refusal(operation);
      if ((operation.flags & ORDERED) !== 0 || this.#links.isOrdering) {
        this.#links.accept(operation);
      } else {
        this.#start(operation);
      }
    }
    consumer.free();
    this.#links.endBatch();
    if (isHolder) consumer.flush();
    this.#isConsuming = false;
    return count;
  }

  /** {@inheritDoc Machine.park} */
  park(operation: Operation, owner: OperationOwner): void {
    operation.owner = owner;
    this.index.add(operation);
  }

  /** {@inheritDoc Machine.complete} */
  complete(operation: Operation, result: number, flags: number): void {
    if (operation.owner !== null) {
      operation.owner = null;
      this.index.remove(operation);
    }
    const isPlain = (operation.flags & (ORDERED | SqeFlag.CQE_SKIP_SUCCESS)) === 0;
    if (isPlain && operation.timeout === null) {
      this.#post(operation, result, flags);
    } else {
      this.#completeOrdered(operation, result, flags);
    }
    this.#operations.give(operation);
    if (this.#links.isOrdering) this.#links.resume();
  }

  /** {@inheritDoc ControlMachine.drop} */
  drop(operation: Operation): void {
    this.#operations.give(operation);
  }

  /** {@inheritDoc Machine.more} */
  more(operation: Operation, result: number, flags: number): void {
    this.#post(operation, result, flags | CqeFlag.MORE);
  }

  /** Cancels everything that waits, and lets go of the clock. */
  protected cancelAll(): void {
    for (let left = this.index.newest; left !== null;) {
      const { older }: Operation = left;
      // What cannot be cancelled ends with what was just closed.
      left.owner?.cancel(left);
      left = older;
    }
    this.timeouts.close();
  }

  /** Resolves once every call to others has settled. */
  protected async whenQuiet(): Promise<void> {
    if (this.#outstanding > 0) await new Promise<void>((resolve) => this.#onQuiet = resolve);
  }

  /** Whether an operation fails before it starts. @returns a positive errno, or 0 */
  #refusal(operation: Operation): number {
    const refusal = this.refusalOf(operation.opcode);
    if (refusal !== 0) return refusal;
    if ((operation.flags & ~KNOWN_FLAGS) !== 0) return Errno.EINVAL;
    // There is no table of registered files here.
    if ((operation.flags & SqeFlag.FIXED_FILE) !== 0) return Errno.EBADF;
    return 0;
  }

  /** Starts an operation, after those that are being started. */
  #start(operation: Operation): void {
    if (this.#isStarting) {
      this.#ready.push(operation);
      return;
    }
    this.#isStarting = true;
    this.#startOne(operation);
    if (this.#ready.length > 0) this.#startReady();
    this.#isStarting = false;
  }

  #startReady(): void {
    // Chains can be as long as the queue: a loop, not a recursion.
    for (let index = 0; index < this.#ready.length; index++) this.#startOne(this.#ready[index]);
    this.#ready = [];
  }

  #startOne(operation: Operation): void {
    if (operation.refusal !== 0) return this.complete(operation, -operation.refusal, 0);
    const { timeout } = operation;
    this.execute(operation);
    // Completed at once, it has taken its timeout with it.
    if (timeout !== null && operation.timeout === timeout) this.timeouts.guard(timeout, operation);
  }

  #completeOrdered(operation: Operation, result: number, flags: number): void {
    const failed = hasFailed(operation, result);
    if (failed || (operation.flags & SqeFlag.CQE_SKIP_SUCCESS) === 0) {
      this.#post(operation, result, flags);
    }
    this.#links.follow(operation, failed);
  }

  #post(operation: Operation, result: number, flags: number): void {
    this.consumer.post(operation.userLow, operation.userHigh, result, flags);
    if (!this.#isConsuming) this.#onPosted();
    // As in Linux, timeouts do not count each other.
    if (operation.opcode !== Op.TIMEOUT) this.timeouts.onPosted();
  }
}

/** Whether a completion breaks its chain, and is posted although success would be skipped. */
function hasFailed(operation: Operation, result: number): boolean {
  switch (operation.opcode) {
    case Op.LINK_TIMEOUT:
      return false;
    case Op.TIMEOUT: {
      const isFine = (operation.operationFlags & TimeoutFlag.ETIME_SUCCESS) !== 0;
      return result < 0 && !(isFine && result === -Errno.ETIME);
    }
    default:
      return isFailure(operation, result);
  }
}

function read(operation: Operation, words: Words, at: number): void {
  const head = words[at];
  operation.opcode = head & 0xff;
  operation.flags = (head >>> 8) & 0xff;
  operation.ioprio = head >>> 16;
  operation.fd = words[at + W_FD];
  operation.offset = getLong(words, at + W_OFFSET);
  operation.addressLow = words[at + W_ADDRESS];
  operation.addressHigh = words[at + W_ADDRESS + 1];
  operation.address = longOf(operation.addressLow, operation.addressHigh);
  operation.length = words[at + W_LENGTH];
  operation.operationFlags = words[at + W_OPERATION_FLAGS];
  operation.userLow = words[at + W_USER_DATA];
  operation.userHigh = words[at + W_USER_DATA + 1];
  operation.bufferGroup = words[at + W_BUFFER_GROUP] & 0xffff;
  operation.fileIndex = words[at + W_FILE_INDEX];
  operation.address3 = getLong(words, at + W_ADDRESS3);
}
