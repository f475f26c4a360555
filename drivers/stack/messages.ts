/**
 * The control messages of SENDMSG.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CMSGHDR, MSGHDR } from "../../ring/abi/layout.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { controlSpace } from "../../ring/abi/control.ts";
import type { DatagramParameters } from "../../stack/socket.ts";
import { isWithin, readLong } from "../machine/segments.ts";
import { ipv6At, isAnyAddress, wordAt } from "./names.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;
/** `struct in_pktinfo`: interface, source, destination; `struct in6_pktinfo`: address, interface. */
const PKTINFO_BYTES = 12;
const PKTINFO_SOURCE = 4;
const PKTINFO6_BYTES = 20;
const PKTINFO6_INTERFACE = 16;
const SEGMENT_BYTES = 2;
const INT_BYTES = 4;
const HOPS_MAXIMUM = 255;

/**
 * Reads what the control messages of a SENDMSG say about its datagram.
 *
 * @param header where the `msghdr` is
 * @param into is changed accordingly
 * @returns 0 or `-errno`
 */
export function readControl(memory: RingMemory, header: number, into: DatagramParameters): number {
  const length = readLong(memory, header + MSGHDR.CONTROL_LENGTH);
  if (length === 0) return 0;
  const control = readLong(memory, header + MSGHDR.CONTROL);
  if (control % 4 !== 0 || !isWithin(memory, control, length)) return -Errno.EFAULT;
  const { words } = memory;
  for (let at = control; at + CMSGHDR.SIZE <= control + length;) {
    const bytes = readLong(memory, at + CMSGHDR.LENGTH);
    if (bytes < CMSGHDR.SIZE || at + bytes > control + length) return -Errno.EINVAL;
    const level = words[(at + CMSGHDR.LEVEL) >> 2];
    const type = words[(at + CMSGHDR.TYPE) >> 2];
    const data = at + CMSGHDR.SIZE;
    const result = readOne(memory.bytes, level, type, data, bytes - CMSGHDR.SIZE, into);
    if (result !== 0) return result;
    at += controlSpace(bytes - CMSGHDR.SIZE);
  }
  return 0;
}

function readOne(
  bytes: Uint8Array,
  level: number,
  type: number,
  data: number,
  length: number,
  into: DatagramParameters,
): number {
  switch (level) {
    case IPPROTO_UDP:
      if (type !== SockOpt.UDP_SEGMENT || length !== SEGMENT_BYTES) return -Errno.EINVAL;
      into.segmentBytes = bytes[data] | (bytes[data + 1] << 8);
      return 0;
    case SOL_IP:
      return readIpv4(bytes, type, data, length, into);
    case IPPROTO_IPV6:
      return readIpv6(bytes, type, data, length, into);
    case SOL_SOCKET:
      return -Errno.ENOTSUP;
    default:
      // As Linux: what belongs to another level is none of this socket's.
      return 0;
  }
}

function readIpv4(
  bytes: Uint8Array,
  type: number,
  data: number,
  length: number,
  into: DatagramParameters,
): number {
  switch (type) {
    case SockOpt.IP_PKTINFO: {
      if (length !== PKTINFO_BYTES) return -Errno.EINVAL;
      const source = wordAt(bytes, data + PKTINFO_SOURCE);
      if (source !== 0) into.source = source;
      into.scope = intAt(bytes, data) || into.scope;
      return 0;
    }
    case SockOpt.IP_TTL: {
      const hops = intAt(bytes, data);
      if (length !== INT_BYTES || hops < 1 || hops > HOPS_MAXIMUM) return -Errno.EINVAL;
      into.timeToLive = hops;
      return 0;
    }
    case SockOpt.IP_TOS:
      if (length !== INT_BYTES && length !== 1) return -Errno.EINVAL;
      into.typeOfService = bytes[data];
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

function readIpv6(
  bytes: Uint8Array,
  type: number,
  data: number,
  length: number,
  into: DatagramParameters,
): number {
  const value = intAt(bytes, data);
  switch (type) {
    case SockOpt.IPV6_PKTINFO: {
      if (length < PKTINFO6_BYTES) return -Errno.EINVAL;
      const source = ipv6At(bytes, data);
      if (!isAnyAddress(source)) into.source = source;
      into.scope = intAt(bytes, data + PKTINFO6_INTERFACE) || into.scope;
      return 0;
    }
    case SockOpt.IPV6_HOPLIMIT:
      if (length !== INT_BYTES || value < -1 || value > HOPS_MAXIMUM) return -Errno.EINVAL;
      if (value > 0) into.timeToLive = value;
      return 0;
    case SockOpt.IPV6_TCLASS:
      if (length !== INT_BYTES || value < -1 || value > 255) return -Errno.EINVAL;
      into.typeOfService = value;
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

function intAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
