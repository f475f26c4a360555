/**
 * What the RFCs on retransmission and congestion control require.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules of RFC 6298. */
export const RFC6298: readonly Requirement[] = catalogue(6298, [
  ["2.2", "the first measurement R makes SRTT = R and RTTVAR = R / 2", "the first one, R"],
  ["2.3", "later ones change RTTVAR first, then SRTT, by 1/4 and 1/8", "RTTVAR first"],
  ["2.3", "RTO = SRTT + max(G, 4 * RTTVAR)", "RTO = SRTT + max"],
  [
    "3",
    "what was sent twice is not measured, unless timestamps tell which one is meant",
    "no sample of what was sent more than once",
    "what was sent twice is not measured",
  ],
  ["3", "one round trip in each is measured", "whatever can be measured is"],
  ["5", "nothing is sent again earlier than an RTO after it was sent", "5.3: it starts anew"],
  [
    "5.5",
    "the RTO doubles with every timeout",
    "doubled with every timeout",
    "the timeout doubles each time",
  ],
  [
    "5.7",
    "after a timeout of a SYN the RTO is 3 seconds when data are sent",
    "where the SYN's timer expired",
  ],
]);

/** The rules of RFC 5681. */
export const RFC5681: readonly Requirement[] = catalogue(5681, [
  [
    "3",
    "nothing is more aggressive than what these algorithms allow",
    "9293 3.8.2: bounds what is in flight",
  ],
  ["3.1", "the initial window is bounded, now by RFC 6928", "6928 2: 10 * MSS"],
  ["3.1", "after a lost SYN the initial window is one segment", "a lost SYN or its answer"],
  ["3.1", "slow start and congestion avoidance are used", "9293 3.8.2: bounds what is in flight"],
  [
    "3.1",
    "slow start grows by no more than a segment for each acknowledgment of new data",
    "no more than a full segment",
  ],
  [
    "3.1",
    "congestion avoidance grows by no more than a segment in a round trip",
    "grows by one segment",
  ],
  [
    "3.1",
    "a loss makes ssthresh max(FlightSize / 2, 2 * SMSS) at most",
    "equation (4)",
    "two segments at least",
  ],
  [
    "3.1",
    "further timeouts of the same segment leave ssthresh alone",
    "ssthresh as after a loss, once",
  ],
  ["3.1", "a timeout makes cwnd one segment at most", "no more than the loss window"],
  [
    "3.2",
    "three duplicate acknowledgments make ssthresh as (4) says, and the segment is sent again",
    "three duplicates",
  ],
  ["3.2", "at the end of recovery cwnd is ssthresh", "at the end of recovery"],
  [
    "4.2",
    "an acknowledgment is not delayed by more than 500 ms",
    "9293 3.8.6.3: less than half a second",
  ],
  [
    "4.2",
    "no more than one acknowledgment answers one segment, but for windows",
    "9293 3.10.7.4: by one acknowledgment",
  ],
  ["4.3", "losses in two windows reduce cwnd twice", "losses in two windows"],
  ["3.1", "neither a SYN-ACK nor its acknowledgment makes the window grow", "is told of no SYN"],
  [
    "3.2",
    "what limited transmit has sent does not count for ssthresh",
    "what limited transmit has sent",
  ],
]);

/** The rules of RFC 6582, for connections without SACK. */
export const RFC6582: readonly Requirement[] = catalogue(6582, [
  [
    "3.2",
    "fast retransmit begins once for what was in flight: until then is acknowledged",
    "only if it acknowledges more",
  ],
  [
    "3.2",
    "a partial acknowledgment sends the next segment again, and does not end recovery",
    "a partial acknowledgment shows",
  ],
]);

/** The rules of RFC 6675. */
export const RFC6675: readonly Requirement[] = catalogue(6675, [
  [
    "4",
    "blocks of SACK mark what they cover, and what is acknowledged is forgotten",
    "blocks mark what they cover",
  ],
  ["5", "recovery begins once for what was in flight", "5681 4.3: losses in two windows"],
  [
    "5",
    "what NextSeg names is sent as long as the window is open by a segment",
    "as long as the window is open",
  ],
  ["5", "what was sent again is not sent once more before a timeout", "not lost again"],
  [
    "5.1",
    "a timeout forgets what SACK told, if the peer took it back",
    "2018 8: What SACK told is forgotten",
  ],
]);

/** The rules of RFC 6937. */
export const RFC6937: readonly Requirement[] = catalogue(6937, [
  [
    "3.1",
    "what is sent in recovery is in proportion to what is delivered, so that it ends at ssthresh",
    "proportional rate reduction",
  ],
  ["3.1", "below ssthresh it is bounded by what was delivered", "makes good progress"],
]);

/** The rules of RFC 8985. */
export const RFC8985: readonly Requirement[] = catalogue(8985, [
  ["4", "SACK is used", "7.2: only with SACK"],
  [
    "4",
    "for each segment the time when it was sent last is kept, finer than a quarter of a round trip",
    "the time when it was sent last",
  ],
  ["4", "and whether it was sent again", "whether it was sent again"],
  ["6.2", "the reordering window is bounded by a round trip", "at most SRTT"],
  [
    "6.2",
    "measurements that cannot be of what was sent again are left out",
    "may be of the first transmission",
  ],
  [
    "6.3",
    "after a timeout the first segment is lost, and those older than a round trip and a reordering window",
    "the first segment, and those",
  ],
  ["7.2", "no probe is scheduled while another one is out", "one probe at a time"],
  [
    "7.3",
    "after a probe the retransmission timer runs, whether or not it was sent",
    "the retransmission timer is started anew",
  ],
  [
    "7.4.2",
    "where a probe repaired a loss, congestion control is told",
    "the probe repaired a loss",
  ],
]);

