/**
 * Numbers of socket options that only stacks need: the others are `SockOpt` of `ring/abi/`. Source:
 * Linux, `include/uapi/asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`, `linux/tcp.h`.
 *
 * @module
 */

/** Options of `SOL_SOCKET`. */
export const SocketName = {
  DEBUG: 1,
  DONT_ROUTE: 5,
  OOB_INLINE: 10,
  RECEIVE_LOW_WATER: 18,
  SEND_LOW_WATER: 19,
  SEND_BUFFER_FORCE: 32,
  RECEIVE_BUFFER_FORCE: 33,
  TIMESTAMP_NS: 35,
  MAX_PACING_RATE: 47,
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
  BIND_ADDRESS_NO_PORT: 24,
  UNICAST_INTERFACE: 50,
} as const;

/** Options of `IPPROTO_IPV6`. */
export const Ipv6Name = {
  MTU: 24,
  DONT_FRAGMENT: 62,
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
  ULP: 31,
  FAST_OPEN_KEY: 33,
  FAST_OPEN_NO_COOKIE: 34,
  INQ: 36,
} as const;
