/**
 * The bytes of a connection that are not acknowledged yet, in packets of the arena. They are copied
 * once, from the user's memory; segments are slices of them, and a packet goes back when all of its
 * bytes are acknowledged and no slice of it is on its way any more.
 *
 * @module
 */

import { type PacketArena, Room, sliceChain } from "../../memory/mod.ts";
import type { UserMemory } from "../../socket.ts";

const NONE = -1;
/** From so many bytes on it is worth while to take one of the few large packets. */
const LARGE_WORTH_BYTES = 16384;

/** The send buffer of one connection. Bytes are named by their sequence numbers. */
export class SendBuffer {
  /** The number behind the last byte. */
  end = 0;
  readonly #arena: PacketArena;
  #first = NONE;
  #last = NONE;
  /** The number of the first byte of the first packet, acknowledged or not. */
  #base = 0;
  /** Where bytes were looked for last, to be sent and to be sent again. */
  #cursor = NONE;
  #cursorBase = 0;
  #rearCursor = NONE;
  #rearBase = 0;

  /** Makes one that is empty. */
  constructor(arena: PacketArena) {
    this.#arena = arena;
  }

  /** Begins with the number of the first byte. */
  start(sequence: number): void {
    this.#base = sequence;
    this.end = sequence;
  }

  /**
   * Copies bytes behind the others, as far as there are packets.
   *
   * @param memory where they are
   * @param at where they start in it
   * @param bytes how many
   * @param buffered how many are in the buffer
   * @returns how many were taken
   */
  append(memory: UserMemory, at: number, bytes: number, buffered: number): number {
    const arena = this.#arena;
    let taken = 0;
    if (this.#last !== NONE) {
      const room = Math.min(bytes, arena.tailroom(this.#last));
      if (room > 0) {
        memory.copyIn(arena.extend(this.#last, room), at, room);
        taken = room;
      }
    }
    while (taken < bytes) {
      const packet = this.#take(bytes - taken, buffered + taken);
      if (packet === NONE) break;
      const count = arena.length(packet);
      memory.copyIn(arena.start(packet), at + taken, count);
      if (this.#last === NONE) {
        this.#first = packet;
        this.#base = (this.end + taken) | 0;
        this.#cursor = this.#rearCursor = packet;
        this.#cursorBase = this.#rearBase = this.#base;
      } else {
        arena.append(this.#last, packet);
      }
      this.#last = packet;
      taken += count;
    }
    this.end = (this.end + taken) | 0;
    return taken;
  }

  /**
   * A packet whose size suits the stream: a message alone gets the smallest that holds it, a stream
   * of small writes gets packets of a frame's size, and bulk gets large ones.
   */
  #take(bytes: number, buffered: number): number {
    const arena = this.#arena;
    const isBulk = bytes + buffered >= LARGE_WORTH_BYTES;
    if (!isBulk && bytes <= Room.SMALL && buffered === 0) return arena.takeUpTo(bytes);
    const room = isBulk && bytes > Room.SMALL ? arena.largestBytes : Room.MEDIUM;
    const packet = arena.takeUpTo(Math.min(room, arena.largestBytes));
    if (packet === NONE) return NONE;
    const spare = arena.length(packet) - bytes;
    if (spare > 0) arena.trimBack(packet, spare);
    return packet;
  }

  /**
   * Shows bytes of the buffer.
   *
   * @param sequence the number of the first one
   * @param bytes how many, 1 or more
   * @param isAgain whether they were sent before
   * @returns a chain of slices, or a packet of its own for a few bytes; -1 when none is left
   */
  slice(sequence: number, bytes: number, isAgain: boolean): number {
    const arena = this.#arena;
    const { length } = arena.columns;
    let packet = isAgain ? this.#rearCursor : this.#cursor;
    let base = isAgain ? this.#rearBase : this.#cursorBase;
    if (((sequence - base) | 0) < 0) {
      packet = this.#first;
      base = this.#base;
    }
    let skip = (sequence - base) | 0;
    while (skip >= length[packet]) {
      skip -= length[packet];
      base = (base + length[packet]) | 0;
      packet = arena.next(packet);
    }
    if (isAgain) {
      this.#rearCursor = packet;
      this.#rearBase = base;
    } else {
      this.#cursor = packet;
      this.#cursorBase = base;
    }
    if (skip + bytes <= length[packet]) {
      return bytes <= Room.SMALL
        ? this.#copy(packet, skip, bytes)
        : arena.slice(packet, skip, bytes);
    }
    return sliceChain(arena, packet, skip, bytes);
  }

  /** A few bytes, in a packet with room for headers: to copy them costs less than to show them. */
  #copy(packet: number, skip: number, bytes: number): number {
    const arena = this.#arena;
    const copy = arena.take(bytes);
    if (copy < 0) return arena.slice(packet, skip, bytes);
    arena.memory.checksummer.copy(arena.start(copy), arena.start(packet) + skip, bytes);
    return copy;
  }

  /** Forgets the bytes before a number: they are acknowledged. */
  drop(sequence: number): void {
    const arena = this.#arena;
    const { length } = arena.columns;
    let first = this.#first;
    while (first !== NONE) {
      const end = (this.#base + length[first]) | 0;
      if (((sequence - end) | 0) < 0) break;
      const next = arena.detach(first);
      if (this.#cursor === first) {
        this.#cursor = next;
        this.#cursorBase = end;
      }
      if (this.#rearCursor === first) {
        this.#rearCursor = next;
        this.#rearBase = end;
      }
      arena.release(first);
      first = next;
      this.#base = end;
    }
    this.#first = first;
    if (first === NONE) this.#last = NONE;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#first !== NONE) this.#arena.release(this.#first);
    this.#first =
      this.#last =
      this.#cursor =
      this.#rearCursor =
        NONE;
  }
}
