/**
 * What becomes of a segment's payload and FIN: RFC 9293 section 3.10.7.4, RFC 5681 section 4.2.
 *
 * @module
 */

import { Flag } from "../../wire/tcp.ts";
import type { Segment } from "../types.ts";
import { ReceiverCounter } from "./counters.ts";
import { Insertion, OutOfOrder } from "./out_of_order.ts";
import type { PayloadQueue } from "./payload_queue.ts";
import type { Receiver } from "./receiver.ts";
import { ReceiverBit } from "./receiver_bits.ts";
import { BufferTuning } from "./tuning.ts";
import { takeUrgentByte } from "./urgent.ts";

/** Payload that keeps more than this share of the buffer for itself, and is sparse, is copied. */
const LARGE_SHARE = 4;
/** Payload that is copied gets room for so many times as much behind it. */
const SPARE_FACTOR = 3;
/** Memory that payload may keep, as a multiple of the buffer's limit of payload. */
const COST_FACTOR = 2;
/** A buffer has room for so many segments of a sender that has just begun. */
const FIRST_SPACE_SEGMENTS = 10;
/** Where less than this part of the buffer has come in all, it is large enough. */
const TUNED_PART = 1 / 4;

/** An acceptable segment with payload. */
export function receivePayload(receiver: Receiver, segment: Segment): void {
  const { host, settings, acknowledgments } = receiver;
  const { options } = settings;
  const { now } = host.environment;
  const { packet, payloadOffset, payloadBytes, sequence, count, flags } = segment;
  receiver.segmentsReceived = receiver.segmentsReceived + count | 0;
  const isPushed = (flags & Flag.PSH) !== 0;
  acknowledgments.onArrival(now, payloadBytes, count, host.receiveSegment, isPushed, options);
  if (receiver.tuning === null && payloadBytes >= host.receiveSegment) beginTuning(receiver);
  const end = sequence + payloadBytes | 0;
  const isPlain = sequence === receiver.receiveNext && receiver.outOfOrder === null &&
    ((receiver.receiveLimit - end) | 0) >= 0 && (receiver.bits & ReceiverBit.FIN) === 0 &&
    receiver.urgent === null;
  if (!isPlain) {
    receiveSlowly(receiver, segment);
    return;
  }
  if (!appendInOrder(receiver, packet, payloadOffset, payloadBytes)) {
    acknowledgments.onEvent(now, options);
    return;
  }
  measure(receiver, segment);
  acknowledgments.onInOrder(now, receiver.receiveNext, count, options);
  if (receiver.isReadable) host.onReadable();
}

/** Starts to measure with full segments, once there are some: many connections never have any. */
function beginTuning(receiver: Receiver): void {
  const { host, readNext, receiveLimit } = receiver;
  if (receiver.bytesReceived < TUNED_PART * receiver.buffer) return;
  const { receiveSegment } = host;
  const space = Math.min(receiver.buffer, FIRST_SPACE_SEGMENTS * receiveSegment);
  receiver.tuning = new BufferTuning(host.environment.now, readNext, receiveLimit, space);
}

/** Measures the round trip by data in order. */
function measure(receiver: Receiver, segment: Segment): void {
  const { tuning, host } = receiver;
  if (tuning === null) return;
  tuning.onArrival(host.environment.now, receiver.receiveNext, receiver.receiveLimit);
  // A short segment may have waited for its sender, not for the network.
  const isFull = segment.payloadBytes >= receiver.acknowledgments.segment;
  if (isFull && (receiver.bits & ReceiverBit.TIMESTAMPS) !== 0) {
    tuning.onEcho(host.timestampNow - segment.options.timestampEcho | 0);
  }
}

/** Cuts off what was there, and what may not come; then keeps the rest. */
function receiveSlowly(receiver: Receiver, segment: Segment): void {
  const { settings, host, acknowledgments } = receiver;
  const { counters, options } = settings;
  const { now } = host.environment;
  let { payloadOffset: offset, payloadBytes: bytes, sequence } = segment;
  // RFC 5681 section 4.2 (SHOULD): what is out of order, what fills a gap or a part of it, and what
  // comes twice is acknowledged at once.
  const isUsual = sequence === receiver.receiveNext && receiver.outOfOrder === null;
  const old = receiver.receiveNext - sequence | 0;
  if (old > 0) {
    const known = old < bytes ? old : bytes;
    counters.add(ReceiverCounter.DROPPED_DUPLICATE_BYTES, known);
    noteDuplicate(receiver, sequence, sequence + known | 0);
    offset += known;
    bytes -= known;
    sequence = sequence + known | 0;
  }
  bytes = cutBack(receiver, sequence, bytes);
  if (!isUsual || bytes <= 0) acknowledgments.onEvent(now, options);
  if (bytes <= 0) return;
  if (receiver.urgent !== null) takeUrgentByte(receiver, segment.packet, offset, sequence, bytes);
  if (sequence !== receiver.receiveNext) {
    keepApart(receiver, segment.packet, offset, sequence, bytes);
    return;
  }
  if (!fillGap(receiver, segment.packet, offset, bytes, old > 0)) return;
  measure(receiver, segment);
  acknowledgments.onInOrder(now, receiver.receiveNext, segment.count, options);
  finish(receiver);
  if (receiver.isReadable) host.onReadable();
}

