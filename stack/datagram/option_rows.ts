/**
 * The options of datagram sockets that are plain integers: where their values are kept, and which
 * values they take, as on Linux.
 *
 * @module
 */

import { SockOpt } from "../../ring/abi/opcodes.ts";
import { Ipv4Name, Ipv6Name, PathMtuDiscovery, SocketName, UdpName } from "../option_names.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;

/** Where an option's value is among those of its socket. */
export const Slot = {
  REUSE_ADDRESS: 0,
  REUSE_PORT: 1,
  BROADCAST: 2,
  NO_CHECK: 3,
  PRIORITY: 4,
  MARK: 5,
  KEEP_ALIVE: 6,
  RECEIVE_OVERFLOW: 7,
  RECEIVE_LOW_WATER: 8,
  TYPE_OF_SERVICE: 9,
  TIME_TO_LIVE: 10,
  MTU_DISCOVERY: 11,
  PACKET_INFO: 12,
  RECEIVE_TIME_TO_LIVE: 13,
  RECEIVE_TYPE_OF_SERVICE: 14,
  MULTICAST_TTL: 15,
  MULTICAST_LOOP: 16,
  MULTICAST_ALL: 17,
  UNICAST_HOPS: 18,
  MULTICAST_HOPS: 19,
  MULTICAST_LOOP_6: 20,
  MULTICAST_ALL_6: 21,
  MTU_DISCOVERY_6: 22,
  IPV6_ONLY: 23,
  PACKET_INFO_6: 24,
  RECEIVE_HOP_LIMIT: 25,
  RECEIVE_TRAFFIC_CLASS: 26,
  TRAFFIC_CLASS: 27,
  DONT_FRAGMENT: 28,
  CORK: 29,
  NO_CHECKSUM_6_SEND: 30,
  NO_CHECKSUM_6_RECEIVE: 31,
  SEGMENT: 32,
  GRO: 33,
  HEADER_INCLUDED: 34,
  DEBUG: 35,
  DONT_ROUTE: 36,
  ZERO_COPY: 37,
  RECEIVE_OPTIONS: 38,
  RETURN_OPTIONS: 39,
  FREE_BIND: 40,
  BIND_WITHOUT_PORT: 41,
  RECEIVE_ERRORS: 42,
  RECEIVE_ERRORS_6: 43,
  MINIMUM_TIME_TO_LIVE: 44,
  MINIMUM_HOPS: 45,
} as const;

/** How many values a socket has. */
const SLOT_COUNT = 46;

/** The kinds of sockets that have an option. */
export const Kind = { UDP: 1, RAW: 2, PING: 4, ALL: 7 } as const;

/** An option. */
export interface OptionRow {
  readonly level: number;
  readonly name: number;
  readonly slot: number;
  /** Its value where none was set. */
  readonly initial: number;
  readonly minimum: number;
  readonly maximum: number;
  /** Whether any value but 0 is 1. */
  readonly isFlag: boolean;
  /** Bits of {@linkcode Kind}. */
  readonly kinds: number;
}

const INT_MAXIMUM = 2 ** 31 - 1;
const HOPS_MAXIMUM = 255;

function flag(level: number, name: number, slot: number, initial = 0, kinds = 7): OptionRow {
  return { level, name, slot, initial, minimum: 0, maximum: 1, isFlag: true, kinds };
}

function integer(
  level: number,
  name: number,
  slot: number,
  [minimum, maximum]: readonly [number, number],
  initial: number = 0,
  kinds: number = 7,
): OptionRow {
  return { level, name, slot, initial, minimum, maximum, isFlag: false, kinds };
}

const HOPS = [-1, HOPS_MAXIMUM] as const;
const DISCOVERIES = [PathMtuDiscovery.DONT, PathMtuDiscovery.OMIT] as const;
const ANY = [-(2 ** 31), INT_MAXIMUM] as const;
const WANT = PathMtuDiscovery.WANT;

