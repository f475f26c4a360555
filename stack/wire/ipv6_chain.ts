/**
 * The extension headers of IPv6 as a host walks them, from the header to what the packet carries:
 * RFC 8200 section 4, RFC 7045, RFC 7112, and the limits of RFC 8504 section 5.3.
 *
 * ```text
 * IPv6 -> [hop-by-hop options] -> destination options, routing, fragment ... -> protocol
 *          only here               in any order, at most one fragment
 * ```
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { Fault } from "./fault.ts";
import * as ipv6 from "./ipv6.ts";
import { HEADER_BYTES, NEXT_HEADER_AT } from "./ipv6.ts";
import { Protocol } from "./numbers.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** How an extension header begins; its length is counted in units of 8 bytes after the first. */
export const EXTENSION: Readonly<Record<"NEXT_HEADER" | "LENGTH" | "SIZE", number>> = structure(2, [
  ["NEXT_HEADER", 1],
  ["LENGTH", 1],
]);
/** A routing header; data of its type follow. RFC 8200 section 4.4. */
export const ROUTING: Readonly<Record<"HEADER" | "TYPE" | "SEGMENTS_LEFT" | "SIZE", number>> =
  structure(4, [["HEADER", EXTENSION.SIZE], ["TYPE", 1], ["SEGMENTS_LEFT", 1]]);
/** A fragment header. RFC 8200 section 4.5. */
export const FRAGMENT: Readonly<
  Record<"NEXT_HEADER" | "RESERVED" | "OFFSET_MORE" | "IDENTIFICATION" | "SIZE", number>
> = structure(8, [["NEXT_HEADER", 1], ["RESERVED", 1], ["OFFSET_MORE", 2], ["IDENTIFICATION", 4]]);
/** An option in hop-by-hop or destination options. RFC 8200 section 4.2. */
export const OPTION: Readonly<Record<"TYPE" | "LENGTH" | "SIZE", number>> = structure(2, [
  ["TYPE", 1],
  ["LENGTH", 1],
]);

/** Options of hop-by-hop and destination options. */
export const OptionType = {
  /** One byte of padding, alone without a length. */
  PAD_1: 0,
  PAD_N: 1,
  /** RFC 2711. */
  ROUTER_ALERT: 5,
  /** RFC 2675. */
  JUMBO_PAYLOAD: 0xc2,
} as const;

/** The most extension headers of a packet. RFC 8504 section 5.3 lets a host limit them. */
export const MAX_EXTENSIONS = 8;
/** The most options of a header, without padding. RFC 8504 section 5.3: a default of 8. */
export const MAX_OPTIONS = 8;
/** The most bytes of padding in a row. RFC 8504 section 5.3: 7, as much as aligns to 8. */
export const MAX_PADDING = 7;

const MORE_FRAGMENTS = 1;
const ROUTER_ALERT_BYTES = 2;
/** The most bytes of a packet that fragments make, without its IPv6 header. */
const MAX_PAYLOAD_BYTES = 65535;

/** What the walk finds; one is filled again and again. Offsets of what is not there are -1. */
export class Ipv6Chain {
  /** What the packet carries behind its extension headers. */
  protocol: number = 0;
  /** Where that begins. */
  payloadAt: number = 0;
  /** How many bytes it has. */
  payloadBytes: number = 0;
  /** The byte that names `protocol`, as an offset: an ICMP error about it points there. */
  nextHeaderAt: number = 0;
  /** How many extension headers there are. */
  extensions: number = 0;
  /** The hop-by-hop options. */
  hopByHopAt: number = -1;
  /** The last routing header. */
  routingAt: number = -1;
  /** The fragment header. */
  fragmentAt: number = -1;
  /** The byte that names the fragment header: a reassembled packet has another value there. */
  fragmentNamedAt: number = -1;
  /** The last header of destination options. */
  destinationOptionsAt: number = -1;
  /** The value of the router alert, -1 without one. RFC 2711. */
  routerAlert: number = -1;
  /**
   * Whether this is a part of a packet: then `protocol` is what the fragment header names, and the
   * payload is that part, with any further extension headers.
   */
  isFragment: boolean = false;
  /** Where this fragment belongs, in bytes. */
  fragmentOffset: number = 0;
  /** Whether more fragments follow this one. */
  moreFragments: boolean = false;
  /** What the fragments of a packet have in common, as a signed word. */
  identification: number = 0;
  /** The byte that an ICMP error is to point at, counted from the start of the packet. */
  problemAt: number = 0;

  /** Forgets the extension headers that were found. */
  forget(): void {
    this.extensions = 0;
    this.hopByHopAt = -1;
    this.routingAt = -1;
    this.fragmentAt = -1;
    this.fragmentNamedAt = -1;
    this.destinationOptionsAt = -1;
    this.routerAlert = -1;
    this.isFragment = false;
    this.fragmentOffset = 0;
    this.moreFragments = false;
    this.identification = 0;
    this.problemAt = 0;
  }
}

