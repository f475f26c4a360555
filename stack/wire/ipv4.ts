/**
 * The header of IPv4: RFC 791, RFC 1122 section 3.2.1, RFC 2474 (DSCP), RFC 3168 (ECN), RFC 6864
 * (identification). Options are in `ipv4_options.ts`.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv4Address, isIpv4Multicast } from "./addresses.ts";
import { complement, update16 } from "./checksum.ts";
import { Fault } from "./fault.ts";
import { emitOptions, type Ipv4Option, optionsBytes, parseOptions } from "./ipv4_options.ts";
import type { PacketBytes } from "./packet_bytes.ts";

// Constants of their own, as everywhere packets are fast: see `packet_bytes.ts`.
const {
  VERSION_LENGTH,
  TYPE_OF_SERVICE,
  TOTAL_LENGTH,
  IDENTIFICATION,
  FRAGMENT,
  TIME_TO_LIVE,
  PROTOCOL,
  CHECKSUM,
  SOURCE,
  DESTINATION,
  SIZE,
} = structure(20, [
  ["VERSION_LENGTH", 1],
  ["TYPE_OF_SERVICE", 1],
  ["TOTAL_LENGTH", 2],
  ["IDENTIFICATION", 2],
  ["FRAGMENT", 2],
  ["TIME_TO_LIVE", 1],
  ["PROTOCOL", 1],
  ["CHECKSUM", 2],
  ["SOURCE", 4],
  ["DESTINATION", 4],
]);

/** The bytes of a header without options. */
export const HEADER_BYTES: number = SIZE;
/** The bytes of the longest header. */
export const MAX_HEADER_BYTES = 60;
/** The bytes of the longest packet. */
export const MAX_PACKET_BYTES = 65535;
/** The packet that every link carries whole. RFC 791 section 3.2. */
export const MIN_MTU = 68;

const VERSION = 4;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;
/** What any bit of makes a packet a part of one. */
const PART_MASK = MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK;
/** The first byte of a header without options. */
const PLAIN = VERSION << 4 | SIZE >> 2;
/** From here on the first byte of an address belongs to groups, and to nobody. */
const FIRST_GROUP = 0xe0;
const GOOD = Fault.NONE;

/** A header. */
export interface Ipv4Header {
  /** Differentiated services, 0 to 63. RFC 2474. */
  readonly dscp: number;
  /** Explicit congestion notification, 0 to 3. RFC 3168. */
  readonly ecn: number;
  /** The bytes of header and payload. */
  readonly totalLength: number;
  /** What the fragments of a packet have in common, 0 to 65535. */
  readonly identification: number;
  /** Whether routers may not take the packet apart. */
  readonly dontFragment: boolean;
  /** Whether more fragments follow this one. */
  readonly moreFragments: boolean;
  /** Where this fragment belongs, in bytes: a multiple of 8. */
  readonly fragmentOffset: number;
  /** How many more routers the packet may pass. */
  readonly timeToLive: number;
  /** What the packet carries. */
  readonly protocol: number;
  /** Who sends it. */
  readonly source: Ipv4Address;
  /** Whom it is for. */
  readonly destination: Ipv4Address;
  /** Options, in their order. */
  readonly options: readonly Ipv4Option[];
}

/**
 * Judges a header; its checksum is a matter of {@linkcode verify}, its options one of
 * `ipv4_options.ts`.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param length The bytes there are; padding may follow the packet.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < SIZE) return Fault.IPV4_TOO_SHORT;
  const { view } = packets;
  const word = view.getInt32(at + VERSION_LENGTH);
  const total = word & 0xffff;
  const isPlain = word >>> 24 === PLAIN && total >= SIZE && total <= length &&
    (view.getUint16(at + FRAGMENT) & PART_MASK) === 0 && view.getUint8(at + SOURCE) < FIRST_GROUP;
  return isPlain ? GOOD : checkAll(packets, at, length);
}

/** What is neither plain nor of the usual source may still be good. */
function checkAll(packets: PacketBytes, at: number, length: number): Fault {
  const { view } = packets;
  const first = view.getUint8(at + VERSION_LENGTH);
  if (first >> 4 !== VERSION) return Fault.IPV4_VERSION;
  const header = (first & 15) << 2;
  if (header < SIZE) return Fault.IPV4_HEADER_LENGTH;
  const total = view.getUint16(at + TOTAL_LENGTH);
  if (total < header) return Fault.IPV4_TOTAL_LENGTH;
  if (total > length) return Fault.IPV4_TRUNCATED;
  const from = view.getInt32(at + SOURCE);
  // RFC 1122 section 3.2.1.3: neither a group nor everybody MAY be a source.
  if (from >>> 28 === 0xe || from === -1) return Fault.IPV4_SOURCE;
  const fragment = view.getUint16(at + FRAGMENT);
  if ((fragment & PART_MASK) === 0) return Fault.NONE;
  return checkFragment(fragment, header, total - header);
}

