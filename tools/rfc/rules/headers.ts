/**
 * What RFC 791 and its companions ask of headers and fragments: RFC 815, which gives an algorithm
 * and no rules, RFC 5722 and RFC 8200.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules of RFC 791, which has no words like MUST. */
export const RFC791: readonly Requirement[] = catalogue(791, [
  [
    "3.1",
    "a header has five words at least, and lies within the datagram",
    "1122 3.2.1.1: whose header is bad",
  ],
  [
    "3.1",
    "whoever handles a datagram lowers its time to live, and destroys it at zero",
    "1812 5.3.1: less by one",
    "1812 5.3.1: no hops left",
  ],
  [
    "3.1",
    "the header's checksum is computed anew wherever the header changes",
    "the checksum follows the header",
  ],
  ["3.2", "what must not be fragmented is not: it is discarded", "1191 4: the next hop's MTU"],
  ["3.2", "fragments but the last one have a multiple of eight octets", "multiples of 8 bytes"],
  [
    "3.1",
    "options whose type says so are copied into every fragment",
    "options that ask for it are copied",
  ],
  [
    "3.2",
    "fragments belong together by source, destination, protocol and identification",
    "make the packet",
  ],
  ["3.2", "every host can receive 576 octets, whole or in fragments", "1122 3.3.2: at least 576"],
]);

/** The rules of RFC 5722. */
export const RFC5722: readonly Requirement[] = catalogue(5722, [
  [
    "4",
    "a datagram with overlapping fragments is discarded in silence, with those yet to come",
    "when fragments overlap, all",
  ],
  ["4", "a sender makes no fragments that overlap", "they do not overlap"],
]);

/** The rules of RFC 8200. */
export const RFC8200: readonly Requirement[] = catalogue(8200, [
  [
    "4",
    "extension headers are taken in the order in which they come, each as the one before says",
    "in their order",
  ],
  [
    "4",
    "routers on the way look at no extension headers but hop-by-hop options",
    "are for the destination only",
  ],
  [
    "4",
    "a next header of zero behind another header than that of IPv6 is a parameter problem",
    "4.1: hop-by-hop options anywhere else",
  ],
  [
    "4.1",
    "extension headers are accepted in any order and number, hop-by-hop options but once",
    "others in any order",
  ],
  [
    "4.2",
    "options are taken in their order; what an unknown one asks for is done",
    "an unknown option whose highest bits",
  ],
  [
    "4.4",
    "an unknown routing header is skipped with no segments left, and else a parameter problem",
    "routing header of an unknown type",
  ],
  ["4.5", "only sources make fragments, never routers", "4443 3.2: routers take nothing apart"],
  [
    "4.5",
    "identifications differ from those of other fragmented packets that were sent recently",
    "6864 4.3: too soon",
  ],
  [
    "4.5",
    "each fragment but the last one has a multiple of 8 octets",
    "each part but the last one",
  ],
  [
    "4.5",
    "the first fragment has all headers up to that of the upper layer",
    "excepted: there is nothing to obey: what is sent has no extension headers but those that each fragment has",
  ],
  ["4.5", "fragments belong together by source, destination and identification", "make the packet"],
  ["4.5", "reassembly is given up after 60 seconds", "60 seconds after the first fragment"],
  [
    "4.5",
    "a fragment of a length that is no multiple of 8 is a parameter problem",
    "fragment of a wrong length",
  ],
  ["4.5", "so is one that would make more than 65535 octets", "would end too far"],
  [
    "4.5",
    "fragments that overlap end the reassembly, in silence",
    "reassembly of the packet is abandoned",
  ],
  ["4.5", "a fragment that is a whole packet is taken by itself", "is a whole packet by itself"],
  ["4.7", "what follows a next header of 59 is ignored, and forwarded as it is", "no next header"],
  [
    "5",
    "links take 1280 octets at least",
    "excepted: who adds an interface says what its link takes; where that is less, IPv6 sends no more than it takes",
  ],
  ["5", "fragments that make 1500 octets are put together", "packets of 1500 bytes"],
  [
    "7",
    "an upper layer sets the traffic class, and learns that of what arrives",
    "1122 4.1.4: the type of service",
  ],
  [
    "8.1",
    "checksums of upper layers cover the pseudo header with the final destination",
    "9293 3.1: every checksum is verified",
  ],
  [
    "8.1",
    "UDP has a checksum: one of zero is sent as ones, and discarded on arrival",
    "over IPv6 there is a checksum",
    "sent as its other zero",
  ],
  [
    "8.4",
    "answers to what had a routing header do not have it reversed",
    "excepted: there is nothing to obey: answers have no routing headers",
  ],
  [
    "3",
    "a router lowers the hop limit, and discards at zero what is for others",
    "4443 3.3: its sender is told",
  ],
  [
    "8.3",
    "a maximum segment is what a packet has room for behind headers of 60 bytes",
    "9293 3.7.1: what can be received",
  ],
]);
