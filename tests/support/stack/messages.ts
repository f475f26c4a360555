/**
 * Frames of the protocols of links, written by hand and read back.
 *
 * @module
 */

import {
  type Ipv6Address,
  ipv6At,
  isIpv4Multicast,
  isIpv6Multicast,
  macOfIpv4Group,
  macOfIpv6Group,
  putIpv6,
} from "../../../stack/wire/addresses.ts";
import * as arp from "../../../stack/wire/arp.ts";
import { PlainChecksummer, pseudoIpv6, pseudoIpv6At } from "../../../stack/wire/checksum.ts";
import * as ethernet from "../../../stack/wire/ethernet.ts";
import { seal, verify } from "../../../stack/wire/icmpv6.ts";
import * as igmp from "../../../stack/wire/igmp.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import * as mld from "../../../stack/wire/mld.ts";
import * as ndp from "../../../stack/wire/ndp.ts";
import { EtherType, Protocol } from "../../../stack/wire/numbers.ts";
import { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import { type Frame, OUR_MAC, PEER_MAC } from "./links.ts";

const ROOM = 2048;
const IP_AT = 14;
const ALERT = [Protocol.ICMPV6, 0, 5, 2, 0, 0, 1, 0];

/** What a test says of a message of ARP. */
export interface ArpSaid {
  readonly operation?: number;
  readonly mac?: number;
  readonly sender: number;
  readonly target: number;
  readonly to?: number;
}

/** A frame of ARP from the peer to us. */
export function arpFrame(
  { operation = 1, mac = PEER_MAC, sender, target, to }: ArpSaid,
): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(60));
  ethernet.emit(packets, 0, {
    ...{ destination: to ?? OUR_MAC, source: mac, tags: [], type: EtherType.ARP },
  });
  arp.emit(packets, IP_AT, {
    ...{ operation, senderMac: mac, senderAddress: sender },
    ...{ targetMac: operation === 1 ? 0 : OUR_MAC, targetAddress: target },
  });
  return packets.bytes;
}

/** The messages of ARP among frames. */
export function arpsOf(frames: readonly Frame[]): (arp.ArpPacket & { readonly to: number })[] {
  return frames.filter(({ type }) => type === EtherType.ARP)
    .map((frame) => ({ to: frame.to, ...arp.parse(frame.packets, IP_AT) }));
}

function stationOf(destination: Ipv6Address): number {
  return isIpv6Multicast(destination) ? macOfIpv6Group(destination) : OUR_MAC;
}

function icmpv6Frame(
  source: Ipv6Address,
  destination: Ipv6Address,
  hops: number,
  extension: readonly number[],
  mac: number,
  write: (packets: PacketBytes, at: number) => number,
): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(ROOM));
  const type = EtherType.IPV6;
  const station = stationOf(destination);
  ethernet.emit(packets, 0, { destination: station, source: mac, tags: [], type });
  const at = IP_AT + ipv6.HEADER_BYTES + extension.length;
  packets.bytes.set(extension, IP_AT + ipv6.HEADER_BYTES);
  const bytes = write(packets, at);
  const pseudo = pseudoIpv6(source, destination, Protocol.ICMPV6, bytes);
  seal(new PlainChecksummer(packets), packets, at, bytes, pseudo);
  const first = extension.length > 0 ? Protocol.HOP_BY_HOP : Protocol.ICMPV6;
  ipv6.put(packets, IP_AT, 0, 0, bytes + extension.length, first, hops);
  putIpv6(packets, ipv6.sourceAt(IP_AT), source);
  putIpv6(packets, ipv6.destinationAt(IP_AT), destination);
  return packets.bytes.slice(0, at + bytes);
}

/** A frame of neighbour discovery. */
export function ndpFrame(
  source: Ipv6Address,
  destination: Ipv6Address,
  message: ndp.NdpMessage,
  { hops = ndp.HOP_LIMIT, mac = PEER_MAC }: { hops?: number; mac?: number } = {},
): Uint8Array {
  const write = (packets: PacketBytes, at: number) => ndp.emit(packets, at, message);
  return icmpv6Frame(source, destination, hops, [], mac, write);
}

/** A frame of MLD. */
export function mldFrame(
  source: Ipv6Address,
  destination: Ipv6Address,
  message: mld.MldMessage,
): Uint8Array {
  const write = (packets: PacketBytes, at: number) => mld.emit(packets, at, message);
  return icmpv6Frame(source, destination, 1, ALERT, PEER_MAC, write);
}

