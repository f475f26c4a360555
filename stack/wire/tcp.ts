/**
 * The header of TCP: RFC 9293 section 3.1, RFC 3168 (ECN), RFC 9768 (accurate ECN). Options are in
 * `tcp_options.ts`.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Checksummer, complement } from "./checksum.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";
import { emitOptions, optionsBytes, parseOptions, type TcpOption } from "./tcp_option_list.ts";

// Constants of their own, as everywhere packets are fast: see `packet_bytes.ts`.
const {
  SOURCE,
  DESTINATION,
  SEQUENCE,
  ACKNOWLEDGMENT,
  OFFSET_FLAGS,
  WINDOW,
  CHECKSUM,
  URGENT,
  SIZE,
} = structure(20, [
  ["SOURCE", 2],
  ["DESTINATION", 2],
  ["SEQUENCE", 4],
  ["ACKNOWLEDGMENT", 4],
  ["OFFSET_FLAGS", 2],
  ["WINDOW", 2],
  ["CHECKSUM", 2],
  ["URGENT", 2],
]);

/** The bytes of a header without options. */
export const HEADER_BYTES: number = SIZE;
/** The bytes of the longest header. */
export const MAX_HEADER_BYTES = 60;

/** The bits of the header that say what a segment is for. */
export const Flag = {
  FIN: 0x001,
  SYN: 0x002,
  RST: 0x004,
  PSH: 0x008,
  ACK: 0x010,
  URG: 0x020,
  /** The receiver echoes that congestion was experienced. RFC 3168. */
  ECE: 0x040,
  /** The sender reduced its congestion window. RFC 3168. */
  CWR: 0x080,
  /** With the two before a counter of three bits in accurate ECN. RFC 9768 section 3.1. */
  AE: 0x100,
} as const;

/** All bits of {@linkcode Flag}; the three between them and the data offset are reserved. */
export const FLAGS_MASK = 0x1ff;

const GOOD = Fault.NONE;

/** A header. */
export interface TcpHeader {
  /** The sender's port. */
  readonly sourcePort: number;
  /** The receiver's port. */
  readonly destinationPort: number;
  /** The number of the first byte, or of the SYN, as a signed word. */
  readonly sequence: number;
  /** The number of the next byte expected, as a signed word. */
  readonly acknowledgment: number;
  /** Bits of {@linkcode Flag}. */
  readonly flags: number;
  /** The window, not scaled. */
  readonly window: number;
  /** How far urgent data go, from the sequence number. */
  readonly urgentPointer: number;
  /** Options, in their order. */
  readonly options: readonly TcpOption[];
}

/**
 * Judges a segment; its checksum is a matter of {@linkcode verify}, its options one of
 * `tcp_options.ts`.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param length The bytes of the segment.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < SIZE) return Fault.TCP_TOO_SHORT;
  const { view } = packets;
  const header = view.getUint8(at + OFFSET_FLAGS) >> 4 << 2;
  if (header < SIZE || header > length) return Fault.TCP_HEADER_LENGTH;
  const both = view.getInt32(at + SOURCE);
  return both >>> 16 === 0 || (both & 0xffff) === 0 ? Fault.TCP_PORT_ZERO : GOOD;
}

/** The source port. */
export function sourcePort(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + SOURCE);
}

/** The destination port. */
export function destinationPort(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + DESTINATION);
}

/** Both ports as one signed word, the source in its upper half: as a hash takes them. */
export function ports(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at + SOURCE);
}

/** The sequence number, as a signed word. */
export function sequence(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at + SEQUENCE);
}

/** The acknowledgment number, as a signed word. */
export function acknowledgment(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at + ACKNOWLEDGMENT);
}

/** The bytes of the header with its options: where the payload begins. */
export function headerBytes(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + OFFSET_FLAGS) >> 4 << 2;
}

/** Bits of {@linkcode Flag}. */
export function flags(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + OFFSET_FLAGS) & FLAGS_MASK;
}

/** The window, not scaled. */
export function window(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + WINDOW);
}

/** The urgent pointer. */
export function urgentPointer(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + URGENT);
}

/**
 * Judges the checksum of a segment.
 *
 * @param summer Sums up the memory.
 * @param at The offset of the header.
 * @param length The bytes of the segment.
 * @param pseudo The sum of the pseudo header.
 * @returns {@linkcode Fault.TCP_CHECKSUM} or {@linkcode Fault.NONE}.
 */
export function verify(
  summer: Checksummer,
  at: number,
  length: number,
  pseudo: number,
): Fault {
  const isGood = complement(summer.sum(at, length) + pseudo) === 0;
  return isGood ? Fault.NONE : Fault.TCP_CHECKSUM;
}

/**
 * Computes and writes the checksum of a segment that is complete otherwise.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of the header.
 * @param length The bytes of the segment.
 * @param pseudo The sum of the pseudo header.
 */
export function seal(
  summer: Checksummer,
  packets: PacketBytes,
  at: number,
  length: number,
  pseudo: number,
): void {
  packets.view.setUint16(at + CHECKSUM, 0);
  packets.view.setUint16(at + CHECKSUM, complement(summer.sum(at, length) + pseudo));
}

/**
 * Writes a checksum that was made elsewhere: the sum of the pseudo header alone, where the network
 * card or the other side of a TAP device completes it.
 */
export function putChecksum(packets: PacketBytes, at: number, checksum: number): void {
  packets.view.setUint16(at + CHECKSUM, checksum);
}

/**
 * Writes the part of a header that all have, without a checksum.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param from The source port.
 * @param to The destination port.
 * @param number The sequence number.
 * @param expected The acknowledgment number.
 * @param header The bytes of the header with its options.
 * @param bits Bits of {@linkcode Flag}.
 * @param room The window, not scaled.
 * @param urgent The urgent pointer.
 */
export function put(
  packets: PacketBytes,
  at: number,
  from: number,
  to: number,
  number: number,
  expected: number,
  header: number,
  bits: number,
  room: number,
  urgent: number,
): void {
  const { view } = packets;
  view.setInt32(at + SOURCE, from << 16 | to);
  view.setInt32(at + SEQUENCE, number);
  view.setInt32(at + ACKNOWLEDGMENT, expected);
  view.setInt32(at + OFFSET_FLAGS, (header >> 2 << 12 | bits) << 16 | room);
  view.setInt32(at + CHECKSUM, urgent);
}

/**
 * Reads a header that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): TcpHeader {
  return {
    sourcePort: sourcePort(packets, at),
    destinationPort: destinationPort(packets, at),
    sequence: sequence(packets, at),
    acknowledgment: acknowledgment(packets, at),
    flags: flags(packets, at),
    window: window(packets, at),
    urgentPointer: urgentPointer(packets, at),
    options: parseOptions(packets, at + SIZE, headerBytes(packets, at) - SIZE),
  };
}

/** The bytes that {@linkcode emit} writes. */
export function emittedBytes(header: TcpHeader): number {
  return SIZE + optionsBytes(header.options);
}

/**
 * Writes a header without a checksum, which {@linkcode seal} writes once the payload is there.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param header What it means.
 * @returns The bytes written: the payload follows them.
 * @throws {RangeError} When there are more than 40 bytes of options.
 */
export function emit(packets: PacketBytes, at: number, header: TcpHeader): number {
  const bytes = SIZE + emitOptions(packets, at + SIZE, header.options);
  put(
    packets,
    at,
    header.sourcePort,
    header.destinationPort,
    header.sequence,
    header.acknowledgment,
    bytes,
    header.flags,
    header.window,
    header.urgentPointer,
  );
  return bytes;
}
