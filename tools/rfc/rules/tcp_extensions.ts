/**
 * What the RFCs that extend TCP's segments, openings and endings require.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules of RFC 5961. */
export const RFC5961: readonly Requirement[] = catalogue(5961, [
  ["3.2", "a reset outside the window is dropped in silence", "a reset outside the window"],
  [
    "3.2",
    "a reset at RCV.NXT ends the connection; elsewhere in the window it is asked back",
    "only at RCV.NXT",
    "not at RCV.NXT",
  ],
  ["4.2", "a SYN in a synchronized state is asked back, and dropped", "whatever its number is"],
  [
    "5.2",
    "an acknowledgment of what is too old, or was never sent, is answered and dropped",
    "SEG.ACK <= SND.NXT",
  ],
]);

/** The rules of RFC 7323. */
export const RFC7323: readonly Requirement[] = catalogue(7323, [
  [
    "2.2",
    "a SYN-ACK has the window scale option only if the SYN had it",
    "2.5: only what the SYN had",
  ],
  ["2.2", "the option means nothing in segments without SYN", "only that of the SYN counts"],
  ["2.2", "the window of a SYN is not shifted", "the window of a SYN"],
  ["2.3", "the shift is 14 at most; of more, 14 is taken", "the shift is 14", "of more than 14"],
  [
    "2.3",
    "windows that arrive are shifted by what the peer's SYN said",
    "what the peer's SYN said",
  ],
  ["2.4", "a window that was announced is honoured, whatever rounding makes of it", "stays in it"],
  ["3.2", "once agreed on, timestamps are in every segment but resets", "once agreed on"],
  ["3.2", "a SYN-ACK has the option only if the SYN had it", "2.5: only what the SYN had"],
  ["3.2", "a segment without the option does not abort a connection", "without a timestamp"],
  [
    "3.2",
    "the option is ignored where it was not agreed on",
    "where timestamps were not agreed on",
  ],
  [
    "4.1",
    "only acknowledgments of new data measure round trips",
    "only where the acknowledgment is of new data",
  ],
  [
    "4.3",
    "the timestamp that is echoed is that of the segment which is acknowledged",
    "of the segment that the next acknowledgment",
  ],
  ["5.2", "resets are not judged by their timestamps", "resets are not judged"],
  [
    "5.3",
    "what has an older timestamp is acknowledged, and dropped",
    "answered by an acknowledgment, and dropped",
  ],
  [
    "5.4",
    "the clock of timestamps ticks once in 1 ms to 1 s, in proportion to time",
    "between 1 ms and 1 s",
  ],
  ["5.5", "after 24 days of silence the last timestamp is out of date", "after 24 days"],
]);

/** The rules of RFC 2018. */
export const RFC2018: readonly Requirement[] = catalogue(2018, [
  ["2", "SACK-permitted is in segments with SYN only", "SACK is permitted by SYNs"],
  ["3", "SACK is sent only where the other end permits it", "7323 2.5: what only one SYN has"],
  [
    "4",
    "the first block has the segment that triggered the acknowledgment",
    "the first block is the one",
  ],
  [
    "8",
    "nothing is given up by its sender before it is acknowledged",
    "nothing is dropped before it is acknowledged",
  ],
  [
    "8",
    "but for the newest segment, what is not held any more is not reported",
    "only what is held",
  ],
  [
    "8",
    "the first block tells of the newest segment, even if that was given up",
    "does not report a newest segment",
  ],
  [
    "8",
    "a timeout is survived whose data were reported and then given up",
    "What SACK told is forgotten",
  ],
]);

/** The rules of RFC 2883. */
export const RFC2883: readonly Requirement[] = catalogue(2883, [
  ["4", "a duplicate is told in the first block, once", "the duplicate is the first block"],
  [
    "4",
    "the next block is the one that has the duplicate, if there is one",
    "the one that has the duplicate",
  ],
]);

/** The rules of RFC 7413. */
export const RFC7413: readonly Requirement[] = catalogue(7413, [
  ["4.1.1", "cookies have 4 to 16 bytes; others are ignored", "4 to 16 bytes"],
  [
    "4.1.2",
    "a cookie is of its client's address, cannot be guessed, and loses its worth in time",
    "of the client's address",
  ],
  ["4.1.3", "clients keep the cookies of servers, with the MSS", "clients keep the cookies"],
  ["4.1.3.1", "what is sent again as SYN has no data", "neither data nor the option"],
  ["4.2.1", "data that the SYN-ACK does not acknowledge are sent again", "the rest is sent again"],
  ["4.2.2", "without a good cookie the data of a SYN are ignored", "who has no good cookie"],
  ["4.2.2", "with one they are passed on, and acknowledged", "with a good cookie"],
  ["5.1", "no more than so many connections are begun by SYNs with data", "no more than so many"],
]);

/** The rules of RFC 6093. */
export const RFC6093: readonly Requirement[] = catalogue(6093, [
  [
    "4",
    "the urgent pointer names the octet behind the urgent data",
    "9293 3.8.5: the pointer is to the byte behind",
    "9293 3.8.5: SND.UP is the number behind",
  ],
  ["5", "the urgent mechanism is still supported", "9293 3.8.5: urgent data can be sent"],
]);

/** The rules of RFC 6528. */
export const RFC6528: readonly Requirement[] = catalogue(6528, [
  [
    "3",
    "initial sequence numbers are those of a clock, and a keyed function of the two ends",
    "9293 3.4.1: ISN = M + F",
  ],
]);

/** The rules of RFC 6191. */
export const RFC6191: readonly Requirement[] = catalogue(6191, [
  [
    "2",
    "a SYN with a newer timestamp, or sequence number, takes the place of TIME-WAIT; others do not",
    "a newer timestamp tells",
  ],
]);

/** The rules of RFC 4987, which is informational. */
export const RFC4987: readonly Requirement[] = catalogue(4987, [
  [
    "3.6",
    "with cookies a SYN leaves no state; an acknowledgment with a good one makes it",
    "it leaves no state",
  ],
]);

/** The rules of RFC 5482. */
export const RFC5482: readonly Requirement[] = catalogue(5482, [
  ["3", "a timeout of zero is neither sent nor taken", "zero is no timeout"],
  [
    "3.1",
    "the user timeout is that of the peer, within the limits that are set here",
    "USER_TIMEOUT = min",
  ],
  ["3.1", "a timeout that the program chose is not changed by the peer", "until a program chooses"],
  ["3.3", "the option is ignored where it is not wanted", "3.1: where the option is not wanted"],
  ["3.1", "the option is sent only where it is enabled", "ENABLED"],
]);
