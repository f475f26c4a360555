/**
 * The frames of a virtual network: packets of one arena, each of which belongs to one link or node
 * at a time, so that whoever has one may write into it.
 *
 * @module
 */

import { chainLength, copyOut, type PacketArena, type PacketMemory } from "../memory/mod.ts";

const NONE = -1;

/** Copies frames where somebody else holds them. */
export class FrameStore {
  readonly arena: PacketArena;
  readonly memory: PacketMemory;

  /** @param arena where frames are taken from */
  constructor(arena: PacketArena) {
    this.arena = arena;
    this.memory = arena.memory;
  }

  /**
   * Makes sure that nobody else holds a frame, and that it is in one piece.
   *
   * @param packet a packet or a chain, whose hold is handed over
   * @returns it, or a copy of it; -1 when there is no room for one, and it is released
   */
  own(packet: number): number {
    const { columns } = this.arena;
    const isOwn = columns.references[packet] === 1 && columns.next[packet] === NONE &&
      columns.owner[packet] === packet && columns.slices[packet] === 0;
    if (isOwn) return packet;
    const copy = this.copy(packet);
    this.arena.release(packet);
    return copy;
  }

  /**
   * Copies a frame.
   *
   * @param packet a packet or a chain
   * @returns the copy in one piece, or -1 when there is no room
   */
  copy(packet: number): number {
    const { arena } = this;
    const bytes = chainLength(arena, packet);
    const copy = arena.take(bytes);
    if (copy >= 0) copyOut(arena, packet, 0, bytes, arena.start(copy));
    return copy;
  }

  /**
   * Copies a frame from an arena of others.
   *
   * @param from their arena
   * @param packet a packet or a chain of theirs, which remains theirs
   * @returns the copy, or -1 when there is no room
   */
  copyFrom(from: PacketArena, packet: number): number {
    return copyBetween(from, packet, this.arena);
  }

  /**
   * Makes a frame of bytes.
   *
   * @returns its packet, or -1 when there is no room
   */
  put(bytes: Uint8Array): number {
    const packet = this.arena.take(bytes.length);
    if (packet >= 0) this.memory.bytes.set(bytes, this.arena.start(packet));
    return packet;
  }

  /** The bytes of a frame in one piece, in memory of their own. */
  bytesOf(packet: number): Uint8Array<ArrayBuffer> {
    const start = this.arena.start(packet);
    return new Uint8Array(this.memory.bytes.subarray(start, start + this.arena.length(packet)));
  }
}

/**
 * Copies a frame from one arena to another one, of the same memory or of another one.
 *
 * @returns the copy in one piece, or -1 when there is no room
 */
export function copyBetween(from: PacketArena, packet: number, to: PacketArena): number {
  const bytes = chainLength(from, packet);
  const copy = to.take(bytes);
  if (copy < 0) return NONE;
  if (from.memory === to.memory) {
    copyOut(from, packet, 0, bytes, to.start(copy));
    return copy;
  }
  let target = to.start(copy);
  for (let at = packet; at !== NONE; at = from.next(at)) {
    const start = from.start(at);
    const end = start + from.length(at);
    to.memory.bytes.set(from.memory.bytes.subarray(start, end), target);
    target += end - start;
  }
  return copy;
}
