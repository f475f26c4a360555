/**
 * The bytes that honest programs send each other, which each end knows.
 *
 * @module
 */

import type { PacketArena } from "../../../stack/memory/mod.ts";
import type { UserMemory } from "../../../stack/socket.ts";

/** A prime, so that no length of a segment divides it. */
const PERIOD = 65_521;
/** Bytes that are sent or received at a time, at most. */
export const CHUNK = 16_384;
/** Where received bytes, and those that are no pattern, are. */
export const ROOM_AT = PERIOD + CHUNK;

/** Memory of the programs of one stack: the pattern, and behind it room for a chunk. */
export class PatternMemory implements UserMemory {
  readonly bytes: Uint8Array = new Uint8Array(ROOM_AT + CHUNK);
  readonly view: DataView = new DataView(this.bytes.buffer);
  readonly #arena: PacketArena;

  constructor(arena: PacketArena) {
    this.#arena = arena;
    for (let at = 0; at < ROOM_AT; at++) {
      this.bytes[at] = Math.imul(at % PERIOD, 0x9e3779b1) >>> 24;
    }
  }

  copyIn(packetAt: number, userAt: number, bytes: number): void {
    const { memory } = this.#arena;
    memory.bytes.set(this.bytes.subarray(userAt, userAt + bytes), packetAt);
  }

  copyOut(userAt: number, packetAt: number, bytes: number): void {
    const { memory } = this.#arena;
    this.bytes.set(memory.bytes.subarray(packetAt, packetAt + bytes), userAt);
  }

  /** Where the bytes of a stream are from an offset on, a chunk of them. */
  at(stream: number, offset: number): number {
    return (Math.imul(stream, 7919) % PERIOD + PERIOD + offset) % PERIOD;
  }

  /** Whether bytes of the room are those of a stream. */
  isRight(stream: number, offset: number, roomOffset: number, bytes: number): boolean {
    const wanted = this.at(stream, offset);
    const got = ROOM_AT + roomOffset;
    for (let at = 0; at < bytes; at++) {
      if (this.bytes[wanted + at] !== this.bytes[got + at]) return false;
    }
    return true;
  }
}
