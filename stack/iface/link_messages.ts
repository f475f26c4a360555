/**
 * Whole packets of the protocols of links: ARP, neighbour discovery, IGMP and MLD.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import {
  type Ipv4Address,
  type Ipv6Address,
  type MacAddress,
  macHigh,
  macLow,
  putIpv6,
} from "../wire/addresses.ts";
import * as arp from "../wire/arp.ts";
import { pseudoIpv6 } from "../wire/checksum.ts";
import { seal } from "../wire/icmpv6.ts";
import * as igmp from "../wire/igmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as mld from "../wire/mld.ts";
import * as ndp from "../wire/ndp.ts";
import { EtherType, Protocol } from "../wire/numbers.ts";
import type { LinkInterface } from "./link_interface.ts";

/** A router alert of IPv4: RFC 2113. */
const IPV4_OPTIONS = [{ option: "router-alert", value: 0 }] as const;
const IPV4_OPTIONS_BYTES = 4;
/** Hop-by-hop options of IPv6 with a router alert for MLD (RFC 2711), and padding. */
const IPV6_ROUTER_ALERT = [Protocol.ICMPV6, 0, 5, 2, 0, 0, 1, 0];
/** RFC 3376 section 4: IP precedence of Internetwork Control. */
const INTERNETWORK_CONTROL = 0xc0;

/** Takes a packet that the table knows nothing of. @returns -1 when none is left */
function takePacket({ arena, packets }: Environment, bytes: number): number {
  const packet = arena.take(bytes);
  if (packet >= 0) packets.clear(packet);
  return packet;
}

/**
 * Sends a packet of ARP.
 *
 * @param to the station that the frame is for
 * @returns false when no packet was left
 */
export function sendArp(
  environment: Environment,
  link: LinkInterface,
  to: MacAddress,
  message: arp.ArpPacket,
): boolean {
  const packet = takePacket(environment, arp.PACKET_BYTES);
  if (packet < 0) return false;
  arp.emit(environment.arena.memory, environment.arena.start(packet), message);
  link.transmit(packet, macHigh(to), macLow(to), EtherType.ARP);
  return true;
}

/**
 * Sends a message of neighbour discovery.
 *
 * @returns false when no packet was left
 */
export function sendNdp(
  environment: Environment,
  link: LinkInterface,
  source: Ipv6Address,
  destination: Ipv6Address,
  message: ndp.NdpMessage,
): boolean {
  const packet = makeNdp(environment, source, destination, message);
  if (packet < 0) return false;
  link.output(packet, destination);
  return true;
}

/** The same for a station whose address is known. */
export function sendNdpTo(
  environment: Environment,
  link: LinkInterface,
  source: Ipv6Address,
  destination: Ipv6Address,
  message: ndp.NdpMessage,
  high: number,
  low: number,
): boolean {
  const packet = makeNdp(environment, source, destination, message);
  if (packet < 0) return false;
  link.transmit(packet, high, low, EtherType.IPV6);
  return true;
}

function makeNdp(
  environment: Environment,
  source: Ipv6Address,
  destination: Ipv6Address,
  message: ndp.NdpMessage,
): number {
  const { arena } = environment;
  const bytes = ndp.emittedBytes(message);
  const packet = takePacket(environment, bytes);
  if (packet < 0) return packet;
  const at = arena.start(packet);
  const { memory } = arena;
  ndp.emit(memory, at, message);
  const pseudo = pseudoIpv6(source, destination, Protocol.ICMPV6, bytes);
  seal(memory.checksummer, memory, at, bytes, pseudo);
  // RFC 4861 section 4.1 (MUST): the hop limit is 255, as sections 4.2 to 4.5 ask, too.
  putIpv6Header(
    environment,
    packet,
    bytes,
    Protocol.ICMPV6,
    ndp.HOP_LIMIT,
    source,
    destination,
  );
  return packet;
}

function putIpv6Header(
  { arena, packets }: Environment,
  packet: number,
  bytes: number,
  next: number,
  hops: number,
  source: Ipv6Address,
  destination: Ipv6Address,
): void {
  packets.transport[packet] = arena.start(packet);
  const at = arena.prepend(packet, ipv6.HEADER_BYTES);
  packets.network[packet] = at;
  ipv6.put(arena.memory, at, 0, 0, bytes, next, hops);
  putIpv6(arena.memory, ipv6.sourceAt(at), source);
  putIpv6(arena.memory, ipv6.destinationAt(at), destination);
}

/**
 * Sends a message of MLD.
 *
 * @returns false when no packet was left
 */
export function sendMld(
  environment: Environment,
  link: LinkInterface,
  source: Ipv6Address,
  destination: Ipv6Address,
  message: mld.MldMessage,
): boolean {
  const { arena } = environment;
  const { memory } = arena;
  const bytes = mld.emittedBytes(message);
  const packet = takePacket(environment, bytes);
  if (packet < 0) return false;
  mld.emit(memory, arena.start(packet), message);
  const pseudo = pseudoIpv6(source, destination, Protocol.ICMPV6, bytes);
  seal(memory.checksummer, memory, arena.start(packet), bytes, pseudo);
  // RFC 3810 section 5 (MUST): with a router alert in a hop-by-hop header, and a hop limit of 1.
  memory.bytes.set(IPV6_ROUTER_ALERT, arena.prepend(packet, IPV6_ROUTER_ALERT.length));
  const payload = bytes + IPV6_ROUTER_ALERT.length;
  putIpv6Header(environment, packet, payload, Protocol.HOP_BY_HOP, 1, source, destination);
  link.output(packet, destination);
  return true;
}

/**
 * Sends a message of IGMP.
 *
 * @returns false when no packet was left
 */
export function sendIgmp(
  environment: Environment,
  link: LinkInterface,
  source: Ipv4Address,
  destination: Ipv4Address,
  message: igmp.IgmpMessage,
): boolean {
  const { arena, packets, random } = environment;
  const { memory } = arena;
  const bytes = igmp.emittedBytes(message);
  const packet = takePacket(environment, bytes);
  if (packet < 0) return false;
  const messageAt = arena.start(packet);
  igmp.emit(memory, messageAt, message);
  igmp.seal(memory.checksummer, memory, messageAt, bytes);
  packets.transport[packet] = messageAt;
  const at = arena.prepend(packet, ipv4.HEADER_BYTES + IPV4_OPTIONS_BYTES);
  packets.network[packet] = at;
  // RFC 3376 section 4 (MUST): every message has a TTL of 1 and a router alert.
  ipv4.emit(memory, at, {
    ...{ dscp: INTERNETWORK_CONTROL >> 2, ecn: 0 },
    totalLength: ipv4.HEADER_BYTES + IPV4_OPTIONS_BYTES + bytes,
    identification: random.uint32() & 0xffff,
    ...{ dontFragment: false, moreFragments: false, fragmentOffset: 0 },
    ...{ timeToLive: 1, protocol: Protocol.IGMP, source, destination, options: IPV4_OPTIONS },
  });
  link.output(packet, destination);
  return true;
}
