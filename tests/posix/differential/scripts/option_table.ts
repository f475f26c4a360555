/**
 * Scripts: every option of `posix/constants/options.ts`, set and read back in all the ways that
 * there are.
 *
 * @module
 */

import type { ScriptBody, Scripts } from "../script.ts";
import * as constants from "../../../../posix/constants/mod.ts";

/** A socket of every kind that has options of its own. */
const KINDS = {
  tcp: [constants.AF_INET, constants.SOCK_STREAM],
  udp: [constants.AF_INET, constants.SOCK_DGRAM],
  tcp6: [constants.AF_INET6, constants.SOCK_STREAM],
  udp6: [constants.AF_INET6, constants.SOCK_DGRAM],
  unix: [constants.AF_UNIX, constants.SOCK_STREAM],
} as const;

type Kind = keyof typeof KINDS;
type Name = keyof typeof constants;

/** An option, who has it, and what to set it to: ints or bytes. */
type Row = readonly [name: Name, kind: Kind, values: readonly (number | Uint8Array)[]];

const { SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_TCP, SOL_UDP } = constants;

const FLAG = [1, 0, 7, -1];

/** 239.1.2.3 on 127.0.0.1, and 127.0.0.1 as a source. */
const GROUP = Uint8Array.of(239, 1, 2, 3, 127, 0, 0, 1);
const SOURCE = Uint8Array.of(239, 1, 2, 3, 127, 0, 0, 1, 127, 0, 0, 1);
/** ff05::1234 on interface 1, loopback. */
const GROUP6 = Uint8Array.of(255, 5, ...Array(12).fill(0), 0x12, 0x34, 1, 0, 0, 0);

/** `struct group_req` for 239.1.2.4 on interface 1. */
function groupRequest(): Uint8Array {
  const bytes = new Uint8Array(136);
  bytes.set([1, 0, 0, 0]);
  bytes.set([constants.AF_INET, 0, 0, 0, 239, 1, 2, 4], 8);
  return bytes;
}

/** `struct group_source_req` for the same, from 127.0.0.1. */
function sourceRequest(): Uint8Array {
  const bytes = new Uint8Array(264);
  bytes.set(groupRequest());
  bytes.set([constants.AF_INET, 0, 0, 0, 127, 0, 0, 1], 136);
  return bytes;
}

function timeval(seconds: number, microseconds: number): Uint8Array {
  return new Uint8Array(new BigInt64Array([BigInt(seconds), BigInt(microseconds)]).buffer);
}

function text(name: string): Uint8Array {
  return new TextEncoder().encode(name);
}