/** Bytes that are neither beyond the window nor behind the FIN. */
function cutBack(receiver: Receiver, sequence: number, bytes: number): number {
  const { counters } = receiver.settings;
  let left = bytes;
  const room = receiver.receiveLimit - sequence | 0;
  if (left > room) {
    // RFC 9293 section 3.10.7.4: what is beyond the window is cut off.
    const kept = Math.max(0, room);
    counters.add(ReceiverCounter.DROPPED_BEYOND_WINDOW_BYTES, left - kept);
    left = kept;
  }
  if ((receiver.bits & ReceiverBit.FIN) !== 0) {
    const kept = Math.max(0, receiver.finSequence - sequence | 0);
    if (left > kept) {
      counters.add(ReceiverCounter.DROPPED_BEHIND_FIN_BYTES, left - kept);
      left = kept;
    }
  }
  return left;
}

function noteDuplicate(receiver: Receiver, left: number, right: number): void {
  if ((receiver.bits & ReceiverBit.SACK) === 0) return;
  receiver.reportSack().onDuplicate(left, right);
}

/** Puts bytes into the queue. @returns whether there was memory for all of them */
function appendInOrder(
  receiver: Receiver,
  packet: number,
  offset: number,
  bytes: number,
): boolean {
  const { settings, queue } = receiver;
  const { store } = settings;
  const isSparse = store.isSparse(packet, offset, bytes);
  if (isSparse && queue !== null && store.appendTo(queue.tail, packet, offset, bytes)) {
    settings.counters.add(ReceiverCounter.COALESCED);
  } else {
    const first = isSparse
      ? keepSparse(receiver, packet, offset, bytes)
      : keepInPlace(receiver, packet, offset, bytes);
    if (first < 0) {
      squeeze(receiver, packet, offset, bytes);
      return false;
    }
    (queue ?? openQueue(receiver)).append(store, first, store.last, store.taken);
  }
  advance(receiver, bytes);
  return true;
}

/** A receiver has a queue while there is something in it. */
function openQueue(receiver: Receiver): PayloadQueue {
  const queue = receiver.settings.takeQueue();
  receiver.queue = queue;
  return queue;
}

/** No memory may be taken: what the last packet has room for is kept nevertheless. */
function squeeze(receiver: Receiver, packet: number, offset: number, bytes: number): void {
  const { settings, queue } = receiver;
  const { store } = settings;
  if (queue === null) return;
  const part = Math.min(bytes, store.roomBehind(queue.tail));
  if (part > 0 && store.appendTo(queue.tail, packet, offset, part)) advance(receiver, part);
}

function advance(receiver: Receiver, bytes: number): void {
  receiver.receiveNext = receiver.receiveNext + bytes | 0;
  receiver.bytesReceived += bytes;
  receiver.settings.counters.add(ReceiverCounter.BYTES_RECEIVED, bytes);
}

function keepInPlace(receiver: Receiver, packet: number, offset: number, bytes: number): number {
  const { store, counters } = receiver.settings;
  if (!makeRoom(receiver, store.costOf(packet, offset, bytes))) {
    counters.add(ReceiverCounter.DROPPED_MEMORY);
    return -1;
  }
  let first = store.take(packet, offset, bytes);
  if (first < 0) first = store.copy(packet, offset, bytes, 0);
  if (first < 0) counters.add(ReceiverCounter.DROPPED_NO_PACKET);
  return first;
}

