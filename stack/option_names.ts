/**
 * Numbers of socket options, and of flags, that only stacks need; the others are those of
 * `ring/abi/`. Source: Linux, `include/uapi/asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`,
 * `linux/tcp.h`, `linux/udp.h`.
 *
 * @module
 */

/** Options of `SOL_SOCKET`. */
export const SocketName = {
  DEBUG: 1,
  DONT_ROUTE: 5,
  OOB_INLINE: 10,
  NO_CHECK: 11,
  RECEIVE_LOW_WATER: 18,
  SEND_LOW_WATER: 19,
  SEND_BUFFER_FORCE: 32,
  RECEIVE_BUFFER_FORCE: 33,
  TIMESTAMP_NS: 35,
  MAX_PACING_RATE: 47,
  MEMORY_INFO: 55,
  COOKIE: 57,
  BIND_TO_INTERFACE: 62,
} as const;

/** Options of `IPPROTO_IP`. */
export const Ipv4Name = {
  OPTIONS: 4,
  RECEIVE_OPTIONS: 6,
  RETURN_OPTIONS: 7,
  MTU: 14,
  FREE_BIND: 15,
  MINIMUM_TIME_TO_LIVE: 21,
  NO_FRAGMENTS: 22,
  BIND_ADDRESS_NO_PORT: 24,
  UNBLOCK_SOURCE: 37,
  BLOCK_SOURCE: 38,
  SOURCE_FILTER: 41,
  GROUP_BLOCK_SOURCE: 43,
  GROUP_UNBLOCK_SOURCE: 44,
  GROUP_SOURCE_FILTER: 48,
  UNICAST_INTERFACE: 50,
} as const;

/** Options of `IPPROTO_IPV6`. */
export const Ipv6Name = {
  CHECKSUM: 7,
  MTU: 24,
  DONT_FRAGMENT: 62,
  MINIMUM_HOPS: 73,
  UNICAST_INTERFACE: 76,
  FREE_BIND: 78,
} as const;

/** Options of `IPPROTO_TCP`. */
export const TcpName = {
  SYN_COUNT: 7,
  LINGER2: 8,
  WINDOW_CLAMP: 10,
  THIN_LINEAR_TIMEOUTS: 16,
  THIN_DUPLICATE_ACKNOWLEDGMENT: 17,
  TIMESTAMP: 24,
  SAVE_SYN: 27,
  SAVED_SYN: 28,
  ULP: 31,
  FAST_OPEN_KEY: 33,
  FAST_OPEN_NO_COOKIE: 34,
  INQ: 36,
} as const;

/** Options of `IPPROTO_UDP`. */
export const UdpName = {
  CORK: 1,
  NO_CHECKSUM_6_SEND: 101,
  NO_CHECKSUM_6_RECEIVE: 102,
} as const;

/** `IP_PMTUDISC_*`, and those of IPv6. */
export const PathMtuDiscovery = {
  DONT: 0,
  WANT: 1,
  DO: 2,
  PROBE: 3,
  INTERFACE: 4,
  OMIT: 5,
} as const;

/** `MSG_*` flags of `send` that `Msg` of `ring/abi/` lacks. */
export const SendFlag = { MORE: 0x8000 } as const;
