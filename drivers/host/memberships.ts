/**
 * Multicast groups that a datagram socket is a member of: the structures of ip(7) and ipv6(7), and
 * Node's calls for them.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
} from "../../ring/abi/sockaddr.ts";
import type { DatagramPort } from "./node_datagrams.ts";

/** Groups that one socket may join, as `net.ipv4.igmp_max_memberships` of Linux. */
export const MAXIMUM_MEMBERSHIPS = 20;

/** `struct ip_mreq`, `ip_mreqn`, `ip_mreq_source`, `ipv6_mreq`: sizes in bytes. */
const IP_MREQ = 8;
const IP_MREQN = 12;
const IP_MREQ_SOURCE = 12;
const IPV6_MREQ = 20;
/** `struct group_req` and `group_source_req`: the interface, then `sockaddr_storage`s. */
const STORAGE_BYTES = 128;
const GROUP_AT = 8;
const GROUP_REQ = GROUP_AT + STORAGE_BYTES;
const GROUP_SOURCE_REQ = GROUP_REQ + STORAGE_BYTES;

const { SOL_IP, IPPROTO_IPV6 } = SockOpt;
const LEAVING: ReadonlySet<number> = new Set([
  SockOpt.IP_DROP_MEMBERSHIP,
  SockOpt.IP_DROP_SOURCE_MEMBERSHIP,
  SockOpt.MCAST_LEAVE_GROUP,
  SockOpt.MCAST_LEAVE_SOURCE_GROUP,
  SockOpt.IPV6_DROP_MEMBERSHIP,
]);

/** A group to join or to leave. */
export interface Membership {
  readonly isLeaving: boolean;
  readonly group: string;
  /** An address of the interface, or with IPv6 `::%index`; undefined for the default one. */
  readonly interface: string | undefined;
  /** The only sender that is wanted; undefined for all of them. */
  readonly source: string | undefined;
}

/** The memberships of one socket. */
export class Memberships {
  readonly #joined = new Map<string, Membership>();