/** All of them. */
const OPTION_ROWS: readonly OptionRow[] = [
  flag(SOL_SOCKET, SockOpt.SO_REUSEADDR, Slot.REUSE_ADDRESS),
  flag(SOL_SOCKET, SockOpt.SO_REUSEPORT, Slot.REUSE_PORT),
  flag(SOL_SOCKET, SockOpt.SO_BROADCAST, Slot.BROADCAST),
  flag(SOL_SOCKET, SocketName.NO_CHECK, Slot.NO_CHECK),
  flag(SOL_SOCKET, SockOpt.SO_KEEPALIVE, Slot.KEEP_ALIVE),
  flag(SOL_SOCKET, SockOpt.SO_RXQ_OVFL, Slot.RECEIVE_OVERFLOW),
  // These four, and those that only come back with packets of their own, change nothing here.
  flag(SOL_SOCKET, SocketName.DEBUG, Slot.DEBUG),
  flag(SOL_SOCKET, SocketName.DONT_ROUTE, Slot.DONT_ROUTE),
  integer(SOL_SOCKET, SockOpt.SO_ZEROCOPY, Slot.ZERO_COPY, [0, 1]),
  integer(SOL_SOCKET, SockOpt.SO_PRIORITY, Slot.PRIORITY, ANY),
  integer(SOL_SOCKET, SockOpt.SO_MARK, Slot.MARK, ANY),
  integer(SOL_SOCKET, SocketName.RECEIVE_LOW_WATER, Slot.RECEIVE_LOW_WATER, [1, INT_MAXIMUM], 1),
  integer(SOL_IP, SockOpt.IP_TOS, Slot.TYPE_OF_SERVICE, ANY),
  integer(SOL_IP, SockOpt.IP_TTL, Slot.TIME_TO_LIVE, HOPS),
  integer(SOL_IP, SockOpt.IP_MTU_DISCOVER, Slot.MTU_DISCOVERY, DISCOVERIES, WANT),
  flag(SOL_IP, SockOpt.IP_PKTINFO, Slot.PACKET_INFO),
  flag(SOL_IP, SockOpt.IP_RECVTTL, Slot.RECEIVE_TIME_TO_LIVE),
  flag(SOL_IP, SockOpt.IP_RECVTOS, Slot.RECEIVE_TYPE_OF_SERVICE),
  integer(SOL_IP, SockOpt.IP_MULTICAST_TTL, Slot.MULTICAST_TTL, HOPS, 1),
  flag(SOL_IP, SockOpt.IP_MULTICAST_LOOP, Slot.MULTICAST_LOOP, 1),
  integer(SOL_IP, SockOpt.IP_MULTICAST_ALL, Slot.MULTICAST_ALL, [0, 1], 1),
  flag(SOL_IP, Ipv4Name.RECEIVE_OPTIONS, Slot.RECEIVE_OPTIONS),
  flag(SOL_IP, Ipv4Name.RETURN_OPTIONS, Slot.RETURN_OPTIONS),
  flag(SOL_IP, Ipv4Name.FREE_BIND, Slot.FREE_BIND),
  flag(SOL_IP, Ipv4Name.BIND_ADDRESS_NO_PORT, Slot.BIND_WITHOUT_PORT),
  flag(SOL_IP, SockOpt.IP_RECVERR, Slot.RECEIVE_ERRORS),
  // Kept only: as on Linux, these two are obeyed by TCP.
  integer(SOL_IP, Ipv4Name.MINIMUM_TIME_TO_LIVE, Slot.MINIMUM_TIME_TO_LIVE, [0, HOPS_MAXIMUM]),
  integer(IPPROTO_IPV6, Ipv6Name.MINIMUM_HOPS, Slot.MINIMUM_HOPS, [0, HOPS_MAXIMUM]),
  flag(SOL_IP, SockOpt.IP_HDRINCL, Slot.HEADER_INCLUDED, 0, Kind.RAW),
  integer(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS, Slot.UNICAST_HOPS, HOPS, -1),
  integer(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_HOPS, Slot.MULTICAST_HOPS, HOPS, 1),
  flag(IPPROTO_IPV6, Ipv6Name.FREE_BIND, Slot.FREE_BIND),
  integer(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, Slot.MULTICAST_LOOP_6, [0, 1], 1),
  flag(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_ALL, Slot.MULTICAST_ALL_6, 1),
  integer(IPPROTO_IPV6, SockOpt.IPV6_MTU_DISCOVER, Slot.MTU_DISCOVERY_6, DISCOVERIES, WANT),
  flag(IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, Slot.IPV6_ONLY),
  flag(IPPROTO_IPV6, SockOpt.IPV6_RECVPKTINFO, Slot.PACKET_INFO_6),
  flag(IPPROTO_IPV6, SockOpt.IPV6_RECVHOPLIMIT, Slot.RECEIVE_HOP_LIMIT),
  flag(IPPROTO_IPV6, SockOpt.IPV6_RECVTCLASS, Slot.RECEIVE_TRAFFIC_CLASS),
  integer(IPPROTO_IPV6, SockOpt.IPV6_TCLASS, Slot.TRAFFIC_CLASS, [-1, HOPS_MAXIMUM]),
  flag(IPPROTO_IPV6, SockOpt.IPV6_RECVERR, Slot.RECEIVE_ERRORS_6),
  flag(IPPROTO_IPV6, Ipv6Name.DONT_FRAGMENT, Slot.DONT_FRAGMENT),
  flag(IPPROTO_UDP, UdpName.CORK, Slot.CORK, 0, Kind.UDP),
  flag(IPPROTO_UDP, UdpName.NO_CHECKSUM_6_SEND, Slot.NO_CHECKSUM_6_SEND, 0, Kind.UDP),
  flag(IPPROTO_UDP, UdpName.NO_CHECKSUM_6_RECEIVE, Slot.NO_CHECKSUM_6_RECEIVE, 0, Kind.UDP),
  integer(IPPROTO_UDP, SockOpt.UDP_SEGMENT, Slot.SEGMENT, [0, 65535], 0, Kind.UDP),
  flag(IPPROTO_UDP, SockOpt.UDP_GRO, Slot.GRO, 0, Kind.UDP),
];

/** What every socket begins with. */
export const INITIAL_VALUES: Int32Array = initialValues();

function initialValues(): Int32Array {
  const values = new Int32Array(SLOT_COUNT);
  for (const row of OPTION_ROWS) values[row.slot] = row.initial;
  return values;
}

/** The option of a level and name that a kind of socket has. */
export function optionRow(level: number, name: number, kind: number): OptionRow | undefined {
  return OPTION_ROWS.find((row) =>
    row.level === level && row.name === name && (row.kinds & kind) !== 0
  );
}