function checkFragment(fragment: number, header: number, payload: number): Fault {
  // RFC 791 section 3.2: all fragments but the last are multiples of 8 bytes, and not empty.
  const isLast = (fragment & MORE_FRAGMENTS) === 0;
  if (!isLast && ((payload & 7) !== 0 || payload === 0)) return Fault.IPV4_FRAGMENT_LENGTH;
  const end = header + ((fragment & FRAGMENT_OFFSET_MASK) << 3) + payload;
  return end > MAX_PACKET_BYTES ? Fault.IPV4_FRAGMENT_OVERFLOW : Fault.NONE;
}

/** The bytes of the header with its options: where the payload begins. */
export function headerBytes(packets: PacketBytes, at: number): number {
  return (packets.view.getUint8(at + VERSION_LENGTH) & 15) << 2;
}

/** Writes how long the header is; the checksum is a matter of {@linkcode seal}. */
export function putHeaderBytes(packets: PacketBytes, at: number, bytes: number): void {
  packets.view.setUint8(at + VERSION_LENGTH, VERSION << 4 | bytes >> 2);
}

/** The bytes of header and payload. */
export function totalLength(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + TOTAL_LENGTH);
}

/** DSCP and ECN, the byte that sockets call type of service. */
export function typeOfService(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + TYPE_OF_SERVICE);
}

/** The two bits of explicit congestion notification. */
export function ecn(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + TYPE_OF_SERVICE) & 3;
}

/** What the fragments of a packet have in common. */
export function identification(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + IDENTIFICATION);
}

/** Whether routers may not take the packet apart. */
export function dontFragment(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint16(at + FRAGMENT) & DONT_FRAGMENT) !== 0;
}

/** Whether more fragments follow this one. */
export function moreFragments(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint16(at + FRAGMENT) & MORE_FRAGMENTS) !== 0;
}

/** Where this fragment belongs, in bytes. */
export function fragmentOffset(packets: PacketBytes, at: number): number {
  return (packets.view.getUint16(at + FRAGMENT) & FRAGMENT_OFFSET_MASK) << 3;
}

/** Whether this is a part of a packet. */
export function isFragment(packets: PacketBytes, at: number): boolean {
  return (packets.view.getUint16(at + FRAGMENT) & PART_MASK) !== 0;
}

/** How many more routers the packet may pass. */
export function timeToLive(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + TIME_TO_LIVE);
}

/** What the packet carries. */
export function protocol(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + PROTOCOL);
}

/** The source address. */
export function source(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + SOURCE);
}

/** The destination address. */
export function destination(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + DESTINATION);
}

/** Whether the destination is a multicast group. */
export function isToGroup(packets: PacketBytes, at: number): boolean {
  return isIpv4Multicast(packets.view.getInt32(at + DESTINATION));
}

/** The sum of a header's words, not folded. */
function sumHeader(packets: PacketBytes, at: number): number {
  const { view } = packets;
  let sum = view.getUint16(at) + view.getUint16(at + 2) + view.getUint16(at + 4) +
    view.getUint16(at + 6) + view.getUint16(at + 8) + view.getUint16(at + 10) +
    view.getUint16(at + 12) + view.getUint16(at + 14) + view.getUint16(at + 16) +
    view.getUint16(at + 18);
  const end = at + headerBytes(packets, at);
  for (let word = at + SIZE; word < end; word += 2) sum += view.getUint16(word);
  return sum;
}

/** Judges the checksum of a header. RFC 1122 section 3.2.1.2. */
export function verify(packets: PacketBytes, at: number): Fault {
  return complement(sumHeader(packets, at)) === 0 ? Fault.NONE : Fault.IPV4_CHECKSUM;
}

/** Computes and writes the checksum of a header that is complete otherwise. */
export function seal(packets: PacketBytes, at: number): void {
  packets.view.setUint16(at + CHECKSUM, 0);
  packets.view.setUint16(at + CHECKSUM, complement(sumHeader(packets, at)));
}

/** Writes DSCP and ECN; the checksum is a matter of {@linkcode seal}. */
export function putTypeOfService(packets: PacketBytes, at: number, service: number): void {
  packets.view.setUint8(at + TYPE_OF_SERVICE, service);
}

