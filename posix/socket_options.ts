/**
 * The options of {@linkcode Socket}, by the names that the native API has for them: where each is
 * for `setsockopt`, and how its value lies in memory there.
 *
 * Whether a value is in range, and whether this socket has the option, the backend says: EINVAL,
 * ENOPROTOOPT. Sources: socket(7), tcp(7), udp(7), ip(7), ipv6(7).
 *
 * @module
 */

import * as constants from "./constants/mod.ts";
import { inet_ntop, inet_pton } from "./names/inet.ts";
import type { OptionValue } from "./types.ts";

/** How an idle peer is probed. Source: tcp(7), `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`. */
export interface SocketKeepAlive {
  /** Seconds of silence before the first probe. */
  readonly idleSeconds: number;
  /** Seconds between probes. */
  readonly intervalSeconds: number;
  /** Probes without an answer before the connection ends. */
  readonly count: number;
}

/** The options of a {@linkcode Socket}, and the types of their values. */
export interface SocketOptionValues {
  /** `SO_REUSEADDR`. */
  reuseAddress: boolean;
  /** `SO_REUSEPORT`. */
  reusePort: boolean;
  /** `SO_BROADCAST`. */
  broadcast: boolean;
  /** `SO_KEEPALIVE`, and with numbers those, too; reads as `false` or as the numbers. */
  keepAlive: boolean | SocketKeepAlive;
  /** `SO_LINGER` in seconds; null turns it off. */
  lingerSeconds: number | null;
  /** `SO_RCVTIMEO` in milliseconds; null waits for ever. */
  receiveTimeoutMs: number | null;
  /** `SO_SNDTIMEO` in milliseconds; null waits for ever. It holds for `connect`, too. */
  sendTimeoutMs: number | null;
  /** `SO_RCVBUF`; Linux doubles it, and so it reads back. */
  receiveBufferBytes: number;
  /** `SO_SNDBUF`; Linux doubles it, too. */
  sendBufferBytes: number;
  /** `SO_BINDTODEVICE`: the name of an interface, `""` for none. */
  device: string;
  /** `SO_MARK`. */
  mark: number;
  /** `SO_PRIORITY`. */
  priority: number;
  /** `SO_INCOMING_CPU`. */
  incomingCpu: number;
  /** `SO_BUSY_POLL`. */
  busyPollMicroseconds: number;
  /** `SO_ZEROCOPY`. */
  zeroCopy: boolean;
  /** `TCP_NODELAY`. */
  noDelay: boolean;
  /** `TCP_CORK`. */
  cork: boolean;
  /** `TCP_QUICKACK`. */
  quickAck: boolean;
  /** `TCP_USER_TIMEOUT`. */
  userTimeoutMs: number;
  /** `TCP_FASTOPEN`: the length of a listener's queue. */
  fastOpen: number;
  /** `TCP_FASTOPEN_CONNECT`: `connect` waits for nothing where the peer allows it. */
  fastOpenConnect: boolean;
  /** `TCP_DEFER_ACCEPT`. */
  deferAcceptSeconds: number;
  /** `TCP_MAXSEG`. */
  maxSegmentBytes: number;
  /** `TCP_NOTSENT_LOWAT`. */
  notSentLowWaterBytes: number;
  /** `TCP_CONGESTION`: the name of an algorithm. */
  congestionControl: string;
  /** `IP_TTL`. */
  timeToLive: number;
  /** `IPV6_UNICAST_HOPS`. */
  hopLimit: number;
  /** `IP_TOS`. */
  typeOfService: number;
  /** `IPV6_TCLASS`. */
  trafficClass: number;
  /** `IPV6_V6ONLY`. */
  ipv6Only: boolean;
  /** `IP_MTU_DISCOVER` or `IPV6_MTU_DISCOVER`. */
  mtuDiscovery: "want" | "do" | "dont" | "probe";
  /** `IP_PKTINFO` or `IPV6_RECVPKTINFO`. */
  packetInfo: boolean;
  /** `IP_RECVERR` or `IPV6_RECVERR`. */
  receiveErrors: boolean;
  /** `IP_MULTICAST_LOOP` or `IPV6_MULTICAST_LOOP`. */
  multicastLoop: boolean;
  /** `IP_MULTICAST_TTL`. */
  multicastTimeToLive: number;
  /** `IPV6_MULTICAST_HOPS`. */
  multicastHops: number;
  /** `IP_MULTICAST_IF`, an interface's IPv4 address; `IPV6_MULTICAST_IF`, its index. */
  multicastInterface: string | number;
}

/** The name of an option. */
export type SocketOptionName = keyof SocketOptionValues;

/** Where an option is, and how its value lies there. */
export interface SocketOptionPlace {
  readonly level: number;
  readonly name: number;
  readonly codec: SocketOptionCodec;
}

/** One option. */
export interface SocketOptionRow extends SocketOptionPlace {
  /** Where it is on a socket of IPv6, if it is elsewhere there. */
  readonly ipv6: SocketOptionPlace | null;
}

