/**
 * What the RFCs on neighbours, addresses and routers require.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules of RFC 826. */
export const RFC826: readonly Requirement[] = catalogue(826, [
  [
    "Reception",
    "what is known of a sender is replaced, whoever the packet is for",
    "what is known of the sender",
  ],
  ["Reception", "whom the packet is for enters the sender", "entered only by whom it is for"],
  ["Reception", "the target of a request answers, to the sender", "the target of a request"],
]);

/** The rules of RFC 5227. */
export const RFC5227: readonly Requirement[] = catalogue(5227, [
  ["2.1", "an address is probed before it is used", "where the policy is not"],
  ["2.1", "and again when the link was down", "when the link was down"],
  ["2.1.1", "probes have 0.0.0.0 as their sender", "a probe's sender"],
  [
    "2.1.1",
    "they are 1 to 2 s apart, and the address is free 2 s after the last one",
    "probes are 1 to 2 s apart",
  ],
  [
    "2.1.1",
    "who has the address meanwhile, or probes it as well, is in conflict",
    "while it is probed",
  ],
  [
    "2.1.1",
    "after ten conflicts addresses are probed no faster than one a minute",
    "excepted: the stack probes the address that it is told to, and does not make up another one after a conflict",
  ],
  ["2.3", "an announcement has the address as sender and as target", "as sender and as target"],
  ["2.3", "two announcements are sent, 2 s apart", "two announcements"],
  ["2.4", "conflicts are looked for in every packet", "conflicts are looked for"],
  ["2.4", "an address in conflict is given up, or defended once in 10 s", "an address is given up"],
  [
    "2.1",
    "addresses are not probed again and again",
    "excepted: there is nothing to obey: nothing probes an address that is in use",
  ],
]);

