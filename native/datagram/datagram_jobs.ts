/**
 * What a datagram endpoint has still to send: calls of `send` that had to wait, and batches.
 *
 * @module
 */

import type { Lease } from "../lease.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import type { Arrangement } from "./datagram_arrange.ts";
import type { Destination } from "./datagram_destinations.ts";
import type { Deadline } from "../../ring/deadlines.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/** Bytes of a datagram: an array, a lease or datagram, or a buffer in the ring. */
export type DatagramData = Uint8Array | Lease | RingBuffer;

/** One datagram to send. */
export interface DatagramToSend {
  /**
   * Its bytes; leases and ring buffers leave from where they are. Arrays are copied, and those that
   * lie behind one another in one buffer are copied together.
   */
  readonly data: DatagramData;
  /** Where it goes; left out on a connected endpoint. */
  readonly to?: AddressInput;
}

/** A datagram that was not sent. */
export interface BatchFailure {
  /** Its place in the batch. */
  readonly index: number;
  /** Why. */
  readonly error: unknown;
}

/** What came of a batch. */
export interface BatchReport {
  /** Datagrams that were accepted. */
  readonly sent: number;
  /** Those that were not, in the order of the batch. */
  readonly failed: readonly BatchFailure[];
}

/** Datagrams of a batch that leave again, from their first to the one behind their last. */
export interface Range {
  from: number;
  to: number;
  /** One by one, because joined they failed. */
  readonly isSingle: boolean;
}

/** Bytes that are cut into datagrams. */
export interface Slab {
  /** An array, or ring memory that leaves in place. */
  readonly data: Uint8Array | RingBuffer;
  readonly bytes: number;
  /** Bytes of each datagram but the last. */
  readonly segment: number;
}

/** One call that sends. */
export class SendJob {
  readonly items: readonly DatagramToSend[];
  /** What is sent in place of items. */
  readonly slab: Slab | null;
  /** Datagrams of the call. */
  readonly total: number;
  /** Where a single datagram goes, when that was found out before. */
  readonly destination: Destination | null;
  readonly isSingle: boolean;
  /** How a batch was arranged, null where it is as it was given. */
  readonly arrangement: Arrangement | null;
  /** The first item that was not yet sent. */
  index = 0;
  /** Items that failed in company and leave again, before those from `index` on. */
  readonly again: Range[] = [];
  /** Items below it have passed the rate limit. */
  booked = 0;
  /** Operations in the ring. */
  inFlight = 0;
  sent = 0;
  bytes = 0;
  readonly failed: BatchFailure[] = [];
  deadline: Deadline | null = null;
  cleanUp: (() => void) | null = null;
  /** Why it was withdrawn, where `hasReason` says that it was. */
  reason: unknown = undefined;
  hasReason = false;
  resolve!: (outcome: BatchReport | number) => void;
  reject!: (reason: unknown) => void;

  constructor(
    items: readonly DatagramToSend[],
    destination: Destination | null,
    isSingle: boolean,
    arrangement: Arrangement | null = null,
    slab: Slab | null = null,
  ) {
    this.items = arrangement === null ? items : arrangement.items;
    this.destination = destination;
    this.isSingle = isSingle;
    this.arrangement = arrangement;
    this.slab = slab;
    this.total = slab === null ? items.length : Math.ceil(slab.bytes / slab.segment);
  }

  /** Whether something is left to be put into the ring. */
  get hasWork(): boolean {
    return !this.hasReason && (this.again.length > 0 || this.index < this.total);
  }

  /** The first item that is still to be put into the ring. */
  get from(): number {
    return this.again.length > 0 ? this.again[0].from : this.index;
  }

  /** Behind the last item that may leave together with it. */
  get end(): number {
    return this.again.length > 0 ? this.again[0].to : this.total;
  }

  /** Notes that items from there on were put into the ring, or failed. */
  advance(count: number): void {
    const [range] = this.again;
    if (range === undefined) {
      this.index += count;
      return;
    }
    range.from += count;
    if (range.from === range.to) this.again.shift();
  }

  /** Has items leave again. */
  retry(from: number, count: number, isSingle: boolean): void {
    if (count === 0) return;
    const last = this.again.at(-1);
    // What was linked to one that failed comes back one behind the other.
    if (last !== undefined && last.to === from && last.isSingle === isSingle) {
      last.to += count;
      return;
    }
    this.again.push({ from, to: from + count, isSingle });
    if (last !== undefined && last.from > from) {
      this.again.sort((one, other) => one.from - other.from);
    }
  }

  /** Notes that an item was not sent. */
  fail(item: number, error: unknown): void {
    const places = this.arrangement === null ? null : this.arrangement.places;
    this.failed.push({ index: places === null ? item : places[item], error });
  }

  /** What came of it. */
  report(): BatchReport {
    const failed = this.failed.sort((one, other) => one.index - other.index);
    return { sent: this.sent, failed };
  }
}
