/**
 * How a connection begins: SYNs are sent, and sent again, and what both ends want is agreed on.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { chainLength } from "../memory/mod.ts";
import * as tcp from "../wire/tcp.ts";
import {
  MAX_OPTIONS_BYTES,
  MAX_WINDOW_SCALE,
  OptionBit,
  type TcpOptions,
} from "../wire/tcp_options.ts";
import { writtenBytes } from "../wire/tcp_options_write.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import { TcpCounter } from "./counters.ts";
import { Purpose } from "./deadline_purposes.ts";
import { answeredEcnFlags, CodePoint, offeredEcnFlags } from "./ecn.ts";
import { putParameters } from "./parameters.ts";
import { defaultSegment, MINIMUM_SEGMENT, segmentToAnnounce, updateLimits } from "./path.ts";
import { laterOf } from "./sequence.ts";
import { State, StateEvent } from "./states.ts";
import { adoptUserTimeout, putUserTimeout, toldTimeout } from "./user_timeout.ts";
import { type Agreement, Ecn, type Segment } from "./types.ts";

const { SYN, ACK } = tcp.Flag;

const NO_COOKIE = new Uint8Array(0);

/** Bits of what a SYN offers, as {@linkcode Bit} has them. */
const OFFER = Bit.TIMESTAMPS | Bit.SACK | Bit.SCALING;

/** What this stack offers, or agrees to: bits of {@linkcode Bit}. */
export function offer(context: TcpContext): number {
  const { settings } = context;
  return (settings.timestamps ? Bit.TIMESTAMPS : 0) |
    (settings.selectiveAcknowledgment ? Bit.SACK : 0) |
    (settings.windowScaling ? Bit.SCALING : 0);
}

/** Which of an offer a SYN of the other end has, too. */
export function common(offered: number, options: TcpOptions): number {
  const { present } = options;
  // RFC 7323 sections 2.5 and 3.2, RFC 2018 section 2 (MUST): only what both SYNs have is used.
  return offered & ((present & OptionBit.TIMESTAMPS) === 0 ? ~Bit.TIMESTAMPS : ~0) &
    ((present & OptionBit.SACK_PERMITTED) === 0 ? ~Bit.SACK : ~0) &
    ((present & OptionBit.WINDOW_SCALE) === 0 ? ~Bit.SCALING : ~0);
}

/** The MSS that the other end's SYN announces, or the one that holds if it does not. */
export function announcedBy(options: TcpOptions, connection: { flow: Connection["flow"] }): number {
  if ((options.present & OptionBit.MAXIMUM_SEGMENT) === 0) return defaultSegment(connection.flow);
  return Math.max(MINIMUM_SEGMENT, options.maximumSegment);
}

/**
 * Chooses the numbers of a connection that is in the table; its SYN is sent by {@linkcode launch}.
 *
 * @param minimumSequence the least number to begin with, null for any
 */
export function prepare(connection: Connection, minimumSequence: number | null): void {
  const { context } = connection;
  const { settings, secrets } = context;
  const sequence = secrets.initialSequence(connection.flow);
  // RFC 9293 section 3.6.1: larger than any that a connection in TIME-WAIT has used.
  connection.initialSequence = minimumSequence === null
    ? sequence
    : laterOf(sequence, minimumSequence);
  connection.timestampOffset = secrets.timestampOffset(connection.flow);
  connection.bits |= offer(context) | Bit.ACTIVE | Bit.SYN_UNACKNOWLEDGED;
  connection.sender.start(connection.initialSequence + 1 | 0);
  connection.windowScale = settings.windowScaling ? connection.receiver.windowScaleToOffer : 0;
  connection.go(StateEvent.CONNECT);
}

/** Sends the first SYN. @returns 0 or `-errno` */
export function launch(connection: Connection): number {
  const { context } = connection;
  connection.openedAt = context.environment.now;
  connection.attempts = 0;
  context.counters.add(TcpCounter.ACTIVE_OPENS);
  const result = sendSyn(connection);
  if (result < 0 && result !== -Errno.ENOBUFS) return result;
  armSyn(connection);
  return 0;
}