/**
 * Writes which part of a packet this is; the checksum is a matter of {@linkcode seal}.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param total The bytes of header and payload of this part.
 * @param offset Where the part belongs, in bytes: a multiple of 8.
 * @param more Whether more parts follow.
 */
export function putPart(
  packets: PacketBytes,
  at: number,
  total: number,
  offset: number,
  more: boolean,
): void {
  packets.view.setUint16(at + TOTAL_LENGTH, total);
  packets.view.setUint16(at + FRAGMENT, (more ? MORE_FRAGMENTS : 0) | offset >> 3);
}

/** Takes one from the time to live, as a router does, and updates the checksum. RFC 1624. */
export function decrementTimeToLive(packets: PacketBytes, at: number): void {
  const { view } = packets;
  const before = view.getUint16(at + TIME_TO_LIVE);
  const after = before - 0x100 & 0xffff;
  view.setUint16(at + TIME_TO_LIVE, after);
  const sum = update16(view.getUint16(at + CHECKSUM), before, after);
  view.setUint16(at + CHECKSUM, sum);
}

/**
 * Writes a header without options that is no fragment, with its checksum.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param service DSCP and ECN.
 * @param total The bytes of header and payload.
 * @param id The identification.
 * @param mayFragment Whether routers may take the packet apart.
 * @param ttl The time to live.
 * @param carried The protocol of the payload.
 * @param from The source address.
 * @param to The destination address.
 * @returns The bytes written, 20.
 */
export function put(
  packets: PacketBytes,
  at: number,
  service: number,
  total: number,
  id: number,
  mayFragment: boolean,
  ttl: number,
  carried: number,
  from: Ipv4Address,
  to: Ipv4Address,
): number {
  const { view } = packets;
  const first = PLAIN << 8 | service;
  const fragment = mayFragment ? 0 : DONT_FRAGMENT;
  const life = ttl << 8 | carried;
  const sum = first + total + id + fragment + life + (from >>> 16) + (from & 0xffff) +
    (to >>> 16) + (to & 0xffff);
  view.setInt32(at + VERSION_LENGTH, first << 16 | total);
  view.setInt32(at + IDENTIFICATION, id << 16 | fragment);
  view.setInt32(at + TIME_TO_LIVE, life << 16 | complement(sum));
  view.setInt32(at + SOURCE, from);
  view.setInt32(at + DESTINATION, to);
  return SIZE;
}

/**
 * Reads a header that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): Ipv4Header {
  const service = typeOfService(packets, at);
  return {
    dscp: service >> 2,
    ecn: service & 3,
    totalLength: totalLength(packets, at),
    identification: identification(packets, at),
    dontFragment: dontFragment(packets, at),
    moreFragments: moreFragments(packets, at),
    fragmentOffset: fragmentOffset(packets, at),
    timeToLive: timeToLive(packets, at),
    protocol: protocol(packets, at),
    source: source(packets, at),
    destination: destination(packets, at),
    options: parseOptions(packets, at + SIZE, headerBytes(packets, at) - SIZE),
  };
}

/** The bytes that {@linkcode emit} writes. */
export function emittedBytes(header: Ipv4Header): number {
  return SIZE + optionsBytes(header.options);
}

/**
 * Writes a header with its checksum.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param header What it means.
 * @returns The bytes written: the payload follows them.
 * @throws {RangeError} When there are more than 40 bytes of options.
 */
export function emit(packets: PacketBytes, at: number, header: Ipv4Header): number {
  const { view } = packets;
  const bytes = SIZE + emitOptions(packets, at + SIZE, header.options);
  view.setUint8(at + VERSION_LENGTH, VERSION << 4 | bytes >> 2);
  view.setUint8(at + TYPE_OF_SERVICE, header.dscp << 2 | header.ecn);
  view.setUint16(at + TOTAL_LENGTH, header.totalLength);
  view.setUint16(at + IDENTIFICATION, header.identification);
  const flags = (header.dontFragment ? DONT_FRAGMENT : 0) |
    (header.moreFragments ? MORE_FRAGMENTS : 0);
  view.setUint16(at + FRAGMENT, flags | header.fragmentOffset >> 3);
  view.setUint8(at + TIME_TO_LIVE, header.timeToLive);
  view.setUint8(at + PROTOCOL, header.protocol);
  view.setInt32(at + SOURCE, header.source);
  view.setInt32(at + DESTINATION, header.destination);
  seal(packets, at);
  return bytes;
}
