/**
 * Collects datagrams of one kind into a message, measuring as it goes: in half the time that
 * measuring first and gathering then takes.
 *
 * @module
 */

import { MessageDatagram } from "./datagram.ts";
import type { Draft } from "./datagram_draft.ts";
import type { DatagramData, DatagramToSend, Slab } from "./datagram_jobs.ts";
import type { SendRecord } from "./datagram_outbox.ts";
import { endOfSlices, endOfViews } from "./datagram_runs.ts";
import { RingBuffer } from "../ring_buffer.ts";

/** Says whether an address stands for the destination of the message. */
export type IsTo = (to: DatagramToSend["to"]) => boolean;

const NOWHERE = -1;

/** Collects messages; each method says false when it is not for this one. */
export class Collector {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /**
   * Copies arrays, where the second one goes where the first one goes.
   *
   * @param size bytes of the first one
   * @param most how many may leave together
   * @returns false when it is not for this message, or the arena has no room
   */
  arrays(
    items: readonly DatagramToSend[],
    from: number,
    end: number,
    size: number,
    most: number,
    isTo: IsTo,
    record: SendRecord,
  ): boolean {
    const limit = Math.min(end, from + most);
    if (limit - from < 2) return false;
    const { data, to } = items[from];
    const second = items[from + 1];
    if (!(data instanceof Uint8Array) || second.data === data) return false;
    if (second.to !== to && !isTo(second.to)) return false;
    const draft = this.#draft;
    const memory = draft.stage(record, (limit - from) * size);
    if (memory === null) return false;
    const start = draft.staged;
    let at = start;
    let index = from;
    let before = data;
    let follows = NOWHERE;
    for (let length = size; index < limit && length === size; index++) {
      const item = items[index];
      const next = item.data;
      if (!(next instanceof Uint8Array) || (item.to !== to && !isTo(item.to))) break;
      const { byteOffset } = next;
      if (byteOffset === follows) {
        const end = endOfViews(items, index, limit, before, to, isTo);
        const run = (end - index) * size;
        if (run > 0) {
          memory.set(new Uint8Array(before.buffer, follows, run), at);
          at += run;
          follows = NOWHERE;
          index = end - 1;
          continue;
        }
      }
      length = next.length;
      if (length > size || length === 0) break;
      memory.set(next, at);
      at += length;
      follows = byteOffset + size;
      before = next;
    }
    this.#finish(index - from, at - start, size, at - start);
    draft.pieces.add(start, at - start);
    return true;
  }

  /**
   * Takes slices of ring buffers, and received datagrams, from where they are.
   *
   * @param size bytes of the first one
   * @param most how many may leave together
   * @returns false when it is not for this message, or the arena has no room for the vector
   */
  inPlace(
    items: readonly DatagramToSend[],
    from: number,
    end: number,
    size: number,
    most: number,
    isTo: IsTo,
    record: SendRecord,
  ): boolean {
    const limit = Math.min(end, from + most);
    const { to, data: first } = items[from];
    if (limit - from < 2 || first instanceof Uint8Array) return false;
    const draft = this.#draft;
    draft.begin();
    let bytes = 0;
    let index = from;
    for (let length = size; index < limit && length === size;) {
      const item = items[index];
      const { data } = item;
      if (item.to !== to && !isTo(item.to)) break;
      length = lengthInPlace(data);
      if (length > size || length <= 0) break;
      const place = draft.pin(data, record);
      if (place < 0) break;
      const first = index++;
      if (data instanceof RingBuffer && length === size) {
        index = endOfSlices(items, index, limit, data, to, isTo);
      }
      const run = (index - first) * length;
      draft.pieces.add(place, run);
      bytes += run;
    }
    if (index === from || !draft.placeVector(record, 0)) return false;
    this.#finish(index - from, bytes, size, 0);
    return true;
  }

  /** Measures the next datagrams of a slab. @param count how many */
  measureSlab({ bytes, segment }: Slab, from: number, count: number, isCopied: boolean): void {
    const start = from * segment;
    const length = Math.min(bytes - start, count * segment);
    this.#finish(count, length, segment, isCopied ? length : 0);
  }

  /** Takes what was measured of a slab, in one piece. @returns false when there is no room */
  slab({ data, segment }: Slab, from: number, record: SendRecord): boolean {
    const draft = this.#draft;
    const { bytes } = draft;
    const start = from * segment;
    if (data instanceof Uint8Array) {
      const memory = draft.stage(record, bytes);
      if (memory === null) return false;
      memory.set(data.subarray(start, start + bytes), draft.staged);
      draft.pieces.add(draft.staged, bytes);
    } else {
      draft.begin();
      draft.pieces.add(draft.pin(data, record) + start, bytes);
    }
    return true;
  }

  #finish(count: number, bytes: number, segment: number, copied: number): void {
    const draft = this.#draft;
    draft.count = count;
    draft.bytes = bytes;
    draft.segment = segment;
    draft.copied = copied;
  }
}

/** The length of what may leave from where it is, -1 for anything else. */
function lengthInPlace(data: DatagramData): number {
  if (data instanceof RingBuffer) return data.isHeld ? data.length : NOWHERE;
  return data instanceof MessageDatagram && data.isHeld ? data.length : NOWHERE;
}
