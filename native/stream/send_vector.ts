/**
 * The vector of a SENDMSG: where each of several segments lies in ring memory.
 *
 * @module
 */

import type { Segment } from "./send_queue.ts";
import type { Reactor } from "../../ring/reactor.ts";
import { Scratch } from "../../ring/slots.ts";
import { IOVEC, MSGHDR } from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";

/**
 * Writes the msghdr and the vector of the first segments in line.
 *
 * @param slot whose scratch bytes hold the msghdr
 * @param first the first segment
 * @param count how many there are
 * @param block where the vector goes, -1 for the slot's scratch bytes
 * @returns the address of the msghdr
 */
export function writeVector(
  reactor: Reactor,
  slot: number,
  first: Segment,
  count: number,
  block: number,
): number {
  const { base, words } = reactor.memory;
  const scratch = reactor.scratchOf(slot);
  const header = scratch + Scratch.MSGHDR;
  let vector = block < 0 ? scratch + Scratch.IOVEC : block;
  words.fill(0, header >> 2, (header + MSGHDR.SIZE) >> 2);
  putLong(words, header + MSGHDR.IOV, base + vector);
  putLong(words, header + MSGHDR.IOV_LENGTH, count);
  let segment = first;
  for (let index = 0; index < count; index++) {
    putLong(words, vector + IOVEC.BASE, base + segment.offset);
    putLong(words, vector + IOVEC.LENGTH, segment.length);
    vector += IOVEC.SIZE;
    segment = segment.next!;
  }
  return base + header;
}
