/**
 * An arena that finds mistakes in its use, for tests.
 *
 * @module
 */

import { NONE } from "./packet_columns.ts";
import { PacketArena, type PacketArenaOptions } from "./packet_arena.ts";

/** Free packets are full of it. */
const POISON = 0xdb;

/**
 * An arena that throws where the plain one would go on with wrong data:
 *
 * - a packet that nobody holds is read, written, retained, released or put into a chain;
 * - a packet that others hold as well is written into, trimmed, or its chain changed;
 * - a chain is put behind a part of itself;
 * - somebody wrote into the memory of a packet after its release: free packets are filled with a
 *   pattern, and it has to be there still when they are taken. They are taken again as late as
 *   possible, so that numbers that are used too long point to free packets.
 */
export class CheckedPacketArena extends PacketArena {
  /** The last free packet of each class. */
  readonly #tails: Int32Array;

  /**
   * Makes an arena, and fills all of its packets.
   *
   * @param options See {@linkcode PacketArena}.
   */
  constructor(options: PacketArenaOptions) {
    super(options);
    const { firsts, slotBytes, slot, capacity } = this.columns;
    this.#tails = Int32Array.from(this.heads, (_, sizeClass) => firsts[sizeClass + 1] - 1);
    for (let packet = 0; packet < capacity; packet++) {
      const bytes = slotBytes[this.columns.sizeClass[packet]];
      this.memory.bytes.fill(POISON, slot[packet], slot[packet] + bytes);
    }
  }

  /** See {@linkcode PacketArena.take}. */
  override take(bytes: number): number {
    return this.#expectPoison(super.take(bytes));
  }

  /** See {@linkcode PacketArena.takeUpTo}. */
  override takeUpTo(bytes: number): number {
    return this.#expectPoison(super.takeUpTo(bytes));
  }

  #expectPoison(packet: number): number {
    if (packet === NONE) return NONE;
    const { slot, slotBytes, sizeClass } = this.columns;
    const { bytes } = this.memory;
    const end = slot[packet] + slotBytes[sizeClass[packet]];
    for (let at = slot[packet]; at < end; at++) {
      if (bytes[at] === POISON) continue;
      const place = at - slot[packet];
      throw new Error(`packet ${packet} was written to at ${place} of its slot after its release`);
    }
    return packet;
  }

  /** The first that is free is the first that is taken. */
  protected override recycle(packet: number): void {
    const { next, slot, slotBytes, sizeClass } = this.columns;
    const at = sizeClass[packet];
    this.memory.bytes.fill(POISON, slot[packet], slot[packet] + slotBytes[at]);
    next[packet] = NONE;
    if (this.heads[at] === NONE) this.heads[at] = packet;
    else next[this.#tails[at]] = packet;
    this.#tails[at] = packet;
    this.used[at]--;
  }

  #expectHeld(packet: number, operation: string): void {
    if (!(Number.isInteger(packet) && packet >= 0 && packet < this.capacity)) {
      throw new Error(`${operation}: there is no packet ${packet}`);
    }
    if (this.columns.references[packet] <= 0) {
      throw new Error(`${operation}: nobody holds packet ${packet}`);
    }
  }

  #expectSole(packet: number, operation: string): void {
    this.#expectHeld(packet, operation);
    const holders = this.columns.references[packet];
    if (holders !== 1) throw new Error(`${operation}: packet ${packet} has ${holders} holders`);
  }

  /** See {@linkcode PacketArena.slice}. */
  override slice(packet: number, offset: number, bytes: number): number {
    this.#expectHeld(packet, "slice");
    return super.slice(packet, offset, bytes);
  }

  /** See {@linkcode PacketArena.retain}. */
  override retain(packet: number): void {
    this.#expectHeld(packet, "retain");
    super.retain(packet);
  }

  /** See {@linkcode PacketArena.release}. */
  override release(packet: number): void {
    this.#expectHeld(packet, "release");
    super.release(packet);
  }

  /** See {@linkcode PacketArena.start}. */
  override start(packet: number): number {
    this.#expectHeld(packet, "start");
    return super.start(packet);
  }

  /** See {@linkcode PacketArena.length}. */
  override length(packet: number): number {
    this.#expectHeld(packet, "length");
    return super.length(packet);
  }

  /** See {@linkcode PacketArena.next}. */
  override next(packet: number): number {
    this.#expectHeld(packet, "next");
    return super.next(packet);
  }

  /** See {@linkcode PacketArena.headroom}. */
  override headroom(packet: number): number {
    this.#expectHeld(packet, "headroom");
    return super.headroom(packet);
  }

  /** See {@linkcode PacketArena.tailroom}. */
  override tailroom(packet: number): number {
    this.#expectHeld(packet, "tailroom");
    return super.tailroom(packet);
  }

  /** See {@linkcode PacketArena.prepend}. */
  override prepend(packet: number, bytes: number): number {
    this.#expectSole(packet, "prepend");
    return super.prepend(packet, bytes);
  }

  /** See {@linkcode PacketArena.extend}. */
  override extend(packet: number, bytes: number): number {
    this.#expectSole(packet, "extend");
    return super.extend(packet, bytes);
  }

  /** See {@linkcode PacketArena.trimFront}. */
  override trimFront(packet: number, bytes: number): void {
    this.#expectSole(packet, "trimFront");
    super.trimFront(packet, bytes);
  }

  /** See {@linkcode PacketArena.trimBack}. */
  override trimBack(packet: number, bytes: number): void {
    this.#expectSole(packet, "trimBack");
    super.trimBack(packet, bytes);
  }

  /** See {@linkcode PacketArena.append}. */
  override append(packet: number, tail: number): void {
    const { next } = this.columns;
    this.#expectHeld(tail, "append");
    let last = packet;
    for (let at = packet; at !== NONE; at = next[at]) {
      this.#expectSole(at, "append");
      last = at;
    }
    for (let at = tail; at !== NONE; at = next[at]) {
      this.#expectHeld(at, "append");
      if (at === last) throw new Error(`append: packet ${at} would follow itself`);
    }
    super.append(packet, tail);
  }

  /** See {@linkcode PacketArena.detach}. */
  override detach(packet: number): number {
    this.#expectSole(packet, "detach");
    return super.detach(packet);
  }
}
