/**
 * About which packets no error is ever sent: RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7, RFC
 * 4443 section 2.4 (e).
 *
 * @module
 */

import type { IpContext } from "../ip/context.ts";
import { isIpv4Loopback, isIpv4Reserved } from "../ip/addresses.ts";
import { PacketFlag } from "../packet_table.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import { isIpv6AnyAt } from "../wire/addresses.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { EXTENSION, FRAGMENT, MAX_EXTENSIONS } from "../wire/ipv6_chain.ts";
import { Protocol } from "../wire/numbers.ts";

const LINK_CAST = PacketFlag.LINK_BROADCAST | PacketFlag.LINK_MULTICAST;

/** Whether an error may be sent about a packet of IPv4. */
export function mayReportIpv4(context: IpContext, packet: number): boolean {
  const { arena, packets, memory, links } = context;
  const at = arena.start(packet);
  const flags = packets.flags[packet];
  // RFC 1122 section 3.2.2 (MUST): not about a datagram sent as a link-layer broadcast.
  if ((flags & LINK_CAST) !== 0) return false;
  // RFC 1122 section 3.2.2 (MUST): not about a non-initial fragment.
  if (ipv4.fragmentOffset(memory, at) > 0) return false;
  const destination = ipv4.destination(memory, at);
  // RFC 1122 section 3.2.2 (MUST): not about a datagram to a group.
  if (ipv4.isToGroup(memory, at)) return false;
  // RFC 1122 section 3.2.2 (MUST): not about a datagram to everybody.
  if (links.addresses.isBroadcast(destination, packets.interface[packet])) return false;
  const source = ipv4.source(memory, at);
  const isLooped = (flags & PacketFlag.LOOPED) !== 0;
  // RFC 1122 section 3.2.2 (MUST): not about a datagram whose source is not a single host: zero,
  // loopback, everybody, a group, class E. What never left this stack may be from loopback.
  if (source >>> 28 === 0xe || isIpv4Reserved(source)) return false;
  if (isIpv4Loopback(source) && !isLooped) return false;
  if (links.addresses.isBroadcast(source, packets.interface[packet])) return false;
  // RFC 1122 section 3.2.2 (MUST): not about an ICMP error message.
  return !isIcmpv4Error(context, packet, at);
}

/** Whether a packet of IPv4 is an error. */
function isIcmpv4Error({ arena, memory }: IpContext, packet: number, at: number): boolean {
  if (ipv4.protocol(memory, at) !== Protocol.ICMPV4) return false;
  const header = ipv4.headerBytes(memory, at);
  // Of what is too short to say what it is, nothing good is to be assumed.
  return arena.length(packet) <= header || icmpv4.isError(memory, at + header);
}

/**
 * Whether an error may be sent about a packet of IPv6.
 *
 * @param isForGroups whether it is one of those that packets to groups may cause
 */
export function mayReportIpv6(context: IpContext, packet: number, isForGroups: boolean): boolean {
  const { arena, packets, memory } = context;
  const at = arena.start(packet);
  if (!isForGroups) {
    // RFC 4443 section 2.4 (MUST): (e.3) not about a packet to a group; one that is too big and an
    // unknown option that asks for it are the exceptions, so that path MTUs of groups can be found.
    if (ipv6.isToGroup(memory, at)) return false;
    // RFC 4443 section 2.4 (MUST): (e.4), (e.5) nor about one sent as link-layer multicast or
    // broadcast.
    if ((packets.flags[packet] & LINK_CAST) !== 0) return false;
  }
  const sourceAt = ipv6.sourceAt(at);
  // RFC 4443 section 2.4 (MUST): (e.6) not about a packet whose source does not identify a single
  // node: the unspecified address, a group.
  if (isIpv6AnyAt(memory, sourceAt) || memory.view.getUint8(sourceAt) === 0xff) return false;
  // RFC 4443 section 2.4 (MUST): (e.1), (e.2) not about an ICMPv6 error, or a redirect.
  return !isIcmpv6ErrorOrRedirect(context, packet, at);
}

/** Whether a packet of IPv6 is an error, or a redirect, as far as that can be told. */
function isIcmpv6ErrorOrRedirect(
  { arena, memory }: IpContext,
  packet: number,
  ipAt: number,
): boolean {
  const { view } = memory;
  const end = ipAt + arena.length(packet);
  let protocol = ipv6.nextHeader(memory, ipAt);
  let at = ipAt + ipv6.HEADER_BYTES;
  for (let count = 0; count <= MAX_EXTENSIONS && isSkipped(protocol); count++) {
    if (at + EXTENSION.SIZE > end) return false;
    const isFragment = protocol === Protocol.FRAGMENT;
    protocol = view.getUint8(at + EXTENSION.NEXT_HEADER);
    at += isFragment ? FRAGMENT.SIZE : (view.getUint8(at + EXTENSION.LENGTH) + 1) << 3;
  }
  if (protocol !== Protocol.ICMPV6) return false;
  if (at >= end) return true;
  return icmpv6.isError(memory, at) || icmpv6.type(memory, at) === icmpv6.Type.REDIRECT;
}

function isSkipped(protocol: number): boolean {
  return protocol === Protocol.HOP_BY_HOP || protocol === Protocol.ROUTING ||
    protocol === Protocol.FRAGMENT || protocol === Protocol.DESTINATION_OPTIONS;
}