/** Sends the SYN of SYN-SENT, or the SYN with ACK of SYN-RECEIVED. */
export function sendSyn(connection: Connection): number {
  const { context, flow, receiver, state } = connection;
  const { writer } = context;
  const isAnswer = state !== State.SYN_SENT;
  putParameters(connection);
  connection.announcedSegment = segmentToAnnounce(context, flow, connection.configuration);
  putSynOptions(
    writer.options,
    connection.bits & OFFER,
    connection.announcedSegment,
    connection.windowScale,
    connection.timestampNow,
    isAnswer ? connection.timestampRecent : 0,
  );
  const ecn = isAnswer
    ? answeredEcnFlags(connection.bits, connection.peerSynEcn)
    : offeredEcnFlags(context.settings.ecn, connection.attempts);
  const flags = isAnswer ? SYN | ACK | ecn : SYN | ecn;
  const acknowledgment = isAnswer ? receiver.receiveNext : 0;
  putUserTimeout(writer.options, context.settings, connection.configuration);
  const payload = (connection.bits & Bit.FAST_OPEN) === 0 ? -1 : putFastOpen(connection);
  const bytes = payload < 0 ? 0 : chainLength(context.environment.arena, payload);
  if (bytes > 0) connection.synDataBytes = bytes;
  const result = writer.send(
    flow,
    connection.initialSequence,
    acknowledgment,
    flags,
    receiver.synWindow,
    0,
    payload,
    bytes,
    0,
  );
  if (isAnswer) {
    connection.lastAcknowledgmentSent = acknowledgment;
    receiver.onAcknowledgmentSent(false);
  }
  return result;
}

/** Adds Fast Open to a SYN. @returns the data that it carries, or -1 */
function putFastOpen(connection: Connection): number {
  const { context, flow, configuration, sender } = connection;
  const { options } = context.writer;
  if (connection.state !== State.SYN_SENT) {
    putCookie(options, context.fastOpenCookies.make(flow));
    context.counters.add(TcpCounter.FAST_OPEN_COOKIES_SENT);
    return -1;
  }
  // RFC 7413 section 4.1.3.1 (SHOULD): what is sent again has neither data nor the option.
  if (connection.attempts > 0) return -1;
  const cookie = context.fastOpenCache.cookie(flow.remote);
  if (!configuration.fastOpenNoCookie) putCookie(options, cookie ?? NO_COOKIE);
  if (cookie === null && !configuration.fastOpenNoCookie) return -1;
  context.counters.add(TcpCounter.FAST_OPEN_ACTIVE);
  const segment = context.fastOpenCache.segment(flow.remote) || defaultSegment(flow);
  const room = Math.min(segment, connection.announcedSegment) - writtenBytes(options);
  return sender.sliceForSyn(Math.max(0, room));
}

/** Fills in the options of a SYN. */
export function putSynOptions(
  options: TcpOptions,
  bits: number,
  segment: number,
  windowScale: number,
  timestamp: number,
  echo: number,
): void {
  // RFC 9293 section 3.7.1 (MUST-14, MUST-65, SHLD-5): SYNs have the MSS option, all of them, and
  // no other segments.
  options.present = OptionBit.MAXIMUM_SEGMENT;
  options.maximumSegment = segment;
  if ((bits & Bit.SCALING) !== 0) {
    options.present |= OptionBit.WINDOW_SCALE;
    // RFC 7323 section 2.3 (MUST): 14 is the largest shift.
    options.windowScale = Math.min(windowScale, MAX_WINDOW_SCALE);
  }
  // RFC 2018 section 2 (MUST): SACK is permitted by SYNs, and by no other segment.
  if ((bits & Bit.SACK) !== 0) options.present |= OptionBit.SACK_PERMITTED;
  if ((bits & Bit.TIMESTAMPS) !== 0) {
    options.present |= OptionBit.TIMESTAMPS;
    options.timestampValue = timestamp;
    options.timestampEcho = echo;
  }
}

/** Adds a cookie of Fast Open to options; an empty one asks for it. RFC 7413 section 4.1.1. */
export function putCookie(options: TcpOptions, cookie: Uint8Array): void {
  options.present |= OptionBit.FAST_OPEN;
  options.cookieBytes = cookie.length;
  options.cookie.set(cookie);
  // A long cookie leaves no room for the user timeout.
  if (writtenBytes(options) > MAX_OPTIONS_BYTES) options.present &= ~OptionBit.USER_TIMEOUT;
}