/**
 * Walks the extension headers of a packet that `check` of `ipv6.ts` finds nothing wrong with.
 *
 * @param packets The memory.
 * @param ipAt The offset of the IPv6 header.
 * @param into What is filled; its `problemAt` belongs to a fault.
 * @returns What is wrong with them, {@linkcode Fault.NONE} if nothing is.
 */
export function walk(packets: PacketBytes, ipAt: number, into: Ipv6Chain): Fault {
  into.protocol = ipv6.nextHeader(packets, ipAt);
  into.payloadAt = ipAt + HEADER_BYTES;
  into.payloadBytes = ipv6.payloadLength(packets, ipAt);
  into.nextHeaderAt = ipAt + NEXT_HEADER_AT;
  if (into.extensions > 0) into.forget();
  return isExtension(into.protocol) ? walkAll(packets, ipAt, into) : Fault.NONE;
}

function isExtension(protocol: number): boolean {
  return protocol === Protocol.HOP_BY_HOP || protocol === Protocol.ROUTING ||
    protocol === Protocol.FRAGMENT || protocol === Protocol.DESTINATION_OPTIONS;
}

function walkAll(packets: PacketBytes, ipAt: number, into: Ipv6Chain): Fault {
  while (isExtension(into.protocol)) {
    const at = into.payloadAt;
    into.problemAt = into.nextHeaderAt - ipAt;
    if (++into.extensions > MAX_EXTENSIONS) return Fault.IPV6_TOO_MANY_EXTENSIONS;
    const bytes = extensionBytes(packets, at, into.protocol, into.payloadBytes);
    if (bytes === 0) return Fault.IPV6_EXTENSION_TRUNCATED;
    const fault = enter(packets, ipAt, bytes, into);
    if (fault !== Fault.NONE) return fault;
    // RFC 8200 section 4 (MUST): extension headers are taken in their order, as each one says.
    into.protocol = packets.view.getUint8(at + EXTENSION.NEXT_HEADER);
    into.nextHeaderAt = at + EXTENSION.NEXT_HEADER;
    into.payloadAt = at + bytes;
    into.payloadBytes -= bytes;
    if (into.isFragment) return checkFragment(packets, ipAt, into);
  }
  into.problemAt = 0;
  return Fault.NONE;
}

/** The bytes of an extension header, 0 when it is cut off. */
function extensionBytes(packets: PacketBytes, at: number, type: number, available: number): number {
  if (available < FRAGMENT.SIZE) return 0;
  if (type === Protocol.FRAGMENT) return FRAGMENT.SIZE;
  const bytes = (packets.view.getUint8(at + EXTENSION.LENGTH) + 1) << 3;
  return bytes > available ? 0 : bytes;
}

/** Looks into one extension header. */
function enter(packets: PacketBytes, ipAt: number, bytes: number, into: Ipv6Chain): Fault {
  const at = into.payloadAt;
  switch (into.protocol) {
    case Protocol.HOP_BY_HOP:
      // RFC 8200 section 4.1 (MUST): hop-by-hop options come first or not at all; others in any
      // order.
      if (at !== ipAt + HEADER_BYTES) return Fault.IPV6_HOP_BY_HOP_NOT_FIRST;
      into.hopByHopAt = at;
      return walkOptions(packets, ipAt, at, bytes, into);
    case Protocol.DESTINATION_OPTIONS:
      into.destinationOptionsAt = at;
      return walkOptions(packets, ipAt, at, bytes, into);
    case Protocol.ROUTING:
      into.routingAt = at;
      into.problemAt = at + ROUTING.TYPE - ipAt;
      // RFC 8200 section 4.4: with segments left, a node that does not know the type must discard
      // the packet; without, it must ignore the header. A host knows none: RFC 5095 took type 0.
      return packets.view.getUint8(at + ROUTING.SEGMENTS_LEFT) === 0
        ? Fault.NONE
        : Fault.IPV6_ROUTING_UNRECOGNIZED;
    default:
      if (into.fragmentAt >= 0) return Fault.IPV6_FRAGMENT_NESTED;
      into.fragmentAt = at;
      into.fragmentNamedAt = into.nextHeaderAt;
      into.fragmentOffset = packets.view.getUint16(at + FRAGMENT.OFFSET_MORE) & ~7;
      into.moreFragments =
        (packets.view.getUint8(at + FRAGMENT.OFFSET_MORE + 1) & MORE_FRAGMENTS) !== 0;
      into.identification = packets.view.getInt32(at + FRAGMENT.IDENTIFICATION);
      // RFC 8200 section 4.5 (MUST): what is whole in one fragment is a whole packet by itself, as
      // RFC 6946 has it.
      into.isFragment = into.moreFragments || into.fragmentOffset > 0;
      return Fault.NONE;
  }
}

