/**
 * Which of several addresses of a name is tried first: RFC 6724 section 6.
 *
 * @module
 */

import type { Addresses } from "../iface/address_table.ts";
import { commonBits } from "../iface/ip_address.ts";
import { AddressState } from "../iface/types.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Routes } from "./route_table.ts";
import { DEFAULT_POLICIES, type Policy, policyOf, scopeOf } from "./policy_table.ts";

/** What is known of the way to a destination. */
export interface DestinationCandidate {
  readonly destination: IpAddress;
  /** The source that would be used, null where there is no way. */
  readonly source: IpAddress | null;
  /** Bits of the source's own prefix. */
  readonly sourcePrefixLength: number;
  readonly isSourceDeprecated: boolean;
}

/**
 * Brings destinations into the order in which they should be tried.
 *
 * @returns the same destinations; equal ones keep their order
 */
export function orderDestinations(
  candidates: readonly DestinationCandidate[],
  policies: readonly Policy[] = DEFAULT_POLICIES,
): readonly IpAddress[] {
  // Rule 10: else the order is left as it is: the sort is stable.
  const sorted = [...candidates].sort((one, other) => compare(one, other, policies));
  return sorted.map(({ destination }) => destination);
}

/** Negative where the rules prefer the first. */
function compare(
  one: DestinationCandidate,
  other: DestinationCandidate,
  policies: readonly Policy[],
): number {
  // RFC 6724 section 6 (MUST): rule 1: avoid destinations without a way or a source.
  if ((one.source === null) !== (other.source === null)) return one.source === null ? 1 : -1;
  // RFC 6724 section 6 (MUST) excepted: rules 4 and 7: neither Mobile IPv6 nor encapsulation is
  // here.
  const scope = prefer(hasSameScope(one), hasSameScope(other));
  if (scope !== 0) return scope;
  // RFC 6724 section 6 (MUST): rule 3: avoid deprecated sources.
  const deprecated = prefer(!one.isSourceDeprecated, !other.isSourceDeprecated);
  if (deprecated !== 0) return deprecated;
  return prefer(hasSameLabel(one, policies), hasSameLabel(other, policies)) ||
    compareByPolicy(one, other, policies);
}

function compareByPolicy(
  one: DestinationCandidate,
  other: DestinationCandidate,
  policies: readonly Policy[],
): number {
  // RFC 6724 section 6 (MUST): rule 6: prefer the higher precedence.
  const precedence = policyOf(other.destination, policies).precedence -
    policyOf(one.destination, policies).precedence;
  if (precedence !== 0) return precedence;
  // RFC 6724 section 6 (MUST): rule 8: prefer the smaller scope.
  const scope = scopeOf(one.destination) - scopeOf(other.destination);
  if (scope !== 0) return scope;
  // RFC 6724 section 6 (MUST): rule 9: prefer the longest matching prefix, within a family.
  if (typeof one.destination !== typeof other.destination) return 0;
  return matchOf(other) - matchOf(one);
}

function prefer(isOne: boolean, isOther: boolean): number {
  return Number(isOther) - Number(isOne);
}

/** Rule 2. */
function hasSameScope({ destination, source }: DestinationCandidate): boolean {
  // RFC 6724 section 6 (MUST): rule 2: prefer matching scopes.
  return source !== null && scopeOf(destination) === scopeOf(source);
}

/** Rule 5. */
function hasSameLabel(
  { destination, source }: DestinationCandidate,
  policies: readonly Policy[],
): boolean {
  // RFC 6724 section 6 (MUST): rule 5: prefer matching labels.
  return source !== null &&
    policyOf(destination, policies).label === policyOf(source, policies).label;
}

function matchOf({ destination, source, sourcePrefixLength }: DestinationCandidate): number {
  return source === null ? 0 : Math.min(commonBits(destination, source), sourcePrefixLength);
}

/** Brings destinations into their order by the ways that lead there now. */
export function orderByWays(
  destinations: readonly IpAddress[],
  addresses: Addresses,
  routes: Routes,
): readonly IpAddress[] {
  return orderDestinations(destinations.map((destination) => {
    const own = addresses.interfaceOf(destination);
    const way = own === 0 ? routes.find(destination) : { interface: own, gateway: null };
    const source = typeof way === "number"
      ? null
      : addresses.selectSource(destination, way.interface, way.gateway, "default");
    const entry = source === null ? undefined : addresses.find(source, 0);
    return {
      ...{ destination, source, sourcePrefixLength: entry?.prefixLength ?? 0 },
      isSourceDeprecated: entry?.state === AddressState.DEPRECATED,
    };
  }));
}
