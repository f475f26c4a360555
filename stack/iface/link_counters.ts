/**
 * The groups of counters that links have, for `Statistics`.
 *
 * @module
 */

import { GroupCounter } from "../group/counters.ts";
import { RouteCounter } from "../route/counters.ts";
import type { Counters } from "../statistics.ts";
import type { Fault } from "../wire/fault.ts";
import { ArpCounter, LinkCounter, NdpCounter, NeighbourCounter } from "./counters.ts";

/** The names of all counters of links, by group. */
export const LINK_COUNTERS = {
  link: LinkCounter,
  arp: ArpCounter,
  ndp: NdpCounter,
  ipv4Neighbours: NeighbourCounter,
  ipv6Neighbours: NeighbourCounter,
  route: RouteCounter,
  igmp: GroupCounter,
  mld: GroupCounter,
} as const;

/** The counters of links. */
export type LinkCounters =
  & { readonly [Group in keyof typeof LINK_COUNTERS]: Counters<typeof LINK_COUNTERS[Group]> }
  & {
    /** What was wrong with malformed messages. */
    readonly faults: Counters<typeof Fault>;
  };
