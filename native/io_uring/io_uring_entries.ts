/**
 * Fills the submission queue entries of an `IoUring`.
 *
 * @module
 */

import { netError } from "../errors.ts";
import { LOOP_SCRATCH_BYTES, type RingLoop } from "./io_uring_loop.ts";
import type { TransferOptions } from "./io_uring_options.ts";
import { checkUserData, requireInteger, Submission } from "./io_uring_submission.ts";
import { checkKeys } from "../options/options.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  SQE_SHIFT,
  TIMESPEC,
  W_ADDRESS,
  W_BUFFER_GROUP,
  W_FD,
  W_LENGTH,
  W_OFFSET,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { writeTimespec } from "../../ring/abi/timespec.ts";
import { Op } from "../../ring/abi/opcodes.ts";

const TRANSFER_KEYS: readonly string[] = ["length", "fileOffset", "bufferOffset"];
/** What one operation can move: the kernel's own limit, `MAX_RW_COUNT`. */
const LENGTH_MAX = 0x7ffff000;
const DESCRIPTOR_MAX = 0x7fffffff;
/** User data with this high half is the loop's own. */
const PRIVATE_HIGH = -1;

/** Hands out entries, and knows which of them nobody has submitted yet. */
export class EntryWriter {
  /** Entries prepared since the last submission. */
  prepared = 0;
  readonly #loop: RingLoop;
  readonly #first: number;
  readonly #submissions: (Submission | undefined)[] = [];
  #last = 0;

  /** @param loop whose queue is written */
  constructor(loop: RingLoop) {
    this.#loop = loop;
    this.#first = loop.driver.main.sqes;
  }

  /** The next entry as an object. @returns undefined when the queue is full */
  prepare(): Submission | undefined {
    const { queue } = this.#loop;
    if (queue.room <= 0) return undefined;
    const at = this.#acquire();
    return this.#submissions[this.#placeOf(at)] ??= new Submission(queue.entries, at);
  }

  /**
   * Takes an entry and writes what every operation has; a full queue is submitted first.
   *
   * @returns the index of its first word
   * @throws {NetError} EAGAIN when the consumer takes nothing before completions are taken
   */
  begin(operation: string, head: number, fd: number, userData: number): number {
    requireInteger("fd", fd, -1, DESCRIPTOR_MAX);
    checkUserData("userData", userData);
    const { queue } = this.#loop;
    if (queue.room <= 0) this.submit(operation);
    if (queue.room <= 0) {
      const detail = "the submission queue is full: take completions first";
      throw netError(Errno.EAGAIN, { operation, detail });
    }
    const at = this.#acquire();
    const words = queue.entries;
    words[at] = head;
    words[at + W_FD] = fd;
    setLong(words, at + W_USER_DATA, userData);
    return at;
  }

  /** Submits what was prepared. @returns how many entries the consumer took */
  submit(operation: string): number {
    const { prepared } = this;
    this.prepared = 0;
    return Math.max(0, prepared - this.#loop.submit(operation));
  }

  /** Writes a read or a write. @param isFixed whether the buffers of the pool are registered */
  transfer(
    operation: "submitRead" | "submitWrite",
    fd: number,
    buffer: RingBuffer,
    options: TransferOptions,
    userData: number,
    isFixed: boolean,
  ): void {
    checkKeys(operation, options, TRANSFER_KEYS);
    const { fileOffset = -1, bufferOffset = 0 } = options;
    requireInteger("bufferOffset", bufferOffset, 0, buffer.length);
    requireInteger("fileOffset", fileOffset, -1, Number.MAX_SAFE_INTEGER);
    const room = Math.min(buffer.length - bufferOffset, LENGTH_MAX);
    const length = requireInteger("length", options.length ?? room, 0, room);
    const opcode = operation === "submitRead"
      ? (isFixed ? Op.READ_FIXED : Op.READ)
      : (isFixed ? Op.WRITE_FIXED : Op.WRITE);
    const at = this.begin(operation, opcode, fd, userData);
    const words = this.#loop.queue.entries;
    setLong(words, at + W_OFFSET, fileOffset);
    setLong(words, at + W_ADDRESS, this.#loop.memory.base + buffer.offset + bufferOffset);
    words[at + W_LENGTH] = length;
    if (isFixed) words[at + W_BUFFER_GROUP] = buffer.index;
  }

  /** Writes a timeout. */
  timeout(delayMs: number, userData: number): void {
    const at = this.begin("submitTimeout", Op.TIMEOUT, -1, userData);
    const { memory, queue } = this.#loop;
    // The consumer reads the time when it takes the entry: each place has room for one.
    const place = LOOP_SCRATCH_BYTES + this.#placeOf(at) * TIMESPEC.SIZE;
    const offset = memory.at.scratch + place;
    writeTimespec(memory.words, offset, delayMs);
    queue.entries[at + W_LENGTH] = 1;
    setLong(queue.entries, at + W_ADDRESS, memory.base + offset);
  }

  /** Turns entries that nobody submitted into ones that do nothing and tell nobody. */
  drop(): void {
    const { sqeWords, sqEntries } = this.#loop.driver.main;
    const last = this.#placeOf(this.#last);
    for (let index = 0; index < this.prepared; index++) {
      const at = this.#first + (((last - index) & (sqEntries - 1)) << SQE_SHIFT);
      sqeWords[at] = Op.NOP;
      sqeWords[at + W_USER_DATA + 1] = PRIVATE_HIGH;
    }
    this.prepared = 0;
  }

  #acquire(): number {
    this.prepared++;
    this.#last = this.#loop.queue.acquire();
    return this.#last;
  }

  #placeOf(at: number): number {
    return (at - this.#first) >> SQE_SHIFT;
  }
}