/** The rules of RFC 4861. */
export const RFC4861: readonly Requirement[] = catalogue(4861, [
  ["4.1", "messages are sent with a hop limit of 255", "the hop limit is 255"],
  ["4.1", "a solicitation from :: has no address of the link layer", "from :: it has no address"],
  [
    "4.2",
    "advertisements of routers come from their link-local address",
    "4.2: from an address of the link",
  ],
  [
    "6.1.1",
    "solicitations of routers that are not valid are dropped in silence",
    "6.1: messages that are not valid",
  ],
  ["6.1.2", "so are advertisements of routers", "6.1: messages that are not valid"],
  [
    "6.2.2",
    "only interfaces that are to advertise do",
    "only interfaces that are told to advertise",
  ],
  [
    "6.2.4",
    "advertisements are a random time apart, between the shortest and the longest one",
    "intervals are drawn",
  ],
  [
    "6.2.6",
    "answers to solicitations wait for a random time, 3 s apart for everybody",
    "the answer waits",
  ],
  ["6.2.6", "hosts drop solicitations of routers in silence", "hosts ignore solicitations"],
  ["6.2.6", "a solicitation makes its sender no router", "who solicits routers"],
  [
    "6.3.4",
    "what a router says is taken over; a lifetime of 0 ends it",
    "a lifetime of 0 removes",
    "a lifetime of 0 ends",
  ],
  ["6.3.4", "its address on the link is learnt", "the router's address on the link"],
  ["6.3.4", "link-local prefixes are ignored", "the prefix of the link"],
  [
    "6.3.5",
    "prefixes and routers end with their lifetimes",
    "what outlives its lifetime",
    "a router whose lifetime ends",
  ],
  [
    "6.3.5",
    "who was sent by a router that goes is sent by another one",
    "is sent by another router",
  ],
  [
    "6.3.6",
    "routers that answer are preferred; else they are taken in turn",
    "routers that answer",
  ],
  [
    "6.3.7",
    "solicitations are 4 s apart at least; there are three, or more by RFC 7559",
    "7559 2: the intervals double",
  ],
  ["6.3.7", "after an advertisement no more are sent", "after a valid advertisement"],
  [
    "7.1.1",
    "solicitations of neighbours that are not valid are dropped in silence",
    "6.1: messages that are not valid",
  ],
  ["7.1.2", "so are advertisements of neighbours", "6.1: messages that are not valid"],
  [
    "7.2.2",
    "a solicitation to a group has the address on the link",
    "with our own address on the link",
  ],
  ["7.2.2", "solicitations of one neighbour are RetransTimer apart", "RetransTimer apart"],
  ["7.2.2", "packets wait while an address is asked for, one at least", "packets wait"],
  [
    "7.2.2",
    "without an answer to three, ICMP tells of each packet that waited",
    "it has failed, and ICMP",
  ],
  [
    "7.2.3",
    "a solicitation for what is not ours is dropped in silence",
    "for what is not ours is dropped",
  ],
  [
    "7.2.3",
    "an address that was not asked for makes an entry STALE",
    "an address that was not asked for",
  ],
  ["7.2.4", "who asks from :: is answered by all nodes' group, unsolicited", "who asks from ::"],
  [
    "7.2.4",
    "an answer to a group's solicitation has the address on the link",
    "with the address on the link where",
  ],
  ["7.2.4", "a router says that it is one", "a router says"],
  [
    "7.2.5",
    "an advertisement completes an INCOMPLETE entry: REACHABLE if asked for, else STALE",
    "a solicited answer",
  ],
  [
    "7.2.5",
    "without the override flag another address does not replace the one that is known",
    "without the override flag",
  ],
  ["7.2.5", "with it, the address is taken, REACHABLE if asked for", "solicited, it is REACHABLE"],
  ["7.2.5", "who ceases to be a router is no default router any more", "a router that ceases"],
  [
    "7.3.3",
    "the first packet to a stale entry goes out, and starts the delay",
    "the first packet to a stale entry",
  ],
  ["7.3.3", "after ReachableTime without a confirmation an entry is stale", "after ReachableTime"],
  ["7.3.3", "unconfirmed after the delay, it is probed", "still unconfirmed"],
  [
    "8.1",
    "redirects that are not valid, or not from the first hop in use, are dropped in silence",
    "a redirect comes from the first hop",
  ],
  ["8.2", "redirects of a router come from its link-local address", "the source is the router's"],
  ["8.2", "their rate is limited", "the rate is limited"],
  ["8.3", "routers do not follow redirects", "a router does not follow"],
  ["4.6", "a message with an option of no length is dropped in silence", "an option of no length"],
  [
    "6.2.1",
    "the interval of advertisements is bounded by 4 and 1800 seconds",
    "from 4 to 1800 seconds",
  ],
  [
    "7.2.1",
    "the groups of all nodes and of solicited nodes are joined",
    "4291 2.8: every node listens to ff02::1",
    "4291 2.8: the solicited-node group",
  ],
  [
    "7.2.6",
    "an advertisement that nobody asked for does not say that it was",
    "it is not solicited",
  ],
  ["4.6", "options that are not known are passed over", "options that are not known"],
  [
    "8.1",
    "a redirect is not bad because its target is in no prefix of the link",
    "whatever prefixes say",
  ],
]);

/** The rules of RFC 4862. */
export const RFC4862: readonly Requirement[] = catalogue(4862, [
  [
    "5.3",
    "a link-local address is made when an interface comes up",
    "a link-local address is made",
  ],
  [
    "5.4",
    "duplicates are looked for before an address is used, however it was obtained",
    "every unicast address",
  ],
  ["5.4", "each address is asked for by itself", "every unicast address"],
  [
    "5.4",
    "a tentative address is no source, and receives nothing but what the test needs",
    "a tentative address, or",
  ],
  [
    "5.4.2",
    "the solicited-node group is joined before",
    "4291 2.8: the solicited-node group of each address",
  ],
  ["5.4.2", "a solicitation comes from :: for the solicited-node group", "it comes from ::"],
  [
    "5.4.3",
    "another node that asks for the same address makes it a duplicate",
    "another node asks",
  ],
  ["5.4.3", "a solicitation from a unicast address is no such test", "only who asks from ::"],
  [
    "5.4.4",
    "an advertisement of it makes a tentative address a duplicate",
    "a tentative address that somebody",
  ],
  ["5.4.5", "a duplicate is not assigned", "a duplicate is not assigned"],
  ["5.4.5", "one that was made from the hardware's address stops autoconfiguration", "with EUI-64"],
  ["5.5.3", "(a) only autonomous prefixes make addresses", "(a) only autonomous"],
  [
    "5.5.3",
    "(b, c) link-local prefixes, and those preferred for longer than valid, are ignored",
    "(b, c)",
  ],
  [
    "5.5.3",
    "(d) a new prefix makes an address, unless its lifetime is 0 or its length does not fit",
    "(d) a lifetime of 0",
    "that leave no room",
  ],
  [
    "5.5.3",
    "(e) lifetimes follow, but not below two hours by what is not authenticated",
    "(e, 1)",
    "(e, 2)",
    "(e, 3)",
  ],
  [
    "5.5.4",
    "a deprecated address still receives, and serves what uses it",
    "it serves what uses it already",
  ],
  [
    "5.5.4",
    "an address whose valid lifetime is over is not assigned",
    "whose valid lifetime is over",
  ],
  [
    "5.4.1",
    "solicitations and advertisements that are not valid are dropped in silence",
    "4861 6.1: messages that are not valid",
  ],
]);

