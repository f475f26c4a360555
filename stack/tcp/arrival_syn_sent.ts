/**
 * A segment arrives in SYN-SENT: RFC 9293 section 3.10.7.3, in its order.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Ready } from "../socket.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import { end } from "./closing.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import { Purpose } from "./deadline_purposes.ts";
import { armKeepAlive } from "./deadlines.ts";
import {
  agreeToAnswer,
  agreeToOffer,
  CodePoint,
  offeredEcnFlags,
  reportedCodePoint,
} from "./ecn.ts";
import { agreementOf, armSyn, learnFromSyn, sendSyn } from "./opening.ts";
import { StateEvent } from "./states.ts";
import type { Segment } from "./types.ts";

const { FIN, SYN, RST, ACK, URG } = tcp.Flag;

/** A segment arrives in SYN-SENT. */
export function arriveInSynSent(connection: Connection, segment: Segment): void {
  const { context, initialSequence, sender } = connection;
  const { flags } = segment;
  const hasAcknowledgment = (flags & ACK) !== 0;
  if (hasAcknowledgment) {
    const beyond = segment.acknowledgment - initialSequence | 0;
    const most = sender.sendNext + connection.synDataBytes - initialSequence | 0;
    // First: what acknowledges anything but our SYN is reset.
    if (beyond <= 0 || beyond > most) {
      context.counters.add(TcpCounter.DROPPED_ACKNOWLEDGMENT);
      if ((flags & RST) === 0) context.writer.sendReset(connection.flow, segment);
      return;
    }
  }
  if ((flags & RST) !== 0) {
    // Second: a reset counts if it acknowledges our SYN. RFC 5961 section 3.2 leaves this as it
    // was.
    if (!hasAcknowledgment) {
      context.counters.add(TcpCounter.DROPPED_RESET);
      return;
    }
    context.counters.add(TcpCounter.RESETS_RECEIVED);
    context.counters.add(TcpCounter.ATTEMPTS_FAILED);
    end(connection, Errno.ECONNREFUSED);
    return;
  }
  // Fifth: without SYN it is dropped.
  if ((flags & SYN) === 0) {
    context.counters.add(TcpCounter.DROPPED_NO_ACK);
    return;
  }
  // Fourth: the other end's SYN.
  const offered = offeredEcnFlags(context.settings.ecn, connection.attempts);
  if (hasAcknowledgment) connection.bits |= agreeToAnswer(offered, flags);
  else connection.bits |= agreeToOffer(context.settings.ecn, flags);
  learnFromSyn(connection, segment);
  connection.receiver.start(segment.sequence);
  if (hasAcknowledgment) establish(connection, segment);
  else openSimultaneously(connection, segment);
}

/** Our SYN is acknowledged: the connection is established. */
function establish(connection: Connection, segment: Segment): void {
  const { receiver, sender } = connection;
  connection.bits &= ~Bit.SYN_UNACKNOWLEDGED;
  if ((connection.bits & Bit.ECN_ACCURATE) !== 0) {
    connection.bits |= Bit.ECN_HANDSHAKE;
    const reported = reportedCodePoint(segment.flags);
    if (reported === CodePoint.CE) connection.bits |= Bit.ECN_DELIVERED_MARK;
  }
  if ((connection.bits & Bit.FAST_OPEN) !== 0) onFastOpenAnswer(connection, segment);
  const agreement = agreementOf(connection, segment);
  connection.go(StateEvent.SYN_ACK);
  connection.attempts = 0;
  connection.purpose = Purpose.NONE;
  connection.deadline = Infinity;
  connection.bits |= Bit.SENDER_AGREED | Bit.RECEIVER_AGREED | Bit.ACKNOWLEDGMENT_DUE;
  receiver.agree(agreement);
  sender.agree(agreement);
  connection.forgetHandshake();
  connection.hear();
  armKeepAlive(connection);
  connection.raise(Ready.OUT);
  takePayload(connection, segment);
}

/** What the answer to a SYN with Fast Open tells. RFC 7413 section 4.2.1. */
function onFastOpenAnswer(connection: Connection, segment: Segment): void {
  const { context, flow, initialSequence } = connection;
  const { options } = segment;
  const { counters, fastOpenCache } = context;
  if (connection.attempts > 0) {
    counters.add(TcpCounter.FAST_OPEN_BLACKHOLES);
    fastOpenCache.onVanished(flow.remote);
  }
  if ((options.present & OptionBit.FAST_OPEN) !== 0 && options.cookieBytes > 0) {
    counters.add(TcpCounter.FAST_OPEN_COOKIES_RECEIVED);
    const cookie = options.cookie.subarray(0, options.cookieBytes);
    fastOpenCache.remember(flow.remote, cookie, connection.peerMaximumSegment);
  }
  if (connection.synDataBytes === 0) return;
  if ((segment.acknowledgment - initialSequence | 0) > 1) {
    connection.bits |= Bit.SYN_DATA;
    fastOpenCache.onSuccess(flow.remote);
  } else {
    counters.add(TcpCounter.FAST_OPEN_ACTIVE_FAILED);
  }
}

/** Both ends have sent a SYN: ours is sent again, with an acknowledgment. */
function openSimultaneously(connection: Connection, segment: Segment): void {
  connection.receiver.agree(agreementOf(connection, segment));
  connection.bits |= Bit.RECEIVER_AGREED;
  // RFC 9293 section 3.5 (MUST-10): simultaneous attempts become one connection.
  connection.go(StateEvent.SYN);
  connection.synDataBytes = 0;
  connection.attempts = 0;
  // RFC 9293 section 3.10.7.3: what else is in the SYN waits for ESTABLISHED. It is not taken, so
  // that it comes again: nobody knows yet whether this SYN is the other end's at all.
  sendSyn(connection);
  armSyn(connection);
}

/** What a SYN carries beside itself is dealt with as what any segment carries. */
function takePayload(connection: Connection, segment: Segment): void {
  const { receiver } = connection;
  const { flags } = segment;
  if ((flags & URG) !== 0) receiver.onUrgentSegment(segment);
  if (segment.payloadBytes > 0) receiver.onPayload(segment);
  if ((flags & FIN) !== 0) receiver.onFin(segment.sequence + segment.payloadBytes | 0);
}
