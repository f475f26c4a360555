/**
 * Cuts a chain into slices, one behind the other, without beginning at its start for each.
 *
 * @module
 */

import type { PacketArena } from "../memory/mod.ts";
import { NONE } from "../memory/packet_columns.ts";

/** A place in a chain. */
export class SliceCursor {
  readonly #arena: PacketArena;
  #at = NONE;
  #skip = 0;

  /** It is nowhere yet. */
  constructor(arena: PacketArena) {
    this.#arena = arena;
  }

  /** Goes to an offset of a chain. */
  begin(packet: number, offset: number): void {
    this.#at = packet;
    this.#skip = offset;
  }

  /**
   * Takes slices of the bytes that follow.
   *
   * @param bytes how many, 1 or more; the chain has at least as many
   * @returns the first slice, or -1 when there are not enough; nothing is taken then
   */
  take(bytes: number): number {
    const arena = this.#arena;
    let first = NONE;
    let last = NONE;
    let left = bytes;
    while (left > 0) {
      const room = arena.length(this.#at) - this.#skip;
      if (room <= 0) {
        this.#skip = -room;
        this.#at = arena.next(this.#at);
        continue;
      }
      const count = room < left ? room : left;
      const slice = arena.slice(this.#at, this.#skip, count);
      if (slice < 0) {
        if (first >= 0) arena.release(first);
        return NONE;
      }
      if (first < 0) first = slice;
      else arena.append(last, slice);
      last = slice;
      this.#skip += count;
      left -= count;
    }
    return first;
  }
}