/** How a value lies in memory. */
export interface SocketOptionCodec {
  /** What a value has to be, for error messages. */
  readonly wants: string;
  /** Bytes of room to read it. */
  readonly bytes: number;
  accepts(value: unknown): boolean;
  encode(value: unknown): OptionValue;
  /** @param length how many bytes there are of it */
  decode(view: DataView<ArrayBuffer>, length: number): unknown;
}

const { SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP } = constants;

const INT_BYTES = 4;
/** `IFNAMSIZ` and `TCP_CA_NAME_MAX`. */
const NAME_BYTES = 16;
const MTU_DISCOVERY: readonly string[] = ["dont", "want", "do", "probe"];

const FLAG: SocketOptionCodec = {
  wants: "a boolean",
  bytes: INT_BYTES,
  accepts: (value) => typeof value === "boolean",
  encode: (value) => value === true,
  decode: (view, length) => readInt(view, length) !== 0,
};

/** The numbers beside the switch are options of their own. */
const KEEP_ALIVE: SocketOptionCodec = {
  ...FLAG,
  wants: "a boolean or { idleSeconds, intervalSeconds, count }",
  accepts: (value) =>
    typeof value === "boolean" || (typeof value === "object" && value !== null &&
      ["idleSeconds", "intervalSeconds", "count"].every((key) => {
        return Number.isInteger((value as Record<string, unknown>)[key]);
      })),
  encode: (value) => value !== false,
};

const INT: SocketOptionCodec = {
  wants: "an integer",
  bytes: INT_BYTES,
  accepts: (value) => Number.isInteger(value),
  encode: (value) => value as number,
  decode: readInt,
};

const LINGER: SocketOptionCodec = {
  wants: "null or an integer",
  bytes: 2 * INT_BYTES,
  accepts: (value) => value === null || Number.isInteger(value),
  encode: (value) => ({ onoff: value === null ? 0 : 1, linger: Number(value ?? 0) }),
  decode: (view) => view.getInt32(0, true) === 0 ? null : view.getInt32(INT_BYTES, true),
};

/** `struct timeval`, in which zero means for ever. */
const TIMEOUT: SocketOptionCodec = {
  wants: "null or a number of milliseconds above 0",
  bytes: 16,
  accepts: (value) =>
    value === null || (typeof value === "number" && Number.isFinite(value) && value > 0),
  encode: (value) => {
    if (value === null) return { sec: 0, usec: 0 };
    const microseconds = Math.max(1, Math.round(Number(value) * 1000));
    return { sec: Math.floor(microseconds / 1e6), usec: microseconds % 1e6 };
  },
  decode: (view) => {
    const seconds = Number(view.getBigInt64(0, true));
    const timeoutMs = seconds * 1000 + Number(view.getBigInt64(8, true)) / 1000;
    return timeoutMs === 0 ? null : timeoutMs;
  },
};

const DISCOVERY: SocketOptionCodec = {
  wants: '"want", "do", "dont" or "probe"',
  bytes: INT_BYTES,
  accepts: (value) => MTU_DISCOVERY.includes(value as string),
  encode: (value) => MTU_DISCOVERY.indexOf(value as string),
  decode: (view, length) => MTU_DISCOVERY[readInt(view, length)] ?? "dont",
};

/** `struct in_addr` as text. */
const IPV4_ADDRESS: SocketOptionCodec = {
  wants: 'an IPv4 address such as "192.0.2.1"',
  bytes: INT_BYTES,
  accepts: (value) => typeof value === "string" && inet_pton(constants.AF_INET, value) !== null,
  encode: (value) => inet_pton(constants.AF_INET, String(value))!,
  decode: (view) => inet_ntop(constants.AF_INET, new Uint8Array(view.buffer, 0, INT_BYTES)),
};

const TEXT: SocketOptionCodec = {
  wants: `a name of at most ${NAME_BYTES - 1} characters`,
  bytes: NAME_BYTES,
  accepts: (value) => typeof value === "string" && value.length < NAME_BYTES,
  encode: (value) => {
    const bytes = new Uint8Array(new ArrayBuffer(NAME_BYTES));
    new TextEncoder().encodeInto(String(value), bytes);
    return bytes;
  },
  decode: (view, length) => {
    const name = new Uint8Array(view.buffer, 0, Math.min(length, NAME_BYTES));
    const nul = name.indexOf(0);
    return new TextDecoder().decode(nul < 0 ? name : name.subarray(0, nul));
  },
};

function readInt(view: DataView<ArrayBuffer>, length: number): number {
  // Some options of one byte answer with one byte.
  return length >= INT_BYTES ? view.getInt32(0, true) : view.getUint8(0);
}

