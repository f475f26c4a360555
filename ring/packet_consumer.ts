/**
 * The consumer's side of a packet ring.
 *
 * Packets are lent where they are. A slot whose packet is inside is free again once it and all
 * before it were released; one that refers to the arena at once, and the block when the last
 * holder of its bytes is gone.
 *
 * @module
 */

import { ARENA_BLOCK_BYTES } from "./arena.ts";
import { loadAcquire, storeRelease, type Words } from "./barrier.ts";
import {
  Bell,
  INLINE,
  PacketClosed,
  type PacketRing,
  PacketSlot,
  PacketWord,
  ringBell,
} from "./packet_ring.ts";

/** Takes packets out; one thread owns it, and it is the only one of its ring. */
export class PacketConsumer {
  /** What the producer wrote that none writes, null while all is well; nothing comes then. */
  fault: string | null = null;
  /** Packets taken. */
  packets = 0;
  /** Their bytes. */
  bytes = 0;
  /** Packets of them in the arena. */
  large = 0;
  /** Of the packet that was taken last: its byte offset in the ring's memory. */
  start = 0;
  /** Of the packet that was taken last: its length in bytes. */
  length = 0;
  /**
   * Of the packet that was taken last: what to release, from 0 up a slot, which has one holder;
   * below 0 a block, which may have more.
   */
  hold = 0;
  /** Where it waits for packets. */
  readonly bell: Bell;
  readonly #ring: PacketRing;
  readonly #words: Words;
  readonly #slots: number;
  readonly #mask: number;
  readonly #returnMask: number;
  readonly #inlineBytes: number;
  readonly #arenaBytes: number;
  /** Per slot, 1 when it was released and waits for those before it. */
  readonly #released: Uint8Array;
  /** Per block, how many hold its bytes. */
  readonly #holders: Uint32Array;
  /** The next packet to take. */
  #next: number;
  /** The tail as it was seen last: packets before it are there. */
  #tail: number;
  /** The oldest slot that is not free. */
  #head: number;
  #returnTail: number;

  private constructor(ring: PacketRing) {
    const { slots, inlineBytes, arenaBytes } = ring.plan;
    this.#ring = ring;
    this.#words = ring.words;
    this.#slots = slots;
    this.#mask = slots - 1;
    this.#returnMask = ring.returnEntries - 1;
    this.#inlineBytes = inlineBytes;
    this.#arenaBytes = arenaBytes;
    this.#released = new Uint8Array(slots);
    this.#holders = new Uint32Array(arenaBytes / ARENA_BLOCK_BYTES);
    this.bell = new Bell(ring, PacketWord.CONSUMER_BELL);
    this.#head = loadAcquire(ring.words, PacketWord.HEAD);
    this.#next = this.#head;
    this.#tail = this.#head;
    this.#returnTail = loadAcquire(ring.words, PacketWord.RETURN_TAIL);
  }

  /** Becomes the consumer of a ring. @returns null when it has one */
  static claim(ring: PacketRing): PacketConsumer | null {
    return ring.claim(PacketWord.CONSUMER) ? new PacketConsumer(ring) : null;
  }

  /** Whether a packet is there, or a fault would show. */
  get isReady(): boolean {
    return this.#tail !== this.#next ||
      loadAcquire(this.#words, PacketWord.TAIL) !== this.#next;
  }

  /** Whether the producer has closed and every packet was taken. */
  get isEnded(): boolean {
    // In this order: what was published before the producer closed is seen after its closing.
    return (this.#ring.closed & PacketClosed.PRODUCER) !== 0 && !this.isReady;
  }

  /** Packets that wait to be taken. */
  get queued(): number {
    return this.#refreshTail() ? (this.#tail - this.#next) | 0 : 0;
  }

  /**
   * Takes the next packet: `start`, `length` and `hold` tell of it until the next one is taken.
   *
   * @returns false when there is none now
   */
  take(): boolean {
    if (this.fault !== null) return false;
    if (this.#tail === this.#next && (!this.#refreshTail() || this.#tail === this.#next)) {
      return false;
    }
    const place = this.#next & this.#mask;
    const at = this.#ring.slotsAt + place * this.#ring.slotBytes;
    // Each word is read once: a producer that may be hostile can change it at any time.
    const length = this.#words[(at >> 2) + PacketSlot.LENGTH];
    const reference = this.#words[(at >> 2) + PacketSlot.REFERENCE];
    if (!this.#admit(length, reference)) return false;
    this.#next = (this.#next + 1) | 0;
    this.length = length;
    this.packets++;
    this.bytes += length;
    if (reference === INLINE) {
      this.start = at + PacketSlot.BYTES;
      this.hold = place;
      return true;
    }
    this.large++;
    const block = reference / ARENA_BLOCK_BYTES;
    this.#holders[block]++;
    this.start = this.#ring.arenaAt + reference;
    this.hold = -1 - block;
    this.#freeSlot(place);
    return true;
  }

  /** Adds a holder to the block of a packet; a slot has only one. */
  retain(hold: number): void {
    this.#holders[-1 - hold]++;
  }

  /** Ends one holder of a packet. */
  release(hold: number): void {
    if (hold >= 0) {
      this.#freeSlot(hold);
      return;
    }
    const block = -1 - hold;
    if (--this.#holders[block] > 0) return;
    const at = this.#ring.returnsAt + (this.#returnTail & this.#returnMask);
    this.#words[at] = block * ARENA_BLOCK_BYTES;
    this.#returnTail = (this.#returnTail + 1) | 0;
    storeRelease(this.#words, PacketWord.RETURN_TAIL, this.#returnTail);
    ringBell(this.#words, PacketWord.PRODUCER_BELL);
  }

  /** Watches for a packet for a moment. @returns whether one came */
  spin(turns: number): boolean {
    for (let left = turns; left > 0; left--) if (this.isReady) return true;
    return false;
  }

  /** Reads how far the producer is. @returns false when it cannot be there */
  #refreshTail(): boolean {
    const tail = loadAcquire(this.#words, PacketWord.TAIL);
    const used = (tail - this.#head) | 0;
    // It moves on from where it was, and never past the slots that are not free.
    if (used >= ((this.#tail - this.#head) | 0) && used <= this.#slots) {
      this.#tail = tail;
      return true;
    }
    this.fault ??= `the producer published up to ${tail}, which is not between the ` +
      `${this.#tail} before and the ${this.#slots} slots from ${this.#head} on`;
    return false;
  }

  /** Judges a packet's words: whatever they say, its bytes are inside of the ring's memory. */
  #admit(length: number, reference: number): boolean {
    const isInline = reference === INLINE;
    const most = isInline ? this.#inlineBytes : this.#arenaBytes - reference;
    const isBlock = isInline || (reference >= 0 && reference % ARENA_BLOCK_BYTES === 0 &&
      reference < this.#arenaBytes);
    if (isBlock && length >= 0 && length <= most) return true;
    this.fault ??= isInline
      ? `the producer published ${length} bytes in a slot of ${this.#inlineBytes}`
      : `the producer published ${length} bytes at ${reference} in an arena of ${this.#arenaBytes}`;
    return false;
  }

  /** Frees a slot, and those behind it that wait for it. */
  #freeSlot(place: number): void {
    const released = this.#released;
    released[place] = 1;
    let head = this.#head;
    while (released[head & this.#mask] === 1) {
      released[head & this.#mask] = 0;
      head = (head + 1) | 0;
    }
    if (head === this.#head) return;
    this.#head = head;
    storeRelease(this.#words, PacketWord.HEAD, head);
    ringBell(this.#words, PacketWord.PRODUCER_BELL);
  }
}
