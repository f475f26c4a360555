/**
 * Every catalogue of rules.
 *
 * @module
 */

import type { Requirement } from "./requirement.ts";
import { RFC9293 } from "./rfc9293.ts";
import * as congestion from "./rules/congestion.ts";
import * as groups from "./rules/groups.ts";
import * as headers from "./rules/headers.ts";
import * as hosts from "./rules/hosts.ts";
import * as neighbours from "./rules/neighbours.ts";
import * as pathMtu from "./rules/path_mtu.ts";
import * as extensions from "./rules/tcp_extensions.ts";
import * as udp from "./rules/udp.ts";

const MODULES: readonly Record<string, readonly Requirement[]>[] = [
  congestion,
  groups,
  headers,
  hosts,
  neighbours,
  pathMtu,
  extensions,
  udp,
];

/** All rules. */
export const REQUIREMENTS: readonly Requirement[] = [
  ...RFC9293,
  ...MODULES.flatMap((each) => Object.values(each).flat()),
];

/** What each RFC is about. */
export const SUBJECTS: Readonly<Record<number, string>> = {
  768: "UDP",
  791: "IPv4",
  826: "ARP",
  1112: "groups of IPv4",
  1122: "hosts",
  1191: "path MTU discovery, IPv4",
  1812: "routers",
  2018: "SACK",
  2236: "IGMPv2",
  2644: "directed broadcasts",
  2710: "MLDv1",
  2883: "D-SACK",
  3168: "ECN",
  3376: "IGMPv3",
  3542: "raw sockets of IPv6",
  3810: "MLDv2",
  3927: "link-local addresses of IPv4",
  4015: "the Eifel response",
  4191: "preferences of routers",
  4291: "addresses of IPv6",
  4443: "ICMPv6",
  4821: "path MTU discovery by packetization layers",
  4861: "neighbour discovery",
  4862: "stateless autoconfiguration",
  4987: "floods of SYNs",
  5227: "conflicts of addresses of IPv4",
  5482: "the user timeout option",
  5681: "congestion control",
  5682: "F-RTO",
  5722: "overlapping fragments",
  5942: "prefixes of the link",
  5961: "blind attacks",
  6056: "ephemeral ports",
  6093: "urgent data",
  6191: "TIME-WAIT and timestamps",
  6298: "the retransmission timer",
  6437: "flow labels",
  6528: "initial sequence numbers",
  6582: "NewReno",
  6633: "source quench",
  6675: "recovery with SACK",
  6724: "choice of addresses",
  6864: "identifications of IPv4",
  6928: "the initial window",
  6937: "proportional rate reduction",
  7112: "header chains",
  7126: "options of IPv4",
  7217: "stable identifiers",
  7323: "window scale and timestamps",
  7413: "Fast Open",
  7527: "looped back solicitations",
  7559: "solicitations of routers",
  8106: "name servers",
  8200: "IPv6",
  8201: "path MTU discovery, IPv6",
  8899: "path MTU discovery for datagrams",
  8981: "temporary addresses",
  8985: "RACK-TLP",
  9293: "TCP",
  9406: "HyStart++",
  9438: "CUBIC",
  9768: "accurate ECN",
};
