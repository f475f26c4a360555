/**
 * The control messages that come with datagrams, as far as a socket was asked for them.
 *
 * @module
 */

import { CMSGHDR } from "../../ring/abi/layout.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { controlSpace } from "../../ring/abi/control.ts";
import { AF_INET6, SOCKADDR_IN6_SIZE, SOCKADDR_IN_SIZE } from "../../ring/abi/sockaddr.ts";
import type { DatagramInfo, ErrorReport } from "../../stack/socket.ts";
import { isScoped, putIpv6, putWord, writeSockaddr } from "./names.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;

/** What a socket tells beside its datagrams: bits. */
export const Beside = {
  PACKET_INFO: 1 << 0,
  TIME_TO_LIVE: 1 << 1,
  TYPE_OF_SERVICE: 1 << 2,
  PACKET_INFO6: 1 << 3,
  HOP_LIMIT: 1 << 4,
  TRAFFIC_CLASS: 1 << 5,
  SEGMENTS: 1 << 6,
  DROPPED: 1 << 7,
} as const;

const OPTIONS: readonly (readonly [level: number, name: number, bit: number])[] = [
  [SOL_IP, SockOpt.IP_PKTINFO, Beside.PACKET_INFO],
  [SOL_IP, SockOpt.IP_RECVTTL, Beside.TIME_TO_LIVE],
  [SOL_IP, SockOpt.IP_RECVTOS, Beside.TYPE_OF_SERVICE],
  [IPPROTO_IPV6, SockOpt.IPV6_RECVPKTINFO, Beside.PACKET_INFO6],
  [IPPROTO_IPV6, SockOpt.IPV6_RECVHOPLIMIT, Beside.HOP_LIMIT],
  [IPPROTO_IPV6, SockOpt.IPV6_RECVTCLASS, Beside.TRAFFIC_CLASS],
  [IPPROTO_UDP, SockOpt.UDP_GRO, Beside.SEGMENTS],
  [SOL_SOCKET, SockOpt.SO_RXQ_OVFL, Beside.DROPPED],
];

/** The bit of an option that asks for a control message, 0 where it is another one. */
export function besideOf(level: number, name: number): number {
  return OPTIONS.find(([at, called]) => at === level && called === name)?.[2] ?? 0;
}

/** `sizeof(struct sock_extended_err)`. */
const EXTENDED_ERROR_BYTES = 16;

/** One control message, before it is known how much of it there is room for. */
const scratch = new Uint8Array(64);

/** Where control messages go, and how far they got. */
export class ControlWriter {
  /** Bytes written. */
  length = 0;
  /** Whether there was no room for one of them. */
  isTruncated = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #room = 0;

  /** Begins at a place in memory. */
  begin(bytes: Uint8Array, at: number, room: number): void {
    this.#bytes = bytes;
    this.#at = at;
    this.#room = room;
    this.length = 0;
    this.isTruncated = false;
  }

  /**
   * Writes what a datagram comes with.
   *
   * @param wanted bits of {@linkcode Beside}
   * @param dropped how many datagrams the socket has dropped so far
   */
  describe(wanted: number, info: DatagramInfo, dropped: number): void {
    const isIpv4 = typeof info.destination === "number";
    if ((wanted & Beside.DROPPED) !== 0 && dropped > 0) {
      this.#int(SOL_SOCKET, SockOpt.SO_RXQ_OVFL, dropped);
    }
    if (isIpv4 && (wanted & Beside.PACKET_INFO) !== 0) this.#packetInfo(info);
    if (isIpv4 && (wanted & Beside.TIME_TO_LIVE) !== 0) {
      this.#int(SOL_IP, SockOpt.IP_TTL, info.timeToLive);
    }
    if (isIpv4 && (wanted & Beside.TYPE_OF_SERVICE) !== 0) {
      this.#byte(SOL_IP, SockOpt.IP_TOS, info.typeOfService);
    }
    if ((wanted & Beside.PACKET_INFO6) !== 0) this.#packetInfo6(info);
    // Of datagrams of IPv4, Linux tells a socket of IPv6 nothing more.
    if (!isIpv4 && (wanted & Beside.HOP_LIMIT) !== 0) {
      this.#int(IPPROTO_IPV6, SockOpt.IPV6_HOPLIMIT, info.timeToLive);
    }
    if (!isIpv4 && (wanted & Beside.TRAFFIC_CLASS) !== 0) {
      this.#int(IPPROTO_IPV6, SockOpt.IPV6_TCLASS, info.typeOfService);
    }
    if ((wanted & Beside.SEGMENTS) !== 0 && info.segmentBytes > 0) {
      this.#int(IPPROTO_UDP, SockOpt.UDP_GRO, info.segmentBytes);
    }
  }