/** Options at `SOL_SOCKET`. */
const SOCKET_ROWS: readonly Row[] = [
  ["SO_DEBUG", "tcp", FLAG],
  ["SO_REUSEADDR", "tcp", FLAG],
  ["SO_TYPE", "tcp", [1]],
  ["SO_ERROR", "tcp", [1]],
  ["SO_DONTROUTE", "udp", FLAG],
  ["SO_BROADCAST", "udp", FLAG],
  ["SO_SNDBUF", "tcp", [0, 1, 10_000, 100_000, -1]],
  ["SO_RCVBUF", "tcp", [0, 1, 10_000, 100_000, -1]],
  ["SO_SNDBUFFORCE", "tcp", [20_000, -1]],
  ["SO_RCVBUFFORCE", "tcp", [20_000, -1]],
  ["SO_KEEPALIVE", "tcp", FLAG],
  ["SO_OOBINLINE", "tcp", FLAG],
  ["SO_PRIORITY", "udp", [0, 6, 7, -1]],
  ["SO_LINGER", "tcp", [1, Uint8Array.of(1, 0, 0, 0, 5, 0, 0, 0), new Uint8Array(8)]],
  ["SO_REUSEPORT", "tcp", FLAG],
  ["SO_PASSCRED", "unix", FLAG],
  ["SO_PEERCRED", "tcp", [1]],
  ["SO_RCVLOWAT", "tcp", [1, 100, 0, -1]],
  ["SO_SNDLOWAT", "tcp", [1, 100]],
  ["SO_RCVTIMEO", "tcp", [1, timeval(2, 500_000), timeval(0, 0), timeval(0, 1_000_000)]],
  ["SO_SNDTIMEO", "udp", [1, timeval(3, 4_000), timeval(-1, 0), timeval(0, -1)]],
  ["SO_BINDTODEVICE", "udp", [text("lo\0"), text("nosuchdevice"), text("")]],
  ["SO_ATTACH_FILTER", "udp", [1, new Uint8Array(16)]],
  ["SO_DETACH_FILTER", "udp", [0]],
  ["SO_TIMESTAMP", "udp", FLAG],
  ["SO_TIMESTAMPNS", "udp", FLAG],
  ["SO_TIMESTAMPING", "udp", [0, 1 << 4, 1 << 30]],
  ["SO_ACCEPTCONN", "tcp", [1]],
  ["SO_PEERSEC", "unix", [1]],
  ["SO_MARK", "udp", [0, 42]],
  ["SO_PROTOCOL", "tcp", [1]],
  ["SO_DOMAIN", "tcp", [1]],
  ["SO_RXQ_OVFL", "udp", FLAG],
  ["SO_PEEK_OFF", "unix", [0, 5, -1]],
  ["SO_BUSY_POLL", "udp", [0, 50, -1]],
  ["SO_INCOMING_CPU", "udp", [0]],
  ["SO_ZEROCOPY", "tcp", [1, 0, 2, -1]],
  ["SO_MEMINFO", "udp", [1]],
  ["SO_NETNS_COOKIE", "udp", [1]],
  ["SO_MAX_PACING_RATE", "tcp", [1_000_000, -1]],
  ["SO_TXTIME", "udp", [1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), new Uint8Array(8).fill(9)]],
  ["SO_PEERGROUPS", "unix", [1]],
];

/** Options at `IPPROTO_IP`. */
const IP_ROWS: readonly Row[] = [
  ["IP_TOS", "udp", [0x10, 0xb8, 0, 255, 256, -1]],
  ["IP_TTL", "udp", [1, 64, 255, 256, 0, -1]],
  ["IP_HDRINCL", "udp", [1]],
  ["IP_OPTIONS", "udp", [Uint8Array.of(1, 1, 1, 0), Uint8Array.of(7, 3), new Uint8Array(44)]],
  ["IP_RECVOPTS", "udp", FLAG],
  ["IP_RETOPTS", "udp", FLAG],
  ["IP_PKTINFO", "udp", FLAG],
  ["IP_MTU_DISCOVER", "udp", [0, 1, 2, 3, 4, 5, 6, -1]],
  ["IP_RECVERR", "udp", FLAG],
  ["IP_RECVTTL", "udp", FLAG],
  ["IP_RECVTOS", "udp", FLAG],
  ["IP_MTU", "udp", [1500]],
  ["IP_FREEBIND", "udp", FLAG],
  ["IP_TRANSPARENT", "udp", FLAG],
  ["IP_MINTTL", "tcp", [0, 255, 256, -1]],
  ["IP_NODEFRAG", "udp", [1]],
  ["IP_BIND_ADDRESS_NO_PORT", "tcp", FLAG],
  ["IP_MULTICAST_IF", "udp", [
    Uint8Array.of(127, 0, 0, 1),
    Uint8Array.of(203, 0, 113, 9),
    Uint8Array.of(0, 0, 0, 0),
  ]],
  ["IP_MULTICAST_TTL", "udp", [0, 1, 255, 256, -1]],
  ["IP_MULTICAST_LOOP", "udp", FLAG],
  ["IP_ADD_MEMBERSHIP", "udp", [GROUP, GROUP, Uint8Array.of(10, 0, 0, 1, 0, 0, 0, 0)]],
  ["IP_DROP_MEMBERSHIP", "udp", [GROUP]],
  ["IP_ADD_SOURCE_MEMBERSHIP", "udp", [SOURCE, SOURCE, GROUP]],
  ["IP_DROP_SOURCE_MEMBERSHIP", "udp", [SOURCE]],
  ["IP_BLOCK_SOURCE", "udp", [SOURCE]],
  ["IP_UNBLOCK_SOURCE", "udp", [SOURCE]],
  ["IP_MULTICAST_ALL", "udp", [1, 0, 2]],
  ["IP_UNICAST_IF", "udp", [0, 0x01000000, 1]],
  ["MCAST_JOIN_GROUP", "udp", [groupRequest(), groupRequest(), new Uint8Array(136)]],
  ["MCAST_LEAVE_GROUP", "udp", [groupRequest()]],
  ["MCAST_JOIN_SOURCE_GROUP", "udp", [sourceRequest(), sourceRequest()]],
  ["MCAST_LEAVE_SOURCE_GROUP", "udp", [sourceRequest()]],
];