/** A frame of IGMP. */
export function igmpFrame(
  source: number,
  destination: number,
  message: igmp.IgmpMessage,
): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(ROOM));
  const station = isIpv4Multicast(destination) ? macOfIpv4Group(destination) : OUR_MAC;
  const type = EtherType.IPV4;
  ethernet.emit(packets, 0, { destination: station, source: PEER_MAC, tags: [], type });
  const at = IP_AT + 24;
  const bytes = igmp.emit(packets, at, message);
  igmp.seal(new PlainChecksummer(packets), packets, at, bytes);
  ipv4.emit(packets, IP_AT, {
    ...{ dscp: 48, ecn: 0, totalLength: 24 + bytes, identification: 1, dontFragment: false },
    ...{ moreFragments: false, fragmentOffset: 0, timeToLive: 1, protocol: Protocol.IGMP },
    ...{ source, destination, options: [{ option: "router-alert", value: 0 }] },
  });
  return packets.bytes.slice(0, at + bytes);
}

/** A message that left, with its addresses. */
export interface SentMessage<Message> {
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
  readonly to: number;
  readonly message: Message;
}

/** The messages of neighbour discovery among frames; their sums are verified. */
export function ndpsOf(frames: readonly Frame[]): SentMessage<ndp.NdpMessage>[] {
  return icmpv6Of(frames, Protocol.ICMPV6, 0, (packets, at, bytes) => {
    if (packets.view.getUint8(at) < 133 || packets.view.getUint8(at) > 137) return null;
    const fault = ndp.check(packets, at, bytes, IP_AT);
    if (fault !== 0) throw new Error(`a message with fault ${fault} was sent`);
    return ndp.parse(packets, at, bytes);
  });
}

/** The messages of MLD among frames; their sums are verified. */
export function mldsOf(frames: readonly Frame[]): SentMessage<mld.MldMessage>[] {
  return icmpv6Of(frames, Protocol.HOP_BY_HOP, ALERT.length, (packets, at, bytes) => {
    const source = ipv6At(packets, ipv6.sourceAt(IP_AT));
    const fault = mld.check(packets, at, bytes, IP_AT, 0);
    // RFC 3590: before there is an address, reports come from nobody.
    if (fault !== 0 && source.some((word) => word !== 0)) {
      throw new Error(`a message with fault ${fault} was sent`);
    }
    return mld.parse(packets, at, bytes);
  });
}

function icmpv6Of<Message>(
  frames: readonly Frame[],
  next: number,
  skipped: number,
  read: (packets: PacketBytes, at: number, bytes: number) => Message | null,
): SentMessage<Message>[] {
  const found: SentMessage<Message>[] = [];
  for (const { packets, type, to } of frames) {
    if (type !== EtherType.IPV6 || ipv6.nextHeader(packets, IP_AT) !== next) continue;
    const at = IP_AT + ipv6.HEADER_BYTES + skipped;
    const bytes = ipv6.payloadLength(packets, IP_AT) - skipped;
    const pseudo = pseudoIpv6At(packets, IP_AT, Protocol.ICMPV6, bytes);
    const isBad = verify(new PlainChecksummer(packets), at, bytes, pseudo) !== 0;
    if (isBad) throw new Error("a message with a bad sum was sent");
    const message = read(packets, at, bytes);
    if (message === null) continue;
    found.push({
      source: ipv6At(packets, ipv6.sourceAt(IP_AT)),
      destination: ipv6At(packets, ipv6.destinationAt(IP_AT)),
      ...{ to, message },
    });
  }
  return found;
}

/** The messages of IGMP among frames. */
export function igmpsOf(
  frames: readonly Frame[],
): { readonly source: number; readonly destination: number; readonly message: igmp.IgmpMessage }[] {
  return frames
    .filter(({ type, packets }) =>
      type === EtherType.IPV4 && ipv4.protocol(packets, IP_AT) === Protocol.IGMP
    )
    .map(({ packets }) => {
      const at = IP_AT + ipv4.headerBytes(packets, IP_AT);
      const bytes = ipv4.totalLength(packets, IP_AT) - ipv4.headerBytes(packets, IP_AT);
      const summer = new PlainChecksummer(packets);
      const isBad = igmp.verify(summer, at, bytes) !== 0 || igmp.check(packets, at, bytes, 0) !== 0;
      if (isBad || ipv4.timeToLive(packets, IP_AT) !== 1) throw new Error("a bad message was sent");
      return {
        source: ipv4.source(packets, IP_AT),
        destination: ipv4.destination(packets, IP_AT),
        message: igmp.parse(packets, at, bytes),
      };
    });
}

/** A packet of IPv6 without anything in it. */
export function ipv6Packet(source: Ipv6Address, destination: Ipv6Address): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(48));
  ipv6.put(packets, 0, 0, 0, 8, 253, 64);
  putIpv6(packets, ipv6.sourceAt(0), source);
  putIpv6(packets, ipv6.destinationAt(0), destination);
  return packets.bytes;
}
