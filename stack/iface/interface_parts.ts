/**
 * What an interface is, what it is made of, and what it did.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Counters } from "../statistics.ts";
import type { MacAddress } from "../wire/addresses.ts";
import type { Fault } from "../wire/fault.ts";
import type { LinkCounter } from "./counters.ts";
import type { LinkHooks } from "./link_hooks.ts";
import type { TopologyChanges } from "./topology.ts";
import type { InterfaceKind, PortOffload } from "./types.ts";

/** What an interface is. */
export interface InterfaceDescription {
  readonly index: number;
  readonly name: string;
  readonly kind: InterfaceKind;
  readonly mac: MacAddress;
  readonly mtu: number;
  readonly offload: PortOffload;
  /** Whether short frames are filled up to 60 bytes here. */
  readonly padsFrames: boolean;
  /** Whether frames for other stations are taken. */
  readonly isPromiscuous: boolean;
  readonly isForwarding: boolean;
  /** Groups that its filter tells apart. */
  readonly macGroups: number;
}

/** What an interface is made of. */
export interface InterfaceParts {
  readonly environment: Environment;
  readonly counters: Counters<typeof LinkCounter>;
  readonly faults: Counters<typeof Fault>;
  readonly hooks: LinkHooks;
  readonly changes: TopologyChanges;
}

/** What an interface did so far. */
export interface InterfaceStatistics {
  readonly received: number;
  readonly receivedBytes: number;
  readonly sent: number;
  readonly sentBytes: number;
  readonly receivedDropped: number;
  readonly sentDropped: number;
}
