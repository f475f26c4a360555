/**
 * Neighbour discovery: RFC 4861, RFC 4191 (router preferences). The options are in
 * `ndp_options.ts`.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv6Address, ipv6At, isIpv6AnyAt, isIpv6LinkLocalAt, putIpv6 } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { ICMP, putHeader, Type } from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";
import { checkOptions, emitOptions, findOption, type NdpOption } from "./ndp_options.ts";
import { optionsBytes, OptionType, parseOptions } from "./ndp_options.ts";
import type { PacketBytes } from "./packet_bytes.ts";

const ROUTER_SOLICITATION = structure(8, [["HEADER", 4], ["RESERVED", 4]]);
const ROUTER_ADVERTISEMENT = structure(16, [
  ["HEADER", 4],
  ["HOP_LIMIT", 1],
  ["FLAGS", 1],
  ["ROUTER_LIFETIME", 2],
  ["REACHABLE_TIME", 4],
  ["RETRANSMIT_TIMER", 4],
]);
/** The same for a solicitation, which has no flags, and an advertisement. */
const NEIGHBOR = structure(24, [["HEADER", 4], ["FLAGS", 1], ["RESERVED", 3], ["TARGET", 16]]);
const REDIRECT = structure(40, [
  ["HEADER", 4],
  ["RESERVED", 4],
  ["TARGET", 16],
  ["DESTINATION", 16],
]);

const ROUTER_IS_MANAGED = 0x80;
const ROUTER_HAS_OTHER = 0x40;
const NEIGHBOR_IS_ROUTER = 0x80;
const NEIGHBOR_IS_SOLICITED = 0x40;
const NEIGHBOR_OVERRIDES = 0x20;

/** What no packet that passed a router has: RFC 4861 section 6.1. */
export const HOP_LIMIT = 255;

/** A message. */
export type NdpMessage =
  | { readonly message: "router-solicitation"; readonly options: readonly NdpOption[] }
  | {
    readonly message: "router-advertisement";
    /** What hosts are to put into their packets, 0 where the router does not say. */
    readonly hopLimit: number;
    /** Whether DHCPv6 has addresses. */
    readonly isManaged: boolean;
    /** Whether DHCPv6 has other configuration. */
    readonly hasOtherConfiguration: boolean;
    /** One of `Preference`. RFC 4191. */
    readonly preference: number;
    /** For how many seconds the router is a default router, 0 where it is none. */
    readonly routerLifetime: number;
    /** Milliseconds, 0 where the router does not say. */
    readonly reachableTime: number;
    /** Milliseconds, 0 where the router does not say. */
    readonly retransmitTimer: number;
    readonly options: readonly NdpOption[];
  }
  | {
    readonly message: "neighbor-solicitation";
    readonly target: Ipv6Address;
    readonly options: readonly NdpOption[];
  }
  | {
    readonly message: "neighbor-advertisement";
    readonly isRouter: boolean;
    readonly isSolicited: boolean;
    readonly isOverride: boolean;
    readonly target: Ipv6Address;
    readonly options: readonly NdpOption[];
  }
  | {
    readonly message: "redirect";
    /** The better next hop; the destination itself, where that is a neighbour. */
    readonly target: Ipv6Address;
    readonly destination: Ipv6Address;
    readonly options: readonly NdpOption[];
  };

/** The bytes of a message before its options, 0 for another type. */
function fixedBytes(type: number): number {
  switch (type) {
    case Type.ROUTER_SOLICITATION:
      return ROUTER_SOLICITATION.SIZE;
    case Type.ROUTER_ADVERTISEMENT:
      return ROUTER_ADVERTISEMENT.SIZE;
    case Type.NEIGHBOR_SOLICITATION:
    case Type.NEIGHBOR_ADVERTISEMENT:
      return NEIGHBOR.SIZE;
    case Type.REDIRECT:
      return REDIRECT.SIZE;
    default:
      return 0;
  }
}

