/**
 * Memory of programs that use sockets of a stack.
 *
 * @module
 */

import type { PacketMemory } from "../../../stack/memory/mod.ts";
import type { UserMemory } from "../../../stack/socket.ts";

/** Memory of a program: whatever array it holds at the moment. */
export class TestUserMemory implements UserMemory {
  /** What is copied from, or into. */
  bytes: Uint8Array;
  readonly #packets: PacketMemory;

  /** @param packets that of the packets */
  constructor(packets: PacketMemory, bytes: Uint8Array = new Uint8Array(0)) {
    this.#packets = packets;
    this.bytes = bytes;
  }

  /** Chooses what is copied from, or into. */
  holding(bytes: Uint8Array): this {
    this.bytes = bytes;
    return this;
  }

  /** See `UserMemory`. */
  copyIn(packetAt: number, userAt: number, bytes: number): void {
    this.#packets.bytes.set(this.bytes.subarray(userAt, userAt + bytes), packetAt);
  }

  /** See `UserMemory`. */
  copyOut(userAt: number, packetAt: number, bytes: number): void {
    this.bytes.set(this.#packets.bytes.subarray(packetAt, packetAt + bytes), userAt);
  }
}
