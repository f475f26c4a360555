/**
 * Headers that programs write themselves: where a packet goes is what its header says, whatever
 * address it is sent to, and so the header is judged, too.
 *
 * @module
 */

import { type IpPacket, readIPv4Header } from "./ip_header.ts";
import { canonicalize, SocketAddress } from "../../ring/abi/address.ts";
import type { Authority, Denial } from "../../ring/authority/mod.ts";

/** IPv4 options that name further destinations (RFC 791, section 3.1). */
const SOURCE_ROUTES: readonly number[] = [131, 137];
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;

/**
 * Judges the header that data begins with.
 *
 * @param bytes nobody else may change them before they are sent
 * @returns what is missing to send it, null when nothing is
 * @throws {TypeError} when it does not begin with a header of IPv4, or has a source route
 */
export function judgeHeader(bytes: Uint8Array, authority: Authority): Denial | null {
  const header = readIPv4Header(bytes);
  if (header === undefined) {
    throw new TypeError("send: with headerIncluded the data must begin with a header of IPv4");
  }
  if (hasSourceRoute(header)) {
    throw new TypeError("send: the header has a source route, which no rule can judge");
  }
  const to = canonicalize(SocketAddress.ipv4(header.destination, 0), "destination");
  const denial = authority.check("raw", "connect", to);
  if (denial !== null) return denial;
  const from = SocketAddress.ipv4(header.source, 0);
  // The system fills in its own.
  if (from.isUnspecified) return null;
  return authority.check("raw", "listen", canonicalize(from, "listen"));
}

function hasSourceRoute({ options }: IpPacket): boolean {
  for (let at = 0; at < options.length;) {
    const type = options[at];
    if (type === END_OF_OPTIONS) return false;
    if (SOURCE_ROUTES.includes(type)) return true;
    // An option without end would hide what is behind it.
    at += type === NO_OPERATION ? 1 : Math.max(1, options[at + 1] ?? 1);
  }
  return false;
}
