/**
 * Segments from too far away: `IP_MINTTL`, `IPV6_MINHOPCOUNT`, and RFC 5082, which they serve. Who
 * is next to us and sends with 255 hops cannot be feigned from farther away: each router takes one
 * of them.
 *
 * @module
 */

import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";
import type { Configuration } from "./configuration.ts";

/**
 * Whether a segment has fewer hops left than a socket asks for. RFC 5082 section 3: it is none of
 * the session's then, and not answered.
 *
 * @param memory where its header is
 * @param at where that begins; of an error, that of the segment that it quotes, as Linux sees it
 */
export function isTooFar(
  memory: PacketBytes,
  at: number,
  configuration: Configuration | null,
): boolean {
  if (configuration === null) return false;
  // As on Linux: what is of IPv4 is judged by IP_MINTTL, whichever kind of socket it is for.
  return memory.view.getUint8(at) >> 4 === 4
    ? ipv4.timeToLive(memory, at) < configuration.minimumTimeToLive
    : ipv6.hopLimit(memory, at) < configuration.minimumHops;
}
