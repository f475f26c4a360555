/**
 * Which of our addresses a packet is from: RFC 6724 section 5 for IPv6, and what RFC 1122 section
 * 3.3.4.3 asks for IPv4, in the same terms.
 *
 * @module
 */

import type { InterfaceAddress } from "../iface/address_table.ts";
import { commonBits, isInPrefix } from "../iface/ip_address.ts";
import { type AddressPreference, AddressState } from "../iface/types.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { isIpv6Multicast, isSameIpv6 } from "../wire/addresses.ts";
import { DEFAULT_POLICIES, type Policy, policyOf, Scope, scopeOf } from "./policy_table.ts";

/** What a source is chosen for. */
export interface SourceQuery {
  readonly destination: IpAddress;
  /** The interface that packets leave by. */
  readonly interfaceIndex: number;
  /** Where they go first, null where that is the destination. */
  readonly nextHop: IpAddress | null;
  readonly preference: AddressPreference;
  /** Instead of {@linkcode DEFAULT_POLICIES}. */
  readonly policies?: readonly Policy[];
}

/**
 * Chooses a source.
 *
 * @param addresses all addresses, of both families and in any state
 * @returns the best of them, or null when none may be used
 */
export function selectSource(
  addresses: readonly InterfaceAddress[],
  query: SourceQuery,
): IpAddress | null {
  let best: InterfaceAddress | null = null;
  for (const candidate of addresses) {
    if (!isCandidate(candidate, query)) continue;
    if (best === null || isBetter(candidate, best, query)) best = candidate;
  }
  return best?.address ?? null;
}

function isCandidate(candidate: InterfaceAddress, query: SourceQuery): boolean {
  const { state, address } = candidate;
  if (typeof address !== typeof query.destination) return false;
  // RFC 4862 section 5.4 (MUST): a tentative address, or one that somebody else has, is no source.
  if (state !== AddressState.PREFERRED && state !== AddressState.DEPRECATED) return false;
  if (candidate.interface === query.interfaceIndex) return true;
  // RFC 6724 section 4 (MUST): for destinations of the link, and groups, the candidates are those
  // of the outgoing interface.
  if (isForOneLink(query.destination)) return false;
  return scopeOf(address) > Scope.LINK;
}

function isForOneLink(destination: IpAddress): boolean {
  if (typeof destination !== "number" && isIpv6Multicast(destination)) return true;
  return scopeOf(destination) <= Scope.LINK;
}

/** Whether the rules prefer one candidate to another, which comes before it in the list. */
function isBetter(one: InterfaceAddress, other: InterfaceAddress, query: SourceQuery): boolean {
  const { destination } = query;
  // RFC 6724 section 5 (MUST): rule 1: prefer the destination itself.
  if (isSame(one.address, destination)) return true;
  if (isSame(other.address, destination)) return false;
  // RFC 6724 section 5 (MUST): rule 2: prefer the smallest scope that suffices, else the largest.
  const scope = scopeOf(destination);
  const scopeOne = scopeOf(one.address);
  const scopeOther = scopeOf(other.address);
  if (scopeOne < scopeOther) return scopeOne >= scope;
  if (scopeOther < scopeOne) return scopeOther < scope;
  // RFC 6724 section 5 (MUST): rule 3: avoid deprecated addresses.
  if (one.state !== other.state) return one.state === AddressState.PREFERRED;
  // RFC 6724 section 5 (MUST) excepted: rule 4: no address is a home address without Mobile IPv6.
  // RFC 6724 section 5 (MUST): rule 5: prefer addresses of the outgoing interface.
  const isOneThere = one.interface === query.interfaceIndex;
  const isOtherThere = other.interface === query.interfaceIndex;
  if (isOneThere !== isOtherThere) return isOneThere;
  const ruling = preferByRouter(one, other, query) || preferByLabel(one, other, query) ||
    preferByLifetime(one, other, query);
  if (ruling !== 0) return ruling > 0;
  return isCloser(one, other, query);
}

/** Rule 5.5: prefer prefixes that the next hop advertises. */
function preferByRouter(
  one: InterfaceAddress,
  other: InterfaceAddress,
  { nextHop }: SourceQuery,
): number {
  if (nextHop === null || typeof nextHop === "number") return 0;
  const isOne = one.router !== null && isSameIpv6(one.router, nextHop);
  const isOther = other.router !== null && isSameIpv6(other.router, nextHop);
  // RFC 6724 section 5 (MAY): rule 5.5: prefer prefixes that the next hop advertises.
  return Number(isOne) - Number(isOther);
}

/** Rule 6: prefer the destination's label. */
function preferByLabel(
  one: InterfaceAddress,
  other: InterfaceAddress,
  { destination, policies = DEFAULT_POLICIES }: SourceQuery,
): number {
  const { label } = policyOf(destination, policies);
  const isOne = policyOf(one.address, policies).label === label;
  const isOther = policyOf(other.address, policies).label === label;
  // RFC 6724 section 5 (MUST): rule 6: prefer the destination's label.
  return Number(isOne) - Number(isOther);
}

/** Rule 7: prefer temporary addresses, or whatever was asked for. */
function preferByLifetime(
  one: InterfaceAddress,
  other: InterfaceAddress,
  { preference }: SourceQuery,
): number {
  const difference = Number(one.origin === "temporary") - Number(other.origin === "temporary");
  // RFC 6724 section 5 (SHOULD): rule 7: prefer temporary addresses, or whatever was asked for.
  return preference === "public" ? -difference : difference;
}

/** Rule 8: prefer the longest matching prefix. */
function isCloser(
  one: InterfaceAddress,
  other: InterfaceAddress,
  { destination, nextHop }: SourceQuery,
): boolean {
  if (typeof destination === "number") {
    // RFC 1122 section 3.3.4.3 (SHOULD): a source of the network that the first hop is in.
    const toward = nextHop ?? destination;
    const isOne = isInPrefix(toward, one.address, one.prefixLength);
    const isOther = isInPrefix(toward, other.address, other.prefixLength);
    if (isOne !== isOther) return isOne;
    return isOne && one.prefixLength > other.prefixLength;
  }
  // RFC 6724 section 2.2: bits behind the source's own prefix do not count.
  const bitsOne = Math.min(commonBits(one.address, destination), one.prefixLength);
  const bitsOther = Math.min(commonBits(other.address, destination), other.prefixLength);
  // RFC 6724 section 5 (MAY): rule 8: prefer the longest matching prefix.
  return bitsOne > bitsOther;
}
