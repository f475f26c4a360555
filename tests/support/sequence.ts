/**
 * The bytes that tests send, which tell where they belong: a lost, doubled or moved one shows.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Lease } from "../../mod.ts";

/** Byte `index` of the sequence that tests send: long, and without short repetitions. */
function sequenceByte(index: number): number {
  return (index ^ (index >>> 8) * 7 ^ (index >>> 16) * 13) & 0xff;
}

/** A piece of that sequence. */
export function sequence(start: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = sequenceByte(start + index);
  return bytes;
}

/** Follows the sequence and stops at the first byte that is lost, doubled or wrong. */
export class SequenceCheck {
  /** The next byte's place. */
  received: number;

  /** @param from where it starts */
  constructor(from = 0) {
    this.received = from;
  }

  /** Checks bytes. */
  take(bytes: Uint8Array): void {
    for (const byte of bytes) {
      const expected = sequenceByte(this.received);
      if (byte !== expected) assertEquals(byte, expected, `byte ${this.received}`);
      this.received++;
    }
  }

  /** Checks a lease's bytes, and releases it. */
  takeLease(lease: Lease): void {
    this.take(lease.bytes);
    lease.release();
  }
}