function row(
  level: number,
  name: number,
  codec: SocketOptionCodec,
  nameOfIpv6: number | null = null,
  codecOfIpv6: SocketOptionCodec = codec,
): SocketOptionRow {
  const ipv6 = nameOfIpv6 === null
    ? null
    : { level: IPPROTO_IPV6, name: nameOfIpv6, codec: codecOfIpv6 };
  return { level, name, codec, ipv6 };
}

/** Every option. */
export const SOCKET_OPTIONS: { readonly [Name in SocketOptionName]: SocketOptionRow } = {
  reuseAddress: row(SOL_SOCKET, constants.SO_REUSEADDR, FLAG),
  reusePort: row(SOL_SOCKET, constants.SO_REUSEPORT, FLAG),
  broadcast: row(SOL_SOCKET, constants.SO_BROADCAST, FLAG),
  keepAlive: row(SOL_SOCKET, constants.SO_KEEPALIVE, KEEP_ALIVE),
  lingerSeconds: row(SOL_SOCKET, constants.SO_LINGER, LINGER),
  receiveTimeoutMs: row(SOL_SOCKET, constants.SO_RCVTIMEO, TIMEOUT),
  sendTimeoutMs: row(SOL_SOCKET, constants.SO_SNDTIMEO, TIMEOUT),
  receiveBufferBytes: row(SOL_SOCKET, constants.SO_RCVBUF, INT),
  sendBufferBytes: row(SOL_SOCKET, constants.SO_SNDBUF, INT),
  device: row(SOL_SOCKET, constants.SO_BINDTODEVICE, TEXT),
  mark: row(SOL_SOCKET, constants.SO_MARK, INT),
  priority: row(SOL_SOCKET, constants.SO_PRIORITY, INT),
  incomingCpu: row(SOL_SOCKET, constants.SO_INCOMING_CPU, INT),
  busyPollMicroseconds: row(SOL_SOCKET, constants.SO_BUSY_POLL, INT),
  zeroCopy: row(SOL_SOCKET, constants.SO_ZEROCOPY, FLAG),
  noDelay: row(IPPROTO_TCP, constants.TCP_NODELAY, FLAG),
  cork: row(IPPROTO_TCP, constants.TCP_CORK, FLAG),
  quickAck: row(IPPROTO_TCP, constants.TCP_QUICKACK, FLAG),
  userTimeoutMs: row(IPPROTO_TCP, constants.TCP_USER_TIMEOUT, INT),
  fastOpen: row(IPPROTO_TCP, constants.TCP_FASTOPEN, INT),
  fastOpenConnect: row(IPPROTO_TCP, constants.TCP_FASTOPEN_CONNECT, FLAG),
  deferAcceptSeconds: row(IPPROTO_TCP, constants.TCP_DEFER_ACCEPT, INT),
  maxSegmentBytes: row(IPPROTO_TCP, constants.TCP_MAXSEG, INT),
  notSentLowWaterBytes: row(IPPROTO_TCP, constants.TCP_NOTSENT_LOWAT, INT),
  congestionControl: row(IPPROTO_TCP, constants.TCP_CONGESTION, TEXT),
  timeToLive: row(IPPROTO_IP, constants.IP_TTL, INT),
  hopLimit: row(IPPROTO_IPV6, constants.IPV6_UNICAST_HOPS, INT),
  typeOfService: row(IPPROTO_IP, constants.IP_TOS, INT),
  trafficClass: row(IPPROTO_IPV6, constants.IPV6_TCLASS, INT),
  ipv6Only: row(IPPROTO_IPV6, constants.IPV6_V6ONLY, FLAG),
  mtuDiscovery: row(IPPROTO_IP, constants.IP_MTU_DISCOVER, DISCOVERY, constants.IPV6_MTU_DISCOVER),
  packetInfo: row(IPPROTO_IP, constants.IP_PKTINFO, FLAG, constants.IPV6_RECVPKTINFO),
  receiveErrors: row(IPPROTO_IP, constants.IP_RECVERR, FLAG, constants.IPV6_RECVERR),
  multicastLoop: row(IPPROTO_IP, constants.IP_MULTICAST_LOOP, FLAG, constants.IPV6_MULTICAST_LOOP),
  multicastTimeToLive: row(IPPROTO_IP, constants.IP_MULTICAST_TTL, INT),
  multicastHops: row(IPPROTO_IPV6, constants.IPV6_MULTICAST_HOPS, INT),
  multicastInterface: row(
    IPPROTO_IP,
    constants.IP_MULTICAST_IF,
    IPV4_ADDRESS,
    constants.IPV6_MULTICAST_IF,
    INT,
  ),
};

/** The numbers of keep-alive, in the order of {@linkcode SocketKeepAlive}. */
export const KEEP_ALIVE_NAMES: readonly (readonly [keyof SocketKeepAlive, number])[] = [
  ["idleSeconds", constants.TCP_KEEPIDLE],
  ["intervalSeconds", constants.TCP_KEEPINTVL],
  ["count", constants.TCP_KEEPCNT],
];
