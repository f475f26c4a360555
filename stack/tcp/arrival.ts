/**
 * A segment arrives for a connection that has both SYNs: RFC 9293 section 3.10.7.4, in its order.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Ready } from "../socket.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import { abortOnData, end, onFinAcknowledged } from "./closing.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import { Purpose } from "./deadline_purposes.ts";
import { armKeepAlive } from "./deadlines.ts";
import { CodePoint, ECN_FLAGS, reportedCodePoint, withCount } from "./ecn.ts";
import { agreementOf, initialCount, sendSyn } from "./opening.ts";
import { State, StateEvent } from "./states.ts";
import type { Segment } from "./types.ts";
import { adoptUserTimeout, toldTimeout } from "./user_timeout.ts";
import { segmentEnd, segmentStart } from "./writer.ts";

const { FIN, SYN, RST, ACK, URG } = tcp.Flag;

/** Flags of a segment that is nothing special. */
const SPECIAL = FIN | SYN | RST | URG;
const ORDINARY_MASK = SPECIAL | ACK;

/** RFC 7323 section 5.5: so many seconds of silence, and timestamps mean nothing. */
const TIMESTAMP_LIFE = 24 * 24 * 3600;

/** A segment arrives in any state but LISTEN, SYN-SENT and TIME-WAIT. */
export function arrive(connection: Connection, segment: Segment): void {
  if (connection.state === State.SYN_RECEIVED) joinCrossedSyn(connection, segment);
  if (isExpected(connection, segment)) {
    acceptTimestamp(connection, segment);
    process(connection, segment);
    return;
  }
  if (!isTimely(connection, segment)) return;
  // First: is it in the window?
  if (!isAcceptable(connection, segment)) {
    refuse(connection, segment);
    return;
  }
  acceptTimestamp(connection, segment);
  // Second: resets.
  if ((segment.flags & RST) !== 0) {
    onReset(connection, segment);
    return;
  }
  // Fourth: SYNs.
  if ((segment.flags & SYN) !== 0) {
    onSyn(connection, segment);
    return;
  }
  // Fifth: acknowledgments.
  if ((segment.flags & ACK) === 0) {
    // RFC 9293 section 3.10.7.4: without ACK it is dropped.
    connection.context.counters.add(TcpCounter.DROPPED_NO_ACK);
    return;
  }
  process(connection, segment);
}

/**
 * Where both ends opened at once, the answer to our SYN repeats the SYN that we have: the rest of
 * it counts. RFC 9293 section 3.5, figure 7.
 */
function joinCrossedSyn(connection: Connection, segment: Segment): void {
  const isAgain = (segment.flags & (SYN | ACK | RST)) === (SYN | ACK) &&
    segmentStart(segment) === connection.peerInitialSequence;
  if (isAgain) segment.flags &= ~SYN;
}

/** Header prediction: the next segment of an established connection, with nothing special. */
function isExpected(connection: Connection, segment: Segment): boolean {
  const { receiver } = connection;
  if (connection.state !== State.ESTABLISHED) return false;
  if ((segment.flags & ORDINARY_MASK) !== ACK) return false;
  if (segment.sequence !== receiver.receiveNext) return false;
  if ((receiver.receiveLimit - segment.sequence | 0) < segment.payloadBytes) return false;
  if ((connection.bits & Bit.TIMESTAMPS) === 0) return true;
  const { options } = segment;
  return (options.present & OptionBit.TIMESTAMPS) !== 0 &&
    (options.timestampValue - connection.timestampRecent | 0) >= 0;
}

