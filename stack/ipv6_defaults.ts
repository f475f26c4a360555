/**
 * What a program says once of all datagrams of IPv6 that a socket sends: ipv6(7), `IPV6_MTU`, and
 * RFC 3542 section 6, `IPV6_PKTINFO`. Few do, so sockets that say nothing share one object.
 *
 * @module
 */

import { Errno } from "../ring/abi/errno.ts";
import { SockOpt } from "../ring/abi/opcodes.ts";
import { isAny } from "./ip/addresses.ts";
import { Ipv6Name } from "./option_names.ts";
import { INT_BYTES, intOf } from "./option_values.ts";
import type { Ipv6Address } from "./wire/addresses.ts";
import { MIN_MTU } from "./wire/ipv6.ts";

/** Bytes of a `struct in6_pktinfo`: an address, and the index of an interface. */
export const PACKET_INFO_BYTES = 20;
const PACKET_INFO_INTERFACE = 16;

/** What holds for all datagrams of IPv6 of a socket. */
export interface Ipv6Defaults {
  /** The longest packet to go whole; 0 for what the path takes. */
  readonly mtu: number;
  /** Their source; null for the one that the socket, or a route, has for them. */
  readonly source: Ipv6Address | null;
  /** The interface that they leave by; 0 for the one that the socket, or a route, has for them. */
  readonly interface: number;
}

/** Of sockets that were told nothing. */
export const NO_IPV6_DEFAULTS: Ipv6Defaults = { mtu: 0, source: null, interface: 0 };

/** Whether an option of `IPPROTO_IPV6` sets any of it. */
export function isIpv6Default(name: number): boolean {
  return name === Ipv6Name.MTU || name === SockOpt.IPV6_PKTINFO;
}

/**
 * What holds once such an option is set.
 *
 * @param value as setsockopt(2) takes it
 * @param device the interface that the socket is bound to, 0 for none
 * @returns that, or `-errno`
 */
export function changedDefaults(
  before: Ipv6Defaults,
  name: number,
  value: Uint8Array,
  device: number,
): Ipv6Defaults | number {
  if (name === Ipv6Name.MTU) {
    const mtu = value.length < INT_BYTES ? -1 : intOf(value);
    // RFC 8200 section 5: every link takes so much.
    return mtu !== 0 && mtu < MIN_MTU ? -Errno.EINVAL : { ...before, mtu };
  }
  if (value.length < PACKET_INFO_BYTES) return -Errno.EINVAL;
  const index = intOf(value, PACKET_INFO_INTERFACE);
  if (device !== 0 && index !== device) return -Errno.EINVAL;
  const source = addressOf(value);
  // RFC 3542 section 6: nothing of either takes back what was set before.
  return { ...before, source: isAny(source) ? null : source, interface: index };
}

function addressOf({ buffer, byteOffset }: Uint8Array): Ipv6Address {
  const view = new DataView(buffer, byteOffset);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}
