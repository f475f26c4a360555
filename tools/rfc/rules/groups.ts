/**
 * What the RFCs on ICMPv6 and on groups require.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules of RFC 4443. */
export const RFC4443: readonly Requirement[] = catalogue(4443, [
  [
    "2.2",
    "the source is the address that the packet was for, if that is one of ours; else a route chooses it",
    "(a) the source is the address",
  ],
  ["2.3", "the checksum covers the pseudo header, and is verified", "the checksum"],
  [
    "2.4",
    "(a) errors of unknown types are passed to the upper layer",
    "(a) errors of unknown types",
  ],
  ["2.4", "(b) other messages of unknown types are discarded in silence", "(b) "],
  ["2.4", "(c) an error quotes as much as fits into the least MTU", "(c) as much as fits"],
  [
    "2.4",
    "(d) whom an error concerns is found by what it quotes, or it is dropped in silence",
    "(d) ",
  ],
  ["2.4", "(e.1, e.2) no error is about an error or a redirect", "(e.1), (e.2)"],
  ["2.4", "(e.3) nor about what is for a group, but for two exceptions", "(e.3)"],
  ["2.4", "(e.4, e.5) nor about what came to many on the link", "(e.4), (e.5)"],
  ["2.4", "(e.6) nor about a source that is no single node", "(e.6)"],
  ["2.4", "(f) the rate of errors is limited", "(f) the rate"],
  [
    "3.1",
    "no error says that a packet was lost to congestion",
    "excepted: there is nothing to obey: what finds no room is dropped and counted, and no error is sent about it",
  ],
  [
    "3.1",
    "upper layers are told what cannot be reached",
    "2.4: (a) errors of unknown types go to the upper layer",
  ],
  ["3.2", "routers tell who sent what is too big for the next link", "routers take nothing apart"],
  ["3.3", "what has no hops left is discarded, and its sender told", "its sender is told"],
  ["3.4", "a problem of a header is told with its place", "8200 4.2: an unknown option whose"],
  ["4.2", "every node answers echoes, with the same data", "entirely, and as they were"],
  [
    "4.2",
    "from the address that they were for",
    "4.2: the same",
    "1122 3.2.2.6: from the address that it was sent to",
  ],
  ["4.2", "answers are passed to whoever asked", "1122 3.2.2.6: replies go to whoever asked"],
]);

/** The rules of RFC 3376 for hosts. */
export const RFC3376: readonly Requirement[] = catalogue(3376, [
  ["3.1", "to include nothing is to leave", "to include nothing"],
  ["3.2", "an interface's filter is made of those of its sockets", "with any EXCLUDE"],
  ["4", "messages have a TTL of 1 and a router alert", "a TTL of 1 and a router alert"],
  ["4", "messages of unknown types are ignored in silence", "messages of unknown types"],
  ["4.1.12", "queries to one of our addresses are processed, too", "queries for every group"],
  ["4.2.14", "reports of version 3 go to 224.0.0.22", "224.0.0.22"],
  [
    "4.2.16",
    "what finds no room is told in more reports, but for what is excluded",
    "what is excluded is one record",
  ],
  ["5", "224.0.0.1 is never reported", "never reported"],
  [
    "5.1",
    "changes are told at once, and again after random times",
    "a change is told at once",
    "the repetitions are random",
  ],
  ["5.1", "a change during repetitions is merged with them", "a change of mode is told"],
  ["5.2", "answers wait for a random time", "answers wait"],
  [
    "5.2",
    "rules 1 to 5 say which answers one query more makes",
    "rule 1:",
    "rule 2:",
    "rule 4:",
    "rule 5:",
  ],
  ["5.2", "an answer tells of the sources that were asked for, those that pass", "those that pass"],
  [
    "7.2.1",
    "with an older querier its version is spoken",
    "an older querier is told",
    "the oldest version",
  ],
  ["7.2.1", "a change of version forgets what was to be told", "all that was to be told"],
  [
    "8.12",
    "an older querier counts as present for the time that the RFC names",
    "so long an older querier",
  ],
  [
    "4.1.2",
    "the checksum is verified before a message is looked at",
    "nothing is looked at whose checksum",
  ],
]);

/** The rules of RFC 3810 for listeners. */
export const RFC3810: readonly Requirement[] = catalogue(3810, [
  [
    "5",
    "messages have a hop limit of 1 and a router alert in a hop-by-hop header",
    "with a router alert",
  ],
  [
    "5.1.14",
    "queries without an address of the link, or without these, are dropped in silence",
    "without an address of the link",
  ],
  ["5.1.15", "queries to one of our addresses are processed, too", "queries for every group"],
  [
    "5.2.13",
    "reports come from an address of the link, or :: while there is none",
    "from an address of the link, or ::",
  ],
  ["5.2.14", "reports of version 2 go to ff02::16", "ff02::16"],
  ["6", "neither ff02::1 nor groups of scope 0 or 1 are reported", "neither ff02::1"],
  ["6.1", "changes are told at once, and again", "6.1: the same for MLD"],
  ["6.2", "answers wait for a random time", "3376 5.2: answers wait"],
  ["8.2.1", "with an older querier its version is spoken", "3376 7.2.1: the oldest version"],
  ["5", "messages of types that are not known are ignored", "4443 2.4: (b) messages of unknown"],
]);
