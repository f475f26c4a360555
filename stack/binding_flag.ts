/**
 * What holders of ports allow.
 *
 * @module
 */

/** What the holder of a binding allows, and does: bits. */
export const BindingFlag = {
  /** `SO_REUSEADDR`. */
  REUSE_ADDRESS: 1 << 0,
  /** `SO_REUSEPORT`. */
  REUSE_PORT: 1 << 1,
  /** `IPV6_V6ONLY`: its any-address of IPv6 leaves those of IPv4 alone. */
  IPV6_ONLY: 1 << 2,
  /** It is a listener of TCP. */
  LISTENING: 1 << 3,
  /** Nobody asked for its port: it was chosen for a connection, and may serve other ones. */
  FOR_CONNECTION: 1 << 4,
} as const;
