/**
 * What happens on links that somebody outside may want to know: the control API passes it on to
 * those who subscribed.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import type { Ipv6Address, MacAddress } from "../wire/addresses.ts";
import type { AddressState } from "./types.ts";

/** Something that happened. */
export type StackEvent =
  | { readonly event: "link-up" | "link-down"; readonly interface: number }
  | { readonly event: "interface-added" | "interface-removed"; readonly interface: number }
  | {
    readonly event: "address-added" | "address-removed" | "address-changed";
    readonly interface: number;
    readonly address: IpAddress;
    readonly prefixLength: number;
    readonly state: AddressState;
  }
  | {
    /** Somebody else has an address of ours, or asks for it. */
    readonly event: "address-duplicated";
    readonly interface: number;
    readonly address: IpAddress;
    /** Who has it, 0 where that is not known. */
    readonly mac: MacAddress;
  }
  | {
    readonly event: "neighbour-changed";
    readonly interface: number;
    readonly address: IpAddress;
    /** The name of its state, as RFC 4861 section 7.3.2 has it; `NONE` once it is forgotten. */
    readonly state: string;
    readonly mac: MacAddress;
  }
  | {
    readonly event: "router-added" | "router-removed";
    readonly interface: number;
    readonly router: Ipv6Address;
  }
  | {
    readonly event: "dns-servers-changed";
    readonly interface: number;
    readonly servers: readonly Ipv6Address[];
  }
  | { readonly event: "route-added" | "route-removed"; readonly interface: number };

/** Is told of what happens. */
export interface StackEvents {
  /** Takes an event; it is called within a step and must not call back. */
  onEvent(event: StackEvent): void;
}

/** Tells nobody. */
export const NO_EVENTS: StackEvents = { onEvent(): void {} };
