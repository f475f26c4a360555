/**
 * What SACK tells: RFC 2018, RFC 2883, and the scoreboard of RFC 6675.
 *
 * @module
 */

import type { TcpOptions } from "../../wire/tcp_options.ts";
import { SendCounter } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import type { Flight } from "./flight.ts";
import {
  COUNT,
  END,
  FLAGS,
  INTEGER_SHIFT,
  NEXT,
  NONE,
  PREVIOUS,
  RecordFlag,
  SEGMENT_BYTES,
  START,
} from "./records.ts";
import type { SenderState } from "./sender_state.ts";

/** DupThresh of RFC 6675 section 2. */
export const DUPLICATE_THRESHOLD = 3;

/**
 * Notes which range the first block tells of, if it tells of a duplicate.
 *
 * @returns how many blocks need not be looked at any more: 0 or 1
 */
export function readDuplicate(
  state: SenderState,
  delivery: Delivery,
  options: TcpOptions,
  acknowledgment: number,
): number {
  const { sackEdges } = options;
  const start = sackEdges[0];
  const end = sackEdges[1];
  // RFC 2883 section 4: the first block is a D-SACK if it is covered by the cumulative
  // acknowledgment, or by the second block.
  const isBelow = ((start - acknowledgment) | 0) < 0;
  const isInside = options.sackBlocks > 1 && ((start - sackEdges[2]) | 0) >= 0 &&
    ((end - sackEdges[3]) | 0) <= 0;
  if (!isBelow && !isInside) return 0;
  // What never was in flight is no duplicate: RFC 3708 section 2 warns of receivers that lie.
  const isSent = ((end - start) | 0) > 0 && ((state.sendNext - end) | 0) >= 0 &&
    ((acknowledgment - start) | 0) <= Math.max(state.maximumSendWindow, 65535);
  if (!isSent) {
    state.settings.counters.add(SendCounter.IGNORED_SACK_BLOCKS);
    return 1;
  }
  if (isBelow && ((end - acknowledgment) | 0) > 0) return 0;
  delivery.hasDuplicate = true;
  delivery.duplicateStart = start;
  delivery.duplicateEnd = end;
  state.duplicateSacks++;
  state.settings.counters.add(SendCounter.DUPLICATE_SACKS);
  return 1;
}

/** Goes through the blocks of an acknowledgment: `Update()` of RFC 6675 section 4. */
export function applySack(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  options: TcpOptions,
): void {
  const { sackEdges, sackBlocks } = options;
  const una = state.sendUnacknowledged;
  // RFC 6675 section 4 (MUST): blocks mark what they cover.
  for (let at = readDuplicate(state, delivery, options, una); at < sackBlocks; at++) {
    let start = sackEdges[2 * at];
    const end = sackEdges[2 * at + 1];
    if (((start - una) | 0) < 0) start = una;
    if (((end - start) | 0) <= 0 || ((end - state.sendNext) | 0) > 0) {
      // Old ones are no fault: acknowledgments overtake each other.
      if (((end - una) | 0) > 0) state.settings.counters.add(SendCounter.IGNORED_SACK_BLOCKS);
      continue;
    }
    if (flight.first !== NONE) markRange(state, flight, delivery, start, end);
  }
}

/** The record that has a number, which is one in flight. */
function findRecord(flight: Flight, sequence: number): number {
  const { integers } = flight.records;
  let record = flight.first;
  const hint = flight.sackHint;
  if (hint !== NONE) {
    // Most blocks go on where SACK found something last: the walk begins at the nearer one.
    const behind = (sequence - integers[(hint << INTEGER_SHIFT) + START]) | 0;
    const ahead = (sequence - integers[(record << INTEGER_SHIFT) + START]) | 0;
    if (Math.abs(behind) < ahead) record = hint;
  }
  while (((integers[(record << INTEGER_SHIFT) + START] - sequence) | 0) > 0) {
    record = integers[(record << INTEGER_SHIFT) + PREVIOUS];
  }
  while (record !== NONE && ((integers[(record << INTEGER_SHIFT) + END] - sequence) | 0) <= 0) {
    record = integers[(record << INTEGER_SHIFT) + NEXT];
  }
  return record;
}

/** A block tells that a range arrived. */
function markRange(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  left: number,
  right: number,
): void {
  let record = findRecord(flight, left);
  while (record !== NONE) {
    // Splitting may replace the array.
    let { integers } = flight.records;
    let at = record << INTEGER_SHIFT;
    if (((integers[at + START] - right) | 0) >= 0) return;
    if (integers[at + FLAGS] & RecordFlag.SACKED) {
      flight.sackHint = record;
      record = integers[at + NEXT];
      continue;
    }
    if (((integers[at + START] - left) | 0) < 0) {
      record = flight.split(record, left);
      if (record === NONE) return;
      at = record << INTEGER_SHIFT;
    }
    ({ integers } = flight.records);
    if (((integers[at + END] - right) | 0) > 0 && flight.split(record, right) === NONE) return;
    ({ integers } = flight.records);
    delivery.add(state, flight, record, (integers[at + END] - integers[at + START]) | 0, true);
    delivery.hasNewSack = true;
    flight.markSacked(record);
    const previous = integers[at + PREVIOUS];
    if (
      previous !== NONE && integers[(previous << INTEGER_SHIFT) + FLAGS] & RecordFlag.SACKED
    ) {
      flight.joinSacked(previous);
      record = previous;
    }
    flight.joinSacked(record);
    flight.sackHint = record;
    record = integers[(record << INTEGER_SHIFT) + NEXT];
  }
}

/**
 * Finds losses by counting what arrived behind them: `IsLost()` of RFC 6675 section 4, for all
 * ranges at once.
 *
 * @returns the bytes that are newly lost
 */
export function detectLossByCount(flight: Flight): number {
  if (flight.sacked === 0) return 0;
  const { integers } = flight.records;
  let runs = 0;
  let bytes = 0;
  let lost = 0;
  for (let record = flight.last; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    const flags = integers[at + FLAGS];
    // RFC 6675 section 5 (MUST): what was sent again is not lost again, but by a timeout.
    const isDealtWith = (flags & (RecordFlag.LOST | RecordFlag.RETRANSMITTED)) !== 0;
    if (flags & RecordFlag.SACKED) {
      runs++;
      bytes += (integers[at + END] - integers[at + START]) | 0;
    } else if (
      // RFC 6675 section 4: lost if DupThresh discontiguous ranges, or more than DupThresh - 1
      // segments' bytes, arrived above it.
      !isDealtWith &&
      (runs >= DUPLICATE_THRESHOLD ||
        bytes > (DUPLICATE_THRESHOLD - 1) * integers[at + SEGMENT_BYTES])
    ) {
      if ((flags & RecordFlag.PATH_PROBE) === 0) {
        lost += (integers[at + END] - integers[at + START]) | 0;
      }
      flight.markLost(record);
    }
    record = integers[at + PREVIOUS];
  }
  return lost;
}

/** Segments that are not acknowledged, and those of them that are lost, and sent again. */
export function countSegments(
  flight: Flight,
  into: { unacknowledged: number; lost: number; retransmitted: number },
): void {
  const { integers } = flight.records;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    const flags = integers[at + FLAGS];
    into.unacknowledged += integers[at + COUNT];
    if (flags & RecordFlag.LOST) into.lost += integers[at + COUNT];
    else if ((flags & RecordFlag.SACKED) === 0 && flags & RecordFlag.RETRANSMITTED) {
      into.retransmitted += integers[at + COUNT];
    }
    record = integers[at + NEXT];
  }
}
