/**
 * A hash over all that happens in a virtual network: two runs with one hash were the same, byte for
 * byte and microsecond for microsecond.
 *
 * Each frame goes in with its time, its link, what became of it and its bytes. The hash is one of
 * 64 bits for comparison, no protection against anybody who wants two runs to look alike.
 *
 * @module
 */

import type { PacketMemory } from "../memory/mod.ts";

const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const RANGE = 2 ** 32;

/** Mixes numbers of 32 bits into a state of 64. */
export class TraceHash {
  #one = PRIME_1;
  #other = PRIME_2;
  #events = 0;

  /** How many events went in. */
  get events(): number {
    return this.#events;
  }

  /** What came out so far: 16 hexadecimal digits. */
  get digest(): string {
    return hexadecimal(finish(this.#one ^ this.#events)) +
      hexadecimal(finish(this.#other + this.#one));
  }

  /** Adds a number. */
  mix(word: number): void {
    const mixed = Math.imul(word ^ this.#one, PRIME_2);
    this.#one = Math.imul(mixed << 13 | mixed >>> 19, PRIME_1) ^ this.#other;
    this.#other = (this.#other + mixed) | 0;
  }

  /**
   * Adds an event.
   *
   * @param now its time, in microseconds
   * @param where the link's direction
   * @param what became of the frame
   * @param arrival when it arrives, or -1
   */
  event(now: number, where: number, what: number, arrival: number): void {
    this.#events++;
    this.mix(now | 0);
    this.mix(Math.floor(now / RANGE));
    this.mix(where);
    this.mix(what);
    this.mix(arrival - now | 0);
  }

  /** Adds the bytes of a frame, four at a time in two lanes that do not wait for each other. */
  bytes(memory: PacketMemory, start: number, length: number): void {
    const { view } = memory;
    let even = length ^ PRIME_1;
    let odd = PRIME_3;
    let at = start;
    for (const end = start + (length & ~7); at < end; at += 8) {
      even = Math.imul(even ^ view.getInt32(at, true), PRIME_2);
      even ^= even >>> 15;
      odd = Math.imul(odd ^ view.getInt32(at + 4, true), PRIME_3);
      odd ^= odd >>> 13;
    }
    for (const end = start + length; at < end; at++) {
      even = Math.imul(even ^ view.getUint8(at), PRIME_2);
    }
    this.mix(even);
    this.mix(odd);
  }
}

function finish(word: number): number {
  let mixed = Math.imul(word ^ word >>> 15, PRIME_2);
  mixed = Math.imul(mixed ^ mixed >>> 13, PRIME_3);
  return mixed ^ mixed >>> 16;
}

function hexadecimal(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
