/**
 * The options of TCP's sockets that are plain integers: where their values are kept, and which they
 * take, as on Linux.
 *
 * @module
 */

import { SockOpt } from "../../ring/abi/opcodes.ts";
import { Ipv4Name, Ipv6Name, PathMtuDiscovery, SocketName, TcpName } from "../option_names.ts";
import type { Configuration } from "./configuration.ts";
import { SaveSyn } from "./saved_syns.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_TCP } = SockOpt;

/** Properties of a {@linkcode Configuration} with one kind of value. */
type Keys<Value> = {
  [Key in keyof Configuration]: Configuration[Key] extends Value ? Key : never;
}[keyof Configuration];

/** When an option may be set. */
export const Phase = {
  ANY: 0,
  /** Only before the socket has an address. */
  UNBOUND: 1,
  /** Only before it is connected. */
  UNCONNECTED: 2,
} as const;
/** One of {@linkcode Phase}. */
export type Phase = typeof Phase[keyof typeof Phase];

/** An option. */
export interface OptionRow {
  readonly level: number;
  readonly name: number;
  /** The property of a configuration, true or false. */
  readonly flag?: Keys<boolean>;
  /** Or a number. */
  readonly number?: Keys<number>;
  /** Or a bit of `Configuration.switches`, which are kept and mean nothing to TCP. */
  readonly switch?: number;
  /** Whether that bit says that it is off. */
  readonly isInverted?: boolean;
  readonly minimum: number;
  readonly maximum: number;
  /** What the number is multiplied by: seconds and milliseconds become microseconds. */
  readonly unit: number;
  readonly phase: Phase;
}

const SECONDS = 1_000_000;
const MILLISECONDS = 1000;
const INT_MINIMUM = -(2 ** 31);
const INT_MAXIMUM = 2 ** 31 - 1;
/** Linux' `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`, `MAX_TCP_SYNCNT`. */
const SECONDS_MAXIMUM = 32767;
const COUNT_MAXIMUM = 127;
const HOPS_MAXIMUM = 255;
const DISCOVERIES = [PathMtuDiscovery.DONT, PathMtuDiscovery.OMIT] as const;
const ANYTHING = [INT_MINIMUM, INT_MAXIMUM] as const;

function flag(
  level: number,
  name: number,
  key: Keys<boolean>,
  range: readonly [number, number] = ANYTHING,
  phase: Phase = Phase.ANY,
): OptionRow {
  return { level, name, flag: key, minimum: range[0], maximum: range[1], unit: 1, phase };
}

function number(
  level: number,
  name: number,
  key: Keys<number>,
  range: readonly [number, number],
  unit = 1,
  phase: Phase = Phase.ANY,
): OptionRow {
  return { level, name, number: key, minimum: range[0], maximum: range[1], unit, phase };
}

function kept(level: number, name: number, bit: number, range = ANYTHING): OptionRow {
  const [minimum, maximum] = range;
  return { level, name, switch: 1 << bit, minimum, maximum, unit: 1, phase: Phase.ANY };
}

/** One that is on from the start. */
function keptOff(level: number, name: number, bit: number, range = ANYTHING): OptionRow {
  return { ...kept(level, name, bit, range), isInverted: true };
}

const SWITCH_RANGE = [0, 1] as unknown as typeof ANYTHING;

