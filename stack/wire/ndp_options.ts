/**
 * The options of neighbour discovery: RFC 4861 section 4.6, RFC 3971 (nonce), RFC 4191 (routes),
 * RFC 8106 (DNS servers).
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv6Address, ipv6At, type MacAddress, macAt } from "./addresses.ts";
import { IPV6_BYTES, putIpv6, putMac } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { copyBytes, type PacketBytes, putBytes, zeroBytes } from "./packet_bytes.ts";

/** How an option begins; its length counts units of 8 bytes. */
const OPTION = structure(2, [["TYPE", 1], ["LENGTH", 1]]);
const LINK_LAYER = structure(8, [["HEADER", OPTION.SIZE], ["ADDRESS", 6]]);
const PREFIX = structure(32, [
  ["HEADER", OPTION.SIZE],
  ["PREFIX_LENGTH", 1],
  ["FLAGS", 1],
  ["VALID_LIFETIME", 4],
  ["PREFERRED_LIFETIME", 4],
  ["RESERVED", 4],
  ["PREFIX", 16],
]);
/** The packet follows. */
const REDIRECTED = structure(8, [["HEADER", OPTION.SIZE], ["RESERVED", 6]]);
const MTU = structure(8, [["HEADER", OPTION.SIZE], ["RESERVED", 2], ["MTU", 4]]);
/** None, 8 or 16 bytes of the prefix follow. */
const ROUTE = structure(8, [
  ["HEADER", OPTION.SIZE],
  ["PREFIX_LENGTH", 1],
  ["PREFERENCE", 1],
  ["LIFETIME", 4],
]);
/** Addresses follow. */
const DNS = structure(8, [["HEADER", OPTION.SIZE], ["RESERVED", 2], ["LIFETIME", 4]]);

/** An option counts its length in these. */
const UNIT_BYTES = 8;
const PREFIX_IS_ON_LINK = 0x80;
const PREFIX_IS_AUTONOMOUS = 0x40;

/** The most options of a message. */
export const MAX_OPTIONS = 64;

/** A lifetime without an end, in seconds. */
export const INFINITE_LIFETIME = 0xffff_ffff;

/** What an option is. */
export const OptionType = {
  SOURCE_LINK_LAYER: 1,
  TARGET_LINK_LAYER: 2,
  PREFIX_INFORMATION: 3,
  REDIRECTED_HEADER: 4,
  MTU: 5,
  NONCE: 14,
  ROUTE_INFORMATION: 24,
  DNS_SERVERS: 25,
} as const;

/** How much a router is preferred, two bits. RFC 4191 section 2.1. */
export const Preference = { MEDIUM: 0, HIGH: 1, RESERVED: 2, LOW: 3 } as const;

/** An option of a message; lifetimes are in seconds. */
export type NdpOption =
  | { readonly option: "source-link-layer" | "target-link-layer"; readonly address: MacAddress }
  | {
    readonly option: "prefix-information";
    readonly prefix: Ipv6Address;
    /** How many bits of the prefix count. */
    readonly prefixLength: number;
    /** Whether addresses of the prefix are on the link. */
    readonly isOnLink: boolean;
    /** Whether hosts may make themselves addresses of it. */
    readonly isAutonomous: boolean;
    readonly validLifetime: number;
    readonly preferredLifetime: number;
  }
  | {
    readonly option: "redirected-header";
    /** The beginning of the packet, a multiple of 8 bytes. */
    readonly packet: Uint8Array;
  }
  | { readonly option: "mtu"; readonly mtu: number }
  | {
    readonly option: "nonce";
    /** 6 bytes, or 8 times any number more. */
    readonly nonce: Uint8Array;
  }
  | {
    readonly option: "route-information";
    /** Words past the length are 0. */
    readonly prefix: Ipv6Address;
    readonly prefixLength: number;
    /** One of {@linkcode Preference}. */
    readonly preference: number;
    readonly lifetime: number;
  }
  | {
    readonly option: "dns-servers";
    readonly lifetime: number;
    readonly servers: readonly Ipv6Address[];
  }
  | {
    readonly option: "unknown";
    readonly type: number;
    /** What follows type and length: 6 bytes, or 8 times any number more. */
    readonly data: Uint8Array;
  };

/**
 * Judges the outlines of options.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param end The offset of the message's end.
 * @returns What is wrong with them, {@linkcode Fault.NONE} if nothing is.
 */
export function checkOptions(packets: PacketBytes, at: number, end: number): Fault {
  let next = at;
  for (let options = 0; next < end; options++) {
    if (options === MAX_OPTIONS) return Fault.NDP_TOO_MANY_OPTIONS;
    if (end - next < UNIT_BYTES) return Fault.NDP_OPTION_LENGTH;
    const bytes = packets.view.getUint8(next + OPTION.LENGTH) * UNIT_BYTES;
    // RFC 4861 section 4.6 (MUST): a message with an option of no length is dropped in silence.
    if (bytes === 0 || bytes > end - next) return Fault.NDP_OPTION_LENGTH;
    next += bytes;
  }
  return Fault.NONE;
}

