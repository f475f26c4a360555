/**
 * Data that spans packets: what reassembly and segmentation do with chains.
 *
 * @module
 */

import { append } from "../wire/checksum.ts";
import { NONE } from "./packet_columns.ts";
import type { PacketArena } from "./packet_arena.ts";

/** So many segments, at most, are taken in one call: enough for the longest packet of IP. */
export const MAXIMUM_TAKEN_SEGMENTS = 64;

/** How many bytes a chain has. */
export function chainLength(arena: PacketArena, packet: number): number {
  let bytes = 0;
  for (let at = packet; at !== NONE; at = arena.next(at)) bytes += arena.length(at);
  return bytes;
}

/** The last segment of a chain. */
export function lastSegment(arena: PacketArena, packet: number): number {
  let last = packet;
  for (let at = packet; at !== NONE; at = arena.next(at)) last = at;
  return last;
}

/**
 * Takes a packet, or, where none is left that is large enough, a chain of smaller ones.
 *
 * @param arena Where from.
 * @param bytes How long the data is.
 * @returns The first segment, or -1 when there is not enough; nothing is taken then.
 */
export function takeChain(arena: PacketArena, bytes: number): number {
  const first = arena.takeUpTo(bytes);
  if (first < 0) return NONE;
  let last = first;
  let left = bytes - arena.length(first);
  for (let segments = 1; left > 0; segments++) {
    const more = segments < MAXIMUM_TAKEN_SEGMENTS ? arena.takeUpTo(left) : NONE;
    if (more < 0) {
      arena.release(first);
      return NONE;
    }
    arena.append(last, more);
    last = more;
    left -= arena.length(more);
  }
  return first;
}

/**
 * Copies a part of a chain into one place.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment.
 * @param offset Where the part starts.
 * @param bytes How long it is.
 * @param to The offset in memory of the target.
 * @throws {RangeError} When the chain is shorter.
 */
export function copyOut(
  arena: PacketArena,
  packet: number,
  offset: number,
  bytes: number,
  to: number,
): void {
  const { checksummer } = arena.memory;
  let [at, skip, left, target] = [packet, offset, bytes, to];
  while (left > 0) {
    const count = partOf(arena, at, skip, left);
    if (count > 0) {
      checksummer.copy(target, arena.start(at) + skip, count);
      target += count;
      left -= count;
      skip = 0;
    } else {
      skip -= arena.length(at);
    }
    at = arena.next(at);
  }
}

/**
 * Copies from one place into a part of a chain.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment.
 * @param offset Where the part starts.
 * @param bytes How long it is.
 * @param from The offset in memory of the source.
 * @throws {RangeError} When the chain is shorter.
 */
export function copyIn(
  arena: PacketArena,
  packet: number,
  offset: number,
  bytes: number,
  from: number,
): void {
  const { checksummer } = arena.memory;
  let [at, skip, left, source] = [packet, offset, bytes, from];
  while (left > 0) {
    const count = partOf(arena, at, skip, left);
    if (count > 0) {
      checksummer.copy(arena.start(at) + skip, source, count);
      source += count;
      left -= count;
      skip = 0;
    } else {
      skip -= arena.length(at);
    }
    at = arena.next(at);
  }
}

/**
 * Sums up a part of a chain, as if it lay in one place. RFC 1071 section 2 (A) and (B): sums of
 * parts may be added, and behind an odd number of bytes their halves change places.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment.
 * @param offset Where the part starts.
 * @param bytes How long it is.
 * @returns The sum, 0 to 0xffff.
 * @throws {RangeError} When the chain is shorter.
 */
export function sumChain(
  arena: PacketArena,
  packet: number,
  offset: number,
  bytes: number,
): number {
  const { checksummer } = arena.memory;
  let [at, skip, left, sum] = [packet, offset, bytes, 0];
  while (left > 0) {
    const count = partOf(arena, at, skip, left);
    if (count > 0) {
      sum = append(sum, bytes - left, checksummer.sum(arena.start(at) + skip, count));
      left -= count;
      skip = 0;
    } else {
      skip -= arena.length(at);
    }
    at = arena.next(at);
  }
  return sum;
}

/**
 * Takes slices that show a part of a chain.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment.
 * @param offset Where the part starts.
 * @param bytes How long it is, 1 or more.
 * @returns The first slice, or -1 when there are not enough; nothing is taken then.
 * @throws {RangeError} When the chain is shorter.
 */
export function sliceChain(
  arena: PacketArena,
  packet: number,
  offset: number,
  bytes: number,
): number {
  let [at, skip, left] = [packet, offset, bytes];
  let [first, last] = [NONE, NONE];
  while (left > 0) {
    const count = partOf(arena, at, skip, left);
    if (count > 0) {
      const slice = arena.slice(at, skip, count);
      if (slice < 0) {
        if (first >= 0) arena.release(first);
        return NONE;
      }
      if (first < 0) first = slice;
      else arena.append(last, slice);
      last = slice;
      left -= count;
      skip = 0;
    } else {
      skip -= arena.length(at);
    }
    at = arena.next(at);
  }
  return first;
}

/** How many of the bytes behind `skip` are in this segment: 0 when they are all behind it. */
function partOf(arena: PacketArena, packet: number, skip: number, bytes: number): number {
  if (packet === NONE) throw new RangeError(`a chain ends ${skip + bytes} bytes too early`);
  return Math.max(0, Math.min(bytes, arena.length(packet) - skip));
}

/**
 * Takes bytes off the front of a chain, and releases the segments that are read to their end.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment, with one holder like those behind it.
 * @param bytes How many.
 * @returns The first segment that is left, or -1 when there is none.
 * @throws {RangeError} When the chain is shorter.
 */
export function dropFront(arena: PacketArena, packet: number, bytes: number): number {
  let at = packet;
  let left = bytes;
  while (at !== NONE && left >= arena.length(at)) {
    left -= arena.length(at);
    const following = arena.detach(at);
    arena.release(at);
    at = following;
  }
  if (left > 0) {
    if (at === NONE) throw new RangeError(`a chain ends ${left} bytes too early`);
    arena.trimFront(at, left);
  }
  return at;
}

/**
 * Copies a chain into one packet.
 *
 * @param arena Where the chain is from.
 * @param packet Its first segment.
 * @returns The packet, or -1 when none is left that is large enough; the chain stays as it is.
 */
export function gather(arena: PacketArena, packet: number): number {
  const bytes = chainLength(arena, packet);
  const whole = arena.take(bytes);
  if (whole >= 0) copyOut(arena, packet, 0, bytes, arena.start(whole));
  return whole;
}