  /**
   * Writes what is known of an error: a `struct sock_extended_err`, and who told of it. Source: ip(7),
   * Linux `ip_recv_error`, `ipv6_recv_error`.
   */
  report(family: number, { errno, origin, type, code, info, packet }: ErrorReport): void {
    const isIpv6 = family === AF_INET6;
    this.#put(0, errno);
    this.#put(4, origin | type << 8 | code << 16);
    this.#put(8, info);
    this.#put(12, 0);
    const length = isIpv6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE;
    const at = CMSGHDR.SIZE + EXTENDED_ERROR_BYTES;
    if (packet === null) {
      scratch.fill(0, at, at + length);
    } else {
      const { source, interface: link } = packet;
      writeSockaddr(scratch, at, length, family, source, 0, isScoped(source) ? link : 0);
    }
    const bytes = EXTENDED_ERROR_BYTES + length;
    if (isIpv6) this.#emit(IPPROTO_IPV6, SockOpt.IPV6_RECVERR, bytes);
    else this.#emit(SOL_IP, SockOpt.IP_RECVERR, bytes);
  }

  #packetInfo({ destination, interface: index }: DatagramInfo): void {
    this.#put(0, index);
    // Who it was for: as the address that answers come from, and as it stands in the header.
    putWord(scratch, CMSGHDR.SIZE + 4, destination as number);
    putWord(scratch, CMSGHDR.SIZE + 8, destination as number);
    this.#emit(SOL_IP, SockOpt.IP_PKTINFO, 12);
  }

  #packetInfo6({ destination, interface: index }: DatagramInfo): void {
    putIpv6(scratch, CMSGHDR.SIZE, destination);
    this.#put(16, index);
    this.#emit(IPPROTO_IPV6, SockOpt.IPV6_PKTINFO, 20);
  }

  #int(level: number, type: number, value: number): void {
    this.#put(0, value);
    this.#emit(level, type, 4);
  }

  #byte(level: number, type: number, value: number): void {
    this.#put(0, value);
    this.#emit(level, type, 1);
  }

  /** Writes a header, and as much of its data as there is room for. Source: `put_cmsg`. */
  #emit(level: number, type: number, bytes: number): void {
    const left = this.#room - this.length;
    const whole = CMSGHDR.SIZE + bytes;
    if (left < whole) this.isTruncated = true;
    if (left < CMSGHDR.SIZE) return;
    const written = Math.min(whole, left);
    this.#put(CMSGHDR.LENGTH - CMSGHDR.SIZE, written);
    this.#put(CMSGHDR.LENGTH + 4 - CMSGHDR.SIZE, 0);
    this.#put(CMSGHDR.LEVEL - CMSGHDR.SIZE, level);
    this.#put(CMSGHDR.TYPE - CMSGHDR.SIZE, type);
    const at = this.#at + this.length;
    // As in Linux, the last one need not be padded.
    const taken = Math.min(controlSpace(bytes), left);
    for (let index = 0; index < taken; index++) {
      this.#bytes[at + index] = index < written ? scratch[index] : 0;
    }
    this.length += taken;
  }

  /** Writes an int of the data that are next. */
  #put(at: number, value: number): void {
    const from = CMSGHDR.SIZE + at;
    scratch[from] = value & 0xff;
    scratch[from + 1] = (value >>> 8) & 0xff;
    scratch[from + 2] = (value >>> 16) & 0xff;
    scratch[from + 3] = value >>> 24;
  }
}
