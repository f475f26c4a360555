/**
 * `IoUring`, the expert layer: exactly io_uring. Submission queue entries go in, completion queue
 * entries come out, and user data matches them.
 *
 * @module
 */

import { badResource, busy, netError, unsupported } from "../errors.ts";
import { type BufferPool, RingBuffers } from "./io_uring_buffers.ts";
import { EntryWriter } from "./io_uring_entries.ts";
import { type Completion, RingLoop } from "./io_uring_loop.ts";
import {
  type IoUringOptions,
  type IoUringStats,
  ringPlanOf,
  type TransferOptions,
} from "./io_uring_options.ts";
import { checkUserData, requireInteger, type Submission } from "./io_uring_submission.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import { type BackendName, openDriver } from "../../drivers/mod.ts";
import { Counter } from "../../ring/counters.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { IoPrio, Op, Sock } from "../../ring/abi/opcodes.ts";

export type { BufferPool } from "./io_uring_buffers.ts";
export type { Completion } from "./io_uring_loop.ts";
export type { IoUringOptions, IoUringStats, TransferOptions } from "./io_uring_options.ts";
export type { Submission } from "./io_uring_submission.ts";

/** `IORING_MAX_REG_BUFFERS`. */
const BUFFERS_MAX = 16384;
const FILES_MAX = 32768;
const BUFFER_BYTES_MAX = 2 ** 30;
const TIMEOUT_MAX_MS = 2 ** 40;
const POLL_EVENTS_MAX = 0xffff;
/** Memory of rings that are not closed: V8 would free what a kernel still writes to. */
const liveMemory: Set<RingMemory> = new Set();

/**
 * A ring of one's own: io_uring as it is, on the backend of a capability. On `kernel` it is a
 * second io_uring beside the capability's, with absolute addresses, so the right `ring` equals
 * `--allow-ffi`; on `host` the same entries are executed by plain Deno, addresses are offsets in
 * ring memory, and descriptors are the ring's own numbers. Entries are not judged by the rules of
 * the capability. Driver operations (opcodes from 192) are not to be had here.
 *
 * One thread owns it: it cannot be posted to a Worker, which creates its own; one that may be
 * terminated takes a `ledger`.
 *
 * Permissions: those of the capability's backend. Source: io_uring(7).
 *
 * @example
 * ```ts
 * import { IoUring, NetworkCapability } from "../../mod.ts";
 * await using capability = await NetworkCapability.request({ rights: { ring: true } });
 * await using ring = await IoUring.create(64, { capability });
 * ring.submitTimeout(5, 42);
 * const [completion] = await ring.waitCqes(1);
 * console.log(completion.userData, completion.result); // 42 -62, which is ETIME
 * ```
 */
export class IoUring implements AsyncDisposable {
  readonly #loop: RingLoop;
  readonly #buffers: RingBuffers;
  readonly #entries: EntryWriter;
  #closing: Promise<void> | null = null;

  private constructor(loop: RingLoop) {
    this.#loop = loop;
    this.#buffers = new RingBuffers(loop.driver);
    this.#entries = new EntryWriter(loop);
    liveMemory.add(loop.memory);
  }

  /**
   * Sets up a ring.
   *
   * @param entries submission queue entries, a power of two from 1 to 32768
   * @param options the capability, and sizes: `completions` (four times `entries`, at most 65536),
   * `arenaBytes` for buffers (32 MiB)
   * @throws {Deno.errors.NotCapable} when the capability does not hold the right `ring`
   * @throws {NetError} ENOTSUP when the backend cannot start another ring, with the reason
   * @throws {RangeError} when a size is out of its range, naming it
   * @throws {TypeError} for an unknown option, naming it
   */
  static async create(entries: number, options: IoUringOptions): Promise<IoUring> {
    const { plan, without } = ringPlanOf(entries, options);
    const { capability, ledger } = options;
    capability.authorization.requireRight("ring", "IoUring.create");
    const backend = capability.backend.kind as BackendName;
    // Where the network is the backend's own, the ring is to be on the same one.
    const beside = capability.network.reactor.driver.openSibling?.(plan);
    const outcome = beside === undefined
      ? await openDriver({ backend, plan, worker: false, without, ledger })
      : { driver: beside };
    if ("refusal" in outcome) {
      throw unsupported(backend, `another ring: ${outcome.refusal}`, "IoUring.create");
    }
    return new IoUring(new RingLoop(outcome.driver));
  }

  /** Which backend consumes it: "kernel", "host". */
  get kind(): string {
    return this.#loop.driver.kind;
  }

  /** Submission queue entries. */
  get entries(): number {
    return this.#loop.driver.main.sqEntries;
  }

  /** Completion queue entries. */
  get completions(): number {
    return this.#loop.driver.main.cqEntries;
  }

