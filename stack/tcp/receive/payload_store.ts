/**
 * Payload that stays in the packets that it arrived in: which part of a packet it is, what keeping
 * it costs, and which one follows. A packet that is kept is an _item_.
 *
 * Packets are not changed as long as others hold them, so that where payload begins and ends, and
 * which packet is next, are in columns of their own.
 *
 * What an item costs is the memory that it keeps, not its payload: a packet of one byte may lie in
 * a slot of 2 KiB. Sparse payload is therefore copied behind the payload before it, if the slot of
 * that has room left.
 *
 * @module
 */

import type { PacketArena } from "../../memory/mod.ts";

/** No item. */
export const NONE = -1;

/** What a slice costs beside its payload, and what its owner's slot wastes, in bytes. */
const SLICE_OVERHEAD_BYTES = 256;
/** The longest frame of most links. */
const FRAME_BYTES = 1514;
/** Of a size of packets, so many of 8 may be taken before memory counts as short. */
const PRESSURE_EIGHTHS = 7;

/** The payload that the receivers of one stack keep. */
export class PayloadStore {
  readonly arena: PacketArena;
  /** The next item, or -1. */
  readonly next: Int32Array;
  /** The offset in memory of the first byte. */
  readonly from: Int32Array;
  /** How many bytes; 0 for packets that are no items. */
  readonly bytes: Int32Array;
  /** What it costs, in bytes. */
  readonly cost: Int32Array;
  /** The last item that {@linkcode take} has taken. */
  last = NONE;
  /** What the items cost that it has taken. */
  taken = 0;
  /** The class of packets whose number tells when memory is short, and how many there are. */
  readonly #watched: number;
  readonly #count: number;
  /** Bytes of a slot of that class, and what a packet has room for. */
  readonly frameSlot: number;
  readonly #frameRoom: number;

  /** Makes a store that keeps nothing. */
  constructor(arena: PacketArena) {
    this.arena = arena;
    this.next = new Int32Array(arena.capacity).fill(NONE);
    this.from = new Int32Array(arena.capacity);
    this.bytes = new Int32Array(arena.capacity);
    this.cost = new Int32Array(arena.capacity);
    const { slotBytes, firsts } = arena.columns;
    const frames = slotBytes.findIndex((bytes) => bytes - arena.headroomBytes >= FRAME_BYTES);
    // An arena of small packets only: the largest of them.
    this.#watched = frames < 0 ? slotBytes.length - 2 : frames;
    this.#count = firsts[this.#watched + 1] - firsts[this.#watched];
    this.frameSlot = slotBytes[this.#watched];
    this.#frameRoom = this.frameSlot - arena.headroomBytes;
  }

  /** Whether packets that frames arrive in are running short. */
  get isShort(): boolean {
    return this.arena.used[this.#watched] * 8 > this.#count * PRESSURE_EIGHTHS;
  }

  /** What it would cost to keep a part of a packet, or of a chain, where it lies. */
  costOf(packet: number, offset: number, bytes: number): number {
    const { next, length } = this.arena.columns;
    if (next[packet] < 0) return this.#costOfOne(packet, bytes);
    let skip = offset;
    let left = bytes;
    let cost = 0;
    for (let at = packet; left > 0 && at >= 0; at = next[at]) {
      const here = length[at] - skip;
      if (here <= 0) {
        skip = -here;
        continue;
      }
      const part = here < left ? here : left;
      cost += this.#costOfOne(at, part);
      left -= part;
      skip = 0;
    }
    return cost;
  }

  #costOfOne(packet: number, bytes: number): number {
    const { owner, sizeClass, slotBytes } = this.arena.columns;
    const storage = owner[packet];
    const slot = slotBytes[sizeClass[storage]];
    if (storage === packet) return slot;
    // Many slices show one slot: it is not theirs alone.
    const share = 2 * bytes + SLICE_OVERHEAD_BYTES;
    return share < slot ? share : slot;
  }

  /**
   * Keeps a part of a packet, or of a chain: as one item for each segment.
   *
   * @param packet whose hold stays the caller's
   * @param offset where the part starts
   * @param bytes how long it is, 1 or more
   * @returns the first item, with {@linkcode last} and {@linkcode taken}; or -1 when there are not
   * enough slices, and nothing is kept
   */
  take(packet: number, offset: number, bytes: number): number {
    const { arena } = this;
    let first = NONE;
    let last = NONE;
    let cost = 0;
    let skip = offset;
    let left = bytes;
    for (let at = packet; left > 0 && at >= 0; at = arena.next(at)) {
      const here = arena.length(at) - skip;
      if (here <= 0) {
        skip = -here;
        continue;
      }
      const part = here < left ? here : left;
      const item = this.#keep(at, skip, part);
      if (item < 0) {
        this.releaseAll(first);
        return NONE;
      }
      if (first < 0) first = item;
      else this.next[last] = item;
      last = item;
      cost += this.cost[item];
      left -= part;
      skip = 0;
    }
    this.last = last;
    this.taken = cost;
    return first;
  }

  #keep(packet: number, offset: number, bytes: number): number {
    const { arena } = this;
    let item = packet;
    // Whoever has kept another part of it has its entries.
    if (this.bytes[packet] > 0) {
      item = arena.slice(packet, offset, bytes);
      if (item < 0) return NONE;
      this.from[item] = arena.start(item);
    } else {
      arena.retain(packet);
      this.from[item] = arena.start(packet) + offset;
    }
    this.bytes[item] = bytes;
    this.cost[item] = this.#costOfOne(packet, bytes);
    this.next[item] = NONE;
    return item;
  }