/**
 * Finds an option among those that {@linkcode checkOptions} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param end The offset of the message's end.
 * @param type One of {@linkcode OptionType}.
 * @returns The offset of the first of that type, -1 if there is none.
 */
export function findOption(packets: PacketBytes, at: number, end: number, type: number): number {
  for (let next = at; next < end;) {
    // RFC 4861 section 4.6 (MUST): options that are not known are passed over.
    if (packets.view.getUint8(next) === type) return next;
    next += packets.view.getUint8(next + OPTION.LENGTH) * UNIT_BYTES;
  }
  return -1;
}

/**
 * Reads the link-layer address of an option without making an object.
 *
 * @param packets The memory.
 * @param optionAt The offset of the option, as {@linkcode findOption} gives it.
 * @returns The address, -1 where there is no option, or none with an address of Ethernet.
 */
export function linkLayerAddress(packets: PacketBytes, optionAt: number): number {
  if (optionAt < 0 || packets.view.getUint8(optionAt + OPTION.LENGTH) !== 1) return -1;
  return macAt(packets, optionAt + LINK_LAYER.ADDRESS);
}

/**
 * Reads options that {@linkcode checkOptions} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param end The offset of the message's end.
 * @returns What they mean, in their order; one whose length is not one of its type is unknown.
 */
export function parseOptions(packets: PacketBytes, at: number, end: number): NdpOption[] {
  const options: NdpOption[] = [];
  for (let next = at; next < end;) {
    const bytes = packets.view.getUint8(next + OPTION.LENGTH) * UNIT_BYTES;
    options.push(parseOption(packets, next, bytes));
    next += bytes;
  }
  return options;
}

function parseOption(packets: PacketBytes, at: number, bytes: number): NdpOption {
  const type = packets.view.getUint8(at + OPTION.TYPE);
  switch (type) {
    case OptionType.SOURCE_LINK_LAYER:
    case OptionType.TARGET_LINK_LAYER: {
      if (bytes !== LINK_LAYER.SIZE) break;
      const isSource = type === OptionType.SOURCE_LINK_LAYER;
      const address = macAt(packets, at + LINK_LAYER.ADDRESS);
      return { option: isSource ? "source-link-layer" : "target-link-layer", address };
    }
    case OptionType.PREFIX_INFORMATION:
      if (bytes !== PREFIX.SIZE) break;
      return parsePrefix(packets, at);
    case OptionType.REDIRECTED_HEADER: {
      const packet = copyBytes(packets, at + REDIRECTED.SIZE, bytes - REDIRECTED.SIZE);
      return { option: "redirected-header", packet };
    }
    case OptionType.MTU:
      if (bytes !== MTU.SIZE) break;
      return { option: "mtu", mtu: packets.view.getUint32(at + MTU.MTU) };
    case OptionType.NONCE:
      return { option: "nonce", nonce: copyBytes(packets, at + OPTION.SIZE, bytes - OPTION.SIZE) };
    case OptionType.ROUTE_INFORMATION: {
      const route = parseRoute(packets, at, bytes);
      if (route === undefined) break;
      return route;
    }
    case OptionType.DNS_SERVERS: {
      if (bytes <= DNS.SIZE || (bytes - DNS.SIZE) % IPV6_BYTES !== 0) break;
      const servers: Ipv6Address[] = [];
      for (let next = at + DNS.SIZE; next < at + bytes; next += IPV6_BYTES) {
        servers.push(ipv6At(packets, next));
      }
      return {
        option: "dns-servers",
        lifetime: packets.view.getUint32(at + DNS.LIFETIME),
        servers,
      };
    }
  }
  const data = copyBytes(packets, at + OPTION.SIZE, bytes - OPTION.SIZE);
  return { option: "unknown", type, data };
}

function parsePrefix(packets: PacketBytes, at: number): NdpOption {
  const { view } = packets;
  const flags = view.getUint8(at + PREFIX.FLAGS);
  return {
    option: "prefix-information",
    prefix: ipv6At(packets, at + PREFIX.PREFIX),
    prefixLength: view.getUint8(at + PREFIX.PREFIX_LENGTH),
    isOnLink: (flags & PREFIX_IS_ON_LINK) !== 0,
    isAutonomous: (flags & PREFIX_IS_AUTONOMOUS) !== 0,
    validLifetime: view.getUint32(at + PREFIX.VALID_LIFETIME),
    preferredLifetime: view.getUint32(at + PREFIX.PREFERRED_LIFETIME),
  };
}

