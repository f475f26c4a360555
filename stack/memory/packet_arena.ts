/**
 * Packets in shared memory: taken, passed on and given back by number, without an allocation.
 *
 * ```text
 *          headroom          data            room left
 *   slot |<-------->|========================|......|
 *        ^slot      ^start    ^start + length       ^slot + slot bytes
 *         prepend() <-|                      |-> extend()
 * ```
 *
 * - A packet has a count of who holds it. Handing it over hands over a hold; who wants to keep it
 *   as well retains it. The last release gives it back.
 * - Data may span packets: a _chain_ of segments. A segment holds the next one, so that the last
 *   release of the first one releases them all.
 * - A _slice_ is a packet without memory: it shows a part of another one's data. Segmentation puts
 *   a packet with headers in front of a slice of the payload. A slice keeps the memory that it
 *   shows, but neither the packet it was cut from nor the rest of that packet's chain.
 * - Who shares a packet does not write into it. What else is known of a packet belongs into columns
 *   of those who know it, indexed by its number, which is less than `capacity`.
 *
 * An arena belongs to one thread. {@linkcode CheckedPacketArena} finds mistakes in its use.
 *
 * @module
 */

import { ArenaCounters, type PacketArenaStatistics } from "./arena_statistics.ts";
import { NONE, PacketColumns } from "./packet_columns.ts";
import { PacketMemory } from "./packet_memory.ts";
import { HEADROOM_BYTES, type SizeClass } from "./size_classes.ts";

/** What an arena is made of. */
export interface PacketArenaOptions {
  /** The sizes of packets in ascending order, and how many there are of each. */
  readonly classes: readonly SizeClass[];
  /** How many slices there are; as many as there are packets of the classes together. */
  readonly slices?: number;
  /** Bytes in front of each packet's data; {@linkcode HEADROOM_BYTES}. */
  readonly headroomBytes?: number;
  /** Where its packets lie; a memory of its own that is just large enough. */
  readonly memory?: PacketMemory;
}

/** Packets of a few sizes in one memory. */
export class PacketArena {
  /** Where the packets lie. */
  readonly memory: PacketMemory;
  /** How many packets there are, slices included: numbers are less than this. */
  readonly capacity: number;
  /** Bytes in front of the data of a packet that was just taken. */
  readonly headroomBytes: number;
  /** Bytes of the longest packet. */
  readonly largestBytes: number;
  /** For {@linkcode verifyArena} and whoever reads much; nobody else writes them. */
  readonly columns: PacketColumns;
  /** The first free packet of each class. */
  readonly heads: Int32Array;
  /** How many packets of each class are taken; slices are the last class. */
  readonly used: Int32Array;
  readonly #counters: ArenaCounters;
  readonly #rooms: Int32Array;
  readonly #borrows: readonly boolean[];
  readonly #sliceClass: number;

  /**
   * Makes an arena, all of whose packets are free.
   *
   * @param options What it is made of.
   * @throws {RangeError} When the sizes are not ascending, or the memory is too small.
   *
   * @example
   * ```ts
   * const arena = new PacketArena({ classes: sizeClasses({ small: 64, medium: 64, large: 4 }) });
   * const packet = arena.take(1000);
   * if (packet < 0) throw new Error("no packet is left");
   * const header = arena.prepend(packet, 20);
   * arena.memory.view.setUint8(header, 0x45);
   * arena.release(packet);
   * ```
   */
  constructor(options: PacketArenaOptions) {
    const { classes, headroomBytes = HEADROOM_BYTES } = options;
    const slices = options.slices ?? classes.reduce((sum, { count }) => sum + count, 0);
    const columns = new PacketColumns(classes, slices, headroomBytes);
    this.memory = options.memory ?? new PacketMemory(Math.max(1, columns.slotsBytes));
    columns.place(this.memory.reserve(columns.slotsBytes));
    this.columns = columns;
    this.capacity = columns.capacity;
    this.headroomBytes = headroomBytes;
    // What is lost to alignment is room, too.
    this.#rooms = Int32Array.from(classes, (_, index) => columns.slotBytes[index] - headroomBytes);
    this.largestBytes = classes.length === 0 ? 0 : this.#rooms[classes.length - 1];
    this.#borrows = classes.map(({ borrows }, at) => borrows === true && at + 1 < classes.length);
    this.#sliceClass = classes.length;
    this.#counters = new ArenaCounters(this.#rooms);
    this.used = this.#counters.used;
    this.heads = Int32Array.from(this.used, (_, sizeClass) => this.#chainFree(sizeClass));
  }

  /** Links all packets of a class, the lowest number first. */
  #chainFree(sizeClass: number): number {
    const { firsts, next } = this.columns;
    const end = firsts[sizeClass + 1];
    for (let packet = firsts[sizeClass]; packet + 1 < end; packet++) next[packet] = packet + 1;
    return firsts[sizeClass] < end ? firsts[sizeClass] : NONE;
  }