/** The rules of RFC 7217. */
export const RFC7217: readonly Requirement[] = catalogue(7217, [
  [
    "4",
    "an identifier is the same for the same prefix, differs between prefixes, and cannot be guessed",
    "5: a pseudorandom function",
  ],
  [
    "5",
    "it is a keyed function of prefix, interface and the counter of duplicates",
    "a pseudorandom function",
  ],
  ["5", "the secret has 128 bits at least, and is random at first", "128 bits"],
  ["6", "a duplicate raises the counter", "the counter makes another identifier"],
]);

/** The rules of RFC 8981. */
export const RFC8981: readonly Requirement[] = catalogue(8981, [
  ["3.3.1", "identifiers are random, and no reserved ones", "reserved identifiers are not used"],
  [
    "3.4",
    "temporary addresses live no longer than their prefix, and no longer than their own limits",
    "at most the prefix's lifetimes",
  ],
  [
    "3.4",
    "lifetimes follow what is advertised, up to these limits",
    "lifetimes follow the prefix's",
  ],
  ["3.4", "none is made that would have to be replaced at once", "none is made that"],
  [
    "3.4",
    "duplicates are looked for, and another one made, three times at most",
    "no more than TEMP_IDGEN_RETRIES",
  ],
  [
    "3.5",
    "the next one is made before one is deprecated, while its prefix is preferred",
    "only while the prefix",
  ],
  ["3.7", "it can be chosen whether there are temporary addresses", "says whether there are any"],
]);

/** The rules of RFC 6724. */
export const RFC6724: readonly Requirement[] = catalogue(6724, [
  [
    "4",
    "candidates for destinations of the link and groups are of the outgoing interface",
    "the candidates are those",
  ],
  ["4", "addresses of groups and :: are no candidates", "4862 5.4: is no source"],
  ["5", "rule 1: prefer the destination itself", "rule 1: prefer the destination"],
  ["5", "rule 2: prefer the appropriate scope", "rule 2: prefer the smallest scope"],
  ["5", "rule 3: avoid deprecated addresses", "rule 3: avoid deprecated"],
  ["5", "rule 4: prefer home addresses", "rule 4: no address is"],
  ["5", "rule 5: prefer the outgoing interface", "rule 5: prefer addresses"],
  ["5", "rule 6: prefer the matching label", "rule 6: prefer"],
  ["5", "rule 7: prefer temporary addresses, unless told otherwise", "rule 7: prefer"],
  ["6", "rule 1: avoid destinations that cannot be used", "rule 1: avoid"],
  ["6", "rule 2: prefer matching scopes", "rule 2: prefer"],
  ["6", "rule 3: avoid deprecated sources", "rule 3: avoid"],
  ["6", "rules 4 and 7: prefer home addresses, and what is not encapsulated", "rules 4 and 7"],
  ["6", "rule 5: prefer matching labels", "rule 5: prefer"],
  ["6", "rule 6: prefer the higher precedence", "rule 6: prefer"],
  ["6", "rule 8: prefer the smaller scope", "rule 8: prefer"],
  ["6", "rule 9: prefer the longest matching prefix", "rule 9: prefer"],
]);

/** The rules of RFC 4191. */
export const RFC4191: readonly Requirement[] = catalogue(4191, [
  [
    "2.2",
    "the reserved preference of a router means medium",
    "the reserved preference of a router",
  ],
  ["2.2", "without a lifetime the preference is sent as medium", "without a lifetime"],
  ["2.3", "a route with the reserved preference is ignored", "a route with the reserved"],
  ["3.1", "a route to ::/0 takes the place of what the header says", "::/0 says of the router"],
]);