/**
 * Judges a message and the packet that it came in, by all the rules of RFC 4861 sections 6.1, 7.1
 * and 8.1 but that of the checksum.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param length The bytes of the message.
 * @param ipAt The offset of the IPv6 header.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number, ipAt: number): Fault {
  if (length < ICMP.SIZE) return Fault.NDP_TOO_SHORT;
  const { view } = packets;
  const type = view.getUint8(at + ICMP.TYPE);
  const fixed = fixedBytes(type);
  if (fixed === 0) return Fault.NDP_TYPE;
  if (ipv6.hopLimit(packets, ipAt) !== HOP_LIMIT) return Fault.NDP_HOP_LIMIT;
  if (view.getUint8(at + ICMP.CODE) !== 0) return Fault.NDP_CODE;
  if (length < fixed) return Fault.NDP_TOO_SHORT;
  const fault = checkOptions(packets, at + fixed, at + length);
  if (fault !== Fault.NONE) return fault;
  const from = ipv6.sourceAt(ipAt);
  switch (type) {
    case Type.ROUTER_SOLICITATION:
      return isIpv6AnyAt(packets, from) ? checkNameless(packets, at + fixed, at + length) : fault;
    case Type.ROUTER_ADVERTISEMENT:
      return isIpv6LinkLocalAt(packets, from) ? fault : Fault.NDP_SOURCE;
    case Type.NEIGHBOR_SOLICITATION:
      if (isGroupAt(packets, at + NEIGHBOR.TARGET)) return Fault.NDP_TARGET;
      if (!isIpv6AnyAt(packets, from)) return fault;
      if (!isSolicitedNodeAt(packets, ipv6.destinationAt(ipAt))) return Fault.NDP_DESTINATION;
      return checkNameless(packets, at + fixed, at + length);
    case Type.NEIGHBOR_ADVERTISEMENT:
      if (isGroupAt(packets, at + NEIGHBOR.TARGET)) return Fault.NDP_TARGET;
      return ipv6.isToGroup(packets, ipAt) && isSolicited(packets, at)
        ? Fault.NDP_SOLICITED_TO_GROUP
        : fault;
    default:
      return checkRedirect(packets, at, from);
  }
}

/** Who has no address yet must not give one of the link layer. RFC 4861 sections 6.1.1, 7.1.1. */
function checkNameless(packets: PacketBytes, optionsAt: number, end: number): Fault {
  return findOption(packets, optionsAt, end, OptionType.SOURCE_LINK_LAYER) < 0
    ? Fault.NONE
    : Fault.NDP_SOURCE_LINK_LAYER;
}

/** RFC 4861 section 8.1. */
function checkRedirect(packets: PacketBytes, at: number, from: number): Fault {
  if (!isIpv6LinkLocalAt(packets, from)) return Fault.NDP_SOURCE;
  if (isGroupAt(packets, at + REDIRECT.DESTINATION)) return Fault.NDP_DESTINATION;
  if (isIpv6LinkLocalAt(packets, at + REDIRECT.TARGET)) return Fault.NONE;
  for (let i = 0; i < 16; i += 4) {
    const { view } = packets;
    const word = view.getInt32(at + REDIRECT.TARGET + i);
    if (word !== view.getInt32(at + REDIRECT.DESTINATION + i)) return Fault.NDP_TARGET;
  }
  return Fault.NONE;
}

function isGroupAt(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint8(at) === 0xff;
}

/** Whether the address at an offset is in ff02::1:ff00:0/104. RFC 4291 section 2.7.1. */
function isSolicitedNodeAt(packets: PacketBytes, at: number): boolean {
  const { view } = packets;
  return view.getUint32(at) === 0xff02_0000 && view.getInt32(at + 4) === 0 &&
    view.getInt32(at + 8) === 1 && view.getUint8(at + 12) === 0xff;
}

/** The offset of the address that a solicitation, an advertisement or a redirect is about. */
export function targetAt(at: number): number {
  return at + NEIGHBOR.TARGET;
}

/** Whether a neighbour that advertises itself is a router. */
export function isRouter(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint8(at + NEIGHBOR.FLAGS) & NEIGHBOR_IS_ROUTER) !== 0;
}

/** Whether an advertisement answers a solicitation. */
export function isSolicited(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint8(at + NEIGHBOR.FLAGS) & NEIGHBOR_IS_SOLICITED) !== 0;
}

/** Whether an advertisement is to replace what is known. */
export function isOverride(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint8(at + NEIGHBOR.FLAGS) & NEIGHBOR_OVERRIDES) !== 0;
}

/** The offset of a message's options. */
export function optionsAt(packets: PacketBytes, at: number): number {
  return at + fixedBytes(packets.view.getUint8(at + ICMP.TYPE));
}

