/**
 * What an attacker knows without seeing anything: who is on the link, and which connections there
 * are; and how it writes whole packets.
 *
 * @module
 */

import type { IpAddress } from "../../../stack/ip/types.ts";
import {
  type Ipv6Address,
  isIpv4Multicast,
  isIpv6Multicast,
  MAC_BROADCAST,
  macOfIpv4Group,
  macOfIpv6Group,
  putIpv6,
} from "../../../stack/wire/addresses.ts";
import * as ethernet from "../../../stack/wire/ethernet.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { EtherType } from "../../../stack/wire/numbers.ts";
import type { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import type { Random } from "../../support/seed.ts";
import { type FrameDraft, IP_AT } from "./frame_draft.ts";

/** One of the two stacks. */
export type Side = 0 | 1;

/** A connection; each list has the values of the first and of the second stack. */
export interface KnownFlow {
  readonly addresses: readonly [IpAddress, IpAddress];
  readonly ports: readonly [number, number];
}

/** What is known. */
export interface Scene {
  readonly random: Random;
  readonly macs: readonly [number, number];
  readonly ipv4: readonly [number, number];
  /** Addresses of IPv6 of each stack: one of its own, that of the link, and those of prefixes. */
  readonly ipv6: readonly [readonly Ipv6Address[], readonly Ipv6Address[]];
  readonly flows: readonly KnownFlow[];
}

/** Where the attacker's frames say they come from. */
export const ATTACKER_MAC = 0x0200_0000_0066;

/** The other one of two. */
export function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}

/** What a packet of IP says. */
export interface PacketSaid {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly hops: number;
  /** Bytes of options of IPv4, or extension headers of IPv6, before the payload. */
  readonly extension?: readonly number[];
}

/**
 * Writes a frame with a packet of IP.
 *
 * @param mac of the stack that it is for, unless it is for a group
 * @param write writes the payload, and says how many bytes that are
 */
export function writePacket(
  draft: FrameDraft,
  mac: number,
  said: PacketSaid,
  write: (packets: PacketBytes, at: number) => number,
): void {
  const { source, destination, protocol, hops, extension = [] } = said;
  const { packets } = draft;
  packets.bytes.fill(0);
  const is4 = typeof destination === "number";
  ethernet.emit(packets, 0, {
    ...{ source: ATTACKER_MAC, destination: stationOf(destination, mac), tags: [] },
    type: is4 ? EtherType.IPV4 : EtherType.IPV6,
  });
  const at = IP_AT + (is4 ? ipv4.HEADER_BYTES : ipv6.HEADER_BYTES);
  if (is4) {
    ipv4.put(packets, IP_AT, 0, 0, 0, true, hops, protocol, source as number, destination);
    ipv4.putHeaderBytes(packets, IP_AT, ipv4.HEADER_BYTES + extension.length);
  } else {
    ipv6.put(packets, IP_AT, 0, 0, 0, extension.length > 0 ? 0 : protocol, hops);
    putIpv6(packets, ipv6.sourceAt(IP_AT), source as Ipv6Address);
    putIpv6(packets, ipv6.destinationAt(IP_AT), destination);
  }
  packets.bytes.set(extension, at);
  draft.length = at + extension.length + write(packets, at + extension.length);
  draft.fitLengths();
  draft.repair();
}

function stationOf(destination: IpAddress, mac: number): number {
  if (typeof destination !== "number") {
    return isIpv6Multicast(destination) ? macOfIpv6Group(destination) : mac;
  }
  if (destination === -1) return MAC_BROADCAST;
  return isIpv4Multicast(destination) ? macOfIpv4Group(destination) : mac;
}