/** Whether its timestamp does not say that it is old. RFC 7323 section 5.3, R1. */
function isTimely(connection: Connection, segment: Segment): boolean {
  // RFC 7323 section 5.2 (MUST): resets are not judged by their timestamps; nor is anything where
  // they were not agreed on (section 3.2).
  // RFC 7323 section 3.2 (MUST): nor is anything where timestamps were not agreed on.
  if ((connection.bits & Bit.TIMESTAMPS) === 0 || (segment.flags & RST) !== 0) return true;
  const { context } = connection;
  const { options } = segment;
  if ((options.present & OptionBit.TIMESTAMPS) === 0) {
    // RFC 7323 section 3.2 (SHOULD): without a timestamp, it is dropped in silence. But who sends a
    // SYN knows of no agreement any more, and is told that we do.
    if ((segment.flags & SYN) !== 0) return true;
    context.counters.add(TcpCounter.DROPPED_NO_TIMESTAMP);
    return false;
  }
  if ((options.timestampValue - connection.timestampRecent | 0) >= 0) return true;
  // RFC 7323 section 5.5 (MUST): TS.Recent is out of date after 24 days of silence.
  if (connection.timestampAge > TIMESTAMP_LIFE) return true;
  if ((segment.flags & SYN) !== 0) return true;
  // RFC 7323 section 5.3 (MUST): R1: answered by an acknowledgment, and dropped.
  context.counters.add(TcpCounter.DROPPED_PAWS);
  answerOldSegment(connection, segment);
  return false;
}

/** Keeps the timestamp that is to be echoed. RFC 7323 section 4.3. */
function acceptTimestamp(connection: Connection, segment: Segment): void {
  if ((connection.bits & Bit.TIMESTAMPS) === 0) return;
  const { options } = segment;
  if ((options.present & OptionBit.TIMESTAMPS) === 0) return;
  // RFC 7323 section 4.3 (MUST): (2): of the segment that the next acknowledgment is about; and
  // never back.
  if ((segment.sequence - connection.lastAcknowledgmentSent | 0) > 0) return;
  const isNewer = (options.timestampValue - connection.timestampRecent | 0) >= 0;
  if (!isNewer && connection.timestampAge <= TIMESTAMP_LIFE) return;
  connection.timestampRecent = options.timestampValue;
  connection.stampTimestamp();
}

/** RFC 9293 section 3.10.7.4, first: four cases of lengths and windows. */
function isAcceptable(connection: Connection, segment: Segment): boolean {
  const { receiveNext, receiveLimit } = connection.receiver;
  const start = segmentStart(segment);
  const length = segmentEnd(segment) - start | 0;
  const window = receiveLimit - receiveNext | 0;
  const offset = start - receiveNext | 0;
  if (length === 0) {
    // RFC 9293 section 3.10.7.4 (SHOULD): also at the very end of the window, where a sender's
    // acknowledgments are that has used it up while some of it was lost.
    return offset >= 0 && offset <= window;
  }
  // RFC 9293 section 3.10.7.4 (MUST-66): acknowledgments, resets and urgent pointers count although
  // the window is closed; the receiver takes no payload then.
  if (window === 0) return offset === 0;
  return offset < window && (offset >= 0 || offset + length > 0);
}

/** A segment outside the window is answered, unless it is a reset, and dropped. */
function refuse(connection: Connection, segment: Segment): void {
  const { context, state } = connection;
  context.counters.add(TcpCounter.DROPPED_OUT_OF_WINDOW);
  // RFC 5961 section 3.2 (MUST): a reset outside the window is dropped in silence.
  if ((segment.flags & RST) !== 0) return;
  const isSynAgain = (segment.flags & (SYN | ACK)) === SYN &&
    segmentStart(segment) === connection.peerInitialSequence;
  if (isSynAgain && (connection.bits & Bit.SYN_UNACKNOWLEDGED) !== 0) {
    // It has not got our answer.
    if (connection.context.challenges.take()) sendSyn(connection);
    return;
  }
  if ((segment.flags & SYN) !== 0 && state !== State.SYN_RECEIVED) {
    onSyn(connection, segment);
    return;
  }
  answerOldSegment(connection, segment);
}

/** Answers a segment that is not acceptable: at once with data, else not too often. */
function answerOldSegment(connection: Connection, segment: Segment): void {
  if (segment.payloadBytes > 0 && (connection.bits & Bit.RECEIVER_AGREED) !== 0) {
    connection.receiver.onUnacceptable(segment);
    return;
  }
  challenge(connection);
}

