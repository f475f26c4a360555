/**
 * The producer's side of a packet ring.
 *
 * The arena belongs to it: its allocator is private, and blocks come back by the return ring, in
 * whatever order the consumer releases them.
 *
 * @module
 */

import { Arena, ARENA_BLOCK_BYTES } from "./arena.ts";
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

const NOTHING = -2;

/** Puts packets in; one thread owns it, and it is the only one of its ring. */
export class PacketProducer {
  /** What the consumer wrote that none writes, null while all is well; nothing goes then. */
  fault: string | null = null;
  /** Packets published. */
  packets = 0;
  /** Their bytes. */
  bytes = 0;
  /** Packets of them in the arena. */
  large = 0;
  /** Where it waits for room. */
  readonly bell: Bell;
  /** The most bytes that a packet can have. */
  readonly largestBytes: number;
  readonly #ring: PacketRing;
  readonly #words: Words;
  readonly #slots: number;
  readonly #mask: number;
  readonly #returnMask: number;
  readonly #inlineBytes: number;
  readonly #arena: Arena;
  /** Per block, 1 while the consumer has it: no other may come back. */
  readonly #lent: Uint8Array;
  #lentBlocks = 0;
  #tail: number;
  #head: number;
  #returnHead: number;
  /** The reference of the packet that was begun, `NOTHING` when there is none. */
  #begun = NOTHING;

  private constructor(ring: PacketRing) {
    const { slots, inlineBytes, arenaBytes } = ring.plan;
    this.#ring = ring;
    this.#words = ring.words;
    this.#slots = slots;
    this.#mask = slots - 1;
    this.#returnMask = ring.returnEntries - 1;
    this.#inlineBytes = inlineBytes;
    this.#arena = new Arena(0, arenaBytes);
    this.#lent = new Uint8Array(arenaBytes / ARENA_BLOCK_BYTES);
    this.largestBytes = ring.largestBytes;
    this.bell = new Bell(ring, PacketWord.PRODUCER_BELL);
    this.#tail = loadAcquire(ring.words, PacketWord.TAIL);
    this.#head = this.#tail;
    this.#returnHead = loadAcquire(ring.words, PacketWord.RETURN_TAIL);
  }

  /** Becomes the producer of a ring. @returns null when it has one */
  static claim(ring: PacketRing): PacketProducer | null {
    return ring.claim(PacketWord.PRODUCER) ? new PacketProducer(ring) : null;
  }

  /** Whether the consumer wants nothing more. */
  get isRefused(): boolean {
    return (this.#ring.closed & PacketClosed.CONSUMER) !== 0;
  }

  /** Whether a packet was begun and neither published nor abandoned. */
  get isBegun(): boolean {
    return this.#begun !== NOTHING;
  }

  /** Bytes of the arena that are taken, blocks counted whole. */
  get arenaUsedBytes(): number {
    this.#reclaim();
    return this.#arena.usedBytes;
  }

  /** Packets published whose slots are not free yet. */
  get queued(): number {
    this.#refreshHead();
    return (this.#tail - this.#head) | 0;
  }

  /**
   * Takes room for the next packet.
   *
   * @param length its bytes at most, up to {@linkcode PacketProducer.largestBytes}
   * @returns the byte offset in the ring's memory where they go, -1 when there is no room now
   */
  begin(length: number): number {
    if (this.#begun !== NOTHING || this.fault !== null || !this.#hasSlot()) return -1;
    if (length <= this.#inlineBytes) {
      this.#begun = INLINE;
      return this.#slotAt() + PacketSlot.BYTES;
    }
    // Before new ones are taken: what has just come back is still in the caches.
    if (!this.#reclaim()) return -1;
    const block = this.#arena.take(length);
    if (block < 0) return -1;
    this.#begun = block;
    return this.#ring.arenaAt + block;
  }

  /** Publishes the packet that was begun. @param length its bytes, no more than were asked for */
  publish(length: number): void {
    const reference = this.#begun;
    if (reference === NOTHING) throw new Error("packet ring: no packet was begun");
    this.#begun = NOTHING;
    const slot = this.#slotAt() >> 2;
    this.#words[slot + PacketSlot.LENGTH] = length;
    this.#words[slot + PacketSlot.REFERENCE] = reference;
    if (reference !== INLINE) {
      this.#lent[reference / ARENA_BLOCK_BYTES] = 1;
      this.#lentBlocks++;
      this.large++;
    }
    this.packets++;
    this.bytes += length;
    this.#tail = (this.#tail + 1) | 0;
    storeRelease(this.#words, PacketWord.TAIL, this.#tail);
    ringBell(this.#words, PacketWord.CONSUMER_BELL);
  }

  /** Gives up the packet that was begun. */
  abandon(): void {
    if (this.#begun >= 0) this.#arena.give(this.#begun);
    this.#begun = NOTHING;
  }

  /** Copies a packet in. @returns false when there is no room now */
  push(packet: Uint8Array): boolean {
    const at = this.begin(packet.length);
    if (at < 0) return false;
    this.#ring.bytes.set(packet, at);
    this.publish(packet.length);
    return true;
  }

  /** The byte offset of the next slot. */
  #slotAt(): number {
    return this.#ring.slotsAt + (this.#tail & this.#mask) * this.#ring.slotBytes;
  }

  #hasSlot(): boolean {
    if (((this.#tail - this.#head) | 0) < this.#slots) return true;
    return this.#refreshHead() && ((this.#tail - this.#head) | 0) < this.#slots;
  }

  /** Reads how far the consumer is. @returns false when it cannot be there */
  #refreshHead(): boolean {
    const head = loadAcquire(this.#words, PacketWord.HEAD);
    const used = (this.#tail - head) | 0;
    // It moves from where it was towards the tail, and nowhere else.
    if (used >= 0 && used <= ((this.#tail - this.#head) | 0)) {
      this.#head = head;
      return true;
    }
    this.fault ??= `the consumer freed slots up to ${head}, which is not between the ` +
      `${this.#head} before and the ${this.#tail} packets published`;
    return false;
  }

  /** Takes back every block that the consumer has returned. @returns false for a wrong one */
  #reclaim(): boolean {
    const tail = loadAcquire(this.#words, PacketWord.RETURN_TAIL);
    const count = (tail - this.#returnHead) | 0;
    if (count < 0 || count > this.#lentBlocks) {
      this.fault ??= `the consumer returned ${count} blocks of the ${this.#lentBlocks} it has`;
      return false;
    }
    for (let left = count; left > 0; left--) {
      const at = this.#ring.returnsAt + (this.#returnHead & this.#returnMask);
      const block = this.#words[at];
      const index = block / ARENA_BLOCK_BYTES;
      // No other index of the table is 1: neither a fraction nor one outside is there at all.
      if (this.#lent[index] !== 1) {
        this.fault ??= `the consumer returned the block at ${block}, which it does not have`;
        return false;
      }
      this.#lent[index] = 0;
      this.#lentBlocks--;
      this.#arena.give(block);
      this.#returnHead = (this.#returnHead + 1) | 0;
    }
    return true;
  }
}
