/**
 * What raw sockets, those of ICMP echo and custom protocols count.
 *
 * @module
 */

/** Counters of raw sockets and custom protocols. */
export const RawCounter = {
  /** Copies of packets that were put into queues of raw sockets. */
  RECEIVED: 0,
  /** Packets that raw sockets handed to IP. */
  SENT: 1,
  /** Echo replies that were put into a socket's queue. */
  REPLIES_RECEIVED: 2,
  /** Echo requests that were handed to IP. */
  REQUESTS_SENT: 3,
  /** Errors of ICMP that were handed to a socket. */
  ERRORS: 4,
  /** Packets for custom protocols. */
  CUSTOM_RECEIVED: 5,
  /** What custom protocols answered. */
  CUSTOM_REPLIED: 6,
  /** What they forwarded to a socket. */
  CUSTOM_FORWARDED: 7,
  /** The queue of a raw socket is full. */
  DROPPED_QUEUE_FULL: 8,
  /** A filter of ICMP types says no. */
  DROPPED_FILTER: 9,
  /** The checksum that a raw socket of IPv6 asked for is wrong. */
  DROPPED_CHECKSUM: 10,
  /** No packet was left for a copy. */
  DROPPED_NO_PACKET: 11,
  /** Echo replies that nobody waits for. */
  DROPPED_REPLY_NO_SOCKET: 12,
  /** IP had no room for what was sent. */
  DROPPED_SEND: 13,
  /** A custom protocol says no. */
  DROPPED_CUSTOM: 14,
  /** A custom protocol threw, or answered what means nothing. */
  DROPPED_CUSTOM_FAILED: 15,
  /** A custom protocol's answer could not be sent. */
  DROPPED_CUSTOM_REPLY: 16,
} as const;
