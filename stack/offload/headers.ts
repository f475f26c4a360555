/**
 * Where the headers of a packet are, as offloads need to know it.
 *
 * @module
 */

import type { PacketBytes } from "../wire/packet_bytes.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Chain, walk } from "../wire/ipv6_chain.ts";
import { Fault } from "../wire/fault.ts";
import { Protocol } from "../wire/numbers.ts";

const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const ICMP_CHECKSUM = 2;

const chain = new Ipv6Chain();

/** Whether a packet is one of IPv4. */
export function isIpv4At(packets: PacketBytes, networkAt: number): boolean {
  return packets.view.getUint8(networkAt) >> 4 === 4;
}

/** What a packet carries; -1 where its headers are no chain. */
export function protocolAt(packets: PacketBytes, networkAt: number, transportAt: number): number {
  if (isIpv4At(packets, networkAt)) return ipv4.protocol(packets, networkAt);
  if (transportAt === networkAt + ipv6.HEADER_BYTES) return ipv6.nextHeader(packets, networkAt);
  return walk(packets, networkAt, chain) === Fault.NONE ? chain.protocol : -1;
}

/** Where the checksum is in the header of a protocol; -1 where that is not known. */
export function checksumOffset(protocol: number): number {
  switch (protocol) {
    case Protocol.TCP:
      return TCP_CHECKSUM;
    case Protocol.UDP:
      return UDP_CHECKSUM;
    case Protocol.ICMPV6:
      return ICMP_CHECKSUM;
    default:
      return -1;
  }
}
