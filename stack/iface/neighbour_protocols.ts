/**
 * Puts ARP, neighbour discovery, their caches, and the detection of conflicts together.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { AddressConflicts } from "./address_conflicts.ts";
import type { Addresses } from "./address_table.ts";
import { ArpProtocol } from "./arp_protocol.ts";
import { DuplicateDetection } from "./duplicate_detection.ts";
import type { StackEvents } from "./events.ts";
import type { LinkCounters } from "./link_counters.ts";
import type { LinkHooks } from "./link_hooks.ts";
import type { LinkInterface } from "./link_interface.ts";
import { NdpProtocol } from "./ndp_protocol.ts";
import { NeighbourCache } from "./neighbour_cache.ts";
import type { NeighbourWatcher } from "./neighbour_states.ts";
import type { LinkOptions } from "./options.ts";

/** What they are made of. */
export interface NeighbourProtocolsParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly addresses: Addresses;
  readonly counters: LinkCounters;
  readonly events: StackEvents;
  /** Its entries for ARP and neighbours are set here. */
  readonly hooks: LinkHooks;
  readonly watcher: NeighbourWatcher;
  readonly interfaceOf: (index: number) => LinkInterface | undefined;
  /** DupAddrDetectTransmits. */
  readonly transmits: number;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** What is made. */
export interface NeighbourProtocols {
  readonly arp: ArpProtocol;
  readonly ndp: NdpProtocol;
  readonly ipv4Neighbours: NeighbourCache;
  readonly ipv6Neighbours: NeighbourCache;
  readonly conflicts: AddressConflicts;
  readonly detection: DuplicateDetection;
}

/** Makes them, and tells each of the others. */
export function makeNeighbourProtocols(parts: NeighbourProtocolsParts): NeighbourProtocols {
  const { environment, options, addresses, counters, events, hooks, transmits, shard } = parts;
  const common = { environment, options, addresses, events, shard };
  const conflicts = new AddressConflicts({ ...common, counters: counters.arp });
  const { faults } = counters;
  const arp = new ArpProtocol({ ...common, counters: counters.arp, faults, conflicts });
  const ndp = new NdpProtocol({ ...common, counters: counters.ndp, faults });
  const cache = { ...common, hooks, watcher: parts.watcher, interfaceOf: parts.interfaceOf };
  const ipv4Neighbours = new NeighbourCache({
    ...{ ...cache, family: 4, counters: counters.ipv4Neighbours, solicitor: arp },
  });
  const ipv6Neighbours = new NeighbourCache({
    ...{ ...cache, family: 6, counters: counters.ipv6Neighbours, solicitor: ndp },
  });
  const { times } = ipv6Neighbours;
  const detection = new DuplicateDetection({
    ...{ ...common, counters: counters.ndp, times, transmits },
  });
  arp.neighbours = ipv4Neighbours;
  ndp.neighbours = ipv6Neighbours;
  ndp.detection = detection;
  hooks.arp = arp;
  hooks.ipv4Neighbours = ipv4Neighbours;
  hooks.ipv6Neighbours = ipv6Neighbours;
  return { arp, ndp, ipv4Neighbours, ipv6Neighbours, conflicts, detection };
}
