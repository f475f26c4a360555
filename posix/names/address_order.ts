/**
 * The order in which addresses of one name should be tried: RFC 6724.
 *
 * @module
 */

import { isMapped } from "../../ring/abi/address_class.ts";

/** The address that this machine would send from to a destination, and what is known of it. */
export interface SourceAddress {
  /** 4 or 16 bytes, of the same kind as the destination. */
  readonly bytes: Uint8Array;
  /** Bits of the network it is in; 64 for IPv6 where it is not told. */
  readonly prefixBits?: number;
  /** Whether its preferred lifetime is over. */
  readonly isDeprecated?: boolean;
  /** Whether it is a home address and not a care-of address. */
  readonly isHome?: boolean;
  /** Whether it is reached through an encapsulating transport, such as a tunnel. */
  readonly isEncapsulated?: boolean;
}

/** Scopes of addresses. RFC 4007, RFC 6724 sections 3.1 and 3.2. */
const LINK_LOCAL = 2;
const SITE_LOCAL = 5;
const GLOBAL = 14;

/** Bits of an IPv6 network before those of the interface. RFC 4291 section 2.5.1. */
const DEFAULT_PREFIX_BITS = 64;

interface Policy {
  readonly prefix: readonly number[];
  readonly bits: number;
  readonly precedence: number;
  readonly label: number;
}

function policy(
  prefix: readonly number[],
  bits: number,
  precedence: number,
  label: number,
): Policy {
  return { prefix, bits, precedence, label };
}

const NONE: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** RFC 6724 section 2.1, the longest prefixes first; missing bytes of a prefix are zero. */
const POLICIES: readonly Policy[] = [
  policy([...NONE, 0, 0, 0, 1], 128, 50, 0),
  policy([...NONE.slice(2), 0xff, 0xff], 96, 35, 4),
  policy(NONE, 96, 1, 3),
  policy([0x20, 0x01], 32, 5, 5),
  policy([0x20, 0x02], 16, 30, 2),
  policy([0x3f, 0xfe], 16, 1, 12),
  policy([0xfe, 0xc0], 10, 1, 11),
  policy([0xfc], 7, 3, 13),
  policy([], 0, 40, 1),
];

/** A destination with all that the rules compare. */
interface Candidate {
  readonly index: number;
  readonly isIpv4: boolean;
  readonly source: SourceAddress | null;
  readonly scope: number;
  readonly precedence: number;
  readonly isScopeSame: boolean;
  readonly isLabelSame: boolean;
  readonly commonBits: number;
}

/**
 * Orders destinations, the best one first.
 *
 * @param destinations addresses of 4 or 16 bytes; an IPv4-mapped one counts as IPv4
 * @param sourceFor the address that would be sent from, or null for a destination that cannot be
 * reached; called once for each
 * @returns the indexes of the destinations in their new order. Source: RFC 6724 section 6
 *
 * @example
 * ```ts
 * import { orderAddresses } from "./address_order.ts";
 * const four = new Uint8Array([192, 0, 2, 1]);
 * const loopback = new Uint8Array(16);
 * loopback[15] = 1;
 * // "::1" has the highest precedence of all.
 * const order = orderAddresses([four, loopback], (to) => to);
 * if (order.join() !== "1,0") throw new Error("unreachable");
 * ```
 */
export function orderAddresses(
  destinations: readonly Uint8Array[],
  sourceFor: (destination: Uint8Array, index: number) => SourceAddress | Uint8Array | null,
): number[] {
  const candidates = destinations.map((destination, index) => {
    const found = sourceFor(destination, index);
    return judge(destination, index, found instanceof Uint8Array ? { bytes: found } : found);
  });
  return candidates.sort(compare).map(({ index }) => index);
}

function judge(bytes: Uint8Array, index: number, source: SourceAddress | null): Candidate {
  const address = widen(bytes);
  const from = source === null ? null : widen(source.bytes);
  const { precedence, label } = policyOf(address);
  const scope = scopeOf(address);
  return {
    index,
    isIpv4: isMapped(address),
    source,
    scope,
    precedence,
    isScopeSame: from !== null && scopeOf(from) === scope,
    isLabelSame: from !== null && policyOf(from).label === label,
    commonBits: from === null ? 0 : commonBits(address, from, source!.prefixBits),
  };
}

