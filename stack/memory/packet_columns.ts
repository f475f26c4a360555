/**
 * What an arena knows of its packets: one column for each property, indexed by the packet's number.
 *
 * The columns are private memory of the thread that owns the arena. Whoever is given the shared
 * memory can write into packets, but not into this.
 *
 * @module
 */

import type { SizeClass } from "./size_classes.ts";

/** No packet. */
export const NONE = -1;

/** More packets than this are refused. */
export const MAXIMUM_PACKETS = 1 << 22;

/** Slots of packets start at multiples of a cache line. */
const SLOT_ALIGNMENT_BYTES = 64;

/** One number per packet. Packets of one class have neighbouring numbers; slices come last. */
export class PacketColumns {
  /** How many packets there are, slices included. */
  readonly capacity: number;
  /** Bytes of memory for all slots. */
  readonly slotsBytes: number;
  /** Bytes of a slot of each class, headroom included; 0 for slices. */
  readonly slotBytes: readonly number[];
  /** The first number of each class, and at the end the capacity. */
  readonly firsts: readonly number[];
  /** The class of each packet: its index in the options, and for slices one more than the last. */
  readonly sizeClass: Uint8Array;
  /** The offset of the memory that a packet has of its own. */
  readonly slot: Int32Array;
  /** The offset of the data. */
  readonly start: Int32Array;
  /** Bytes of data in this segment. */
  readonly length: Int32Array;
  /** The next segment of the chain, or of the free list. */
  readonly next: Int32Array;
  /** Who holds it, segments before it included; 0 when it is free, or its data is only shown. */
  readonly references: Int32Array;
  /** The packet whose memory it shows: itself, unless it is a slice. */
  readonly owner: Int32Array;
  /** How many slices show its memory. */
  readonly slices: Int32Array;

  /**
   * Numbers the packets, and puts their slots one behind the other.
   *
   * @param classes The sizes, in ascending order.
   * @param slices How many slices there are.
   * @param headroomBytes Bytes in front of each packet's room.
   * @throws {RangeError} When the sizes are not ascending, or there are too many packets.
   */
  constructor(classes: readonly SizeClass[], slices: number, headroomBytes: number) {
    const counts = [...classes.map(({ count }) => count), slices];
    const firsts = [0];
    for (const count of counts) {
      if (!(Number.isInteger(count) && count >= 0)) {
        throw new RangeError(`there cannot be ${count} packets of a size`);
      }
      firsts.push(firsts[firsts.length - 1] + count);
    }
    this.firsts = firsts;
    this.capacity = firsts[counts.length];
    if (this.capacity > MAXIMUM_PACKETS) {
      throw new RangeError(`${this.capacity} packets: an arena has ${MAXIMUM_PACKETS} at most`);
    }
    this.slotBytes = [...classes.map(({ roomBytes }) => roundUp(headroomBytes + roomBytes)), 0];
    if (
      classes.some(({ roomBytes }, index) => index > 0 && classes[index - 1].roomBytes >= roomBytes)
    ) {
      throw new RangeError("the sizes of packets are not in ascending order");
    }
    this.sizeClass = new Uint8Array(this.capacity);
    this.slot = new Int32Array(this.capacity);
    this.start = new Int32Array(this.capacity);
    this.length = new Int32Array(this.capacity);
    this.next = new Int32Array(this.capacity).fill(NONE);
    this.references = new Int32Array(this.capacity);
    this.owner = Int32Array.from(this.start, (_, packet) => packet);
    this.slices = new Int32Array(this.capacity);
    let offset = 0;
    for (const [index, count] of counts.entries()) {
      this.sizeClass.fill(index, firsts[index], firsts[index] + count);
      for (let nth = 0; nth < count; nth++) {
        this.slot[firsts[index] + nth] = offset;
        offset += this.slotBytes[index];
      }
    }
    this.slotsBytes = offset;
  }

  /** Moves all slots to where their memory starts. */
  place(base: number): void {
    for (let packet = 0; packet < this.capacity; packet++) this.slot[packet] += base;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / SLOT_ALIGNMENT_BYTES) * SLOT_ALIGNMENT_BYTES;
}