/**
 * Reads a message that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param length The bytes of the message.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number, length: number): NdpMessage {
  const type = packets.view.getUint8(at + ICMP.TYPE);
  const options = parseOptions(packets, optionsAt(packets, at), at + length);
  switch (type) {
    case Type.ROUTER_SOLICITATION:
      return { message: "router-solicitation", options };
    case Type.ROUTER_ADVERTISEMENT:
      return parseRouter(packets, at, options);
    case Type.NEIGHBOR_SOLICITATION: {
      const target = ipv6At(packets, at + NEIGHBOR.TARGET);
      return { message: "neighbor-solicitation", target, options };
    }
    case Type.NEIGHBOR_ADVERTISEMENT:
      return {
        message: "neighbor-advertisement",
        isRouter: isRouter(packets, at),
        isSolicited: isSolicited(packets, at),
        isOverride: isOverride(packets, at),
        target: ipv6At(packets, at + NEIGHBOR.TARGET),
        options,
      };
    default:
      return {
        message: "redirect",
        target: ipv6At(packets, at + REDIRECT.TARGET),
        destination: ipv6At(packets, at + REDIRECT.DESTINATION),
        options,
      };
  }
}

function parseRouter(packets: PacketBytes, at: number, options: NdpOption[]): NdpMessage {
  const { view } = packets;
  const flags = view.getUint8(at + ROUTER_ADVERTISEMENT.FLAGS);
  return {
    message: "router-advertisement",
    hopLimit: view.getUint8(at + ROUTER_ADVERTISEMENT.HOP_LIMIT),
    isManaged: (flags & ROUTER_IS_MANAGED) !== 0,
    hasOtherConfiguration: (flags & ROUTER_HAS_OTHER) !== 0,
    preference: flags >> 3 & 3,
    routerLifetime: view.getUint16(at + ROUTER_ADVERTISEMENT.ROUTER_LIFETIME),
    reachableTime: view.getUint32(at + ROUTER_ADVERTISEMENT.REACHABLE_TIME),
    retransmitTimer: view.getUint32(at + ROUTER_ADVERTISEMENT.RETRANSMIT_TIMER),
    options,
  };
}

const TYPES = {
  "router-solicitation": Type.ROUTER_SOLICITATION,
  "router-advertisement": Type.ROUTER_ADVERTISEMENT,
  "neighbor-solicitation": Type.NEIGHBOR_SOLICITATION,
  "neighbor-advertisement": Type.NEIGHBOR_ADVERTISEMENT,
  "redirect": Type.REDIRECT,
} as const;

/** The bytes that {@linkcode emit} writes. */
export function emittedBytes(message: NdpMessage): number {
  return fixedBytes(TYPES[message.message]) + optionsBytes(message.options);
}

/**
 * Writes a message without its checksum, which `seal` of `icmpv6.ts` writes.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param message What it means.
 * @returns The bytes written.
 * @throws {RangeError} When an option does not fill units of 8 bytes.
 */
export function emit(packets: PacketBytes, at: number, message: NdpMessage): number {
  const { view } = packets;
  const type = TYPES[message.message];
  putHeader(packets, at, type, 0);
  view.setInt32(at + ICMP.REST, 0);
  switch (message.message) {
    case "router-advertisement": {
      const flags = (message.isManaged ? ROUTER_IS_MANAGED : 0) |
        (message.hasOtherConfiguration ? ROUTER_HAS_OTHER : 0) | message.preference << 3;
      view.setUint8(at + ROUTER_ADVERTISEMENT.HOP_LIMIT, message.hopLimit);
      view.setUint8(at + ROUTER_ADVERTISEMENT.FLAGS, flags);
      view.setUint16(at + ROUTER_ADVERTISEMENT.ROUTER_LIFETIME, message.routerLifetime);
      view.setUint32(at + ROUTER_ADVERTISEMENT.REACHABLE_TIME, message.reachableTime);
      view.setUint32(at + ROUTER_ADVERTISEMENT.RETRANSMIT_TIMER, message.retransmitTimer);
      break;
    }
    case "neighbor-solicitation":
      putIpv6(packets, at + NEIGHBOR.TARGET, message.target);
      break;
    case "neighbor-advertisement": {
      const flags = (message.isRouter ? NEIGHBOR_IS_ROUTER : 0) |
        (message.isSolicited ? NEIGHBOR_IS_SOLICITED : 0) |
        (message.isOverride ? NEIGHBOR_OVERRIDES : 0);
      view.setUint8(at + NEIGHBOR.FLAGS, flags);
      putIpv6(packets, at + NEIGHBOR.TARGET, message.target);
      break;
    }
    case "redirect":
      putIpv6(packets, at + REDIRECT.TARGET, message.target);
      putIpv6(packets, at + REDIRECT.DESTINATION, message.destination);
  }
  const fixed = fixedBytes(type);
  return fixed + emitOptions(packets, at + fixed, message.options);
}