/** Negative when `a` comes first. */
function compare(a: Candidate, b: Candidate): number {
  // Rule 1: "If DB is known to be unreachable or if Source(DB) is undefined, then prefer DA."
  const reachable = prefer(a.source !== null, b.source !== null);
  if (reachable !== 0) return reachable;
  // Where no source is known, whatever compares with it says nothing.
  if (a.source !== null && b.source !== null) {
    const first = compareSources(a, b, a.source, b.source);
    if (first !== 0) return first;
  }
  // Rule 6: "If Precedence(DA) > Precedence(DB), then prefer DA."
  if (a.precedence !== b.precedence) return b.precedence - a.precedence;
  // Rule 7: "If DA is reached via an encapsulating transition mechanism (e.g., IPv6 in IPv4) and
  // DB is not, then prefer DB."
  const native = prefer(!a.source?.isEncapsulated, !b.source?.isEncapsulated);
  if (native !== 0) return native;
  // Rule 8: "If Scope(DA) < Scope(DB), then prefer DA."
  if (a.scope !== b.scope) return a.scope - b.scope;
  // Rule 9: "When DA and DB belong to the same address family: If CommonPrefixLen(Source(DA), DA)
  // > CommonPrefixLen(Source(DB), DB), then prefer DA."
  if (a.isIpv4 === b.isIpv4 && a.commonBits !== b.commonBits) return b.commonBits - a.commonBits;
  // Rule 10: "Otherwise, leave the order unchanged."
  return a.index - b.index;
}

/** Rules 2 to 5. */
function compareSources(
  a: Candidate,
  b: Candidate,
  sourceA: SourceAddress,
  sourceB: SourceAddress,
): number {
  // Rule 2: "If Scope(DA) = Scope(Source(DA)) and Scope(DB) <> Scope(Source(DB)), then prefer DA."
  return prefer(a.isScopeSame, b.isScopeSame) ||
    // Rule 3: "If Source(DA) is deprecated and Source(DB) is not, then prefer DB."
    prefer(!sourceA.isDeprecated, !sourceB.isDeprecated) ||
    // Rule 4: "If Source(DA) is simultaneously a home address and care-of address and Source(DB)
    // is not, then prefer DA."
    prefer(sourceA.isHome === true, sourceB.isHome === true) ||
    // Rule 5: "If Label(Source(DA)) = Label(DA) and Label(Source(DB)) <> Label(DB), then prefer
    // DA."
    prefer(a.isLabelSame, b.isLabelSame);
}

function prefer(a: boolean, b: boolean): number {
  return a === b ? 0 : a ? -1 : 1;
}

/** Section 2.1: IPv4 addresses are looked up as IPv4-mapped ones. */
function widen(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes;
  const wide = new Uint8Array(16);
  wide[10] = wide[11] = 0xff;
  wide.set(bytes, 12);
  return wide;
}

function policyOf(address: Uint8Array): Policy {
  return POLICIES.find(({ prefix, bits }) => {
    for (let bit = 0; bit < bits; bit += 8) {
      const mask = bits - bit >= 8 ? 0xff : 0xff00 >> bits - bit & 0xff;
      if (((address[bit >> 3] ^ (prefix[bit >> 3] ?? 0)) & mask) !== 0) return false;
    }
    return true;
  })!;
}

function scopeOf(address: Uint8Array): number {
  if (isMapped(address)) {
    // Section 3.2: autoconfigured and loopback addresses are link-local, all others global.
    return address[12] === 127 || address[12] === 169 && address[13] === 254 ? LINK_LOCAL : GLOBAL;
  }
  if (address[0] === 0xff) return address[1] & 0x0f;
  if (address[0] === 0xfe && (address[1] & 0xc0) === 0x80) return LINK_LOCAL;
  if (address[0] === 0xfe && (address[1] & 0xc0) === 0xc0) return SITE_LOCAL;
  // Section 3.4: the loopback address has link-local scope.
  const isLoopback = address[15] === 1 && address.every((byte, at) => byte === 0 || at === 15);
  return isLoopback ? LINK_LOCAL : GLOBAL;
}

/** CommonPrefixLen(S, D) of section 2.2, which counts no further than the prefix of the source. */
function commonBits(to: Uint8Array, from: Uint8Array, prefixBits?: number): number {
  const isIpv4 = isMapped(to);
  const first = isIpv4 ? 96 : 0;
  let bits = first;
  while (bits < 128 && (to[bits >> 3] ^ from[bits >> 3]) === 0) bits += 8;
  if (bits < 128) bits += Math.clz32(to[bits >> 3] ^ from[bits >> 3]) - 24;
  const common = bits - first;
  // As in glibc: IPv4 networks are not nested, so that a common prefix means something only within
  // one; otherwise round-robin among the addresses of a name would end at the same one for ever.
  if (isIpv4) return prefixBits !== undefined && common >= prefixBits ? common : 0;
  return Math.min(common, prefixBits ?? DEFAULT_PREFIX_BITS);
}
