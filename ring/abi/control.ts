/**
 * Control messages: what travels beside a message's bytes (`cmsg(3)`), and the header that a
 * multishot RECVMSG puts in front of everything in a provided buffer.
 *
 * ```text
 *  provided buffer:  io_uring_recvmsg_out | name (room asked for) | control (room asked for) | bytes
 *  control:          cmsghdr | data, padded to 8 | cmsghdr | data ...
 * ```
 *
 * @module
 */

import type { Words } from "../barrier.ts";
import { CMSGHDR } from "./layout.ts";

const ALIGNMENT = 8;

function align(bytes: number): number {
  return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
}

/** The room that a control message with `bytes` of data takes (`CMSG_SPACE`). */
export function controlSpace(bytes: number): number {
  return CMSGHDR.SIZE + align(bytes);
}

/**
 * Writes the header of a control message.
 *
 * @param words the memory
 * @param offset where it goes, a multiple of 8
 * @param bytes of data, which the caller writes
 * @returns the byte offset of the data; the next message begins `controlSpace(bytes)` after `offset`
 */
export function writeControl(
  words: Words,
  offset: number,
  level: number,
  type: number,
  bytes: number,
): number {
  const at = offset >> 2;
  words[at] = CMSGHDR.SIZE + bytes;
  words[at + 1] = 0;
  words[at + CMSGHDR.LEVEL / 4] = level;
  words[at + CMSGHDR.TYPE / 4] = type;
  return offset + CMSGHDR.SIZE;
}

/**
 * Measures the control message at `offset`.
 *
 * @param end where the control data ends
 * @returns bytes of its data as far as they are there, or -1 when there is no message: the next one
 * begins `controlSpace(result)` after `offset`
 */
export function controlBytes(words: Words, offset: number, end: number): number {
  if (offset + CMSGHDR.SIZE > end) return -1;
  const length = words[offset >> 2];
  if (length < CMSGHDR.SIZE || words[(offset >> 2) + 1] !== 0) return -1;
  return Math.min(length, end - offset) - CMSGHDR.SIZE;
}

/**
 * Finds a control message by its kind.
 *
 * @param bytes the memory
 * @param offset where the control data begins
 * @param end where it ends
 * @returns the offset of the message's data, or -1 when there is none of that kind
 */
export function findControl(
  bytes: Uint8Array,
  offset: number,
  end: number,
  level: number,
  type: number,
): number {
  let at = offset;
  while (at + CMSGHDR.SIZE <= end) {
    const length = readWord(bytes, at);
    if (length < CMSGHDR.SIZE) return -1;
    const isKind = readWord(bytes, at + CMSGHDR.LEVEL) === level &&
      readWord(bytes, at + CMSGHDR.TYPE) === type;
    if (isKind && at + length <= end) return at + CMSGHDR.SIZE;
    at += align(length);
  }
  return -1;
}

/** Reads a signed 32-bit word in the machine's order, wherever it is. */
export function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
