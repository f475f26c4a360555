/**
 * What endpoints of datagrams count.
 *
 * @module
 */

import type { DatagramInbox } from "./datagram_inbox.ts";
import type { DatagramSender } from "./datagram_send.ts";

/** What an endpoint of datagrams did, and what stood in its way. */
export interface DatagramStats {
  /** Datagrams that arrived. */
  readonly received: number;
  /** Their bytes. */
  readonly bytesReceived: number;
  /** Datagrams that were larger than a buffer, and came without their end. */
  readonly truncated: number;
  /**
   * Datagrams that the system dropped because its queue for the socket was full, as far as it told:
   * it does with the next datagram that it takes.
   */
  readonly dropped: number;
  /** Datagrams over the rate limit, which were dropped here. */
  readonly limited: number;
  /** Datagrams that wait for a reader. */
  readonly waiting: number;
  /** Datagrams that the system accepted. */
  readonly sent: number;
  /** Their bytes. */
  readonly bytesSent: number;
  /** Datagrams that it, or this library, did not accept. */
  readonly failed: number;
  /** Messages in which several datagrams left joined. */
  readonly joined: number;
}

/** Takes the counts of both sides together. */
export function statsOf(inbox: DatagramInbox, sender: DatagramSender): DatagramStats {
  const { counts: received, waiting } = inbox;
  const { counts: sent } = sender;
  return {
    received: received.received,
    bytesReceived: received.bytes,
    truncated: received.truncated,
    dropped: received.dropped,
    limited: received.limited,
    waiting,
    sent: sent.sent,
    bytesSent: sent.bytes,
    failed: sent.failed,
    joined: sent.joined,
  };
}
