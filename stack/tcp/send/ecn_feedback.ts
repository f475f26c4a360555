/**
 * What acknowledgments tell of marks: RFC 3168, and RFC 9768 in the role of the data sender.
 *
 * @module
 */

import { Flag } from "../../wire/tcp.ts";
import { OptionBit } from "../../wire/tcp_options.ts";
import { Ecn, type Segment } from "../types.ts";
import { SendCounter } from "./counters.ts";
import type { SenderState } from "./sender_state.ts";

/** ACE has three bits, the counters of the option have 24. */
const COUNTER_MASK = 7;
const BYTES_MASK = 0xffffff;
/** Half of what the counter of bytes can show: more is a step back. */
const HALF_BYTES = 0x800000;

/**
 * Reads the feedback of an acknowledgment.
 *
 * @param acknowledged bytes that it newly acknowledges
 * @returns bytes that are newly known to be marked; 1 with ECE, whose bytes are not known
 */
export function readMarks(state: SenderState, segment: Segment, acknowledged: number): number {
  // RFC 3168 section 6.1.2 (MUST): ECE says that some packet was marked: the window is reduced,
  // once in a round trip.
  if (state.ecn === Ecn.CLASSIC) return segment.flags & Flag.ECE ? 1 : 0;
  if (state.ecn !== Ecn.ACCURATE || segment.flags & Flag.SYN) return 0;
  const field = (segment.flags & Flag.AE ? 4 : 0) | (segment.flags & Flag.CWR ? 2 : 0) |
    (segment.flags & Flag.ECE ? 1 : 0);
  const { payloadLimit } = state.host;
  // RFC 9768 section 3.2.2.5: the counter has gone on by this, modulo 8.
  let packets = (field - state.markedPackets) & COUNTER_MASK;
  const bytes = readBytes(state, segment);
  const newly = Math.ceil(acknowledged / payloadLimit);
  if (bytes >= 0) {
    if (bytes === 0 && acknowledged > 0) {
      // RFC 9768 section 3.2.2.5.1: where the option counts no marked byte, none was marked.
      packets = 0;
    } else if (newly > COUNTER_MASK && packets * payloadLimit < bytes) {
      packets += Math.floor((Math.ceil(bytes / payloadLimit) - packets) / 8) * 8;
    }
  } else if (newly > COUNTER_MASK) {
    // RFC 9768 section 3.2.2.5.2 (SHOULD): where the counter may have wrapped, the worst that fits
    // what was acknowledged.
    packets = newly - ((newly - packets) & COUNTER_MASK);
  }
  state.markedPackets = field;
  return bytes > 0 ? bytes : packets * payloadLimit;
}

/** What the option says has been marked since the last one. @returns bytes, or -1 */
function readBytes(state: SenderState, segment: Segment): number {
  const { options } = segment;
  if ((options.present & OptionBit.ACCURATE_ECN) === 0 || options.ecnBytesCe < 0) return -1;
  const bytes = (options.ecnBytesCe - state.markedBytes) & BYTES_MASK;
  if (bytes >= HALF_BYTES) {
    // RFC 9768 section 3.2.3.2: an older acknowledgment, or a field that was tampered with.
    state.settings.counters.add(SendCounter.ECN_FEEDBACK_LOST);
    return -1;
  }
  state.markedBytes = options.ecnBytesCe;
  return bytes;
}
