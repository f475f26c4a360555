/**
 * What RFC 1122 requires of hosts: sections 3.1 to 3.4 on IP and 4.1 on UDP. What it says of TCP is
 * in RFC 9293, of ARP in RFC 826.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

const SOURCE_ROUTES =
  "excepted: source routes lead past filters, and everybody drops them (RFC 7126 section 4.3)";

/** The rules. */
export const RFC1122: readonly Requirement[] = catalogue(1122, [
  ["3.1", "a host forwards nothing unless it is told to", "forwards nothing unless it is told to"],
  [
    "3.2.1.1",
    "a datagram of another version is discarded in silence",
    "a datagram of another version",
  ],
  [
    "3.2.1.2",
    "the header's checksum is verified, and what is wrong discarded in silence",
    "the checksum of every datagram",
  ],
  [
    "3.2.1.3",
    "the source of what is sent is an address of this host",
    "4.1.3.6: the source is an address of this host",
  ],
  [
    "3.2.1.3",
    "what is for somebody else is discarded in silence",
    "a host silently discards what is not for it",
  ],
  [
    "3.2.1.3",
    "so is what has a source that nobody can have",
    "(a) 0.0.0.0 is a source",
    "from loopback, or from network 0",
  ],
  [
    "3.2.1.3",
    "addresses of the loopback network do not leave the host",
    "the loopback network is nowhere",
    "stays here",
  ],
  ["3.2.1.3", "a host's networks are divided by masks", "3.3.1.2: the longest prefix decides"],
  ["3.2.1.4", "fragments are put together", "fragments are put together"],
  ["3.2.1.6", "transports set the type of service", "4.1.4: the type of service"],
  ["3.2.1.7", "nothing is sent with a time to live of zero", "nothing is sent with"],
  [
    "3.2.1.7",
    "what arrives with a time to live below two is not discarded for that",
    "what is ours is not discarded",
  ],
  ["3.2.1.7", "transports set the time to live", "4.1.4: the time to live"],
  ["3.2.1.7", "the time to live of those that do not is a setting", "has that of the settings"],
  ["3.2.1.8", "transports can send options", "4.1.3.2: programs can give options"],
  [
    "3.2.1.8",
    "transports are given the options that arrive",
    "4.1.3.2: they are not shown the options",
  ],
  [
    "3.2.1.8",
    "options that are not known are ignored in silence",
    "options that are not known are ignored",
  ],
  ["3.2.1.8", "(c) source routes can be originated and ended, with one to return", SOURCE_ROUTES],
  [
    "3.2.2",
    "messages of ICMP of an unknown type are discarded in silence",
    "messages of unknown types",
  ],
  ["3.2.2", "what an error quotes is as it was received", "1812 4.3.2.3: as much of the packet"],
  [
    "3.2.2",
    "errors are passed to the transport that they are about",
    "3.2.2.4: the transport layer is told",
  ],
  ["3.2.2", "no error is about an error", "not about an ICMP error message"],
  ["3.2.2", "nor about what was for everybody or for a group", "to a group", "to everybody"],
  ["3.2.2", "nor about what came as a broadcast of the link", "sent as a link-layer broadcast"],
  ["3.2.2", "nor about a fragment that is not the first", "not about a non-initial fragment"],
  [
    "3.2.2",
    "nor about what has a source that is no single host",
    "whose source is not a single host",
  ],
  [
    "3.2.2.1",
    "that something is unreachable is passed to the transport",
    "that something cannot be reached",
  ],
  [
    "3.2.2.1",
    "networks and hosts that are unreachable are a hint, no proof",
    "4.2.3.9: networks and hosts that cannot be reached",
  ],
  [
    "3.2.2.2",
    "a redirect changes the route, whether it is for a host or a network",
    "a redirect changes the route",
  ],
  ["3.2.2.3", "source quench is passed on", "excepted: RFC 6633 section 3 says that it is ignored"],
  [
    "3.2.2.4",
    "that the time was exceeded is passed to the transport",
    "the transport layer is told",
  ],
  ["3.2.2.5", "parameter problems are passed to the transport", "3.2.2.5: the same"],
  ["3.2.2.6", "echoes are answered", "data that came with the echo"],
  ["3.2.2.6", "from the address that they were for", "from the address that it was sent to"],
  ["3.2.2.6", "with the same data", "data that came with the echo"],
  ["3.2.2.6", "answers are passed to who asked", "replies go to whoever asked"],
  ["3.2.2.6", "an echo's source route is reversed for the answer", SOURCE_ROUTES],
  [
    "3.2.2.8",
    "where timestamps are answered, then by milliseconds of the day in universal time",
    "milliseconds of the day",
  ],
  [
    "3.2.2.9",
    "a host that is not to does not tell masks",
    "excepted: there is nothing to obey: requests for masks are messages of an unknown type (RFC 6918)",
  ],
  ["3.3.1.1", "masks decide what is on the link", "a first hop is a neighbour"],
  ["3.3.1.1", "a host works without any router", "one of the link always is"],
  [
    "3.3.1.2",
    "next hops are remembered; what is not known goes to a default one",
    "the longest prefix",
  ],
  ["3.3.1.2", "there may be several default routers", "3.3.1.4: of several first hops"],
  ["3.3.1.4", "a first hop that has failed is noticed", "3.3.1.4: one that does not answer"],
  [
    "3.3.1.4",
    "routers are not asked all the time whether they are there, but when something is sent to them and nothing else tells",
    "4861 7.3.3: the first packet to a stale entry",
  ],
  ["3.3.1.4", "another default router takes over", "of several first hops"],
  ["3.3.2", "what makes 576 octets is put together", "at least 576"],
  ["3.3.2", "transports learn how long a datagram may be", "9293 3.7.1: what can be received"],
  ["3.3.2", "who sent what was not complete in time is told", "who sent it is told"],
  [
    "3.3.3",
    "transports learn how much a datagram to a destination may have",
    "9293 3.7.1: not more than the peer takes",
  ],
  ["3.3.3", "nothing longer is sent", "nothing longer than the path"],
  ["3.3.4.2", "programs can choose the local address", "4.1.3.5: programs may name"],
  [
    "3.3.5",
    "source-routed datagrams are not passed on unless that is turned on",
    "7126 4.3: packets with source routes are dropped",
  ],
  ["3.3.6", "a broadcast address is no source", "3.2.1.3: a source is an address of one host"],
  ["3.3.6", "all forms of broadcast addresses are recognized", "all forms of broadcast"],
  [
    "3.3.6",
    "what is sent as a broadcast of the link is for everybody or a group",
    "2.3.2: the limited broadcast",
  ],
  ["3.4", "transports have all of IP's mechanisms, and learn the interface", "4.1.4: programs set"],
  ["4.1.3.2", "programs get the options of IP that arrive", "they are not shown the options"],
  ["4.1.3.2", "programs can give options, which are passed on", "programs can give options"],
  ["4.1.3.3", "errors of ICMP are passed to the program", "errors are passed to whoever sent"],
  ["4.1.3.4", "checksums are generated and checked", "a host generates checksums"],
  ["4.1.3.4", "a wrong one discards in silence", "a wrong checksum discards"],
  ["4.1.3.4", "checksums are the default", "a host generates checksums"],
  ["4.1.3.5", "programs learn the address that a datagram was for", "programs learn which"],
  ["4.1.3.5", "programs can name the local address, or leave it open", "programs may name"],
  [
    "4.1.3.6",
    "what has an invalid source is discarded in silence",
    "3.2.1.3: (a) 0.0.0.0 is a source",
  ],
  [
    "4.1.3.6",
    "only an address of this host is sent as source",
    "the source is an address of this host",
  ],
  [
    "4.1.4",
    "programs set time to live, type of service and options",
    "programs set the time to live",
  ],
  [
    "2.3.2.1",
    "entries of ARP that are out of date are not used",
    "4861 7.3.3: after ReachableTime",
  ],
  ["2.3.2.1", "floods of requests of ARP are prevented", "floods of requests"],
  ["2.3.3", "datagrams are sent and received in frames of Ethernet", "in frames of Ethernet"],
  ["2.4", "IP is told what came as a broadcast of the link", "3.3.6: as a link-layer broadcast"],
]);