/** The rules of RFC 5682. */
export const RFC5682: readonly Requirement[] = catalogue(5682, [
  ["2.1", "a timeout within the same recovery is not judged", "not where this is another timeout"],
  [
    "2.1",
    "a first acknowledgment that advances lets new data go, if there are some; a duplicate one ends the test",
    "two new segments",
  ],
  [
    "2.1",
    "a second one that acknowledges what was not sent again says that the timeout was spurious",
    "spurious",
  ],
]);

/** The rules of RFC 9438. */
export const RFC9438: readonly Requirement[] = catalogue(9438, [
  ["4.2", "time in which the window was not used does not count", "t includes no time"],
  ["4.2", "the target is between cwnd and one and a half of it", "the target is where"],
  [
    "4.4",
    "in the concave region cwnd grows by (target - cwnd) / cwnd for each segment",
    "by (target - cwnd)",
  ],
  ["4.5", "so it does in the convex region", "in the convex region"],
  [
    "4.6",
    "a loss leaves a share of what is in flight, not below two segments, or one for a mark",
    "the window shrinks with a loss",
    "marks reduce the window",
  ],
  ["4.8", "a timeout makes cwnd what it is for Reno, with CUBIC's ssthresh", "begins flat"],
  [
    "4.10",
    "slow start is used while cwnd is no more than ssthresh",
    "5681 3.1: no more than a full segment",
  ],
]);

/** The rules of RFC 9406. */
export const RFC9406: readonly Requirement[] = catalogue(9406, [
  [
    "4.2",
    "the threshold of delay is within its bounds; more delay begins the conservative slow start",
    "RttThresh is within",
  ],
  ["4.2", "which grows by a quarter, and goes back where the delay was jitter", "it was jitter"],
  ["4.2", "some rounds of it end slow start", "CSS_ROUNDS rounds"],
  ["4.2", "without pacing no more than L segments count at once", "no more than L segments"],
]);

/** The rules of RFC 3168 for hosts. */
export const RFC3168: readonly Requirement[] = catalogue(3168, [
  [
    "5.3",
    "fragments with CE make a packet with CE, unless one of them is Not-ECT",
    "an indication of congestion is not lost",
    "the packet is dropped",
  ],
  ["6.1.1", "a SYN or its answer is not ECT", "SYNs, which do not come by here"],
  ["6.1.1", "ECT is set only where both ends have agreed", "only where both ends have agreed"],
  ["6.1.1", "a SYN-ACK asks for ECN only if the SYN did", "only such a one"],
  ["6.1.2", "ECE is treated like a loss, once in a window", "some packet was marked"],
  [
    "6.1.2",
    "with a window of one segment what is new waits for the timer",
    "when the retransmission timer expires",
  ],
  ["6.1.2", "CWR is in the first new data behind a reduction", "CWR on the first new data"],
  [
    "6.1.3",
    "ECE is in every acknowledgment from CE until CWR arrives",
    "ECE is set in every acknowledgment",
  ],
  ["6.1.4", "acknowledgments without data are not ECT", "acknowledgments without data"],
  ["6.1.5", "what is sent again is not ECT", "what is sent again has none"],
  ["6.1.6", "probes of a window are not ECT", "6.1.5: nor have probes"],
]);

/** The rules of RFC 9768. */
export const RFC9768: readonly Requirement[] = catalogue(9768, [
  ["3.1.1", "a SYN that offers accurate ECN has all three flags", "3.1.2: all three flags"],
  [
    "3.1.2",
    "the SYN-ACK's flags tell the code point with which the SYN arrived",
    "the answer reflects",
  ],
  ["3.1.4.1", "a SYN that is sent again often enough does not offer it", "offered once more"],
  ["3.2.1", "counters begin at 5, those of bytes with ECT at 1", "counters of packets begin at 5"],
  [
    "3.2.1",
    "the counter of packets counts every packet, those of bytes the payload",
    "counts every packet",
  ],
  [
    "3.2.2.1",
    "a counter of zero behind the handshake says that the field is cleared: no ECT any more",
    "somebody clears them",
  ],
  [
    "3.2.2.5.1",
    "marks are acknowledged as they come, and at every sixth at the latest",
    "so is every second one",
  ],
  [
    "3.2.2.5.1",
    "acknowledgments alone are not acknowledged before the third mark",
    "before the third mark",
  ],
  ["3.2.3.3", "the option is there only where its counters fit", "no option where"],
  ["3.2.3.3", "it does not take the room of SACK", "two blocks of SACK"],
  ["3.2.3", "an option has none, one, two or three counters", "none, one, two or three counters"],
  [
    "3.1.3",
    "a server takes any other combination of the three flags for an offer of accurate ECN",
    "any other combination is taken",
  ],
]);