  /** What it would cost to copy so many bytes. */
  copyCost(bytes: number): number {
    const { slotBytes } = this.arena.columns;
    if (bytes > this.#frameRoom) return Math.ceil(bytes / this.#frameRoom) * this.frameSlot;
    for (let size = 0;; size++) {
      if (slotBytes[size] - this.arena.headroomBytes >= bytes) return slotBytes[size];
    }
  }

  /** What {@linkcode keep} would cost. */
  keepCost(packet: number, offset: number, bytes: number): number {
    const inPlace = this.costOf(packet, offset, bytes);
    return 2 * bytes < inPlace ? Math.min(inPlace, this.copyCost(bytes)) : inPlace;
  }

  /**
   * Keeps a part of a packet, or of a chain: where it lies, or copied where that costs less or
   * slices have run out.
   *
   * @returns as {@linkcode take} does
   */
  keep(packet: number, offset: number, bytes: number): number {
    const cost = this.costOf(packet, offset, bytes);
    if (2 * bytes < cost && this.copyCost(bytes) < cost) {
      const copied = this.copy(packet, offset, bytes, 0);
      if (copied >= 0) return copied;
    }
    const taken = this.take(packet, offset, bytes);
    return taken >= 0 ? taken : this.copy(packet, offset, bytes, 0);
  }

  /**
   * Copies a part of a packet, or of a chain, into packets of its own.
   *
   * @param spare bytes that there is to be room for behind it, if it fits into one packet with them
   * @returns the first item, with {@linkcode last} and {@linkcode taken}; or -1 when there are not
   * enough packets, and nothing is kept
   */
  copy(packet: number, offset: number, bytes: number, spare: number): number {
    const { arena } = this;
    let first = NONE;
    let last = NONE;
    let cost = 0;
    for (let done = 0; done < bytes;) {
      const part = Math.min(bytes - done, this.#frameRoom);
      const roomy = Math.min(part + spare, this.#frameRoom);
      const item = arena.take(roomy);
      if (item < 0) {
        this.releaseAll(first);
        return NONE;
      }
      // What was taken off is had again by extending it.
      arena.trimBack(item, roomy - part);
      this.#copyTo(arena.start(item), packet, offset + done, part);
      this.from[item] = arena.start(item);
      this.bytes[item] = part;
      this.cost[item] = this.#costOfOne(item, part);
      this.next[item] = NONE;
      if (first < 0) first = item;
      else this.next[last] = item;
      last = item;
      cost += this.cost[item];
      done += part;
    }
    this.last = last;
    this.taken = cost;
    return first;
  }

  #copyTo(to: number, packet: number, offset: number, bytes: number): void {
    const { arena } = this;
    let skip = offset;
    let target = to;
    let left = bytes;
    for (let at = packet; left > 0 && at >= 0; at = arena.next(at)) {
      const here = arena.length(at) - skip;
      if (here <= 0) {
        skip = -here;
        continue;
      }
      const part = here < left ? here : left;
      arena.memory.checksummer.copy(target, arena.start(at) + skip, part);
      target += part;
      left -= part;
      skip = 0;
    }
  }

  /** Whether an item has its slot for itself: nobody else holds it, and no slice shows it. */
  isOurs(item: number): boolean {
    const { references, owner, slices } = this.arena.columns;
    return references[item] === 1 && owner[item] === item && slices[item] === 0;
  }

  /** Whether a part of a packet, or of a chain, keeps more than twice as much memory. */
  isSparse(packet: number, offset: number, bytes: number): boolean {
    return 2 * bytes < this.costOf(packet, offset, bytes);
  }

  /** Bytes that {@linkcode appendTo} has room for behind an item. */
  roomBehind(item: number): number {
    if (!this.isOurs(item)) return 0;
    const { start, length } = this.arena.columns;
    const behind = start[item] + length[item] - this.from[item] - this.bytes[item];
    return this.arena.tailroom(item) + behind;
  }

  /**
   * Copies a part of a packet, or of a chain, behind the payload of an item.
   *
   * @returns whether there was room, and nobody else holds the item
   */
  appendTo(item: number, packet: number, offset: number, bytes: number): boolean {
    const { arena } = this;
    const { columns } = arena;
    if (!this.isOurs(item)) return false;
    const behind = columns.start[item] + columns.length[item] - this.from[item] - this.bytes[item];
    if (arena.tailroom(item) + behind < bytes) return false;
    if (behind > 0) arena.trimBack(item, behind);
    this.#copyTo(arena.extend(item, bytes), packet, offset, bytes);
    this.bytes[item] += bytes;
    return true;
  }

  /**
   * Copies a part of a packet, or of a chain, in front of the payload of an item.
   *
   * @returns whether there was room, and nobody else holds the item
   */
  prependTo(item: number, packet: number, offset: number, bytes: number): boolean {
    const { columns } = this.arena;
    if (!this.isOurs(item)) return false;
    // Headers lie there that were read, and the headroom: both are ours.
    if (this.from[item] - columns.slot[item] < bytes) return false;
    const missing = columns.start[item] - (this.from[item] - bytes);
    if (missing > 0) this.arena.prepend(item, missing);
    this.from[item] -= bytes;
    this.bytes[item] += bytes;
    this.#copyTo(this.from[item], packet, offset, bytes);
    return true;
  }

  /** Forgets the first bytes of an item, fewer than it has. */
  trimFront(item: number, bytes: number): void {
    this.from[item] += bytes;
    this.bytes[item] -= bytes;
  }

  /** Gives up an item. @returns the next one, or -1 */
  release(item: number): number {
    const following = this.next[item];
    this.next[item] = NONE;
    this.bytes[item] = 0;
    this.arena.release(item);
    return following;
  }

  /** Gives up an item, and all that follow. */
  releaseAll(item: number): void {
    for (let at = item; at >= 0;) at = this.release(at);
  }
}
