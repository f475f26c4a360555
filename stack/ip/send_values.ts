/**
 * What follows for a packet from what its sender says, and from its path.
 *
 * @module
 */

import * as ipv6 from "../wire/ipv6.ts";
import { type CachedPath, PathKind } from "./destinations.ts";
import type { IpParameters } from "./types.ts";

/** The longest packet that goes whole: less than the path takes where its sender says so. */
export function mtuOf(path: CachedPath, { fragmentation, mtu = 0 }: IpParameters): number {
  const most = fragmentation === "probe" ? path.linkMtu : path.mtu;
  return mtu > 0 && mtu < most ? mtu : most;
}

/** The hops of a packet. */
export function hopsOf(asked: number, kind: PathKind, usual: number): number {
  // RFC 1122 section 3.2.1.7 (MUST): nothing is sent with a time to live of zero; to a group that
  // means members in this very host.
  if (asked > 0) return asked;
  // RFC 1112 section 6.1: packets for groups have a time to live of 1 if nothing else is asked for.
  if (kind === PathKind.GROUP) return asked < 0 ? 0 : 1;
  return usual;
}

/** The byte, from the packet's start, that names what follows the first headers. */
export function nextHeaderBefore(view: DataView, at: number, headersBytes: number): number {
  let namedAt: number = ipv6.NEXT_HEADER_AT;
  for (let next: number = ipv6.HEADER_BYTES; next < headersBytes;) {
    namedAt = next;
    next += (view.getUint8(at + next + 1) + 1) << 3;
  }
  return namedAt;
}