/** Keeps payload that keeps much more memory than it needs, where it could not be appended. */
function keepSparse(receiver: Receiver, packet: number, offset: number, bytes: number): number {
  const { settings, queue, buffer } = receiver;
  const { store, counters } = settings;
  const cost = store.costOf(packet, offset, bytes);
  // The first packet may be read at once: it is copied only where it would fill the buffer. Later a
  // slot of the usual size takes what follows; what lies in another one is copied into such a slot.
  const isCopied = queue === null
    ? cost * LARGE_SHARE > buffer && store.copyCost(bytes) < cost
    : cost !== store.frameSlot || !store.isOurs(queue.tail);
  if (!isCopied) return keepInPlace(receiver, packet, offset, bytes);
  if (!makeRoom(receiver, store.copyCost(bytes))) {
    counters.add(ReceiverCounter.DROPPED_MEMORY);
    return -1;
  }
  // Packets of what is copied double their room, up to the usual size.
  const spare = queue === null ? 0 : Math.max(SPARE_FACTOR * bytes, 2 * store.bytes[queue.tail]);
  const first = store.copy(packet, offset, bytes, spare);
  if (first < 0) counters.add(ReceiverCounter.DROPPED_NO_PACKET);
  else counters.add(ReceiverCounter.COALESCED);
  return first;
}

/** Gives up what is behind gaps, the last first, until there is room. @returns whether there is */
function makeRoom(receiver: Receiver, cost: number): boolean {
  const { queueCost, outOfOrder, settings } = receiver;
  const limit = COST_FACTOR * receiver.buffer;
  if (outOfOrder !== null) {
    while (queueCost + outOfOrder.cost + cost > limit && outOfOrder.count > 0) {
      // RFC 2018 section 8 (MAY): what was reported may be given up again before it is delivered.
      // RFC 2018 section 8 (MUST) excepted: the first block does not report a newest segment that
      // was given up or refused; else it would come again only after a timeout.
      settings.counters.add(ReceiverCounter.PRUNED_BYTES, outOfOrder.prune());
    }
  }
  // As on Linux one segment more is taken: a window that was announced should be kept to.
  return queueCost <= limit;
}

/**
 * Bytes at RCV.NXT: they go into the queue, and what they close the gap to follows them.
 *
 * @param isNoted whether a duplicate was noted that came before them
 * @returns whether RCV.NXT has moved
 */
function fillGap(
  receiver: Receiver,
  packet: number,
  offset: number,
  bytes: number,
  isNoted: boolean,
): boolean {
  const before = receiver.receiveNext;
  let isFirst = !isNoted;
  let done = 0;
  for (;;) {
    const { outOfOrder } = receiver;
    const hasRange = outOfOrder !== null && outOfOrder.count > 0;
    const gap = hasRange ? outOfOrder.left(0) - receiver.receiveNext | 0 : bytes;
    const part = Math.min(gap, bytes - done);
    if (part > 0 && !appendInOrder(receiver, packet, offset + done, part)) break;
    done += part;
    // Memory for the part may have been made by giving the range up.
    if (!hasRange || outOfOrder.count === 0 || outOfOrder.left(0) !== receiver.receiveNext) {
      if (done >= bytes) break;
      continue;
    }
    const known = Math.min(outOfOrder.right(0) - receiver.receiveNext | 0, bytes - done);
    if (known > 0) {
      const left = receiver.receiveNext;
      receiver.settings.counters.add(ReceiverCounter.DROPPED_DUPLICATE_BYTES, known);
      if (isFirst) noteDuplicate(receiver, left, left + known | 0);
      isFirst = false;
      done += known;
    }
    moveFirst(receiver, outOfOrder);
  }
  dropEmpty(receiver);
  return receiver.receiveNext !== before;
}

/** Keeps bytes behind a gap. */
function keepApart(
  receiver: Receiver,
  packet: number,
  offset: number,
  sequence: number,
  bytes: number,
): void {
  const { settings, queueCost } = receiver;
  const { store, counters, options } = settings;
  // RFC 9293 section 3.10.7.4 (SHLD-31): what begins behind RCV.NXT is held.
  const outOfOrder = receiver.outOfOrder ??= new OutOfOrder(store, options.maximumRanges);
  receiver.segmentsOutOfOrder = receiver.segmentsOutOfOrder + 1 | 0;
  const cost = queueCost + outOfOrder.cost + store.keepCost(packet, offset, bytes);
  if (cost > COST_FACTOR * receiver.buffer) {
    counters.add(ReceiverCounter.DROPPED_OUT_OF_ORDER_MEMORY);
  } else {
    countInsertion(receiver, outOfOrder, outOfOrder.insert(packet, offset, sequence, bytes));
    // Pieces between ranges cost more than the whole segment would.
    makeRoom(receiver, 0);
  }
  dropEmpty(receiver);
}

