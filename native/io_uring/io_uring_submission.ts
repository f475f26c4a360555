/**
 * A submission queue entry as an object: its fields are properties, its memory is the ring's.
 *
 * @module
 */

import type { Words } from "../../ring/barrier.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_BUFFER_GROUP,
  W_FD,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPCODE,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { getLong, setLong } from "../../ring/abi/long.ts";

const BYTE_MAX = 0xff;
const SHORT_MAX = 0xffff;
const WORD_MIN = -0x80000000;
const WORD_MAX = 0xffffffff;

/**
 * One entry of the submission queue: `struct io_uring_sqe`. All its fields are zero when
 * `prepare()` returns it; setters write straight into the ring. It is the program's until the next
 * `submit()` or `waitCqes()`; after that the memory is another entry's.
 *
 * Unions of the C structure are one property: `offset` is also `addr2` and `cmd_op`,
 * `operationFlags` is `msg_flags`, `timeout_flags`, `accept_flags` ..., `fileIndex` also `optlen`
 * and `splice_fd_in`. Source: io_uring_enter(2).
 *
 * @example
 * ```ts
 * import { IoUring, NetworkCapability } from "../../mod.ts";
 * await using capability = await NetworkCapability.request({ rights: { ring: true } });
 * await using ring = await IoUring.create(8, { capability });
 * const entry = ring.prepare()!;
 * entry.opcode = 0; // IORING_OP_NOP
 * entry.userData = 7;
 * const [completion] = await ring.waitCqes(1);
 * console.log(completion.userData, completion.result); // 7 0
 * ```
 */
export class Submission {
  readonly #words: Words;
  readonly #at: number;

  /** @ignore `IoUring.prepare` makes them. */
  constructor(words: Words, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** What is asked for: `IORING_OP_*`, 0 to 255. */
  get opcode(): number {
    return this.#words[this.#at + W_OPCODE] & BYTE_MAX;
  }
  set opcode(value: number) {
    this.#setPart("opcode", W_OPCODE, value, BYTE_MAX, 0);
  }

  /** How the entry is treated: `IOSQE_*`, 0 to 255. */
  get flags(): number {
    return (this.#words[this.#at + W_OPCODE] >>> 8) & BYTE_MAX;
  }
  set flags(value: number) {
    this.#setPart("flags", W_OPCODE, value, BYTE_MAX, 8);
  }

  /** Priority, or the flags that accept, receive and send keep there, 0 to 65535. */
  get ioprio(): number {
    return this.#words[this.#at + W_OPCODE] >>> 16;
  }
  set ioprio(value: number) {
    this.#setPart("ioprio", W_OPCODE, value, SHORT_MAX, 16);
  }

  /** The descriptor, or with `IOSQE_FIXED_FILE` the place of a registered file. */
  get fd(): number {
    return this.#words[this.#at + W_FD];
  }
  set fd(value: number) {
    this.#setWord("fd", W_FD, value);
  }

  /** A 64-bit offset into a file (-1: where it stands), a second address, a length ... */
  get offset(): number {
    return getLong(this.#words, this.#at + W_OFFSET);
  }
  set offset(value: number) {
    this.#setLong("offset", W_OFFSET, value);
  }

  /** A 64-bit address, as `IoUring.addressOf` gives it, or what the operation keeps there. */
  get address(): number {
    return getLong(this.#words, this.#at + W_ADDRESS);
  }
  set address(value: number) {
    this.#setLong("address", W_ADDRESS, value);
  }

  /** A length in bytes, or a count. */
  get length(): number {
    return this.#words[this.#at + W_LENGTH] >>> 0;
  }
  set length(value: number) {
    this.#setWord("length", W_LENGTH, value);
  }

  /** The operation's own flags: `msg_flags`, `timeout_flags`, `poll32_events` ... */
  get operationFlags(): number {
    return this.#words[this.#at + W_OPERATION_FLAGS] >>> 0;
  }
  set operationFlags(value: number) {
    this.#setWord("operationFlags", W_OPERATION_FLAGS, value);
  }

  /** What the completion brings back: a safe integer, 0 or more. */
  get userData(): number {
    return getLong(this.#words, this.#at + W_USER_DATA);
  }
  set userData(value: number) {
    setLong(this.#words, this.#at + W_USER_DATA, checkUserData("userData", value));
  }

  /** The place of a registered buffer, 0 to 65535; shares its field with `bufferGroup`. */
  get bufferIndex(): number {
    return this.#words[this.#at + W_BUFFER_GROUP] & SHORT_MAX;
  }
  set bufferIndex(value: number) {
    this.#setPart("bufferIndex", W_BUFFER_GROUP, value, SHORT_MAX, 0);
  }

  /** The group that `IOSQE_BUFFER_SELECT` takes a buffer from, 0 to 65535. */
  get bufferGroup(): number {
    return this.bufferIndex;
  }
  set bufferGroup(value: number) {
    this.#setPart("bufferGroup", W_BUFFER_GROUP, value, SHORT_MAX, 0);
  }

  /** Registered credentials, 0 to 65535. */
  get personality(): number {
    return this.#words[this.#at + W_BUFFER_GROUP] >>> 16;
  }
  set personality(value: number) {
    this.#setPart("personality", W_BUFFER_GROUP, value, SHORT_MAX, 16);
  }

  /** Where a direct descriptor goes: its place plus one, or 0xffffffff for any. */
  get fileIndex(): number {
    return this.#words[this.#at + W_FILE_INDEX] >>> 0;
  }
  set fileIndex(value: number) {
    this.#setWord("fileIndex", W_FILE_INDEX, value);
  }

  /** A third 64-bit address. */
  get address3(): number {
    return getLong(this.#words, this.#at + W_ADDRESS3);
  }
  set address3(value: number) {
    this.#setLong("address3", W_ADDRESS3, value);
  }

  #setPart(name: string, word: number, value: number, most: number, shift: number): void {
    requireInteger(name, value, 0, most);
    const at = this.#at + word;
    this.#words[at] = (this.#words[at] & ~(most << shift)) | (value << shift);
  }

  #setWord(name: string, word: number, value: number): void {
    this.#words[this.#at + word] = requireInteger(name, value, WORD_MIN, WORD_MAX);
  }

  #setLong(name: string, word: number, value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`${name} must be a safe integer, not ${String(value)}`);
    }
    setLong(this.#words, this.#at + word, value);
  }
}

/** Proves that user data is a safe integer from 0 on. @returns it */
export function checkUserData(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${name} must be a safe integer from 0 on, not ${String(value)}`);
}

/** Proves that a value is an integer within its limits. @returns it */
export function requireInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${String(value)}`);
}