/** All of them. */
const OPTION_ROWS: readonly OptionRow[] = [
  flag(SOL_SOCKET, SockOpt.SO_REUSEADDR, "reuseAddress"),
  flag(SOL_SOCKET, SockOpt.SO_REUSEPORT, "reusePort"),
  flag(SOL_SOCKET, SockOpt.SO_KEEPALIVE, "keepAlive"),
  flag(SOL_SOCKET, SocketName.OOB_INLINE, "isUrgentInline"),
  number(SOL_SOCKET, SockOpt.SO_PRIORITY, "priority", ANYTHING),
  number(SOL_SOCKET, SockOpt.SO_MARK, "mark", ANYTHING),
  kept(SOL_SOCKET, SocketName.DEBUG, 0),
  kept(SOL_SOCKET, SocketName.DONT_ROUTE, 1),
  kept(SOL_SOCKET, SockOpt.SO_BROADCAST, 2),
  kept(SOL_SOCKET, SockOpt.SO_TIMESTAMP, 3),
  kept(SOL_SOCKET, SocketName.TIMESTAMP_NS, 4),
  kept(SOL_SOCKET, SockOpt.SO_RXQ_OVFL, 5),
  kept(SOL_SOCKET, SockOpt.SO_ZEROCOPY, 6, SWITCH_RANGE),

  flag(IPPROTO_TCP, SockOpt.TCP_NODELAY, "noDelay"),
  flag(IPPROTO_TCP, SockOpt.TCP_CORK, "cork"),
  number(IPPROTO_TCP, SockOpt.TCP_KEEPIDLE, "keepAliveIdle", [1, SECONDS_MAXIMUM], SECONDS),
  number(IPPROTO_TCP, SockOpt.TCP_KEEPINTVL, "keepAliveInterval", [1, SECONDS_MAXIMUM], SECONDS),
  number(IPPROTO_TCP, SockOpt.TCP_KEEPCNT, "keepAliveCount", [1, COUNT_MAXIMUM]),
  number(IPPROTO_TCP, TcpName.SYN_COUNT, "synRetries", [1, COUNT_MAXIMUM]),
  number(IPPROTO_TCP, SockOpt.TCP_USER_TIMEOUT, "userTimeout", [0, INT_MAXIMUM], MILLISECONDS),
  number(IPPROTO_TCP, SockOpt.TCP_NOTSENT_LOWAT, "notSentLowWater", ANYTHING),
  flag(
    IPPROTO_TCP,
    SockOpt.TCP_FASTOPEN_CONNECT,
    "fastOpenConnect",
    [0, 1],
    Phase.UNCONNECTED,
  ),
  flag(IPPROTO_TCP, TcpName.FAST_OPEN_NO_COOKIE, "fastOpenNoCookie", [0, 1], Phase.UNCONNECTED),
  number(IPPROTO_TCP, TcpName.SAVE_SYN, "saveSyn", [SaveSyn.NOTHING, SaveSyn.LINK]),
  kept(IPPROTO_TCP, TcpName.INQ, 7, SWITCH_RANGE),
  kept(IPPROTO_TCP, TcpName.THIN_LINEAR_TIMEOUTS, 8, SWITCH_RANGE),
  kept(IPPROTO_TCP, TcpName.THIN_DUPLICATE_ACKNOWLEDGMENT, 9, SWITCH_RANGE),

  number(SOL_IP, SockOpt.IP_MTU_DISCOVER, "mtuDiscovery", DISCOVERIES),
  kept(SOL_IP, SockOpt.IP_RECVERR, 10),
  kept(SOL_IP, SockOpt.IP_PKTINFO, 11),
  kept(SOL_IP, SockOpt.IP_RECVTTL, 12),
  kept(SOL_IP, SockOpt.IP_RECVTOS, 13),
  keptOff(SOL_IP, SockOpt.IP_MULTICAST_LOOP, 23),
  keptOff(SOL_IP, SockOpt.IP_MULTICAST_ALL, 24, SWITCH_RANGE),
  kept(SOL_IP, Ipv4Name.RECEIVE_OPTIONS, 19),
  kept(SOL_IP, Ipv4Name.RETURN_OPTIONS, 20),
  flag(SOL_IP, Ipv4Name.FREE_BIND, "isFreeBind"),
  kept(SOL_IP, Ipv4Name.BIND_ADDRESS_NO_PORT, 14),

  flag(IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, "isIpv6Only", ANYTHING, Phase.UNBOUND),
  number(IPPROTO_IPV6, SockOpt.IPV6_MTU_DISCOVER, "mtuDiscovery6", DISCOVERIES),
  kept(IPPROTO_IPV6, SockOpt.IPV6_RECVERR, 15),
  kept(IPPROTO_IPV6, SockOpt.IPV6_RECVPKTINFO, 16),
  kept(IPPROTO_IPV6, SockOpt.IPV6_RECVHOPLIMIT, 17),
  kept(IPPROTO_IPV6, SockOpt.IPV6_RECVTCLASS, 18),
  kept(IPPROTO_IPV6, Ipv6Name.DONT_FRAGMENT, 21),
  keptOff(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, 22, SWITCH_RANGE),
  flag(IPPROTO_IPV6, Ipv6Name.FREE_BIND, "isFreeBind"),
];

/** The most hops that a packet may take. */
export const MAXIMUM_HOPS = HOPS_MAXIMUM;

/** The row of an option, if it is a plain integer. */
export function optionRow(level: number, name: number): OptionRow | undefined {
  return OPTION_ROWS.find((row) => row.level === level && row.name === name);
}
