/**
 * What is sent in fast recovery when nothing known to be lost, and nothing new, is left: rules (3)
 * and (4) of `NextSeg()`, RFC 6675 section 4. With RACK-TLP there is a timer instead.
 *
 * @module
 */

import { type Flight, Recovery } from "./flight.ts";
import { END, FLAGS, INTEGER_SHIFT, NEXT, NONE, RecordFlag, START } from "./records.ts";
import { pipeOf, windowOf } from "./recovery.ts";
import type { SenderState } from "./sender_state.ts";
import { fit, sendAgain } from "./transmission.ts";

/** Sends again what may be lost, as far as the window lets it. */
export function sendUncertain(state: SenderState, flight: Flight, now: number): void {
  if (
    state.settings.options.lossDetection !== "sack" || !state.hasSack ||
    flight.recovery !== Recovery.FAST || flight.lost > 0
  ) return;
  const limit = state.host.payloadLimit;
  // RFC 6675 section 5 (MUST): step (C): as long as the window is open by a segment.
  while (windowOf(state, flight) - pipeOf(flight) >= limit) {
    let record = firstHole(flight);
    if (record === NONE) {
      // RFC 6675 section 4, rule (4): one rescue retransmission of the end in each recovery.
      if (flight.isRescued) return;
      flight.isRescued = true;
      record = lastSegment(flight, limit);
      if (record === NONE) return;
    } else if (!fit(flight, record, limit)) {
      return;
    }
    if (!sendAgain(state, flight, now, record, limit)) return;
  }
}

/** RFC 6675 section 4, rule (3): what was sent once, and is below something that arrived. */
function firstHole(flight: Flight): number {
  if (flight.sacked === 0) return NONE;
  const { integers } = flight.records;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    if (((integers[at + END] - flight.highestSacked) | 0) > 0) return NONE;
    if ((integers[at + FLAGS] & (RecordFlag.SACKED | RecordFlag.RETRANSMITTED)) === 0) {
      return record;
    }
    record = integers[at + NEXT];
  }
  return NONE;
}

/** The last segment that is outstanding, if it has not arrived. */
function lastSegment(flight: Flight, limit: number): number {
  const { integers } = flight.records;
  const record = flight.last;
  if (record === NONE) return NONE;
  const at = record << INTEGER_SHIFT;
  if (integers[at + FLAGS] & RecordFlag.SACKED) return NONE;
  const fin = integers[at + FLAGS] & RecordFlag.FIN ? 1 : 0;
  const bytes = ((integers[at + END] - integers[at + START]) | 0) - fin;
  if (bytes <= limit) return record;
  return flight.split(record, (integers[at + END] - limit - fin) | 0);
}
