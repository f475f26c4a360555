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
  /** It is a connection's, at the port of its socket or its listener; among shards only. */
  SHARED: 1 << 5,
  /** It is a listener's that stands for one of another shard, which has claimed the port. */
  UNCLAIMED: 1 << 6,
} as const;