  /**
   * The ring's own descriptor.
   *
   * @throws {NetError} ENOTSUP on backends that have none
   */
  get fd(): number {
    this.#requireOpen("fd");
    const { registrar } = this.#loop.driver;
    if (registrar === undefined) throw unsupported(this.kind, "descriptors (IoUring.fd)", "fd");
    return registrar.fd;
  }

  /** Whether this backend knows an opcode (`IORING_REGISTER_PROBE`). */
  supports(opcode: number): boolean {
    const { supported, routes } = this.#loop.driver;
    return supported[opcode] === 1 && routes[opcode] === 0;
  }

  /**
   * Makes a pool of equal buffers and registers them. A ring has one such pool.
   *
   * @param count how many, 1 to 16384
   * @param bytes bytes of each, 1 to 2^30; all of them must fit into `arenaBytes`
   * @returns the pool; its `isRegistered` says whether the kernel keeps the buffers mapped
   * @throws {NetError} EBUSY when there is a pool already, ENOBUFS when the arena has no such room
   */
  registerBuffers(count: number, bytes: number): BufferPool {
    this.#requireOpen("registerBuffers");
    requireInteger("count", count, 1, BUFFERS_MAX);
    requireInteger("bytes", bytes, 1, BUFFER_BYTES_MAX);
    return this.#buffers.register(count, bytes);
  }

  /**
   * Registers an empty table of direct descriptors, for `IOSQE_FIXED_FILE` and `fileIndex`.
   *
   * @param count places, 1 to 32768
   * @throws {NetError} ENOTSUP where there are none, EBUSY when the ring has a table already
   */
  registerFiles(count: number): void {
    this.#requireOpen("registerFiles");
    requireInteger("count", count, 1, FILES_MAX);
    const { registrar } = this.#loop.driver;
    const result = registrar === undefined ? -Errno.ENOTSUP : registrar.registerFiles(count);
    if (result === -Errno.ENOTSUP) {
      throw unsupported(this.kind, "direct descriptors", "registerFiles");
    }
    if (result < 0) throw netError(result, { operation: "registerFiles" });
  }

  /**
   * Takes ring memory for what entries point at (sockaddr, msghdr, timespec ...), zeroed.
   *
   * @param bytes length in bytes, 1 to 2^30
   * @throws {NetError} ENOBUFS when the arena has no such room
   */
  allocBuffer(bytes: number): RingBuffer {
    this.#requireOpen("allocBuffer");
    requireInteger("bytes", bytes, 1, BUFFER_BYTES_MAX);
    return this.#buffers.alloc(bytes);
  }

  /**
   * The address of a buffer's first byte, for `Submission.address` and the like.
   *
   * @throws {TypeError} when the buffer is of another ring or was released
   */
  addressOf(buffer: RingBuffer): number {
    this.#buffers.requireOwn("addressOf", buffer);
    return this.#loop.memory.base + buffer.offset;
  }

  /**
   * Takes the next submission queue entry, zeroed.
   *
   * @returns undefined when the queue is full: submit first
   */
  prepare(): Submission | undefined {
    this.#requireOpen("prepare");
    return this.#entries.prepare();
  }

  /**
   * Prepares an accept that completes once per connection, with a descriptor as its result, until a
   * completion comes without `IORING_CQE_F_MORE`.
   *
   * @param fd a listener's descriptor, such as `endpoint.fd`
   * @param userData what every completion brings back
   */
  submitMultishotAccept(fd: number, userData: number): void {
    const head = Op.ACCEPT | (IoPrio.ACCEPT_MULTISHOT << 16);
    const at = this.#begin("submitMultishotAccept", head, fd, userData);
    this.#loop.queue.entries[at + W_OPERATION_FLAGS] = Sock.CLOEXEC;
  }

  /**
   * Prepares a read into a buffer, `IORING_OP_READ_FIXED` where that is registered.
   *
   * @param fd what to read from
   * @param buffer of this ring; it is the operation's until the completion
   * @param options where and how much
   * @param userData what the completion brings back
   */
  submitRead(fd: number, buffer: RingBuffer, options: TransferOptions, userData: number): void {
    this.#transfer("submitRead", fd, buffer, options, userData);
  }

  /**
   * Prepares a write from a buffer, `IORING_OP_WRITE_FIXED` where that is registered. It may write
   * less than asked for: the completion's result tells.
   *
   * @param fd what to write to
   * @param buffer of this ring; it is the operation's until the completion
   * @param options where and how much
   * @param userData what the completion brings back
   */
  submitWrite(fd: number, buffer: RingBuffer, options: TransferOptions, userData: number): void {
    this.#transfer("submitWrite", fd, buffer, options, userData);
  }

  /** Prepares a `close(2)` of a descriptor. */
  submitClose(fd: number, userData: number): void {
    this.#begin("submitClose", Op.CLOSE, fd, userData);
  }