  /** How many packets are taken, slices included. */
  get usedCount(): number {
    let sum = 0;
    for (const count of this.used) sum += count;
    return sum;
  }

  /**
   * Takes a packet. Its bytes are what they happen to be.
   *
   * @param bytes How long its data is.
   * @returns Its number, or -1 when none is left that is large enough.
   */
  take(bytes: number): number {
    const rooms = this.#rooms;
    let wanted = 0;
    while (wanted < rooms.length && rooms[wanted] < bytes) wanted++;
    if (wanted === rooms.length) {
      this.#counters.tooLong++;
      return NONE;
    }
    let from = wanted;
    while (this.heads[from] < 0) {
      if (!this.#borrows[from]) {
        this.#counters.refused[wanted]++;
        return NONE;
      }
      from++;
    }
    if (from !== wanted) this.#counters.borrowed[wanted]++;
    return this.#takeFrom(from, bytes);
  }

  /**
   * Takes the largest packet that is left, up to a length; its own may be less.
   *
   * @param bytes How long its data is at most.
   * @returns Its number, or -1 when nothing at all is left.
   */
  takeUpTo(bytes: number): number {
    const whole = this.take(Math.min(bytes, this.largestBytes));
    if (whole >= 0) return whole;
    const rooms = this.#rooms;
    for (let at = rooms.length - 1; at >= 0; at--) {
      if (rooms[at] < bytes && this.heads[at] >= 0) return this.#takeFrom(at, rooms[at]);
    }
    return NONE;
  }