function walkOptions(
  packets: PacketBytes,
  ipAt: number,
  headerAt: number,
  bytes: number,
  into: Ipv6Chain,
): Fault {
  const { view } = packets;
  const end = headerAt + bytes;
  let options = 0;
  let padding = 0;
  for (let at = headerAt + EXTENSION.SIZE; at < end;) {
    const type = view.getUint8(at);
    into.problemAt = at - ipAt;
    let length = 1;
    if (type !== OptionType.PAD_1) {
      if (end - at < OPTION.SIZE) return Fault.IPV6_OPTION_LENGTH;
      length = OPTION.SIZE + view.getUint8(at + OPTION.LENGTH);
      if (length > end - at) return Fault.IPV6_OPTION_LENGTH;
    }
    if (type === OptionType.PAD_1 || type === OptionType.PAD_N) {
      padding += length;
      if (padding > MAX_PADDING) return Fault.IPV6_PADDING;
    } else {
      padding = 0;
      if (++options > MAX_OPTIONS) return Fault.IPV6_TOO_MANY_OPTIONS;
      const fault = enterOption(packets, ipAt, at, length, into);
      if (fault !== Fault.NONE) return fault;
    }
    at += length;
  }
  return Fault.NONE;
}

function enterOption(
  packets: PacketBytes,
  ipAt: number,
  at: number,
  length: number,
  into: Ipv6Chain,
): Fault {
  const type = packets.view.getUint8(at);
  const isHopByHop = into.protocol === Protocol.HOP_BY_HOP;
  if (type === OptionType.ROUTER_ALERT && isHopByHop) {
    if (length !== OPTION.SIZE + ROUTER_ALERT_BYTES) return Fault.IPV6_OPTION_LENGTH;
    into.routerAlert = packets.view.getUint16(at + OPTION.SIZE);
    return Fault.NONE;
  }
  // RFC 8200 section 4.2: the highest two bits of a type say what to do with one that is unknown.
  switch (type >> 6) {
    case 0:
      return Fault.NONE;
    case 1:
      return Fault.IPV6_OPTION_DISCARD;
    case 2:
      return Fault.IPV6_OPTION_UNRECOGNIZED;
    default:
      return ipv6.isToGroup(packets, ipAt)
        ? Fault.IPV6_OPTION_DISCARD
        : Fault.IPV6_OPTION_UNRECOGNIZED;
  }
}

/** Judges a fragment, behind whose header the walk stands. */
function checkFragment(packets: PacketBytes, ipAt: number, into: Ipv6Chain): Fault {
  into.problemAt = 0;
  // RFC 8200 section 4.5: all fragments but the last are multiples of 8 bytes; an error points at
  // the payload length, or at the offset of what would make the packet too long.
  if (into.moreFragments && (into.payloadBytes & 7) !== 0) {
    into.problemAt = NEXT_HEADER_AT - 2;
    return Fault.IPV6_FRAGMENT_LENGTH;
  }
  if (into.payloadBytes === 0) return Fault.IPV6_FRAGMENT_EMPTY;
  const unfragmentable = into.fragmentAt - ipAt - HEADER_BYTES;
  if (unfragmentable + into.fragmentOffset + into.payloadBytes > MAX_PAYLOAD_BYTES) {
    into.problemAt = into.fragmentAt + FRAGMENT.OFFSET_MORE - ipAt;
    return Fault.IPV6_FRAGMENT_OVERFLOW;
  }
  return into.fragmentOffset === 0 && !isChainWhole(packets, into)
    ? Fault.IPV6_CHAIN_INCOMPLETE
    : Fault.NONE;
}

/**
 * RFC 7112 section 5: a first fragment must have the entire header chain, up to the header of the
 * protocol that the packet carries.
 */
function isChainWhole(
  packets: PacketBytes,
  { protocol, payloadAt, payloadBytes }: Ipv6Chain,
): boolean {
  let type = protocol;
  let at = payloadAt;
  let rest = payloadBytes;
  for (let extensions = 0; isExtension(type); extensions++) {
    const bytes = extensionBytes(packets, at, type, rest);
    if (bytes === 0 || extensions === MAX_EXTENSIONS) return false;
    type = packets.view.getUint8(at + EXTENSION.NEXT_HEADER);
    at += bytes;
    rest -= bytes;
  }
  return rest >= upperHeaderBytes(type);
}

/** The least bytes of the header of a protocol. */
function upperHeaderBytes(protocol: number): number {
  if (protocol === Protocol.TCP) return 20;
  return protocol === Protocol.UDP || protocol === Protocol.ICMPV6 ? 8 : 0;
}

/** Whether an option's type is padding. */
export function isPadding(type: number): boolean {
  return type === OptionType.PAD_1 || type === OptionType.PAD_N;
}
