/**
 * Copies between packets and the ranges of a user's memory.
 *
 * @module
 */

import type { PacketArena } from "../memory/mod.ts";
import type { UserMemory } from "../socket.ts";

/** How many bytes ranges have together. */
export function rangesBytes(ranges: Int32Array, count: number): number {
  let sum = 0;
  for (let range = 0; range < count; range++) sum += ranges[2 * range + 1];
  return sum;
}

/**
 * Copies a part of a chain into a user's ranges, as far as there is room.
 *
 * @param packet the first segment of the chain
 * @param offset where the part starts
 * @param bytes how long it is; the chain has at least as many
 * @param ranges offset and bytes of each range, in turn
 * @param count how many ranges
 * @returns how many bytes were copied
 */
export function copyToUser(
  arena: PacketArena,
  packet: number,
  offset: number,
  bytes: number,
  memory: UserMemory,
  ranges: Int32Array,
  count: number,
): number {
  let at = packet;
  let skip = offset;
  let copied = 0;
  let range = 0;
  let filled = 0;
  while (copied < bytes && range < count) {
    const inSegment = arena.length(at) - skip;
    if (inSegment <= 0) {
      skip -= arena.length(at);
      at = arena.next(at);
      continue;
    }
    const room = ranges[2 * range + 1] - filled;
    const part = Math.min(inSegment, room, bytes - copied);
    if (part > 0) memory.copyOut(ranges[2 * range] + filled, arena.start(at) + skip, part);
    copied += part;
    skip += part;
    filled += part;
    if (filled === ranges[2 * range + 1]) {
      range++;
      filled = 0;
    }
  }
  return copied;
}

/**
 * Fills a chain from a user's ranges.
 *
 * @param packet the first segment of the chain, all of which is filled
 * @param from how many bytes of the ranges are passed over
 */
export function copyFromUser(
  arena: PacketArena,
  packet: number,
  memory: UserMemory,
  ranges: Int32Array,
  count: number,
  from: number,
): void {
  let range = 0;
  let used = from;
  while (range < count && used >= ranges[2 * range + 1]) used -= ranges[2 * range++ + 1];
  for (let at = packet; at >= 0; at = arena.next(at)) {
    let filled = 0;
    while (filled < arena.length(at) && range < count) {
      const part = Math.min(arena.length(at) - filled, ranges[2 * range + 1] - used);
      if (part > 0) memory.copyIn(arena.start(at) + filled, ranges[2 * range] + used, part);
      filled += part;
      used += part;
      if (used === ranges[2 * range + 1]) {
        range++;
        used = 0;
      }
    }
  }
}
