/**
 * Segments from too far away: `IP_MINTTL`, `IPV6_MINHOPCOUNT`, and RFC 5082, which they serve. Who
 * is next to us and sends with 255 hops cannot be feigned from farther away: each router takes one
 * of them.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IcmpError } from "../ip/types.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { Configuration } from "./configuration.ts";

/**
 * Whether a segment has fewer hops left than a socket asks for. RFC 5082 section 3: it is none of
 * the session's then, and not answered.
 */
export function isTooFar(
  { arena: { memory }, packets }: Environment,
  packet: number,
  configuration: Configuration | null,
): boolean {
  if (configuration === null) return false;
  const at = packets.network[packet];
  // As on Linux: what is of IPv4 is judged by IP_MINTTL, whichever kind of socket it is for.
  return memory.view.getUint8(at) >> 4 === 4
    ? ipv4.timeToLive(memory, at) < configuration.minimumTimeToLive
    : ipv6.hopLimit(memory, at) < configuration.minimumHops;
}

/**
 * Whether an error comes from farther away than a socket asks for: as Linux sees it, by the hops
 * that were left to the segment that it quotes.
 */
export function isErrorTooFar(
  { quotedHops, flow }: IcmpError,
  configuration: Configuration | null,
): boolean {
  if (configuration === null || quotedHops === undefined) return false;
  const { minimumTimeToLive, minimumHops } = configuration;
  return quotedHops < (typeof flow.remote === "number" ? minimumTimeToLive : minimumHops);
}
