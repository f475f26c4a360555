/**
 * The table of socket options: for each name, on which sockets it is, what it is called below, what
 * values it takes, and when it may be set.
 *
 * @module
 */

import {
  type Codec,
  DISCOVERY,
  FLAG,
  INT_MAX,
  integer,
  IPV4_ADDRESS,
  KEEP_ALIVE,
  LINGER,
  TCP_TRAFFIC_CLASS,
  text,
  TRAFFIC_CLASS,
  UNSIGNED,
} from "./option_codecs.ts";
import type { AnyOptionName, SocketKind } from "./option_values.ts";
import type { AddressFamily } from "../../ring/abi/address.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

/** When an option may be set. */
export const When = {
  /** At any time. */
  ALWAYS: 0,
  /** When the socket is made: before it is bound, connects or listens. */
  NEW: 1,
  /** Never: it can be read. */
  NEVER: 2,
} as const;

/** One of {@linkcode When}. */
export type When = typeof When[keyof typeof When];

/** An option on some kinds of sockets of some families. */
export interface OptionRow {
  readonly option: AnyOptionName;
  readonly kinds: readonly SocketKind[];
  readonly families: readonly AddressFamily[];
  /** The level and the name of `setsockopt(2)`. */
  readonly level: number;
  readonly name: number;
  readonly codec: Codec;
  readonly when: When;
}

type Families = readonly AddressFamily[];
type Kinds = readonly SocketKind[];

const INTERNET: Families = ["IPv4", "IPv6"];
const ALL_FAMILIES: Families = ["IPv4", "IPv6", "unix"];
const IPV4: Families = ["IPv4"];
const IPV6: Families = ["IPv6"];

const ALL: Kinds = ["stream", "listener", "datagram"];
const TCP: Kinds = ["stream", "listener"];
const STREAM: Kinds = ["stream"];
const LISTENER: Kinds = ["listener"];
const DATAGRAM: Kinds = ["datagram"];

const { SOL_SOCKET, IPPROTO_TCP, IPPROTO_IPV6, SOL_IP } = SockOpt;

const BYTES_MAX = 0x3fff_ffff;
const HOPS = integer(1, 255);
const MULTICAST_HOPS = integer(0, 255);
const DURATION = integer(0, INT_MAX);
const CPU = integer(-1, 0xffff);
const QUEUE = integer(0, 0xffff);
/** `TCP_MIN_MSS` to `MAX_TCP_WINDOW`. */
const SEGMENT = integer(88, 32767);

function row(
  option: AnyOptionName,
  kinds: Kinds,
  families: Families,
  place: readonly [level: number, name: number],
  codec: Codec,
  when: When = When.ALWAYS,
): OptionRow {
  return { option, kinds, families, level: place[0], name: place[1], codec, when };
}

/**
 * In the order in which the options of an object are set. IP_TOS changes SO_PRIORITY, so the
 * priority comes after it.
 */