  #takeFrom(sizeClass: number, bytes: number): number {
    const { next, references, start, length, slot } = this.columns;
    const packet = this.heads[sizeClass];
    this.heads[sizeClass] = next[packet];
    next[packet] = NONE;
    references[packet] = 1;
    start[packet] = slot[packet] + this.headroomBytes;
    length[packet] = bytes;
    this.#counters.take(sizeClass);
    return packet;
  }

  /**
   * Takes a slice: a packet that shows a part of another one's data, and keeps its memory.
   *
   * @param packet Any packet, or slice.
   * @param offset Where the part starts in its data.
   * @param bytes How long it is.
   * @returns The slice's number, or -1 when none is left.
   * @throws {RangeError} When the part is not inside the packet's own data.
   */
  slice(packet: number, offset: number, bytes: number): number {
    const { start, length, owner, slices } = this.columns;
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= length[packet])) {
      throw new RangeError(
        `packet ${packet} has ${length[packet]} bytes: none are ${bytes} at ${offset}`,
      );
    }
    if (this.heads[this.#sliceClass] < 0) {
      this.#counters.refused[this.#sliceClass]++;
      return NONE;
    }
    const slice = this.#takeFrom(this.#sliceClass, bytes);
    start[slice] = start[packet] + offset;
    owner[slice] = owner[packet];
    slices[owner[packet]]++;
    return slice;
  }

  /** Holds a packet once more. */
  retain(packet: number): void {
    this.columns.references[packet]++;
  }

  /**
   * Gives up a hold. The last one gives the packet back, and gives up its hold on the next segment.
   *
   * @throws {Error} When nobody holds the packet.
   */
  release(packet: number): void {
    const { references, next } = this.columns;
    let at = packet;
    do {
      const left = references[at] - 1;
      if (left < 0) throw new Error(`packet ${at} is released, but nobody holds it`);
      references[at] = left;
      if (left > 0) return;
      const following = next[at];
      next[at] = NONE;
      this.#end(at);
      at = following;
    } while (at >= 0);
  }

  /** Nobody holds it: gives it back, or leaves its memory to the slices that show it. */
  #end(packet: number): void {
    const { owner, slices, references } = this.columns;
    const storage = owner[packet];
    if (storage !== packet) {
      owner[packet] = packet;
      this.recycle(packet);
      if (--slices[storage] > 0 || references[storage] > 0) return;
    } else if (slices[storage] > 0) {
      return;
    }
    this.recycle(storage);
  }

  /** Puts a packet back among the free ones: the one that is still warm is taken next. */
  protected recycle(packet: number): void {
    const sizeClass = this.columns.sizeClass[packet];
    this.columns.next[packet] = this.heads[sizeClass];
    this.heads[sizeClass] = packet;
    this.used[sizeClass]--;
  }

  /** How often a packet is held. */
  references(packet: number): number {
    return this.columns.references[packet];
  }

  /** The offset in memory of a packet's first byte. */
  start(packet: number): number {
    return this.columns.start[packet];
  }

  /** How many bytes a packet has, without the segments that follow. */
  length(packet: number): number {
    return this.columns.length[packet];
  }

  /** The next segment of the chain, or -1. */
  next(packet: number): number {
    return this.columns.next[packet];
  }

  /** Bytes that {@linkcode prepend} can still give: none for a slice. */
  headroom(packet: number): number {
    const { owner, start, slot } = this.columns;
    return owner[packet] === packet ? start[packet] - slot[packet] : 0;
  }

  /** Bytes that {@linkcode extend} can still give: none for a slice. */
  tailroom(packet: number): number {
    const { owner, slot, slotBytes, sizeClass, start, length } = this.columns;
    if (owner[packet] !== packet) return 0;
    return slot[packet] + slotBytes[sizeClass[packet]] - start[packet] - length[packet];
  }

  /**
   * Makes room for a header in front of the data.
   *
   * @param packet A packet with one holder.
   * @param bytes How long the header is.
   * @returns The offset in memory of the header, or -1 when the headroom is too short.
   */
  prepend(packet: number, bytes: number): number {
    if (bytes > this.headroom(packet)) {
      this.#counters.headroomShort++;
      return NONE;
    }
    const { start, length } = this.columns;
    length[packet] += bytes;
    return start[packet] -= bytes;
  }

  /**
   * Makes room behind the data.
   *
   * @param packet A packet with one holder.
   * @param bytes How many bytes.
   * @returns The offset in memory of the first of them, or -1 when there are not that many.
   */
  extend(packet: number, bytes: number): number {
    if (bytes > this.tailroom(packet)) return NONE;
    const { start, length } = this.columns;
    const end = start[packet] + length[packet];
    length[packet] += bytes;
    return end;
  }

  /**
   * Takes bytes off the front of a segment's data: a header that was read.
   *
   * @param packet A packet with one holder.
   * @param bytes How many, at most the segment's length.
   * @throws {RangeError} When the segment is shorter.
   */
  trimFront(packet: number, bytes: number): void {
    const { start, length } = this.columns;
    if (!(bytes >= 0 && bytes <= length[packet])) throw this.#tooShort(packet, bytes);
    start[packet] += bytes;
    length[packet] -= bytes;
  }

  /**
   * Takes bytes off the end of a segment's data: padding.
   *
   * @param packet A packet with one holder.
   * @param bytes How many, at most the segment's length.
   * @throws {RangeError} When the segment is shorter.
   */
  trimBack(packet: number, bytes: number): void {
    const { length } = this.columns;
    if (!(bytes >= 0 && bytes <= length[packet])) throw this.#tooShort(packet, bytes);
    length[packet] -= bytes;
  }

  #tooShort(packet: number, bytes: number): RangeError {
    const length = this.columns.length[packet];
    return new RangeError(`packet ${packet} has ${length} bytes: ${bytes} cannot be taken off`);
  }

  /**
   * Puts a chain behind another one, which takes over the caller's hold on it. Given the last
   * segment instead of the first, it need not look for it.
   */
  append(packet: number, tail: number): void {
    const { next } = this.columns;
    let last = packet;
    while (next[last] >= 0) last = next[last];
    next[last] = tail;
  }

  /**
   * Cuts a chain behind a segment.
   *
   * @returns The segment that followed, whose hold is now the caller's, or -1.
   */
  detach(packet: number): number {
    const { next } = this.columns;
    const following = next[packet];
    next[packet] = NONE;
    return following;
  }

  /** What became of the packets so far. */
  statistics(): PacketArenaStatistics {
    const { firsts } = this.columns;
    return this.#counters.describe(firsts.slice(1).map((end, index) => end - firsts[index]));
  }
}