/** Sets the timer of a SYN that waits for its acknowledgment. */
export function armSyn(connection: Connection): void {
  const { settings, environment } = connection.context;
  // RFC 6298 section 5.5 (MUST): the timeout doubles each time, up to a maximum (5.7, 2.5).
  const timeout = Math.min(
    settings.synTimeout * 2 ** connection.attempts,
    settings.maximumSynTimeout,
  );
  connection.deadline = environment.now + timeout;
  connection.purpose = Purpose.SYN;
}

/** Our SYN has waited for long enough: it is sent again, or given up. */
export function onSynTimeout(connection: Connection): void {
  const { context, configuration, state } = connection;
  const isActive = state === State.SYN_SENT;
  const retries = isActive ? configuration.synRetries : context.settings.synAckRetries;
  if (connection.attempts >= retries) {
    context.counters.add(TcpCounter.ATTEMPTS_FAILED);
    connection.onGiveUp(Errno.ETIMEDOUT);
    return;
  }
  // RFC 9293 section 3.8.3 (MUST-22): SYNs are sent again by the rules of any segment.
  connection.attempts++;
  connection.bits |= Bit.SYN_LOST;
  context.counters.add(
    isActive ? TcpCounter.SYNS_RETRANSMITTED : TcpCounter.SYN_ACKS_RETRANSMITTED,
  );
  sendSyn(connection);
  armSyn(connection);
}

/** The other end's SYN is here: what it says of itself, and what both want. */
export function learnFromSyn(connection: Connection, segment: Segment): void {
  const { options } = segment;
  connection.bits = connection.bits & ~OFFER | common(connection.bits & OFFER, options);
  if ((connection.bits & Bit.SCALING) === 0) {
    connection.windowScale = 0;
    connection.peerWindowScale = 0;
  } else {
    connection.peerWindowScale = options.windowScale;
  }
  if ((connection.bits & Bit.TIMESTAMPS) !== 0) {
    connection.timestampRecent = options.timestampValue;
    connection.stampTimestamp();
  }
  adoptUserTimeout(connection, toldTimeout(options));
  connection.peerMaximumSegment = announcedBy(options, connection);
  connection.peerInitialSequence = segment.sequence - 1 | 0;
  connection.peerSynEcn = segment.ecn;
  updateLimits(connection);
}

/** Fills in what was agreed on. */
export function agreementOf(connection: Connection, segment: Segment): Agreement {
  const { context, bits } = connection;
  const { agreement } = context;
  agreement.peerMaximumSegment = connection.peerMaximumSegment;
  agreement.hasTimestamps = (bits & Bit.TIMESTAMPS) !== 0;
  agreement.hasSack = (bits & Bit.SACK) !== 0;
  agreement.peerWindowScale = connection.peerWindowScale;
  agreement.windowScale = connection.windowScale;
  agreement.ecn = ecnOf(bits);
  // RFC 9768 section 3.2.1 (MUST): counters of packets begin at 5, at 6 if the SYN was marked.
  agreement.ecnReceived = connection.peerSynEcn === CodePoint.CE ? 6 : 5;
  agreement.ecnDelivered = initialCount(bits);
  // RFC 7323 section 2.2 (MUST): the window of a SYN is not shifted.
  agreement.window = (segment.flags & SYN) === 0
    ? segment.window << connection.peerWindowScale
    : segment.window;
  agreement.sequence = segment.sequence;
  agreement.acknowledgment = (segment.flags & ACK) === 0
    ? connection.initialSequence + 1 | 0
    : segment.acknowledgment;
  const isLost = (bits & Bit.SYN_LOST) !== 0;
  agreement.isSynLost = isLost;
  // RFC 6298 section 3 (MUST): no sample of what was sent more than once.
  agreement.rtt = isLost || (bits & Bit.SYN_UNACKNOWLEDGED) !== 0 || connection.openedAt < 0
    ? -1
    : context.environment.now - connection.openedAt;
  return agreement;
}

/** How many of our packets the other end has found marked so far, as it counts. RFC 9768. */
export function initialCount(bits: number): number {
  return (bits & Bit.ECN_DELIVERED_MARK) === 0 ? 5 : 6;
}

function ecnOf(bits: number): Ecn {
  if ((bits & Bit.ECN_ACCURATE) !== 0) return Ecn.ACCURATE;
  return (bits & Bit.ECN_CLASSIC) !== 0 ? Ecn.CLASSIC : Ecn.NONE;
}
