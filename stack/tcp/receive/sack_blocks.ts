/**
 * Which blocks a SACK option reports: RFC 2018 section 4, RFC 2883 section 4.
 *
 * @module
 */

import type { TcpOptions } from "../../wire/tcp_options.ts";
import { OptionBit } from "../../wire/tcp_options.ts";
import type { OutOfOrder } from "./out_of_order.ts";

/** Ranges whose order is remembered: as many as an option has room for. */
const REMEMBERED = 4;

/** What is reported, and in which order, of one connection that has lost or duplicate segments. */
export class SackBlocks {
  /** Numbers within ranges, those that changed last first. */
  readonly #recent = new Int32Array(REMEMBERED);
  #count = 0;
  #duplicateLeft = 0;
  #duplicateRight = 0;

  /** Whether a duplicate waits to be reported. */
  get hasDuplicate(): boolean {
    return this.#duplicateLeft !== this.#duplicateRight;
  }

  /** Notes that these bytes came twice. */
  onDuplicate(left: number, right: number): void {
    this.#duplicateLeft = left;
    this.#duplicateRight = right;
  }

  /** Notes that a segment has fallen into the range between these edges. */
  onChange(left: number, right: number): void {
    // RFC 2018 section 4 (MUST): the first block is the one that contains the segment which
    // triggered this acknowledgment. Entries within the same range are one with it now.
    const recent = this.#recent;
    let kept = 0;
    const held: number = this.#count;
    for (let index = 0; index < held; index++) {
      const entry = recent[index];
      const isInside = ((entry - left) | 0) >= 0 && ((right - entry) | 0) > 0;
      if (!isInside) recent[kept++] = entry;
    }
    const others = Math.min(kept, REMEMBERED - 1);
    recent.copyWithin(1, 0, others);
    recent[0] = left;
    this.#count = others + 1;
  }

  /** How many blocks there are to report, with room for so many. */
  blocks(ranges: number, room: number): number {
    const all = ranges + (this.hasDuplicate ? 1 : 0);
    return all < room ? all : room;
  }

  /**
   * Adds a SACK option. A duplicate is reported once, and then forgotten.
   *
   * @param ranges what arrived behind gaps, or null
   * @param room blocks that there is room for
   * @returns whether a duplicate was reported
   */
  write(options: TcpOptions, ranges: OutOfOrder | null, room: number): boolean {
    const isDuplicate = this.hasDuplicate && room > 0;
    let blocks = 0;
    if (isDuplicate) {
      // RFC 2883 section 4 (MUST): (1), (2): the duplicate is the first block, reported only once.
      options.sackEdges[0] = this.#duplicateLeft;
      options.sackEdges[1] = this.#duplicateRight;
      this.#duplicateLeft = this.#duplicateRight;
      blocks = 1;
    }
    // RFC 2883 section 4 (MUST): the next block is the one that has the duplicate, if there is such
    // a one.
    if (ranges !== null) blocks = this.#writeRanges(options, ranges, blocks, room);
    options.sackBlocks = blocks;
    if (blocks > 0) options.present |= OptionBit.SACK;
    return isDuplicate;
  }

  #writeRanges(options: TcpOptions, ranges: OutOfOrder, from: number, room: number): number {
    const { sackEdges } = options;
    let blocks = from;
    // RFC 2018 section 4 (SHOULD): behind the first block those that were reported last.
    for (let index = 0; index < this.#count && blocks < room; index++) {
      const entry = this.#recent[index];
      // RFC 2018 section 8 (MUST): only what is held is reported: edges are looked up anew.
      const range = ranges.find(entry + 1 | 0);
      if (range === ranges.count || ((ranges.left(range) - entry) | 0) > 0) continue;
      if (isReported(sackEdges, from, blocks, ranges.left(range))) continue;
      sackEdges[2 * blocks] = ranges.left(range);
      sackEdges[2 * blocks + 1] = ranges.right(range);
      blocks++;
    }
    // RFC 2018 section 4 (SHOULD): as many distinct blocks as there is room for.
    for (let range = ranges.count - 1; range >= 0 && blocks < room; range--) {
      if (isReported(sackEdges, from, blocks, ranges.left(range))) continue;
      sackEdges[2 * blocks] = ranges.left(range);
      sackEdges[2 * blocks + 1] = ranges.right(range);
      blocks++;
    }
    return blocks;
  }
}

function isReported(edges: Int32Array, from: number, blocks: number, left: number): boolean {
  for (let block = from; block < blocks; block++) if (edges[2 * block] === left) return true;
  return false;
}
