/**
 * Datagrams of a batch that lie behind one another in memory: a run of them is one copy, or one
 * element of the vector.
 *
 * Each function is a loop of its own, so that the compiler sees one kind of data in it.
 *
 * @module
 */

import type { IsTo } from "./datagram_collect.ts";
import type { DatagramToSend } from "./datagram_jobs.ts";
import { RingBuffer } from "../ring_buffer.ts";

/**
 * Finds out how many arrays of one size are behind `first` in its buffer.
 *
 * @param index of the item behind that of `first`
 * @param limit behind the last item that is looked at
 * @returns the index behind the last of them
 */
export function endOfViews(
  items: readonly DatagramToSend[],
  index: number,
  limit: number,
  first: Uint8Array,
  to: DatagramToSend["to"],
  isTo: IsTo,
): number {
  const { length } = first;
  let follows = first.byteOffset + length;
  let buffer: ArrayBufferLike | null = null;
  for (; index < limit; index++) {
    const item = items[index];
    const { data } = item;
    if (!(data instanceof Uint8Array) || data.byteOffset !== follows) break;
    if (data.length !== length || (item.to !== to && !isTo(item.to))) break;
    // To ask for a buffer costs more than all of the above.
    buffer ??= first.buffer;
    if (data.buffer !== buffer) break;
    follows += length;
  }
  return index;
}

/** The same for slices of a ring buffer, which are held. */
export function endOfSlices(
  items: readonly DatagramToSend[],
  index: number,
  limit: number,
  first: RingBuffer,
  to: DatagramToSend["to"],
  isTo: IsTo,
): number {
  const { length } = first;
  let follows = first.offset + length;
  for (; index < limit; index++) {
    const item = items[index];
    const { data } = item;
    if (!(data instanceof RingBuffer) || data.offset !== follows) break;
    if (data.length !== length || (item.to !== to && !isTo(item.to))) break;
    if (!data.isHeldWith(first)) break;
    follows += length;
  }
  return index;
}