/** Options at `IPPROTO_IPV6`. */
const IPV6_ROWS: readonly Row[] = [
  ["IPV6_V6ONLY", "tcp6", FLAG],
  ["IPV6_UNICAST_HOPS", "udp6", [1, 64, 255, 256, -1, -2]],
  ["IPV6_MULTICAST_IF", "udp6", [1, 0, 9999]],
  ["IPV6_MULTICAST_HOPS", "udp6", [1, 255, 256, -1]],
  ["IPV6_MULTICAST_LOOP", "udp6", [1, 0, 2]],
  ["IPV6_JOIN_GROUP", "udp6", [GROUP6, GROUP6, new Uint8Array(20)]],
  ["IPV6_LEAVE_GROUP", "udp6", [GROUP6]],
  ["IPV6_ADD_MEMBERSHIP", "udp6", [GROUP6]],
  ["IPV6_DROP_MEMBERSHIP", "udp6", [GROUP6]],
  ["IPV6_MTU", "udp6", [1280, 100, 0]],
  ["IPV6_MTU_DISCOVER", "udp6", [0, 1, 2, 3, 6, -1]],
  ["IPV6_RECVERR", "udp6", FLAG],
  ["IPV6_RECVPKTINFO", "udp6", FLAG],
  ["IPV6_PKTINFO", "udp6", [new Uint8Array(20), 1]],
  ["IPV6_RECVHOPLIMIT", "udp6", FLAG],
  ["IPV6_HOPLIMIT", "udp6", [1]],
  ["IPV6_RECVTCLASS", "udp6", FLAG],
  ["IPV6_TCLASS", "udp6", [0x10, 0, 255, 256, -1, -2]],
  ["IPV6_DONTFRAG", "udp6", FLAG],
  ["IPV6_CHECKSUM", "udp6", [2, -1]],
  ["IPV6_ADDRFORM", "udp6", [constants.AF_INET, constants.AF_INET6]],
  ["IPV6_MINHOPCOUNT", "tcp6", [0, 255, 256, -1]],
  ["IPV6_FREEBIND", "udp6", FLAG],
];