function countInsertion(receiver: Receiver, outOfOrder: OutOfOrder, result: Insertion): void {
  const { counters } = receiver.settings;
  if (result === Insertion.FULL) {
    counters.add(ReceiverCounter.DROPPED_RANGES_FULL);
    return;
  }
  if (result === Insertion.NO_PACKET) {
    counters.add(ReceiverCounter.DROPPED_NO_PACKET);
    return;
  }
  if (result === Insertion.KEPT) counters.add(ReceiverCounter.OUT_OF_ORDER);
  const { duplicateLeft, duplicateRight, lastLeft } = outOfOrder;
  if (duplicateLeft !== duplicateRight) {
    counters.add(ReceiverCounter.DROPPED_DUPLICATE_BYTES, duplicateRight - duplicateLeft | 0);
    noteDuplicate(receiver, duplicateLeft, duplicateRight);
  }
  if ((receiver.bits & ReceiverBit.SACK) === 0) return;
  receiver.reportSack().onChange(lastLeft, outOfOrder.right(outOfOrder.find(lastLeft + 1 | 0)));
}

/** What begins at RCV.NXT is in order. */
function moveFirst(receiver: Receiver, outOfOrder: OutOfOrder): void {
  const { settings } = receiver;
  const queue = receiver.queue ?? openQueue(receiver);
  const bytes = outOfOrder.right(0) - receiver.receiveNext | 0;
  const cost = outOfOrder.costOf(0);
  queue.append(settings.store, outOfOrder.head(0), outOfOrder.tail(0), cost);
  outOfOrder.removeFirst();
  advance(receiver, bytes);
}

/** Connections that have lost nothing keep nothing for it. */
function dropEmpty(receiver: Receiver): void {
  const { outOfOrder, sack } = receiver;
  if (outOfOrder === null || outOfOrder.count > 0) return;
  receiver.outOfOrder = null;
  if (sack !== null && !sack.hasDuplicate) receiver.sack = null;
}

/** An acceptable segment has a FIN with this number. */
export function receiveFin(receiver: Receiver, sequence: number): void {
  const { host, settings, acknowledgments, outOfOrder } = receiver;
  acknowledgments.onEvent(host.environment.now, settings.options);
  const hasFin = (receiver.bits & ReceiverBit.FIN) !== 0;
  const isBehind = outOfOrder !== null && outOfOrder.count > 0 &&
    ((outOfOrder.right(outOfOrder.count - 1) - sequence) | 0) > 0;
  const isInside = ((sequence - receiver.receiveNext) | 0) >= 0 &&
    ((receiver.receiveLimit - sequence) | 0) >= 0;
  if (hasFin || isBehind || !isInside) {
    if (!hasFin || sequence !== receiver.finSequence) {
      settings.counters.add(ReceiverCounter.DROPPED_FIN);
    }
    return;
  }
  receiver.bits |= ReceiverBit.FIN;
  receiver.finSequence = sequence;
  finish(receiver);
}

/** Steps over the FIN once everything before it has arrived. */
function finish(receiver: Receiver): void {
  const { bits, finSequence } = receiver;
  if ((bits & (ReceiverBit.FIN | ReceiverBit.ENDED)) !== ReceiverBit.FIN) return;
  if (receiver.receiveNext !== finSequence) return;
  receiver.bits |= ReceiverBit.ENDED;
  receiver.receiveNext = finSequence + 1 | 0;
  // The FIN has a number, but needs no room: the edge does not fall behind RCV.NXT.
  if (receiver.receiveLimit === finSequence) receiver.receiveLimit = receiver.receiveNext;
  const { acknowledgments, host, settings } = receiver;
  acknowledgments.onEvent(host.environment.now, settings.options);
  host.onEnd();
}

/** A segment with payload that is outside the window. */
export function receiveUnacceptable(receiver: Receiver, segment: Segment): void {
  const { host, settings, acknowledgments } = receiver;
  acknowledgments.onEvent(host.environment.now, settings.options);
  const old = receiver.receiveNext - segment.sequence | 0;
  const known = Math.min(old, segment.payloadBytes);
  if (known > 0) {
    settings.counters.add(ReceiverCounter.DROPPED_DUPLICATE_BYTES, known);
    noteDuplicate(receiver, segment.sequence, segment.sequence + known | 0);
  } else {
    settings.counters.add(ReceiverCounter.DROPPED_BEYOND_WINDOW_BYTES, segment.payloadBytes);
  }
}
