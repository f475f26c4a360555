/**
 * What a packet ring hands to programs: packets to read in place, and room to write in place.
 *
 * @module
 */

import type { Lease } from "../lease.ts";
import type { PacketConsumer } from "../../ring/packet_consumer.ts";
import type { PacketRing } from "../../ring/packet_ring.ts";

/** Counts the packets that a program holds. */
export interface PacketHolds {
  readonly ring: PacketRing;
  readonly consumer: PacketConsumer;
  /** Handles that were given out and not released. */
  held: number;
}

/** The `hold` of a packet that was copied out of the ring. */
const COPIED = null;

/**
 * A packet that was taken from a {@linkcode ZeroCopyBuffer}: a {@linkcode Lease} on the bytes where
 * the producer put them. Unlike other leases it may be empty.
 *
 * While it is held, so is its room: the producer can go round the ring once, and no further, as
 * long as a small packet is not released; a large one holds its block of the arena. `retain()`
 * copies a small packet, which then holds no room, and shares a large one.
 *
 * A producer that is not to be trusted can still change the bytes: `copy()` them before they are
 * judged.
 *
 * @example
 * ```ts
 * import { ZeroCopyBuffer } from "./zero_copy_buffer.ts";
 * using buffer = ZeroCopyBuffer.create();
 * buffer.tryPush(new Uint8Array([1, 2, 3]));
 * using packet = buffer.tryPop()!;
 * console.log(packet.length, packet.bytes[2]); // 3 3
 * ```
 */
export class Packet implements Lease {
  readonly #holds: PacketHolds;
  readonly #hold: number | null;
  readonly #bytes: Uint8Array<ArrayBufferLike>;
  #isHeld = true;

  private constructor(
    holds: PacketHolds,
    hold: number | null,
    bytes: Uint8Array<ArrayBufferLike>,
  ) {
    this.#holds = holds;
    this.#hold = hold;
    this.#bytes = bytes;
    holds.held++;
  }

  /** @ignore The packet that the consumer has just taken. */
  static taken(holds: PacketHolds): Packet {
    const { ring, consumer } = holds;
    const { start, length, hold } = consumer;
    return new Packet(holds, hold, new Uint8Array(ring.buffer, start, length));
  }

  /** The bytes, in shared memory: copy them for Web APIs that refuse shared views. */
  get bytes(): Uint8Array<ArrayBufferLike> {
    this.#requireHeld("bytes");
    return this.#bytes;
  }

  /** How many bytes there are, 0 or more. */
  get length(): number {
    this.#requireHeld("length");
    return this.#bytes.length;
  }

  /** Copies the bytes out. @returns memory of the caller's own */
  copy(): Uint8Array<ArrayBuffer> {
    this.#requireHeld("copy()");
    return new Uint8Array(this.#bytes);
  }

  /** Holds the same bytes once more. @returns a handle that lives on its own */
  retain(): Packet {
    this.#requireHeld("retain()");
    if (this.#hold === COPIED) return new Packet(this.#holds, COPIED, this.#bytes);
    // Kept in its slot, a small packet would keep all slots behind it, too.
    if (this.#hold >= 0) return new Packet(this.#holds, COPIED, this.copy());
    this.#holds.consumer.retain(this.#hold);
    return new Packet(this.#holds, this.#hold, this.#bytes);
  }

  /** Gives the room back; once more is a no-op. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#holds.held--;
    if (this.#hold !== COPIED) this.#holds.consumer.release(this.#hold);
  }

  /** Releases it. */
  [Symbol.dispose](): void {
    this.release();
  }

  #requireHeld(what: string): void {
    if (!this.#isHeld) {
      throw new TypeError(`${what}: the packet was released; retain() it to keep its bytes longer`);
    }
  }
}

/** Whoever gave out a reservation. */
export interface ReservationIssuer {
  /** Publishes what was reserved. @throws {NetError} when nobody can take it any more */
  commitReserved(length: number): void;
  /** Gives up what was reserved. */
  cancelReserved(): void;
}

/**
 * Room for one packet, to be written in place and then published.
 *
 * @example
 * ```ts
 * import { ZeroCopyBuffer } from "./zero_copy_buffer.ts";
 * using buffer = ZeroCopyBuffer.create();
 * using room = await buffer.reserve(1500);
 * const { written } = new TextEncoder().encodeInto("hello", new Uint8Array(5));
 * room.bytes.set([104, 101, 108, 108, 111]);
 * room.commit(written);
 * console.log((await buffer.pop())?.length); // 5
 * ```
 */
export class PacketReservation implements Disposable {
  /** How many bytes there is room for. */
  readonly length: number;
  readonly #issuer: ReservationIssuer;
  readonly #bytes: Uint8Array<ArrayBufferLike>;
  #isOpen = true;

  /** @ignore */
  constructor(issuer: ReservationIssuer, bytes: Uint8Array<ArrayBufferLike>) {
    this.#issuer = issuer;
    this.#bytes = bytes;
    this.length = bytes.length;
  }

  /**
   * The room, in shared memory, with whatever an earlier packet left in it.
   *
   * @throws {TypeError} once it is committed or cancelled
   */
  get bytes(): Uint8Array<ArrayBufferLike> {
    if (!this.#isOpen) throw new TypeError("bytes: the reservation is committed or cancelled");
    return this.#bytes;
  }

  /** Whether it is neither committed nor cancelled. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Publishes the packet.
   *
   * @param length bytes of it, from the start of the room, 0 to `length`; all unless said otherwise
   * @throws {RangeError} for more bytes than there is room for
   * @throws {TypeError} once it is committed or cancelled
   * @throws {NetError} EBADF when the buffer was closed meanwhile, EPIPE when the consumer closed
   */
  commit(length: number = this.length): void {
    if (!this.#isOpen) throw new TypeError("commit: the reservation is committed or cancelled");
    if (!Number.isInteger(length) || length < 0 || length > this.length) {
      throw new RangeError(`commit: length must be 0 to ${this.length}, not ${length}`);
    }
    this.#isOpen = false;
    this.#issuer.commitReserved(length);
  }

  /** Gives the room back without a packet; a no-op once it is committed or cancelled. */
  cancel(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#issuer.cancelReserved();
  }

  /** Cancels it, unless it is committed. */
  [Symbol.dispose](): void {
    this.cancel();
  }
}