/** Options at `IPPROTO_TCP`. */
const TCP_ROWS: readonly Row[] = [
  ["TCP_NODELAY", "tcp", FLAG],
  ["TCP_MAXSEG", "tcp", [500, 87, 0, 40_000]],
  ["TCP_CORK", "tcp", FLAG],
  ["TCP_KEEPIDLE", "tcp", [60, 1, 0, 32_767, 32_768]],
  ["TCP_KEEPINTVL", "tcp", [10, 0, 32_768]],
  ["TCP_KEEPCNT", "tcp", [3, 0, 127, 128]],
  ["TCP_SYNCNT", "tcp", [2, 0, 127, 128]],
  ["TCP_LINGER2", "tcp", [5, 0, -1, 1_000]],
  ["TCP_DEFER_ACCEPT", "tcp", [5, 0, -1]],
  ["TCP_WINDOW_CLAMP", "tcp", [4_096, 0]],
  ["TCP_QUICKACK", "tcp", [1, 0]],
  ["TCP_CONGESTION", "tcp", [text("reno"), text("cubic\0"), text("nosuchcontrol"), text("")]],
  ["TCP_USER_TIMEOUT", "tcp", [5_000, 0, -1]],
  ["TCP_FASTOPEN", "tcp", [5, 0, -1]],
  ["TCP_FASTOPEN_CONNECT", "tcp", [1, 0, 2]],
  ["TCP_NOTSENT_LOWAT", "tcp", [16_384, 0, -1]],
  ["TCP_SAVE_SYN", "tcp", [1, 0, 2, 3]],
  ["TCP_SAVED_SYN", "tcp", [1]],
  ["TCP_INQ", "tcp", [1, 0, 2]],
  ["TCP_ULP", "tcp", [text("nosuchprotocol"), text("")]],
];

/** Options at `IPPROTO_UDP`. */
const UDP_ROWS: readonly Row[] = [
  ["UDP_CORK", "udp", FLAG],
  ["UDP_SEGMENT", "udp", [0, 1_000, 65_535, 65_536, -1]],
  ["UDP_GRO", "udp", FLAG],
];

/** Sets, reads back, and both with every wrong length. */
function tryOption(level: number, [name, kind, values]: Row): ScriptBody {
  const option = constants[name] as number;
  return (c, t) => {
    const [family, type] = KINDS[kind];
    const fd = c.socket(family, type);
    c.getsockopt(fd, level, option);
    for (const value of values) {
      c.setsockopt(fd, level, option, value);
      c.getsockopt(fd, level, option);
    }
    const [first] = values;
    const long = typeof first === "number" ? new Uint8Array(12).fill(1, 0, 1) : first;
    for (const length of [0, 1, 2, 3, 5, 8]) {
      if (length <= long.length) c.setsockopt(fd, level, option, long, length);
    }
    c.setsockopt(fd, level, option, null);
    c.setsockopt(fd, level, option, null, 4);
    for (const length of [0, 1, 2, 3, 8, 64]) {
      c.getsockopt(fd, level, option, new Uint8Array(length).fill(0xaa));
    }
    c.getsockopt(fd, level, option, null, 4);
    t.note("elsewhere", name);
    tryElsewhere(level, option)(c, t);
  };
}

/** The same option on sockets that may not have it. */
function tryElsewhere(level: number, option: number): ScriptBody {
  return (c) => {
    for (const [family, type] of Object.values(KINDS)) {
      if (family === constants.AF_UNIX) continue;
      const fd = c.socket(family, type);
      c.getsockopt(fd, level, option);
      c.setsockopt(fd, level, option, 0);
      c.close(fd);
    }
  };
}

/** All options on a Unix socket, which has few of them. */
const onUnixSocket: ScriptBody = (c) => {
  const fd = c.socket(constants.AF_UNIX, constants.SOCK_STREAM);
  for (const [level, rows] of LEVELS) {
    for (const [name] of rows) {
      const option = constants[name] as number;
      c.getsockopt(fd, level, option);
      c.setsockopt(fd, level, option, 0);
    }
  }
};

const LEVELS: readonly (readonly [level: number, rows: readonly Row[]])[] = [
  [SOL_SOCKET, SOCKET_ROWS],
  [SOL_IP, IP_ROWS],
  [SOL_IPV6, IPV6_ROWS],
  [SOL_TCP, TCP_ROWS],
  [SOL_UDP, UDP_ROWS],
];

function scriptsOf(level: number, rows: readonly Row[]): [string, ScriptBody][] {
  return rows.map((row) => [`${row[0]} in all lengths`, tryOption(level, row)]);
}

/** One script for each option, and one for all of them. */
export const optionTable: Scripts = Object.fromEntries([
  ...LEVELS.flatMap(([level, rows]) => scriptsOf(level, rows)),
  ["a Unix socket has few of them", onUnixSocket],
]);
