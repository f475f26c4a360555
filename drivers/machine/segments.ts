/**
 * Where an operation's bytes are in ring memory: one range, or the ranges of a vector, walked
 * through as bytes move.
 *
 * @module
 */

import type { Words } from "../../ring/barrier.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IOVEC, MSGHDR } from "../../ring/abi/layout.ts";
import { getLong } from "../../ring/abi/long.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import type { Operation } from "./operation.ts";

/** The most elements of a vector, as Linux's UIO_MAXIOV. */
const MAXIMUM_VECTORS = 1024;
/** Up to here a loop is faster than making a view for `set`. */
const LOOP_BYTES = 256;

/** Memory that is seen in two ways. */
export interface Copyable {
  readonly bytes: Uint8Array;
  readonly words: Words;
}

/** Reads a 64-bit number at a byte offset that is a multiple of 4. */
export function readLong(memory: RingMemory, offset: number): number {
  return getLong(memory.words, offset >> 2);
}

/** Whether a range lies within ring memory. */
export function isWithin(memory: RingMemory, offset: number, bytes: number): boolean {
  return offset >= 0 && bytes >= 0 && offset + bytes <= memory.bytes.length;
}

/** Takes an operation's range, vector or message as its bytes. @returns 0 or `-errno` */
export function locate(memory: RingMemory, operation: Operation): number {
  switch (operation.opcode) {
    case Op.READV:
    case Op.WRITEV:
      return useVector(memory, operation, operation.address, operation.length);
    case Op.SENDMSG:
    case Op.RECVMSG:
      return useMessage(memory, operation, operation.address);
    default:
      return useRange(memory, operation, operation.length >>> 0);
  }
}

/** Takes one range as the operation's bytes. @returns 0 or `-errno` */
export function useRange(memory: RingMemory, operation: Operation, length: number): number {
  if (!isWithin(memory, operation.address, length)) return -Errno.EFAULT;
  operation.total = length;
  operation.room = length;
  operation.vectors = 0;
  return 0;
}

/** Takes the ranges of a vector as the operation's bytes. @returns 0 or `-errno` */
function useVector(
  memory: RingMemory,
  operation: Operation,
  vector: number,
  count: number,
): number {
  if (count < 0 || count > MAXIMUM_VECTORS) return -Errno.EINVAL;
  if (vector % 4 !== 0 || !isWithin(memory, vector, count * IOVEC.SIZE)) return -Errno.EFAULT;
  let total = 0;
  for (let at = vector; at < vector + count * IOVEC.SIZE; at += IOVEC.SIZE) {
    const length = readLong(memory, at + IOVEC.LENGTH);
    if (!isWithin(memory, readLong(memory, at + IOVEC.BASE), length)) return -Errno.EFAULT;
    total += length;
  }
  operation.total = total;
  operation.room = 0;
  operation.vector = vector;
  operation.vectors = count;
  return 0;
}

/** Takes the vector of a `msghdr` as the operation's bytes. @returns 0 or `-errno` */
function useMessage(memory: RingMemory, operation: Operation, header: number): number {
  if (header % 4 !== 0 || !isWithin(memory, header, MSGHDR.SIZE)) return -Errno.EFAULT;
  const vector = readLong(memory, header + MSGHDR.IOV);
  const count = readLong(memory, header + MSGHDR.IOV_LENGTH);
  if (count > MAXIMUM_VECTORS) return -Errno.EMSGSIZE;
  return useVector(memory, operation, vector, count);
}

/** Moves bytes from private memory into the operation's. */
export function scatter(
  memory: RingMemory,
  operation: Operation,
  source: Copyable,
  from: number,
  count: number,
): void {
  let left = count;
  while (left > 0) {
    const bytes = Math.min(left, advance(memory, operation));
    copyBytes(memory, operation.address, source, from, bytes);
    operation.address += bytes;
    operation.room -= bytes;
    from += bytes;
    left -= bytes;
  }
}

/** Moves the operation's bytes into private memory. */
export function gather(
  memory: RingMemory,
  operation: Operation,
  target: Copyable,
  at: number,
  count: number,
): void {
  let left = count;
  while (left > 0) {
    const bytes = Math.min(left, advance(memory, operation));
    copyBytes(target, at, memory, operation.address, bytes);
    operation.address += bytes;
    operation.room -= bytes;
    at += bytes;
    left -= bytes;
  }
}

/** Copies bytes from one memory to another. */
export function copyBytes(
  target: Copyable,
  at: number,
  source: Copyable,
  from: number,
  count: number,
): void {
  if (count > LOOP_BYTES) {
    target.bytes.set(source.bytes.subarray(from, from + count), at);
    return;
  }
  let index = 0;
  if (((at | from) & 3) === 0) {
    const words = target.words;
    const sourceWords = source.words;
    const to = at >> 2;
    const first = from >> 2;
    const whole = count >> 2;
    for (let word = 0; word < whole; word++) words[to + word] = sourceWords[first + word];
    index = whole << 2;
  }
  for (; index < count; index++) target.bytes[at + index] = source.bytes[from + index];
}

/** Goes on to the next range that has bytes, at `address`. @returns how many it has */
export function advance(memory: RingMemory, operation: Operation): number {
  while (operation.room === 0) {
    if (operation.vectors === 0) throw new Error("an operation moved more bytes than it has");
    operation.address = readLong(memory, operation.vector + IOVEC.BASE);
    operation.room = readLong(memory, operation.vector + IOVEC.LENGTH);
    operation.vector += IOVEC.SIZE;
    operation.vectors--;
  }
  return operation.room;
}
