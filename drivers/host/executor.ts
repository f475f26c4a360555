/**
 * The consumer of one ring: it takes entries from the submission queue, has them executed, posts
 * what came of them, and starts what is linked to them.
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
import { CqeFlag, Op, SqeFlag, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import { BoundPorts } from "./bound_ports.ts";
import { ChunkPool } from "./chunks.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import { FileTable } from "./files.ts";
import { handlerTable, refusalOf } from "./handlers.ts";
import type { Handler, Host } from "./host.ts";
import { Links } from "./links.ts";
import { type Operation, OperationIndex, type OperationOwner, OperationPool } from "./operation.ts";
import { Permissions } from "./permissions.ts";
import { RegularFiles } from "./regular_files.ts";
import type { Rounds } from "./rounds.ts";
import type { Socket } from "./socket.ts";
import { closeEverything } from "./sockets.ts";
import { isFailure } from "./streams.ts";
import { Timeouts } from "./timeouts.ts";

const HIGH = 4294967296;
/** Flags that make an operation more than one entry that stands for itself. */
const ORDERED = SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK | SqeFlag.IO_DRAIN;
const KNOWN_FLAGS = ORDERED | SqeFlag.ASYNC | SqeFlag.BUFFER_SELECT | SqeFlag.CQE_SKIP_SUCCESS |
  SqeFlag.FIXED_FILE;

/** Executes one ring's entries with Deno's own API. */
export class Executor implements Host {
  readonly memory: RingMemory;
  readonly consumer: RingConsumer;
  readonly supply: BufferSupply;
  readonly datagramSupply: BufferSupply;
  readonly chunks: ChunkPool = new ChunkPool();
  readonly rounds: Rounds;
  readonly files: FileTable<Socket | DatagramSocket> = new FileTable<Socket | DatagramSocket>();
  readonly ports: BoundPorts = new BoundPorts();
  readonly regularFiles: RegularFiles = new RegularFiles(this);
  readonly index: OperationIndex = new OperationIndex();
  readonly timeouts: Timeouts;
  readonly permissions: Permissions = new Permissions();
  readonly lingering: Set<Socket> = new Set();
  readonly #operations = new OperationPool();
  readonly #links: Links;
  readonly #handlers: (Handler | null)[] = handlerTable();
  readonly #onPosted: () => void;
  /** Connections whose reads keep the process alive, which is meant to be. */
  readonly #referenced = new Set<Deno.Conn>();
  #isAlive = false;
  #isConsuming = false;
  #isStarting = false;
  /** What became ready to start while something else was being started. */
  #ready: Operation[] = [];
  #outstanding = 0;
  #onQuiet: (() => void) | null = null;

  /**
   * @param geometry the queue pair to consume
   * @param onPosted called after a completion was posted while nothing was being consumed
   * @param rounds how to find out what is ready
   * @param timeOrigin when the program's clock began, where that is another thread's
   */
  constructor(
    memory: RingMemory,
    geometry: RingGeometry,
    onPosted: () => void,
    rounds: Rounds,
    timeOrigin: number = performance.timeOrigin,
  ) {
    this.memory = memory;
    this.rounds = rounds;
    this.consumer = new RingConsumer(geometry);
    const [streams, datagrams] = bufferGroups(memory);
    this.supply = new BufferSupply(memory, streams);
    this.datagramSupply = new BufferSupply(memory, datagrams);
    const aheadMs = performance.timeOrigin - timeOrigin;
    this.timeouts = new Timeouts(this, this.#operations, () => performance.now() + aheadMs);
    this.#links = new Links(this, (operation) => this.#start(operation));
    this.#onPosted = onPosted;
  }

  /** Calls to Deno that have not settled. */
  get outstanding(): number {
    return this.#outstanding;
  }

  set outstanding(count: number) {
    this.#outstanding = count;
    if (count === 0 && this.#onQuiet !== null) this.#onQuiet();
  }

  /** {@inheritDoc Host.inFlight} */
  get inFlight(): number {
    return this.#operations.size;
  }

  /** Takes everything that is published. @returns how many entries there were */
  consume(): number {
    const { consumer } = this;
    const words = consumer.entries;
    this.#isConsuming = true;
    consumer.flushOverflow();
    let count = 0;
    for (let at = consumer.next(); at >= 0; at = consumer.next()) {
      const operation = this.#operations.take();
      read(operation, words, at);
      consumer.release();
      count++;
      operation.refusal = this.#refusal(operation);
      if ((operation.flags & ORDERED) !== 0 || this.#links.isOrdering) {
        this.#links.accept(operation);
      } else {
        this.#start(operation);
      }
    }
    this.#links.endBatch();
    this.#isConsuming = false;
    return count;
  }

  /** Says whether the process must stay alive; nothing that Deno holds does so on its own. */
  setAlive(alive: boolean): void {
    this.#isAlive = alive;
    if (alive || this.#referenced.size === 0) return;
    for (const conn of this.#referenced) conn.unref();
    this.#referenced.clear();
  }

  /** {@inheritDoc Machine.hold} */
  hold(conn: Deno.Conn): void {
    if (this.#isAlive) this.#referenced.add(conn);
    else conn.unref();
  }

  /** {@inheritDoc Machine.release} */
  release(conn: Deno.Conn): void {
    this.#referenced.delete(conn);
    conn.close();
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

  /** {@inheritDoc Host.drop} */
  drop(operation: Operation): void {
    this.#operations.give(operation);
  }

  /** {@inheritDoc Machine.more} */
  more(operation: Operation, result: number, flags: number): void {
    this.#post(operation, result, flags | CqeFlag.MORE);
  }

  /** Closes every socket and waits until Deno has let go of all of them. */
  async close(): Promise<void> {
    closeEverything(this);
    for (let left = this.index.newest; left !== null;) {
      const { older }: Operation = left;
      // What cannot be cancelled ends with the socket that was just closed.
      left.owner?.cancel(left);
      left = older;
    }
    this.timeouts.close();
    this.rounds.close();
    if (this.#outstanding > 0) await new Promise<void>((resolve) => this.#onQuiet = resolve);
    this.regularFiles.closeAll();
  }

  /** Whether an operation fails before it starts. @returns a positive errno, or 0 */
  #refusal(operation: Operation): number {
    if (this.#handlers[operation.opcode] === null) return refusalOf(operation.opcode);
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
    this.#handlers[operation.opcode]!(this, operation);
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
  operation.offset = (words[at + W_OFFSET] >>> 0) + words[at + W_OFFSET + 1] * HIGH;
  operation.addressLow = words[at + W_ADDRESS];
  operation.addressHigh = words[at + W_ADDRESS + 1];
  operation.address = (operation.addressLow >>> 0) + operation.addressHigh * HIGH;
  operation.length = words[at + W_LENGTH];
  operation.operationFlags = words[at + W_OPERATION_FLAGS];
  operation.userLow = words[at + W_USER_DATA];
  operation.userHigh = words[at + W_USER_DATA + 1];
  operation.bufferGroup = words[at + W_BUFFER_GROUP] & 0xffff;
  operation.fileIndex = words[at + W_FILE_INDEX];
  operation.address3 = (words[at + W_ADDRESS3] >>> 0) + words[at + W_ADDRESS3 + 1] * HIGH;
}