/** RFC 4191 section 2.3: the length fits the prefix, of which it may leave out a rest of zeros. */
function parseRoute(packets: PacketBytes, at: number, bytes: number): NdpOption | undefined {
  const { view } = packets;
  const prefixLength = view.getUint8(at + ROUTE.PREFIX_LENGTH);
  const sent = bytes - ROUTE.SIZE;
  if (prefixLength > 128 || sent > IPV6_BYTES || sent < routePrefixBytes(prefixLength)) {
    return undefined;
  }
  const first = at + ROUTE.SIZE;
  const word = (i: number) => i * 4 < sent ? view.getInt32(first + i * 4) : 0;
  return {
    option: "route-information",
    prefix: [word(0), word(1), word(2), word(3)],
    prefixLength,
    preference: view.getUint8(at + ROUTE.PREFERENCE) >> 3 & 3,
    lifetime: view.getUint32(at + ROUTE.LIFETIME),
  };
}

function routePrefixBytes(prefixLength: number): number {
  return prefixLength === 0 ? 0 : prefixLength <= 64 ? 8 : IPV6_BYTES;
}

function optionBytes(option: NdpOption): number {
  switch (option.option) {
    case "source-link-layer":
    case "target-link-layer":
      return LINK_LAYER.SIZE;
    case "prefix-information":
      return PREFIX.SIZE;
    case "redirected-header":
      return REDIRECTED.SIZE + option.packet.length;
    case "mtu":
      return MTU.SIZE;
    case "nonce":
      return OPTION.SIZE + option.nonce.length;
    case "route-information":
      return ROUTE.SIZE + routePrefixBytes(option.prefixLength);
    case "dns-servers":
      return DNS.SIZE + option.servers.length * IPV6_BYTES;
    case "unknown":
      return OPTION.SIZE + option.data.length;
  }
}

/** The bytes that options take. */
export function optionsBytes(options: readonly NdpOption[]): number {
  return options.reduce((bytes, option) => bytes + optionBytes(option), 0);
}

/**
 * Writes options.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param options What they mean.
 * @returns The bytes written.
 * @throws {RangeError} When one does not fill units of 8 bytes, or is longer than 255 of them.
 */
export function emitOptions(
  packets: PacketBytes,
  at: number,
  options: readonly NdpOption[],
): number {
  let next = at;
  for (const option of options) {
    const bytes = optionBytes(option);
    if (bytes % UNIT_BYTES !== 0 || bytes > 255 * UNIT_BYTES) {
      throw new RangeError(`an option ${option.option} of ${bytes} bytes`);
    }
    zeroBytes(packets, next, bytes);
    packets.view.setUint8(next + OPTION.LENGTH, bytes / UNIT_BYTES);
    emitOption(packets, next, option);
    next += bytes;
  }
  return next - at;
}

function emitOption(packets: PacketBytes, at: number, option: NdpOption): void {
  const { view } = packets;
  const begin = (type: number) => view.setUint8(at + OPTION.TYPE, type);
  switch (option.option) {
    case "source-link-layer":
    case "target-link-layer": {
      const isSource = option.option === "source-link-layer";
      begin(isSource ? OptionType.SOURCE_LINK_LAYER : OptionType.TARGET_LINK_LAYER);
      putMac(packets, at + LINK_LAYER.ADDRESS, option.address);
      break;
    }
    case "prefix-information": {
      begin(OptionType.PREFIX_INFORMATION);
      const flags = (option.isOnLink ? PREFIX_IS_ON_LINK : 0) |
        (option.isAutonomous ? PREFIX_IS_AUTONOMOUS : 0);
      view.setUint8(at + PREFIX.PREFIX_LENGTH, option.prefixLength);
      view.setUint8(at + PREFIX.FLAGS, flags);
      view.setUint32(at + PREFIX.VALID_LIFETIME, option.validLifetime);
      view.setUint32(at + PREFIX.PREFERRED_LIFETIME, option.preferredLifetime);
      putIpv6(packets, at + PREFIX.PREFIX, option.prefix);
      break;
    }
    case "redirected-header":
      begin(OptionType.REDIRECTED_HEADER);
      putBytes(packets, at + REDIRECTED.SIZE, option.packet);
      break;
    case "mtu":
      begin(OptionType.MTU);
      view.setUint32(at + MTU.MTU, option.mtu);
      break;
    case "nonce":
      begin(OptionType.NONCE);
      putBytes(packets, at + OPTION.SIZE, option.nonce);
      break;
    case "route-information": {
      begin(OptionType.ROUTE_INFORMATION);
      view.setUint8(at + ROUTE.PREFIX_LENGTH, option.prefixLength);
      view.setUint8(at + ROUTE.PREFERENCE, option.preference << 3);
      view.setUint32(at + ROUTE.LIFETIME, option.lifetime);
      const words = routePrefixBytes(option.prefixLength) / 4;
      for (let i = 0; i < words; i++) view.setInt32(at + ROUTE.SIZE + 4 * i, option.prefix[i]);
      break;
    }
    case "dns-servers":
      begin(OptionType.DNS_SERVERS);
      view.setUint32(at + DNS.LIFETIME, option.lifetime);
      option.servers.forEach((server, i) => {
        putIpv6(packets, at + DNS.SIZE + i * IPV6_BYTES, server);
      });
      break;
    case "unknown":
      begin(option.type);
      putBytes(packets, at + OPTION.SIZE, option.data);
  }
}
