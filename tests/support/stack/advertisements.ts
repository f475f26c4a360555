/**
 * Router advertisements for tests.
 *
 * @module
 */

import { IPV6_ALL_NODES, type Ipv6Address, ipv6Of } from "../../../stack/wire/addresses.ts";
import type { NdpMessage } from "../../../stack/wire/ndp.ts";
import { INFINITE_LIFETIME, type NdpOption } from "../../../stack/wire/ndp_options.ts";
import { PEER_MAC } from "./links.ts";
import { ndpFrame } from "./messages.ts";

/** The router that advertises. */
export const ROUTER: Ipv6Address = ipv6Of("fe80::2");
/** The prefix that it advertises. */
export const PREFIX: Ipv6Address = ipv6Of("2001:db8:1::");

/** What an advertisement says. */
export interface Said {
  readonly router?: Ipv6Address;
  readonly mac?: number;
  readonly lifetime?: number;
  readonly preference?: number;
  readonly hopLimit?: number;
  readonly reachableTime?: number;
  readonly retransmitTimer?: number;
  readonly options?: readonly NdpOption[];
}

/** A frame with an advertisement. */
export function advertisement(said: Said = {}): Uint8Array {
  const { router = ROUTER, mac = PEER_MAC, options = [] } = said;
  const message: NdpMessage = {
    message: "router-advertisement",
    hopLimit: said.hopLimit ?? 0,
    ...{ isManaged: false, hasOtherConfiguration: false },
    preference: said.preference ?? 0,
    routerLifetime: said.lifetime ?? 1800,
    reachableTime: said.reachableTime ?? 0,
    retransmitTimer: said.retransmitTimer ?? 0,
    options: [{ option: "source-link-layer", address: mac }, ...options],
  };
  return ndpFrame(router, IPV6_ALL_NODES, message, { mac });
}

/** An option with a prefix. */
export function prefixOption(
  said: Partial<Extract<NdpOption, { option: "prefix-information" }>> = {},
): NdpOption {
  return {
    ...{ option: "prefix-information", prefix: PREFIX, prefixLength: 64 },
    ...{ isOnLink: true, isAutonomous: true },
    ...{ validLifetime: INFINITE_LIFETIME, preferredLifetime: INFINITE_LIFETIME },
    ...said,
  };
}
