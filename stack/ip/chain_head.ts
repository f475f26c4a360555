/**
 * What the first segment of a packet has to have: headers that nobody else holds, and that do not
 * span segments, so that they are read and written in place.
 *
 * @module
 */

import type { PacketArena } from "../memory/mod.ts";
import { chainLength, copyOut, dropFront, gather, sliceChain } from "../memory/mod.ts";
import type { PacketTable } from "../packet_table.ts";

/** No packet. */
const NONE = -1;

/** Moves the columns that are offsets in memory to where a packet's bytes are now. */
function moveColumns(packets: PacketTable, from: number, to: number, distance: number): void {
  packets.copy(from, to);
  packets.network[to] += distance;
  packets.transport[to] += distance;
}

/**
 * Brings bytes of the front of a chain into its first segment.
 *
 * @param packet the first segment of a chain; its hold is taken over
 * @param bytes how many, at most the chain's length
 * @returns the first segment, which may be another packet now; -1 when there was no memory, and
 * the chain is released
 */
export function pullUp(
  arena: PacketArena,
  packets: PacketTable,
  packet: number,
  bytes: number,
): number {
  const missing = bytes - arena.length(packet);
  if (missing <= 0) return packet;
  if (arena.references(packet) === 1 && arena.tailroom(packet) >= missing) {
    const following = arena.next(packet);
    if (isSole(arena, following)) {
      arena.detach(packet);
      const at = arena.extend(packet, missing);
      copyOut(arena, following, 0, missing, at);
      const rest = dropFront(arena, following, missing);
      if (rest !== NONE) arena.append(packet, rest);
      return packet;
    }
  }
  const whole = gather(arena, packet);
  if (whole >= 0) moveColumns(packets, packet, whole, arena.start(whole) - arena.start(packet));
  arena.release(packet);
  return whole;
}

/** Whether no segment of a chain has other holders: {@linkcode dropFront} may change it. */
function isSole(arena: PacketArena, packet: number): boolean {
  for (let at = packet; at !== NONE; at = arena.next(at)) {
    if (arena.references(at) !== 1) return false;
  }
  return true;
}

/**
 * Makes the headers of a packet the caller's own, so that they may be written: where others hold
 * the packet, or it is a slice, they are copied, and the rest is shown by slices.
 *
 * @param packet the first segment of a chain; its hold is taken over
 * @param bytes the headers' length, all of it in the first segment
 * @returns the first segment, which may be another packet now; -1 when there was no memory, and
 * the chain is released
 */
export function ownHead(
  arena: PacketArena,
  packets: PacketTable,
  packet: number,
  bytes: number,
): number {
  const { references, owner, slices } = arena.columns;
  if (references[packet] === 1 && owner[packet] === packet && slices[packet] === 0) return packet;
  const total = chainLength(arena, packet);
  const head = arena.take(bytes);
  if (head >= 0) {
    const start = arena.start(packet);
    arena.memory.checksummer.copy(arena.start(head), start, bytes);
    moveColumns(packets, packet, head, arena.start(head) - start);
    const rest = total > bytes ? sliceChain(arena, packet, bytes, total - bytes) : NONE;
    if (rest !== NONE) arena.append(head, rest);
    else if (total > bytes) {
      arena.release(head);
      arena.release(packet);
      return NONE;
    }
    arena.release(packet);
    return head;
  }
  arena.release(packet);
  return NONE;
}

/**
 * Cuts a chain behind a number of bytes: padding goes.
 *
 * @param packet the first segment of a chain; its hold is taken over
 * @param bytes how many stay, 1 or more
 * @returns the first segment, which may be another packet now; -1 when there was no memory, and
 * the chain is released
 */
export function cutBack(
  arena: PacketArena,
  packets: PacketTable,
  packet: number,
  bytes: number,
): number {
  if (!isSole(arena, packet)) {
    const part = sliceChain(arena, packet, 0, bytes);
    if (part >= 0) packets.copy(packet, part);
    arena.release(packet);
    return part;
  }
  let left = bytes;
  let at = packet;
  while (left > arena.length(at)) {
    left -= arena.length(at);
    at = arena.next(at);
  }
  arena.trimBack(at, arena.length(at) - left);
  const padding = arena.detach(at);
  if (padding !== NONE) arena.release(padding);
  return packet;
}
