/**
 * Urgent data of one connection: RFC 9293 section 3.8.5, RFC 6093, and how BSD and Linux have it.
 *
 * The last urgent byte is the _mark_. Unless `SO_OOBINLINE` is set it is not part of the stream: it
 * is read with `MSG_OOB`, while or after what comes before it is read. Reading stops at the mark.
 * There is one mark at a time; a newer one makes the byte of the older one part of the stream.
 *
 * @module
 */

import { Flag } from "../../wire/tcp.ts";
import type { Segment } from "../types.ts";
import { ReceiverCounter } from "./counters.ts";
import type { Receiver } from "./receiver.ts";
import { ReceiverBit } from "./receiver_bits.ts";

/** What is known of the urgent byte. */
export const UrgentState = {
  /** There is no mark ahead of what was read. */
  NONE: 0,
  /** The mark is known, its byte has not come. */
  AHEAD: 1,
  /** The byte waits to be read. */
  ARRIVED: 2,
  /** The byte was read with `MSG_OOB`; the mark is still ahead in the stream. */
  READ: 3,
} as const;
/** One of {@linkcode UrgentState}. */
export type UrgentState = typeof UrgentState[keyof typeof UrgentState];

/** The mark of one connection. */
export class Urgent {
  /** One of {@linkcode UrgentState}. */
  state: UrgentState = UrgentState.NONE;
  /** The number of the urgent byte. */
  mark = 0;
  /** The urgent byte, once it has arrived. */
  byte = 0;
}

/** An acceptable segment with URG. */
export function markUrgent(receiver: Receiver, segment: Segment): void {
  const { settings, readNext, host } = receiver;
  const base = segment.sequence - ((segment.flags & Flag.SYN) !== 0 ? 1 : 0) | 0;
  // RFC 9293 section 3.8.5 (MUST-62): the pointer is to the byte behind the urgent data.
  const mark = base + segment.urgentPointer - 1 | 0;
  if (segment.urgentPointer === 0 || ((mark - readNext) | 0) < 0) return;
  // What has arrived was passed on as ordinary data: too late for a mark on it.
  if (((mark - receiver.receiveNext) | 0) < 0) return;
  let { urgent } = receiver;
  if (urgent === null) receiver.urgent = urgent = new Urgent();
  if (urgent.state !== UrgentState.NONE) {
    if (((mark - urgent.mark) | 0) <= 0) return;
    skipOldMark(receiver, urgent);
  }
  urgent.state = UrgentState.AHEAD;
  urgent.mark = mark;
  settings.counters.add(ReceiverCounter.URGENT);
  // RFC 9293 section 3.8.5 (MUST-32): the program is told when urgent data begin, or get more.
  host.onUrgent();
}

/** A newer mark comes while the next byte to be read is the older one: that is left out. */
function skipOldMark(receiver: Receiver, urgent: Urgent): void {
  const isNext = urgent.mark === receiver.readNext &&
    receiver.readNext !== receiver.receiveNext && !receiver.isUrgentInline;
  if (!isNext) return;
  receiver.dropFront(1);
}

/** Looks for the urgent byte in what is about to be kept. */
export function takeUrgentByte(
  receiver: Receiver,
  packet: number,
  offset: number,
  sequence: number,
  bytes: number,
): void {
  const { urgent, settings, host } = receiver;
  if (urgent === null || urgent.state !== UrgentState.AHEAD) return;
  const inside = urgent.mark - sequence | 0;
  if (inside < 0 || inside >= bytes) return;
  const { arena } = settings.store;
  let skip = offset + inside;
  let at = packet;
  while (at >= 0 && skip >= arena.length(at)) {
    skip -= arena.length(at);
    at = arena.next(at);
  }
  urgent.byte = arena.memory.view.getUint8(arena.start(at) + skip);
  urgent.state = UrgentState.ARRIVED;
  host.onUrgent();
}

/** The mark, if reading stops there, as bytes from what is read next; -1 if there is none. */
export function bytesToMark(receiver: Receiver): number {
  const { urgent } = receiver;
  if (urgent === null || urgent.state === UrgentState.NONE) return -1;
  // RFC 9293 section 3.8.5 (MUST-33): whoever reads learns whether, and how far ahead, there is
  // more; reading stops there.
  return urgent.mark - receiver.readNext | 0;
}

/** Whether the mark is left out of the stream. */
export function isMarkSkipped(receiver: Receiver): boolean {
  return (receiver.bits & ReceiverBit.URGENT_INLINE) === 0;
}

/** What was read is behind the mark: there is none any more. */
export function forgetMark(receiver: Receiver): void {
  const { urgent } = receiver;
  if (urgent !== null && ((receiver.readNext - urgent.mark) | 0) > 0) receiver.urgent = null;
}
