/**
 * What was sent and is too long for the path, as ICMP tells.
 *
 * @module
 */

import type { Flight } from "./flight.ts";
import { FLAGS, INTEGER_SHIFT, NEXT, NONE, RecordFlag, SEGMENT_BYTES } from "./records.ts";

/**
 * Marks what did not get through as lost; it is sent again in segments that fit. This is no sign of
 * congestion.
 */
export function markTooBig(flight: Flight, limit: number): void {
  const { integers } = flight.records;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    // RFC 8201 section 5.4 (MUST): it is sent again at once, and the congestion window stays as it
    // is. RFC 1191 section 6.3 says the same.
    if (
      integers[at + SEGMENT_BYTES] > limit &&
      (integers[at + FLAGS] & (RecordFlag.SACKED | RecordFlag.LOST)) === 0
    ) {
      flight.markLost(record);
    }
    if (integers[at + SEGMENT_BYTES] > limit) integers[at + SEGMENT_BYTES] = limit;
    record = integers[at + NEXT];
  }
  // ICMP has said what became of it.
  flight.pathProbe = 0;
  flight.isPathProbeLost = false;
}