/** Acknowledges what was dropped, not too often. RFC 5961 section 7. */
function challenge(connection: Connection): void {
  const { context } = connection;
  // RFC 5961 section 7 (SHOULD): a limit, so that two ends do not answer each other for ever.
  if (connection.wasChallenged(context.settings.challengeInterval) || !context.challenges.take()) {
    context.counters.add(TcpCounter.CHALLENGES_LIMITED);
    return;
  }
  context.counters.add(TcpCounter.CHALLENGES_SENT);
  connection.acknowledge();
}

function onReset(connection: Connection, segment: Segment): void {
  const { context, receiver, state } = connection;
  // RFC 5961 section 3.2 (MUST): only at RCV.NXT; elsewhere in the window it is asked back.
  if (segment.sequence !== receiver.receiveNext) {
    context.counters.add(TcpCounter.DROPPED_RESET);
    challenge(connection);
    return;
  }
  context.counters.add(TcpCounter.RESETS_RECEIVED);
  switch (state) {
    case State.SYN_RECEIVED:
      context.counters.add(TcpCounter.ATTEMPTS_FAILED);
      // RFC 9293 section 3.5 (MUST-11): in SYN-RECEIVED it matters who began. Where the other end
      // did, this is a connection of Fast Open: others are small records, which just go.
      end(connection, (connection.bits & Bit.ACTIVE) === 0 ? Errno.ECONNRESET : Errno.ECONNREFUSED);
      return;
    case State.CLOSE_WAIT:
      context.counters.add(TcpCounter.ESTABLISHED_RESET);
      end(connection, Errno.EPIPE);
      return;
    case State.CLOSING:
    case State.LAST_ACK:
      end(connection, 0);
      return;
    default:
      context.counters.add(TcpCounter.ESTABLISHED_RESET);
      end(connection, Errno.ECONNRESET);
  }
}

function onSyn(connection: Connection, _segment: Segment): void {
  // RFC 5961 section 4.2 (MUST): whatever its number is, it is asked back, and dropped.
  connection.context.counters.add(TcpCounter.DROPPED_SYN);
  challenge(connection);
}

/** The other end was heard. */
function hear(connection: Connection, segment: Segment): void {
  const { context, sender } = connection;
  const isFirstOfSecond = connection.hear();
  const isProgress = segment.payloadBytes > 0 ||
    (segment.acknowledgment - sender.sendUnacknowledged | 0) > 0;
  // RFC 4861 section 7.3.1 (SHOULD): news from behind the next hop say that it is there; once a
  // second is enough.
  if (isFirstOfSecond && isProgress) {
    context.feedback.confirm(connection.flow);
    connection.softError = 0;
  }
  if (connection.purpose === Purpose.KEEPALIVE) connection.attempts = 0;
}

/** RFC 9293 section 3.10.7.4, fifth to eighth. */
function process(connection: Connection, segment: Segment): void {
  if (!acknowledges(connection, segment)) return;
  const { sender, receiver, bits, state } = connection;
  if ((bits & Bit.SYN_UNACKNOWLEDGED) !== 0) onSynAcknowledged(connection, segment);
  hear(connection, segment);
  if ((segment.options.present & OptionBit.USER_TIMEOUT) !== 0) {
    adoptUserTimeout(connection, toldTimeout(segment.options));
  }
  if ((bits & (Bit.ECN_CLASSIC | Bit.ECN_ACCURATE)) !== 0) receiver.onEcn(segment);
  sender.onAcknowledgment(segment);
  if (state >= State.FIN_WAIT_1 && sender.isFinAcknowledged) {
    onFinAcknowledged(connection);
    if (connection.slot < 0) return;
  }
  const { flags } = segment;
  if (segment.payloadBytes === 0 && (flags & (URG | FIN)) === 0) return;
  if (!isReceiving(connection.state)) return;
  if (abortOnData(connection, segment)) return;
  // Sixth: urgent data.
  if ((flags & URG) !== 0) receiver.onUrgentSegment(segment);
  // Seventh: payload.
  if (segment.payloadBytes > 0) receiver.onPayload(segment);
  // Eighth: the FIN, which may come before what precedes it.
  if ((flags & FIN) !== 0) receiver.onFin(segment.sequence + segment.payloadBytes | 0);
}

