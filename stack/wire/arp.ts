/**
 * ARP for IPv4 over Ethernet: RFC 826, and the probes and announcements of RFC 5227.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv4Address, type MacAddress, macAt, putMac } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { EtherType } from "./numbers.ts";
import type { PacketBytes } from "./packet_bytes.ts";

const ARP = structure(28, [
  ["HARDWARE_TYPE", 2],
  ["PROTOCOL_TYPE", 2],
  ["HARDWARE_LENGTH", 1],
  ["PROTOCOL_LENGTH", 1],
  ["OPERATION", 2],
  ["SENDER_MAC", 6],
  ["SENDER_ADDRESS", 4],
  ["TARGET_MAC", 6],
  ["TARGET_ADDRESS", 4],
]);

/** The bytes of a packet. */
export const PACKET_BYTES: number = ARP.SIZE;

/** What a packet says. */
export const Operation = {
  /** Who has the target address? */
  REQUEST: 1,
  /** The sender has the sender address. */
  REPLY: 2,
} as const;

const HARDWARE_ETHERNET = 1;
/** Six bytes of hardware address, four of protocol address. */
const LENGTHS = 6 << 8 | 4;

/** A packet. */
export interface ArpPacket {
  /** One of {@linkcode Operation}. */
  readonly operation: number;
  /** Who sends it. */
  readonly senderMac: MacAddress;
  /** 0 in a probe, RFC 5227 section 2.1.1. */
  readonly senderAddress: Ipv4Address;
  /** Who is meant; 0 in a request. */
  readonly targetMac: MacAddress;
  /** The sender's own in an announcement, RFC 5227 section 2.3. */
  readonly targetAddress: Ipv4Address;
}

/**
 * Judges a packet.
 *
 * @param packets The memory.
 * @param at The offset of the packet, behind the header of its frame.
 * @param length The bytes there are; a frame's padding may follow the packet.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < ARP.SIZE) return Fault.ARP_TOO_SHORT;
  const { view } = packets;
  if (view.getUint16(at + ARP.HARDWARE_TYPE) !== HARDWARE_ETHERNET) return Fault.ARP_HARDWARE;
  if (view.getUint16(at + ARP.PROTOCOL_TYPE) !== EtherType.IPV4) return Fault.ARP_PROTOCOL;
  if (view.getUint16(at + ARP.HARDWARE_LENGTH) !== LENGTHS) return Fault.ARP_LENGTHS;
  const said = view.getUint16(at + ARP.OPERATION);
  if (said !== Operation.REQUEST && said !== Operation.REPLY) return Fault.ARP_OPERATION;
  // RFC 1812 section 3.3.2: no answer may bind an address to a group.
  if ((view.getUint8(at + ARP.SENDER_MAC) & 1) !== 0) return Fault.ARP_SENDER_IS_GROUP;
  return Fault.NONE;
}

/** One of {@linkcode Operation}. */
export function operation(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + ARP.OPERATION);
}

/** The sender's MAC address. */
export function senderMac(packets: PacketBytes, at: number): MacAddress {
  return macAt(packets, at + ARP.SENDER_MAC);
}

/** The sender's address. */
export function senderAddress(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + ARP.SENDER_ADDRESS);
}

/** The target's MAC address. */
export function targetMac(packets: PacketBytes, at: number): MacAddress {
  return macAt(packets, at + ARP.TARGET_MAC);
}

/** The target's address. */
export function targetAddress(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + ARP.TARGET_ADDRESS);
}

/**
 * Reads a packet that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the packet.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): ArpPacket {
  return {
    operation: operation(packets, at),
    senderMac: senderMac(packets, at),
    senderAddress: senderAddress(packets, at),
    targetMac: targetMac(packets, at),
    targetAddress: targetAddress(packets, at),
  };
}

/**
 * Writes a packet.
 *
 * @param packets The memory.
 * @param at The offset of the packet.
 * @param packet What it means.
 * @returns The bytes written, 28.
 */
export function emit(packets: PacketBytes, at: number, packet: ArpPacket): number {
  const { view } = packets;
  view.setUint16(at + ARP.HARDWARE_TYPE, HARDWARE_ETHERNET);
  view.setUint16(at + ARP.PROTOCOL_TYPE, EtherType.IPV4);
  view.setUint16(at + ARP.HARDWARE_LENGTH, LENGTHS);
  view.setUint16(at + ARP.OPERATION, packet.operation);
  putMac(packets, at + ARP.SENDER_MAC, packet.senderMac);
  view.setInt32(at + ARP.SENDER_ADDRESS, packet.senderAddress);
  putMac(packets, at + ARP.TARGET_MAC, packet.targetMac);
  view.setInt32(at + ARP.TARGET_ADDRESS, packet.targetAddress);
  return ARP.SIZE;
}
