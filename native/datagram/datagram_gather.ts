/**
 * Gathers any datagrams into a message: first it is measured, then its bytes are brought into ring
 * memory.
 *
 * Arrays are copied, because a program may change them at any time. Leases and ring buffers leave
 * from where they are, and what lies side by side becomes one element of the vector.
 *
 * @module
 */

import { type Draft, lengthOf } from "./datagram_draft.ts";
import type { DatagramData, DatagramToSend } from "./datagram_jobs.ts";
import type { SendRecord } from "./datagram_outbox.ts";

const NOWHERE = -1;

/** Gathers messages of any kind; `datagram_collect.ts` is faster where it can be used. */
export class Gatherer {
  readonly #draft: Draft;
  /** Whether all of it is copied. */
  #isCopied = false;
  /** Whether it is the same array again and again. */
  #isRepeated = false;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /**
   * Finds out how many items leave together: those after the first that go to the same place and
   * have its size, and one behind them that is shorter.
   *
   * @param size bytes of the first one
   * @param most how many may leave together
   * @param isTo whether an address stands for the same destination
   */
  measure(
    items: readonly DatagramToSend[],
    from: number,
    end: number,
    size: number,
    most: number,
    isTo: (to: DatagramToSend["to"]) => boolean,
  ): void {
    const { data, to } = items[from];
    let isCopied = data instanceof Uint8Array;
    let isRepeated = isCopied;
    let bytes = size;
    let index = from + 1;
    const limit = Math.min(end, from + most);
    for (; index < limit; index++) {
      const item = items[index];
      const next = item.data;
      if (item.to !== to && !isTo(item.to)) break;
      if (next === data && isRepeated) {
        bytes += size;
        continue;
      }
      const isArray = next instanceof Uint8Array;
      const length = isArray ? next.length : lengthOrNone(next);
      if (length > size || length <= 0) break;
      isRepeated = false;
      if (!isArray) isCopied = false;
      bytes += length;
      if (length === size) continue;
      index++;
      break;
    }
    const draft = this.#draft;
    draft.count = index - from;
    draft.bytes = bytes;
    draft.segment = size;
    draft.copied = isCopied ? bytes : 0;
    this.#isCopied = isCopied;
    this.#isRepeated = isRepeated;
  }

  /**
   * Brings what was measured into ring memory.
   *
   * @param slot whose scratch bytes it may use
   * @returns false when the arena has no room
   */
  gather(
    items: readonly DatagramToSend[],
    from: number,
    record: SendRecord,
    slot: number,
    nameBytes: number,
  ): boolean {
    const draft = this.#draft;
    draft.begin();
    if (!this.#isCopied) return this.#gatherPieces(items, from, record);
    const { bytes: memory } = draft.reactor.memory;
    const { bytes, count, segment } = draft;
    let at = draft.place(record, slot, bytes, nameBytes);
    if (at < 0) return false;
    draft.pieces.add(at, bytes);
    if (this.#isRepeated && count > 1) {
      repeat(memory, unchanged(items[from].data, segment), at, count);
      return true;
    }
    const end = from + count;
    for (let index = from; index < end; index++) {
      memory.set(unchanged(items[index].data, segment), at);
      at += segment;
    }
    return true;
  }

  /** Gathers a message of which something leaves from where it is. */
  #gatherPieces(items: readonly DatagramToSend[], from: number, record: SendRecord): boolean {
    const draft = this.#draft;
    const { pieces, reactor: { memory } } = draft;
    const end = from + draft.count;
    let copied = 0;
    for (let index = from; index < end; index++) {
      const { data } = items[index];
      const length = lengthOf(data);
      const place = length === 0 ? memory.at.arena : draft.pin(data, record);
      if (place < 0) copied += length;
      pieces.add(place, length);
    }
    if (!draft.placeVector(record, copied)) return false;
    let at = record.block;
    let piece = 0;
    for (let index = from; index < end && copied > 0; index++) {
      const { data } = items[index];
      if (lengthOf(data) === 0 || draft.placeOf(data) >= 0) continue;
      // Copies are pieces of their own until their place is known.
      while (pieces.starts[piece] >= 0) piece++;
      const bytes = data instanceof Uint8Array ? data : data.bytes;
      memory.bytes.set(unchanged(bytes, pieces.lengths[piece]), at);
      pieces.starts[piece++] = at;
      at += bytes.length;
    }
    return true;
  }
}

/** Bytes that are read a second time: a getter might give others, for which there is no room. */
function unchanged(data: DatagramData, room: number): Uint8Array {
  if (data instanceof Uint8Array && data.length <= room) return data;
  throw new TypeError("send: the data changed while it was looked at");
}

/** The length of what may turn out to be no bytes: then it leaves, or fails, on its own. */
function lengthOrNone(data: DatagramData): number {
  try {
    return lengthOf(data);
  } catch {
    return NOWHERE;
  }
}

/** Writes the same bytes `count` times: one copy, then what is there doubles. */
function repeat(
  memory: Uint8Array<ArrayBufferLike>,
  data: Uint8Array,
  at: number,
  count: number,
): void {
  memory.set(data, at);
  const total = data.length * count;
  for (let done = data.length; done < total;) {
    const more = Math.min(done, total - done);
    memory.copyWithin(at + done, at, at + more);
    done += more;
  }
}