/** Whether the other end has not sent its FIN yet, as far as we know. */
function isReceiving(state: State): boolean {
  return state === State.ESTABLISHED || state === State.FIN_WAIT_1 || state === State.FIN_WAIT_2 ||
    state === State.SYN_RECEIVED;
}

/** Whether what it acknowledges is possible. RFC 5961 section 5. */
function acknowledges(connection: Connection, segment: Segment): boolean {
  const { sender, context } = connection;
  const { acknowledgment } = segment;
  const isSynUnacknowledged = (connection.bits & Bit.SYN_UNACKNOWLEDGED) !== 0;
  const isNotSent = (acknowledgment - sender.sendNext | 0) > 0;
  const beyond = acknowledgment - sender.sendUnacknowledged | 0;
  if (isSynUnacknowledged && connection.state === State.SYN_RECEIVED) {
    // RFC 9293 section 3.10.7.4, fifth: what acknowledges something else than our SYN is reset.
    if (isNotSent || beyond < 0) {
      context.counters.add(TcpCounter.DROPPED_ACKNOWLEDGMENT);
      context.writer.sendReset(connection.flow, segment);
      return false;
    }
    return true;
  }
  // RFC 5961 section 5.2 (MUST): SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT; else it is answered,
  // and dropped.
  if (isNotSent || beyond < 0 && beyond + sender.maximumSendWindow < 0) {
    context.counters.add(TcpCounter.DROPPED_ACKNOWLEDGMENT);
    challenge(connection);
    return false;
  }
  return true;
}

/** Our SYN is acknowledged: SYN-RECEIVED ends. */
function onSynAcknowledged(connection: Connection, segment: Segment): void {
  connection.bits &= ~Bit.SYN_UNACKNOWLEDGED;
  connection.attempts = 0;
  connection.purpose = Purpose.NONE;
  connection.deadline = Infinity;
  readFirstEcn(connection, segment);
  const agreement = agreementOf(connection, segment);
  if ((connection.bits & Bit.SENDER_AGREED) === 0) {
    connection.bits |= Bit.SENDER_AGREED;
    connection.sender.agree(agreement);
  }
  connection.forgetHandshake();
  if (connection.state === State.SYN_RECEIVED) connection.go(StateEvent.SYN_ACKNOWLEDGED);
  armKeepAlive(connection);
  connection.queue?.onConfirmed(connection);
  connection.raise(Ready.OUT);
}

/** What the first segment from the client says about how our SYN with ACK arrived. */
function readFirstEcn(connection: Connection, segment: Segment): void {
  const { bits } = connection;
  if ((bits & Bit.ECN_ACCURATE) === 0 || (bits & Bit.ACTIVE) !== 0) return;
  const hasSack = (segment.options.present & OptionBit.SACK) !== 0;
  if (segment.payloadBytes > 0 || hasSack) return;
  const reported = reportedCodePoint(segment.flags);
  // RFC 9768 section 3.2.2.1 (MUST): all three flags cleared means that somebody clears them:
  // no ECT is sent from here on.
  if ((segment.flags & ECN_FLAGS) === 0) {
    connection.bits &= ~Bit.ECN_CAPABLE;
    connection.context.counters.add(TcpCounter.ECN_FALLBACKS);
  }
  if (reported === CodePoint.CE) connection.bits |= Bit.ECN_DELIVERED_MARK;
  // The sender reads a count in these flags, as they are on all segments but this one.
  segment.flags = withCount(segment.flags, initialCount(connection.bits));
}
