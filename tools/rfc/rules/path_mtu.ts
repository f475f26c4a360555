/**
 * What the RFCs on path MTU discovery require: 1191, 8201, 4821 and 8899.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

const NO_DATAGRAMS =
  "excepted: no packetization layer for datagrams is here; their programs probe by themselves";

/** The rules of RFC 1191. */
export const RFC1191: readonly Requirement[] = catalogue(1191, [
  ["3", "a packet that was too big lowers the estimate", "a packet that was too big"],
  ["3", "an estimate never goes below 68 octets", "never below 68 bytes"],
  ["3", "an error never raises an estimate", "never makes a path MTU more"],
  [
    "3",
    "an increase is tried 5 minutes after an error at the earliest, 1 minute after another one",
    "8201 4: the path may have become better",
  ],
  [
    "4",
    "a router tells the next hop's MTU when it discards what must not be fragmented",
    "learns the next hop's MTU",
  ],
  ["5", "errors of routers that tell no MTU are coped with", "does not say its MTU"],
  [
    "6.4",
    "what was too big is sent again at once, without any effect on the congestion window",
    "8201 5.4: sent again at once",
  ],
]);

/** The rules of RFC 8201. */
export const RFC8201: readonly Requirement[] = catalogue(8201, [
  [
    "4",
    "a packet that was too big lowers the estimate, so that no more such errors come",
    "1191 3: a packet that was too big",
  ],
  ["4", "an estimate never goes below 1280 octets", "never below the least MTU"],
  ["4", "an error never raises an estimate", "nor one of IPv6"],
  [
    "4",
    "an increase is tried 5 minutes after an error at the earliest",
    "the path may have become better",
  ],
  [
    "5.2",
    "packetization layers are told when a path's MTU has become less",
    "5.4: sent again at once",
  ],
  [
    "5.4",
    "what was too big is sent again, without any effect on the congestion window",
    "sent again at once",
  ],
]);

/** The rules of RFC 4821. */
export const RFC4821: readonly Requirement[] = catalogue(4821, [
  [
    "3",
    "a lost probe is no congestion, unless something else was lost",
    "7.5: a probe of the path may be lost",
  ],
  ["5.2", "a maximum segment leaves room for all headers", "9293 3.7.1: leaves room for options"],
  ["7.4", "a probe is not fragmented", "a probe is not taken apart"],
  [
    "7.7",
    "a path whose packets all vanish is taken for a shorter one",
    "9293 3.8.3: too long for a router",
  ],
]);

/** The rules of RFC 8899. */
export const RFC8899: readonly Requirement[] = catalogue(8899, [
  [
    "3",
    "a packetization layer for datagrams can send probes, and learns of their arrival",
    NO_DATAGRAMS,
  ],
  [
    "3",
    "errors that packets are too big are validated before they are used",
    "5927 4.1: only what is on its way",
  ],
]);
