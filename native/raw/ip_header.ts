/**
 * Headers of IP packets (RFC 791, RFC 8200): of those that raw sockets receive, that errors quote,
 * and that programs send with headers of their own.
 *
 * @module
 */

/** What a packet says of itself. */
export interface IpPacket {
  readonly isIPv6: boolean;
  /** The protocol of the payload, 6 for TCP. */
  readonly protocol: number;
  /** 4 or 16 bytes, a view. */
  readonly source: Uint8Array;
  /** 4 or 16 bytes, a view. */
  readonly destination: Uint8Array;
  /** Routers that it might still pass. */
  readonly timeToLive: number;
  /** IPv4 options, a view; empty for IPv6. */
  readonly options: Uint8Array;
  /** What lies behind all headers, a view; as much as there is. */
  readonly payload: Uint8Array;
}

const IPV4_LEAST_BYTES = 20;
const IPV6_BYTES = 40;
/** The bits of an IPv4 fragment's offset. */
const OFFSET_MASK = 0x1fff;

/** Headers between the IPv6 header and what a packet is about. Source: RFC 8200, section 4.1. */
const Extension = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, DESTINATION: 60 } as const;
const FRAGMENT_BYTES = 8;
/** A packet with more of them is nobody's. */
const EXTENSIONS_MOST = 8;

/**
 * Reads the headers of a packet.
 *
 * @returns undefined when it is malformed, cut off within its headers, or a fragment other than the
 * first one, whose payload begins in the middle of something
 */
export function readPacket(packet: Uint8Array): IpPacket | undefined {
  const version = packet.length > 0 ? packet[0] >>> 4 : 0;
  if (version === 4) return readIPv4(packet);
  return version === 6 ? readIPv6(packet) : undefined;
}

/**
 * Reads the header of an IPv4 packet, which may be any fragment.
 *
 * @returns undefined when it is malformed or cut off
 */
export function readIPv4Header(packet: Uint8Array): IpPacket | undefined {
  if (packet.length < IPV4_LEAST_BYTES || packet[0] >>> 4 !== 4) return undefined;
  const length = (packet[0] & 0xf) * 4;
  if (length < IPV4_LEAST_BYTES || packet.length < length) return undefined;
  return {
    isIPv6: false,
    protocol: packet[9],
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    timeToLive: packet[8],
    options: packet.subarray(IPV4_LEAST_BYTES, length),
    payload: packet.subarray(length),
  };
}

function readIPv4(packet: Uint8Array): IpPacket | undefined {
  const isFirst = (((packet[6] << 8) | packet[7]) & OFFSET_MASK) === 0;
  return isFirst ? readIPv4Header(packet) : undefined;
}

function readIPv6(packet: Uint8Array): IpPacket | undefined {
  if (packet.length < IPV6_BYTES) return undefined;
  let protocol = packet[6];
  let at = IPV6_BYTES;
  for (let count = 0; isExtension(protocol); count++) {
    if (count === EXTENSIONS_MOST || packet.length < at + FRAGMENT_BYTES) return undefined;
    const isFragment = protocol === Extension.FRAGMENT;
    if (isFragment && (((packet[at + 2] << 8) | packet[at + 3]) >>> 3) !== 0) return undefined;
    protocol = packet[at];
    at += isFragment ? FRAGMENT_BYTES : (packet[at + 1] + 1) * 8;
  }
  if (packet.length < at) return undefined;
  return {
    isIPv6: true,
    protocol,
    source: packet.subarray(8, 24),
    destination: packet.subarray(24, 40),
    timeToLive: packet[7],
    options: packet.subarray(at, at),
    payload: packet.subarray(at),
  };
}

function isExtension(protocol: number): boolean {
  return protocol === Extension.HOP_BY_HOP || protocol === Extension.ROUTING ||
    protocol === Extension.FRAGMENT || protocol === Extension.DESTINATION;
}
