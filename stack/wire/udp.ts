/**
 * UDP: RFC 768, over IPv6 RFC 8200 section 8.1.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Checksummer, complement } from "./checksum.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";

// Constants of their own, as everywhere packets are fast: see `packet_bytes.ts`.
const { SOURCE, DESTINATION, LENGTH, CHECKSUM, SIZE } = structure(8, [
  ["SOURCE", 2],
  ["DESTINATION", 2],
  ["LENGTH", 2],
  ["CHECKSUM", 2],
]);

/** The bytes of a header. */
export const HEADER_BYTES: number = SIZE;

/** A header. */
export interface UdpHeader {
  /** The port to answer to, 0 where no answer is wanted. */
  readonly sourcePort: number;
  /** The receiver's port. */
  readonly destinationPort: number;
  /** The bytes of header and payload. */
  readonly length: number;
}

/**
 * Judges a datagram; its checksum is a matter of {@linkcode verify}.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param length The bytes of the IP packet's payload, which may be more than the datagram.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < SIZE) return Fault.UDP_TOO_SHORT;
  const { view } = packets;
  const said = view.getUint16(at + LENGTH);
  if (said < SIZE || said > length) return Fault.UDP_LENGTH;
  return view.getUint16(at + DESTINATION) === 0 ? Fault.UDP_PORT_ZERO : Fault.NONE;
}

/** The source port. */
export function sourcePort(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + SOURCE);
}

/** The destination port. */
export function destinationPort(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + DESTINATION);
}

/** The bytes of header and payload. */
export function datagramLength(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + LENGTH);
}

/** Whether the sender computed a checksum. Over IPv6 it must have. RFC 8200 section 8.1. */
export function hasChecksum(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint16(at + CHECKSUM) !== 0;
}

/**
 * Judges the checksum of a datagram; a sender may leave it out over IPv4.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of a header that {@linkcode check} finds nothing wrong with.
 * @param pseudo The sum of the pseudo header, made with the datagram's own length.
 * @param isRequired Whether there must be one: over IPv6, RFC 8200 section 8.1.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function verify(
  summer: Checksummer,
  packets: PacketBytes,
  at: number,
  pseudo: number,
  isRequired: boolean,
): Fault {
  if (!hasChecksum(packets, at)) return isRequired ? Fault.UDP_NO_CHECKSUM : Fault.NONE;
  const isGood = complement(summer.sum(at, datagramLength(packets, at)) + pseudo) === 0;
  return isGood ? Fault.NONE : Fault.UDP_CHECKSUM;
}

/**
 * Computes and writes the checksum of a datagram that is complete otherwise.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of the header.
 * @param pseudo The sum of the pseudo header.
 */
export function seal(summer: Checksummer, packets: PacketBytes, at: number, pseudo: number): void {
  const { view } = packets;
  view.setUint16(at + CHECKSUM, 0);
  const checksum = complement(summer.sum(at, datagramLength(packets, at)) + pseudo);
  // RFC 768: a checksum that is 0 is sent as its other zero, because 0 says that there is none.
  view.setUint16(at + CHECKSUM, checksum === 0 ? 0xffff : checksum);
}

/**
 * Writes a checksum that was made elsewhere: the sum of the pseudo header alone, where the interface
 * completes it.
 */
export function putChecksum(packets: PacketBytes, at: number, checksum: number): void {
  packets.view.setUint16(at + CHECKSUM, checksum);
}

/**
 * Writes a header without a checksum.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param from The source port.
 * @param to The destination port.
 * @param length The bytes of header and payload.
 * @returns The bytes written, 8.
 */
export function put(
  packets: PacketBytes,
  at: number,
  from: number,
  to: number,
  length: number,
): number {
  packets.view.setInt32(at + SOURCE, from << 16 | to);
  packets.view.setInt32(at + LENGTH, length << 16);
  return SIZE;
}

/**
 * Reads a header that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): UdpHeader {
  return {
    sourcePort: sourcePort(packets, at),
    destinationPort: destinationPort(packets, at),
    length: datagramLength(packets, at),
  };
}

/**
 * Writes a header without a checksum, which {@linkcode seal} writes once the payload is there.
 *
 * @param packets The memory.
 * @param at The offset of the header.
 * @param header What it means.
 * @returns The bytes written: the payload follows them.
 */
export function emit(packets: PacketBytes, at: number, header: UdpHeader): number {
  return put(packets, at, header.sourcePort, header.destinationPort, header.length);
}