export const ROWS: readonly OptionRow[] = [
  row("reuseAddress", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_REUSEADDR], FLAG, When.NEW),
  row("reusePort", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_REUSEPORT], FLAG, When.NEW),
  row("ipv6Only", ALL, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_V6ONLY], FLAG, When.NEW),
  row("device", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_BINDTODEVICE], text(0)),
  row("mark", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_MARK], UNSIGNED),

  row("noDelay", TCP, INTERNET, [IPPROTO_TCP, SockOpt.TCP_NODELAY], FLAG),
  row("keepAlive", TCP, INTERNET, [SOL_SOCKET, SockOpt.SO_KEEPALIVE], KEEP_ALIVE),
  row("cork", TCP, INTERNET, [IPPROTO_TCP, SockOpt.TCP_CORK], FLAG),
  row("quickAck", STREAM, INTERNET, [IPPROTO_TCP, SockOpt.TCP_QUICKACK], FLAG),
  row("lingerSeconds", TCP, INTERNET, [SOL_SOCKET, SockOpt.SO_LINGER], LINGER),
  row("userTimeoutMs", TCP, INTERNET, [IPPROTO_TCP, SockOpt.TCP_USER_TIMEOUT], DURATION),
  row("fastOpen", LISTENER, INTERNET, [IPPROTO_TCP, SockOpt.TCP_FASTOPEN], QUEUE),
  row(
    "fastOpen",
    STREAM,
    INTERNET,
    [IPPROTO_TCP, SockOpt.TCP_FASTOPEN_CONNECT],
    integer(0, 1),
    When.NEW,
  ),
  row("deferAcceptSeconds", LISTENER, INTERNET, [IPPROTO_TCP, SockOpt.TCP_DEFER_ACCEPT], DURATION),
  row("maxSegmentBytes", LISTENER, INTERNET, [IPPROTO_TCP, SockOpt.TCP_MAXSEG], SEGMENT),
  row("maxSegmentBytes", STREAM, INTERNET, [IPPROTO_TCP, SockOpt.TCP_MAXSEG], SEGMENT, When.NEW),
  row("notSentLowWaterBytes", TCP, INTERNET, [IPPROTO_TCP, SockOpt.TCP_NOTSENT_LOWAT], UNSIGNED),
  row("congestionControl", TCP, INTERNET, [IPPROTO_TCP, SockOpt.TCP_CONGESTION], text(1)),

  row(
    "receiveBufferBytes",
    ALL,
    ALL_FAMILIES,
    [SOL_SOCKET, SockOpt.SO_RCVBUF],
    integer(1, BYTES_MAX),
  ),
  row("sendBufferBytes", ALL, ALL_FAMILIES, [SOL_SOCKET, SockOpt.SO_SNDBUF], integer(1, BYTES_MAX)),
  row("zeroCopy", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_ZEROCOPY], FLAG),
  row("busyPollMicroseconds", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_BUSY_POLL], DURATION),
  row(
    "incomingCpu",
    ["listener", "datagram"],
    INTERNET,
    [SOL_SOCKET, SockOpt.SO_INCOMING_CPU],
    CPU,
  ),
  row("incomingCpu", STREAM, INTERNET, [SOL_SOCKET, SockOpt.SO_INCOMING_CPU], CPU, When.NEVER),

  row("timeToLive", ALL, IPV4, [SOL_IP, SockOpt.IP_TTL], HOPS),
  row("hopLimit", ALL, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS], HOPS),
  row("typeOfService", TCP, IPV4, [SOL_IP, SockOpt.IP_TOS], TCP_TRAFFIC_CLASS),
  row("typeOfService", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_TOS], TRAFFIC_CLASS),
  row("trafficClass", TCP, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_TCLASS], TCP_TRAFFIC_CLASS),
  row("trafficClass", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_TCLASS], TRAFFIC_CLASS),
  row("mtuDiscovery", ALL, IPV4, [SOL_IP, SockOpt.IP_MTU_DISCOVER], DISCOVERY),
  row("mtuDiscovery", ALL, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_MTU_DISCOVER], DISCOVERY),
  row("priority", ALL, INTERNET, [SOL_SOCKET, SockOpt.SO_PRIORITY], UNSIGNED),

  row("packetInfo", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_PKTINFO], FLAG),
  row("packetInfo", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_RECVPKTINFO], FLAG),
  row("receiveErrors", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_RECVERR], FLAG),
  row("receiveErrors", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_RECVERR], FLAG),
  row("broadcast", DATAGRAM, IPV4, [SOL_SOCKET, SockOpt.SO_BROADCAST], FLAG),
  row("multicastLoop", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_MULTICAST_LOOP], FLAG),
  row("multicastLoop", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP], FLAG),
  row("multicastTimeToLive", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_MULTICAST_TTL], MULTICAST_HOPS),
  row("multicastHops", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_HOPS], MULTICAST_HOPS),
  row("multicastInterface", DATAGRAM, IPV4, [SOL_IP, SockOpt.IP_MULTICAST_IF], IPV4_ADDRESS),
  row("multicastInterface", DATAGRAM, IPV6, [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF], DURATION),
];

/** What an option of one family of addresses is called for the other. */
export const TWINS: Readonly<Partial<Record<AnyOptionName, AnyOptionName>>> = {
  timeToLive: "hopLimit",
  hopLimit: "timeToLive",
  typeOfService: "trafficClass",
  trafficClass: "typeOfService",
  multicastTimeToLive: "multicastHops",
  multicastHops: "multicastTimeToLive",
};

/** What a program has to hold for an option, where Linux refuses it with EPERM. */
export const PRIVILEGES: Readonly<Partial<Record<AnyOptionName, string>>> = {
  mark: "CAP_NET_ADMIN or CAP_NET_RAW",
  priority: "CAP_NET_ADMIN or CAP_NET_RAW above 6",
  busyPollMicroseconds: "CAP_NET_ADMIN to be raised on this kernel",
  device: "CAP_NET_RAW to be changed",
  congestionControl: "CAP_NET_ADMIN for what is not in net.ipv4.tcp_allowed_congestion_control",
};
