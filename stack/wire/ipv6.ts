/**
 * The header of IPv6: RFC 8200 section 3. Extension headers are in `ipv6_chain.ts` (as a host
 * walks them) and `ipv6_extensions.ts` (as a list).
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv6Address, ipv6At, putIpv6 } from "./addresses.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";

// Constants of their own, as everywhere packets are fast: see `packet_bytes.ts`.
const { VERSION_CLASS_FLOW, PAYLOAD_LENGTH, NEXT_HEADER, HOP_LIMIT, SOURCE, DESTINATION, SIZE } =
  structure(40, [
    ["VERSION_CLASS_FLOW", 4],
    ["PAYLOAD_LENGTH", 2],
    ["NEXT_HEADER", 1],
    ["HOP_LIMIT", 1],
    ["SOURCE", 16],
    ["DESTINATION", 16],
  ]);

/** The bytes of the header. */
export const HEADER_BYTES: number = SIZE;
/** The most bytes that can follow the header. */
export const MAX_PAYLOAD_BYTES = 65535;
/** The packet that every link carries whole. RFC 8200 section 5. */
export const MIN_MTU = 1280;
/** Where the header names what follows it. */
export const NEXT_HEADER_AT: number = NEXT_HEADER;

const VERSION = 6;
const FLOW_LABEL_MASK = 0xf_ffff;

/** A header. */
export interface Ipv6Header {
  /** Differentiated services, 0 to 63. RFC 2474. */
  readonly dscp: number;
  /** Explicit congestion notification, 0 to 3. RFC 3168. */
  readonly ecn: number;
  /** What the packets of a flow have in common, 20 bits. RFC 6437. */
  readonly flowLabel: number;
  /** The bytes that follow the header. */
  readonly payloadLength: number;
  /** What follows: an extension header or a protocol. */
  readonly nextHeader: number;
  /** How many more routers the packet may pass. */
  readonly hopLimit: number;
  /** Who sends it. */
  readonly source: Ipv6Address;
  /** Whom it is for. */
  readonly destination: Ipv6Address;
}

/**
 * Judges a header; what follows it is a matter of `ipv6_chain.ts`.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param length The bytes there are; padding may follow the packet.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < SIZE) return Fault.IPV6_TOO_SHORT;
  const { view } = packets;
  if (view.getUint8(at) >> 4 !== VERSION) return Fault.IPV6_VERSION;
  if (SIZE + view.getUint16(at + PAYLOAD_LENGTH) > length) return Fault.IPV6_TRUNCATED;
  // RFC 4291 section 2.7: multicast addresses must not be used as source addresses.
  return view.getUint8(at + SOURCE) === 0xff ? Fault.IPV6_SOURCE : Fault.NONE;
}

/** DSCP and ECN, the byte that sockets call traffic class. */
export function trafficClass(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at) >> 4 & 0xff;
}

/** The two bits of explicit congestion notification. */
export function ecn(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + 1) >> 4 & 3;
}

/** What the packets of a flow have in common. */
export function flowLabel(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at) & FLOW_LABEL_MASK;
}

/** The bytes that follow the header. */
export function payloadLength(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + PAYLOAD_LENGTH);
}

/** What follows the header. */
export function nextHeader(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + NEXT_HEADER);
}

/** How many more routers the packet may pass. */
export function hopLimit(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + HOP_LIMIT);
}

/** One word of the source address, 0 to 3. */
export function sourceWord(packets: PacketBytes, at: number, word: number): number {
  return packets.view.getInt32(at + SOURCE + 4 * word);
}

/** One word of the destination address, 0 to 3. */
export function destinationWord(packets: PacketBytes, at: number, word: number): number {
  return packets.view.getInt32(at + DESTINATION + 4 * word);
}

/** The offset of the source address. */
export function sourceAt(at: number): number {
  return at + SOURCE;
}

/** The offset of the destination address. */
export function destinationAt(at: number): number {
  return at + DESTINATION;
}

/** The source address, as an object of its own. */
export function source(packets: PacketBytes, at: number): Ipv6Address {
  return ipv6At(packets, at + SOURCE);
}

/** The destination address, as an object of its own. */
export function destination(packets: PacketBytes, at: number): Ipv6Address {
  return ipv6At(packets, at + DESTINATION);
}

/** Whether the destination is a multicast group. */
export function isToGroup(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint8(at + DESTINATION) === 0xff;
}

/** Takes one from the hop limit, as a router does. */
export function decrementHopLimit(packets: PacketBytes, at: number): void {
  const { view } = packets;
  view.setUint8(at + HOP_LIMIT, view.getUint8(at + HOP_LIMIT) - 1);
}

/** Writes the two bits of explicit congestion notification. */
export function putEcn(packets: PacketBytes, at: number, codepoint: number): void {
  const { view } = packets;
  view.setUint8(at + 1, view.getUint8(at + 1) & ~0x30 | codepoint << 4);
}

/** Writes how many bytes follow the header. */
export function putPayloadLength(packets: PacketBytes, at: number, length: number): void {
  packets.view.setUint16(at + PAYLOAD_LENGTH, length);
}

/**
 * Writes a header without its addresses, which `putIpv6` or a copy puts at {@linkcode sourceAt}
 * and {@linkcode destinationAt}.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param service DSCP and ECN.
 * @param flow The flow label.
 * @param length The bytes that follow the header.
 * @param next What follows.
 * @param hops The hop limit.
 * @returns The bytes of the whole header, 40.
 */
export function put(
  packets: PacketBytes,
  at: number,
  service: number,
  flow: number,
  length: number,
  next: number,
  hops: number,
): number {
  const { view } = packets;
  view.setInt32(at + VERSION_CLASS_FLOW, VERSION << 28 | service << 20 | flow);
  view.setInt32(at + PAYLOAD_LENGTH, length << 16 | next << 8 | hops);
  return SIZE;
}

/**
 * Reads a header that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): Ipv6Header {
  const service = trafficClass(packets, at);
  return {
    dscp: service >> 2,
    ecn: service & 3,
    flowLabel: flowLabel(packets, at),
    payloadLength: payloadLength(packets, at),
    nextHeader: nextHeader(packets, at),
    hopLimit: hopLimit(packets, at),
    source: source(packets, at),
    destination: destination(packets, at),
  };
}

/**
 * Writes a header.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param header What it means.
 * @returns The bytes written, 40.
 */
export function emit(packets: PacketBytes, at: number, header: Ipv6Header): number {
  const service = header.dscp << 2 | header.ecn;
  const { flowLabel: flow, payloadLength: length, nextHeader: next, hopLimit: hops } = header;
  put(packets, at, service, flow, length, next, hops);
  putIpv6(packets, at + SOURCE, header.source);
  putIpv6(packets, at + DESTINATION, header.destination);
  return SIZE;
}