  /** Prepares the cancellation of an operation by its user data; each tells by its completion. */
  submitCancel(target: number, userData: number): void {
    checkUserData("target", target);
    const at = this.#begin("submitCancel", Op.ASYNC_CANCEL, -1, userData);
    setLong(this.#loop.queue.entries, at + W_ADDRESS, target);
  }

  /** Prepares a poll that completes once, with the events that are there. @param events `POLL*` */
  submitPoll(fd: number, events: number, userData: number): void {
    requireInteger("events", events, 0, POLL_EVENTS_MAX);
    const at = this.#begin("submitPoll", Op.POLL_ADD, fd, userData);
    this.#loop.queue.entries[at + W_OPERATION_FLAGS] = events;
  }

  /** Prepares a timeout, which completes with -ETIME. @param delayMs milliseconds from now, 0 on */
  submitTimeout(delayMs: number, userData: number): void {
    this.#requireOpen("submitTimeout");
    if (!(typeof delayMs === "number" && delayMs >= 0 && delayMs <= TIMEOUT_MAX_MS)) {
      throw new RangeError(`delayMs must be 0 or more, not ${String(delayMs)}`);
    }
    this.#entries.timeout(delayMs, userData);
  }

  /**
   * Submits what was prepared, without waiting.
   *
   * @returns how many entries the consumer took
   * @throws {NetError} when the ring cannot be entered
   */
  submit(): number {
    this.#requireOpen("submit");
    return this.#entries.submit("submit");
  }

  /**
   * Submits what was prepared and waits until at least `min` completions are there. While it waits
   * the process stays alive; idle, it costs nothing.
   *
   * @param min 0 to `completions`; more may come
   * @param options a signal, and a time in milliseconds past which it resolves with what is there
   * @returns every completion that is there, in the ring's order
   * @throws {NetError} EBADF when the ring is or gets closed, EBUSY while somebody else waits
   */
  async waitCqes(min: number, options: OpOptions = {}): Promise<readonly Completion[]> {
    this.#requireOpen("waitCqes");
    requireInteger("min", min, 0, this.completions);
    checkOperation("waitCqes", options);
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    const loop = this.#loop;
    if (loop.isWaiting) throw busy("waitCqes", "somebody waits for completions already");
    this.#entries.prepared = 0;
    const deadline = timeoutMs === undefined ? Infinity : loop.driver.now() + timeoutMs;
    const waiting = loop.wait(min, deadline);
    if (signal === undefined) {
      await waiting;
      return loop.take();
    }
    const onAbort = () => loop.endWait(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      await waiting;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    return loop.take();
  }

  /**
   * Takes the completions that are there, without submitting and without waiting. After `close()`
   * it returns, once, what the ring completed and nobody took: accepted descriptors may be among it.
   */
  peekCqes(): readonly Completion[] {
    if (this.#closing === null) {
      this.#loop.driver.enter(0, false);
      this.#loop.reap();
    }
    return this.#loop.take();
  }

  /** The ring's counters. */
  stats(): IoUringStats {
    const { counters, reaped, overflows } = this.#loop;
    return {
      enters: counters.values[Counter.enters],
      wakes: counters.values[Counter.wakes],
      turns: counters.values[Counter.turns],
      completions: reaped,
      cqOverflows: overflows,
    };
  }

  /**
   * Cancels what is in flight, waits until the consumer is done with the memory, and frees the
   * ring. Entries that were prepared and not submitted are dropped. Who waits for completions is rejected
   * with EBADF. Once more is a no-op.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** {@linkcode IoUring.close} */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const loop = this.#loop;
    loop.endWait(badResource("waitCqes", "the ring is closed"));
    this.#entries.drop();
    await loop.cancelAll();
    loop.close();
    const { driver } = loop;
    const ended = driver.registrar?.watchEnd() ?? Promise.resolve(true);
    driver.keepAlive(false);
    await driver.close();
    // Without a proof the memory is kept for good: a leak is better than a stray write.
    if (await ended) liveMemory.delete(loop.memory);
  }

  #begin(operation: string, head: number, fd: number, userData: number): number {
    this.#requireOpen(operation);
    return this.#entries.begin(operation, head, fd, userData);
  }

  #transfer(
    operation: "submitRead" | "submitWrite",
    fd: number,
    buffer: RingBuffer,
    options: TransferOptions,
    userData: number,
  ): void {
    this.#requireOpen(operation);
    this.#buffers.requireOwn(operation, buffer);
    const isFixed = buffer.index >= 0 && this.#buffers.pool!.isRegistered;
    this.#entries.transfer(operation, fd, buffer, options, userData, isFixed);
  }

  #requireOpen(operation: string): void {
    if (this.#closing !== null) throw badResource(operation, "the ring is closed");
  }
}