  /** Joins or leaves a group, or keeps in mind to. @returns 0 or `-errno` */
  change(port: DatagramPort | null, membership: Membership): number {
    const key = [membership.group, membership.interface, membership.source].join();
    const isJoined = this.#joined.has(key);
    if (membership.isLeaving && !isJoined) return -Errno.EADDRNOTAVAIL;
    if (!membership.isLeaving && isJoined) return -Errno.EADDRINUSE;
    if (!membership.isLeaving && this.#joined.size === MAXIMUM_MEMBERSHIPS) return -Errno.ENOBUFS;
    const result = port === null ? 0 : apply(port, membership);
    if (result !== 0) return result;
    if (membership.isLeaving) this.#joined.delete(key);
    else this.#joined.set(key, membership);
    return 0;
  }

  /** Joins what was to be joined before the socket was bound. @returns 0 or `-errno` */
  joinAll(port: DatagramPort): number {
    for (const membership of this.#joined.values()) {
      const result = apply(port, membership);
      if (result !== 0) return result;
    }
    return 0;
  }
}

function apply(port: DatagramPort, membership: Membership): number {
  const { isLeaving, group, source, interface: device } = membership;
  const result = port.configure((socket) => {
    if (source === undefined) {
      if (isLeaving) socket.dropMembership(group, device);
      else socket.addMembership(group, device);
    } else if (isLeaving) socket.dropSourceSpecificMembership(source, group, device);
    else socket.addSourceSpecificMembership(source, group, device);
  });
  // Node says EINVAL to everything. The group is one: what is wrong is the interface.
  return result === -Errno.EINVAL ? -Errno.ENODEV : result;
}

/**
 * Reads what a membership option asks for.
 *
 * @param at where its structure is, of `length` bytes
 * @returns the membership, `-errno`, or null where the option is another one
 */
export function readMembership(
  level: number,
  name: number,
  family: number,
  memory: RingMemory,
  at: number,
  length: number,
): Membership | number | null {
  const isLeaving = LEAVING.has(name);
  const isIPv4 = level === SOL_IP && family === AF_INET;
  const isIPv6 = level === IPPROTO_IPV6 && family === AF_INET6;
  if (!isIPv4 && !isIPv6) return null;
  const value = memory.bytes.slice(at, at + length);
  switch (name) {
    case SockOpt.IP_ADD_MEMBERSHIP:
    case SockOpt.IP_DROP_MEMBERSHIP:
      return isIPv4 ? readOld(value, isLeaving) : null;
    case SockOpt.IP_ADD_SOURCE_MEMBERSHIP:
    case SockOpt.IP_DROP_SOURCE_MEMBERSHIP:
      return isIPv4 ? readOldSource(value, isLeaving) : null;
    case SockOpt.IPV6_ADD_MEMBERSHIP:
    case SockOpt.IPV6_DROP_MEMBERSHIP:
      return isIPv6 ? readIPv6(value, isLeaving) : null;
    case SockOpt.MCAST_JOIN_GROUP:
    case SockOpt.MCAST_LEAVE_GROUP:
      return readGroup(value, isLeaving, family, false);
    case SockOpt.MCAST_JOIN_SOURCE_GROUP:
    case SockOpt.MCAST_LEAVE_SOURCE_GROUP:
      return readGroup(value, isLeaving, family, true);
    default:
      return null;
  }
}

function readOld(value: Uint8Array, isLeaving: boolean): Membership | number {
  if (value.length < IP_MREQ) return -Errno.EINVAL;
  // Node names interfaces of IPv4 by address only.
  if (value.length >= IP_MREQN && numberAt(value, IP_MREQ) !== 0) return -Errno.ENOTSUP;
  return membershipOf(isLeaving, textOf(value, 0), addressOrNone(value, 4), undefined);
}

function readOldSource(value: Uint8Array, isLeaving: boolean): Membership | number {
  if (value.length < IP_MREQ_SOURCE) return -Errno.EINVAL;
  return membershipOf(isLeaving, textOf(value, 0), addressOrNone(value, 4), textOf(value, 8));
}

function readIPv6(value: Uint8Array, isLeaving: boolean): Membership | number {
  if (value.length < IPV6_MREQ) return -Errno.EINVAL;
  const group = SocketAddress.ipv6(value.subarray(0, 16), 0);
  return membershipOf(isLeaving, group.host, zoneOrNone(numberAt(value, 16)), undefined);
}

function readGroup(
  value: Uint8Array,
  isLeaving: boolean,
  family: number,
  hasSource: boolean,
): Membership | number {
  if (value.length < (hasSource ? GROUP_SOURCE_REQ : GROUP_REQ)) return -Errno.EINVAL;
  const group = storedAddress(value, GROUP_AT, family);
  const source = hasSource ? storedAddress(value, GROUP_REQ, family) : undefined;
  if (group === null || source === null) return -Errno.EADDRNOTAVAIL;
  const index = numberAt(value, 0);
  const isIPv6 = family === AF_INET6;
  // Node has neither interfaces of IPv4 by number nor sources of IPv6.
  if (isIPv6 ? hasSource : index !== 0) return -Errno.ENOTSUP;
  return membershipOf(isLeaving, group, isIPv6 ? zoneOrNone(index) : undefined, source);
}

/** Reads a `sockaddr_storage`. @returns the address, or null where it is of another family */
function storedAddress(value: Uint8Array, at: number, family: number): string | null {
  if ((value[at] | (value[at + 1] << 8)) !== family) return null;
  const size = family === AF_INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE;
  return decodeSockaddr(value, at, size).host;
}

function membershipOf(
  isLeaving: boolean,
  group: string,
  device: string | undefined,
  source: string | undefined,
): Membership | number {
  const isGroup = SocketAddress.parse(group.includes(":") ? `[${group}]:0` : `${group}:0`);
  if (!isGroup.isMulticast) return -Errno.EINVAL;
  return { isLeaving, group, interface: device, source };
}

function textOf(value: Uint8Array, at: number): string {
  return value.subarray(at, at + 4).join(".");
}

function addressOrNone(value: Uint8Array, at: number): string | undefined {
  return numberAt(value, at) === 0 ? undefined : textOf(value, at);
}

function zoneOrNone(index: number): string | undefined {
  return index === 0 ? undefined : `::%${index}`;
}

function numberAt(value: Uint8Array, at: number): number {
  return (value[at] | (value[at + 1] << 8) | (value[at + 2] << 16) | (value[at + 3] << 24)) >>> 0;
}
