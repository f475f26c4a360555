/**
 * Numbers of socket options that only stacks need: the others are `SockOpt` of `ring/abi/`.
 * Source: Linux, `include/uapi/asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`, `linux/udp.h`.
 *
 * @module
 */

/** Options of `SOL_SOCKET`. */
export const SocketName = {
  DEBUG: 1,
  DONT_ROUTE: 5,
  SEND_BUFFER_FORCE: 32,
  RECEIVE_BUFFER_FORCE: 33,
  COOKIE: 57,
  NO_CHECK: 11,
  RECEIVE_LOW_WATER: 18,
  BIND_TO_INTERFACE: 62,
} as const;

/** Options of `IPPROTO_IP`. */
export const Ipv4Name = {
  OPTIONS: 4,
  RECEIVE_OPTIONS: 6,
  RETURN_OPTIONS: 7,
  MTU: 14,
  FREE_BIND: 15,
  BIND_ADDRESS_NO_PORT: 24,
  BLOCK_SOURCE: 38,
  UNBLOCK_SOURCE: 37,
  GROUP_BLOCK_SOURCE: 43,
  GROUP_UNBLOCK_SOURCE: 44,
  SOURCE_FILTER: 41,
  GROUP_SOURCE_FILTER: 48,
  UNICAST_INTERFACE: 50,
} as const;

/** Options of `IPPROTO_IPV6`. */
export const Ipv6Name = {
  CHECKSUM: 7,
  MTU: 24,
  DONT_FRAGMENT: 62,
  UNICAST_INTERFACE: 76,
  FREE_BIND: 78,
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
export const SendFlag = { CONFIRM: 0x800, MORE: 0x8000 } as const;
