/**
 * How a half-open connection, or what a cookie remembers of one, becomes a connection.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import type { HalfOpen } from "./half_open.ts";
import { agreementOf, armSyn } from "./opening.ts";
import { updateLimits } from "./path.ts";
import { StateEvent } from "./states.ts";
import type { Segment } from "./types.ts";
import { adoptUserTimeout } from "./user_timeout.ts";

/**
 * Makes a connection in SYN-RECEIVED.
 *
 * @param half what is known of it; if it is in the table, the connection takes its place
 * @param segment the one that it becomes a connection by
 * @returns null when the table is full
 */
export function promote(half: HalfOpen, segment: Segment): Connection | null {
  const { context, owner, flow } = half;
  const connection = context.createConnection(flow, owner.configuration);
  connection.bits = half.bits | Bit.SYN_UNACKNOWLEDGED | Bit.RECEIVER_AGREED;
  connection.initialSequence = half.initialSequence;
  connection.peerInitialSequence = half.receiveNext - 1 | 0;
  connection.peerSynEcn = half.synEcn;
  connection.peerMaximumSegment = half.peerMaximumSegment;
  connection.announcedSegment = half.announcedSegment;
  connection.peerWindowScale = half.peerWindowScale;
  connection.windowScale = half.windowScale;
  connection.timestampOffset = half.timestampOffset;
  connection.timestampRecent = half.timestampRecent;
  connection.stampTimestamp();
  connection.lastAcknowledgmentSent = half.receiveNext;
  connection.openedAt = half.sentAt;
  if (half.savedSyn !== null) context.savedSyns.keep(connection, half.savedSyn);
  adoptUserTimeout(connection, half.userTimeout);
  updateLimits(connection);
  connection.sender.start(half.initialSequence + 1 | 0);
  connection.receiver.start(half.receiveNext);
  connection.receiver.agree(agreementOf(connection, segment));
  connection.go(StateEvent.SYN);
  if (half.slot >= 0) {
    context.halfOpen--;
    owner.halfOpen--;
    context.table.replace(half, connection);
  } else if (!context.table.add(connection)) {
    context.counters.add(TcpCounter.DROPPED_TABLE_FULL);
    context.connections--;
    connection.sender.stop();
    connection.receiver.stop();
    return null;
  }
  // The segment may yet turn out to be none that ends the handshake.
  connection.attempts = half.attempts;
  armSyn(connection);
  connection.queue = owner;
  connection.binding = owner.shareBinding(flow.local);
  return connection;
}
