/**
 * What UDP counts, and the reasons for which it drops.
 *
 * @module
 */

/** Counters of UDP. */
export const UdpCounter = {
  /** Datagrams that were put into a socket's queue. */
  RECEIVED: 0,
  /** Datagrams that were handed to IP, each of a segmented one. */
  SENT: 1,
  /** Datagrams that joined others in a queue (`UDP_GRO`). */
  COALESCED: 2,
  /** Datagrams for a group or for everybody that were given to one more socket. */
  COPIED: 3,
  /** Errors of ICMP that were handed to a socket. */
  ERRORS: 4,
  /** Errors about datagrams of nobody who is still there. */
  DROPPED_ERROR_NO_SOCKET: 5,
  DROPPED_TOO_SHORT: 6,
  DROPPED_LENGTH: 7,
  DROPPED_CHECKSUM: 8,
  /** Without a checksum, over IPv6. */
  DROPPED_NO_CHECKSUM: 9,
  DROPPED_PORT_ZERO: 10,
  /** Nobody listens at the port. */
  DROPPED_NO_SOCKET: 11,
  /** The socket's queue is full. */
  DROPPED_QUEUE_FULL: 12,
  /** The socket receives no more. */
  DROPPED_SHUT: 13,
  /** No packet was left for one more receiver of a group. */
  DROPPED_NO_PACKET: 14,
  /** IP had no room for what was sent; the sender is not told, as on Linux. */
  DROPPED_SEND: 15,
  /** Datagrams of this stack to the host itself that went on to the shard that has their port. */
  HANDED_OVER: 16,
} as const;
