/**
 * What IP counts. Packets with bad headers are counted by `Fault` besides.
 *
 * @module
 */

/** The counters of IP. RFC 4293 has most of them under other names. */
export const IpCounter = {
  /** Packets of IPv4 that links handed over, and those of this stack to itself. */
  IPV4_RECEIVED: 0,
  IPV6_RECEIVED: 1,
  /** Packets that went on to a protocol. */
  DELIVERED: 2,
  /** Packets that protocols sent. */
  IPV4_SENT: 3,
  IPV6_SENT: 4,
  FORWARDED: 5,
  /** Packets that went to this very stack. */
  LOOPED: 6,
  FRAGMENTS_RECEIVED: 7,
  REASSEMBLED: 8,
  /** Packets that were taken apart, and into how many parts. */
  FRAGMENTED: 9,
  FRAGMENTS_SENT: 10,
  /** A header that its checks found bad: `Fault` has the reason. */
  DROPPED_HEADER: 11,
  /** From an address that nobody outside can have. */
  DROPPED_SOURCE: 12,
  /** Not for us, and we are no router. */
  DROPPED_DESTINATION: 13,
  /** For a group that nobody here listens to. */
  DROPPED_GROUP: 14,
  /** For one host, in a frame for many. */
  DROPPED_LINK_CAST: 15,
  DROPPED_SOURCE_ROUTE: 16,
  /** Of a protocol that nobody knows. */
  DROPPED_PROTOCOL: 17,
  /** No memory to bring its headers together. */
  DROPPED_MEMORY: 18,
  /** A filter said so, where it came in, on its way through, or where it left. */
  DROPPED_FILTER_INPUT: 19,
  DROPPED_FILTER_FORWARD: 20,
  DROPPED_FILTER_OUTPUT: 21,
  DROPPED_FRAGMENT_EMPTY: 22,
  DROPPED_FRAGMENT_DUPLICATE: 23,
  DROPPED_FRAGMENT_OVERLAP: 24,
  /** Too many fragments of one packet. */
  DROPPED_FRAGMENT_COUNT: 25,
  /** No room among those of others. */
  DROPPED_FRAGMENT_ROOM: 26,
  /** Packets that had to make room. */
  REASSEMBLY_EVICTED: 27,
  REASSEMBLY_TIMED_OUT: 28,
  /** Together they would be too long. */
  DROPPED_REASSEMBLY_LENGTH: 29,
  DROPPED_REASSEMBLY_MEMORY: 30,
  /** Some fragments were of an ECN-capable transport, some were not. */
  DROPPED_ECN_MIX: 31,
  /** On its way through: no hops were left. */
  DROPPED_HOPS: 32,
  /** On its way through: no route. */
  DROPPED_FORWARD_ROUTE: 33,
  /** On its way through: of an address that stays on its link. */
  DROPPED_FORWARD_SCOPE: 34,
  /** Its source would not be reached by the interface that it came in by. */
  DROPPED_REVERSE_PATH: 35,
  /** Too long for the next link, and not to be taken apart. */
  DROPPED_TOO_BIG: 36,
  /** The interface did not take it. */
  DROPPED_OUTPUT: 37,
  /** The queue of packets to this very stack was full. */
  DROPPED_LOOP_FULL: 38,
  /** A protocol sent what has no route, is too long, or has options that do not fit. */
  REFUSED_ROUTE: 39,
  REFUSED_TOO_BIG: 40,
  REFUSED_MEMORY: 41,
  REFUSED_BROADCAST: 42,
  /** The next hop did not answer. */
  DROPPED_NEIGHBOUR: 43,
  /** A path MTU became less, or more after some time. */
  PATH_MTU_DECREASED: 44,
  PATH_MTU_INCREASED: 45,
  /** Paths that had to make room for others. */
  PATHS_EVICTED: 46,
  /** Every shard of the host was given its fragments, and it is of a flow of another one. */
  DROPPED_OTHER_SHARD: 47,
} as const;
