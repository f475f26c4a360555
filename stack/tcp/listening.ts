/**
 * What a listener makes of segments: half-open connections, cookies, and connections at once where
 * Fast Open permits it. RFC 9293 section 3.10.7.2.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Flow } from "../ip/types.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import { agreeToOffer } from "./ecn.ts";
import { CookieVerdict } from "./fast_open_cookies.ts";
import { HalfOpen } from "./half_open.ts";
import type { Listener } from "./listener.ts";
import { agreementOf, announcedBy, armSyn, common, offer, sendSyn } from "./opening.ts";
import { segmentToAnnounce } from "./path.ts";
import { promote } from "./promotion.ts";
import { copyHeaders, SaveSyn } from "./saved_syns.ts";
import { laterOf } from "./sequence.ts";
import { isLinkLocal } from "./table.ts";
import type { Segment } from "./types.ts";
import { toldTimeout } from "./user_timeout.ts";

const { FIN, SYN, RST, ACK } = tcp.Flag;

/** A cookie that comes back later than this is too old in any case. */
const COOKIE_LIFE = 128 * 1_000_000;
const ECN = Bit.ECN_CLASSIC | Bit.ECN_ACCURATE | Bit.ECN_CAPABLE;

/**
 * A segment arrives in LISTEN: RFC 9293 section 3.10.7.2, in its order.
 *
 * @param ends its two ends, an object that is used again
 * @param minimumSequence the least number that a new connection may begin with, where it takes the
 * place of one in TIME-WAIT; else null
 */
export function arriveAtListener(
  listener: Listener,
  segment: Segment,
  ends: Flow,
  minimumSequence: number | null,
): void {
  const { counters, writer } = listener.context;
  const { flags } = segment;
  // First: resets are ignored.
  if ((flags & RST) !== 0) {
    counters.add(TcpCounter.DROPPED_STRAY_RESET);
    return;
  }
  // Second: nothing can be acknowledged yet, unless by a cookie.
  if ((flags & ACK) !== 0) {
    if ((flags & SYN) === 0 && onCookie(listener, segment, ends)) return;
    counters.add(TcpCounter.DROPPED_AT_LISTENER);
    writer.sendReset(ends, segment);
    return;
  }
  // Third: a SYN. Fourth: anything else is dropped; and nobody who means well begins by a FIN.
  if ((flags & SYN) === 0 || (flags & FIN) !== 0) {
    counters.add(TcpCounter.DROPPED_AT_LISTENER);
    return;
  }
  onSyn(listener, segment, ends, minimumSequence);
}

function onSyn(
  listener: Listener,
  segment: Segment,
  ends: Flow,
  minimumSequence: number | null,
): void {
  const { context } = listener;
  const { counters, secrets, settings } = context;
  if (listener.isFull) {
    counters.add(TcpCounter.DROPPED_ACCEPT_QUEUE_FULL);
    return;
  }
  const flow = flowOf(listener, ends);
  if (context.output.route(flow) < 0) {
    counters.add(TcpCounter.OUTPUT_REFUSED);
    return;
  }
  const sequence = secrets.initialSequence(flow);
  // RFC 9293 section 3.6.1: larger than any that the connection before it used.
  const initial = minimumSequence === null ? sequence : laterOf(sequence, minimumSequence);
  const half = new HalfOpen(context, listener, flow, initial, segment.sequence);
  learn(listener, half, segment);
  if (judgeFastOpen(listener, half, segment)) {
    openAtOnce(listener, half, segment);
    return;
  }
  const isFull = listener.halfOpen > listener.backlog || context.halfOpen >= settings.halfOpen;
  if (settings.synCookies === "always" || isFull && settings.synCookies === "when-full") {
    answerByCookie(listener, half, segment);
    return;
  }
  if (isFull) {
    counters.add(TcpCounter.DROPPED_SYN_QUEUE_FULL);
    return;
  }
  const { deferAccept } = listener.configuration;
  half.deferredUntil = deferAccept === 0 ? 0 : half.sentAt + deferAccept;
  if (!context.table.add(half)) {
    counters.add(TcpCounter.DROPPED_TABLE_FULL);
    return;
  }
  saveSyn(listener, half, segment);
  listener.halfOpen++;
  context.halfOpen++;
  // It is sent again: perhaps there is a packet then.
  if (half.sendAnswer(half.timestampNow) === -Errno.ENOBUFS) {
    counters.add(TcpCounter.DROPPED_NO_MEMORY);
  }
  half.arm();
}

function flowOf(listener: Listener, ends: Flow): Flow {
  const { configuration } = listener;
  const flow = new Flow();
  // RFC 9293 section 3.9.1.1 (MUST-45): the address that the SYN was for is that of all segments.
  flow.local = ends.local;
  flow.remote = ends.remote;
  flow.localPort = ends.localPort;
  flow.remotePort = ends.remotePort;
  flow.scope = isLinkLocal(ends.remote) ? ends.scope : configuration.device;
  flow.mark = configuration.mark;
  return flow;
}

/** What a SYN says of its sender, and what both ends want. */
function learn(listener: Listener, half: HalfOpen, segment: Segment): void {
  const { context, configuration } = listener;
  const { options } = segment;
  const { settings, secrets, environment } = context;
  // RFC 7323 section 2.5 (MUST): what only one SYN has is not used; our answer has only what the
  // SYN had.
  half.bits = common(offer(context), options) | agreeToOffer(settings.ecn, segment.flags);
  half.peerMaximumSegment = announcedBy(options, half);
  half.announcedSegment = segmentToAnnounce(context, half.flow, configuration);
  half.window = listener.synWindow;
  half.timestampOffset = secrets.timestampOffset(half.flow);
  half.synEcn = segment.ecn;
  half.userTimeout = toldTimeout(options);
  half.sentAt = environment.now;
  if ((half.bits & Bit.SCALING) !== 0) {
    half.windowScale = listener.windowScale;
    // RFC 7323 section 2.2 (MUST): only that of the SYN counts; the option means nothing elsewhere.
    half.peerWindowScale = options.windowScale;
  }
  if ((half.bits & Bit.TIMESTAMPS) !== 0) half.timestampRecent = options.timestampValue;
}

/**
 * Looks at the cookie of a SYN. RFC 7413 section 4.2.2.
 *
 * @returns whether its sender may have a connection at once
 */
function judgeFastOpen(listener: Listener, half: HalfOpen, segment: Segment): boolean {
  const { context, configuration } = listener;
  const { settings, counters, fastOpenCookies } = context;
  const isOn = configuration.fastOpenQueue > 0 &&
    (settings.fastOpen === "server" || settings.fastOpen === "both");
  const { options } = segment;
  const hasOption = (options.present & OptionBit.FAST_OPEN) !== 0;
  if (!isOn || !hasOption && !configuration.fastOpenNoCookie) return false;
  if (!configuration.fastOpenNoCookie) {
    const verdict = fastOpenCookies.judge(half.flow, options.cookie, options.cookieBytes);
    // RFC 7413 section 4.2.2 (MUST): who has no good cookie is given one, and its data are ignored.
    half.givesCookie = verdict !== CookieVerdict.GOOD;
    if (verdict === CookieVerdict.BAD) {
      if (options.cookieBytes > 0) counters.add(TcpCounter.FAST_OPEN_PASSIVE_REFUSED);
      return false;
    }
  }
  // RFC 7413 section 5.1 (MUST): no more than so many that are not confirmed.
  if (listener.fastOpenPending >= configuration.fastOpenQueue || !listener.hasRoom()) {
    counters.add(TcpCounter.FAST_OPEN_QUEUE_FULL);
    half.givesCookie = false;
    return false;
  }
  return true;
}

/** Keeps the headers of a SYN, if that was asked for. By cookies nothing can be kept. */
function saveSyn({ context, configuration }: Listener, half: HalfOpen, segment: Segment): void {
  const { saveSyn } = configuration;
  if (saveSyn === SaveSyn.NOTHING) return;
  const { environment, interfaces } = context;
  half.savedSyn = copyHeaders(environment, interfaces, segment, saveSyn === SaveSyn.LINK);
}

/** Makes a connection of a SYN whose sender is known: its data are delivered at once. */
function openAtOnce(listener: Listener, half: HalfOpen, segment: Segment): void {
  const { counters } = listener.context;
  saveSyn(listener, half, segment);
  const connection = promote(half, segment);
  if (connection === null) return;
  counters.add(TcpCounter.FAST_OPEN_PASSIVE);
  connection.bits |= Bit.SENDER_AGREED | Bit.FAST_OPEN_PENDING | Bit.SYN_DATA;
  if (half.givesCookie) connection.bits |= Bit.FAST_OPEN;
  listener.fastOpenPending++;
  connection.sender.agree(agreementOf(connection, segment));
  // RFC 7413 section 4.2.2 (MUST): with a good cookie the data of the SYN are passed on at once.
  if (segment.payloadBytes > 0) connection.receiver.onPayload(segment);
  sendSyn(connection);
  armSyn(connection);
  listener.push(connection);
  connection.settle();
  listener.notify();
}

/** Answers a SYN and remembers nothing of it. */
function answerByCookie(listener: Listener, half: HalfOpen, segment: Segment): void {
  const { counters, environment, synCookies } = listener.context;
  counters.add(TcpCounter.COOKIES_SENT);
  listener.cookieSentAt = environment.now;
  if ((half.bits & Bit.TIMESTAMPS) === 0) half.bits &= ~(Bit.SACK | Bit.SCALING | ECN);
  // There is room to remember one kind of ECN.
  if ((half.bits & Bit.ECN_ACCURATE) !== 0) {
    half.bits = half.bits & ~Bit.ECN_ACCURATE | Bit.ECN_CLASSIC;
  }
  const peerSequence = segment.sequence - 1 | 0;
  // RFC 4987 section 3.6 (MUST): it leaves no state: all that is needed is in the number.
  half.initialSequence = synCookies.sequence(half.flow, peerSequence, half.peerMaximumSegment);
  const { timestampClock } = listener.context.secrets;
  const stamp = synCookies.timestamp(timestampClock, half.bits, half.peerWindowScale);
  half.sendAnswer(stamp + half.timestampOffset | 0);
}

/**
 * Looks whether an acknowledgment brings back a cookie.
 *
 * @returns whether it was dealt with
 */
function onCookie(listener: Listener, segment: Segment, ends: Flow): boolean {
  const { context } = listener;
  const { counters, environment, secrets, settings, synCookies } = context;
  if (environment.now - listener.cookieSentAt > COOKIE_LIFE) return false;
  const flow = flowOf(listener, ends);
  const initial = segment.acknowledgment - 1 | 0;
  const peerSegment = synCookies.check(flow, initial, segment.sequence - 1 | 0);
  if (peerSegment < 0 || settings.synCookies === "never") {
    counters.add(TcpCounter.COOKIES_REFUSED);
    return isEarly(listener, segment, flow);
  }
  if (!listener.hasRoom() || context.output.route(flow) < 0) return true;
  const half = new HalfOpen(context, listener, flow, initial, segment.sequence);
  half.peerMaximumSegment = peerSegment;
  half.announcedSegment = segmentToAnnounce(context, flow, listener.configuration);
  half.window = listener.synWindow;
  half.timestampOffset = secrets.timestampOffset(flow);
  // When our SYN left is not known: the round trip is not either.
  half.sentAt = -1;
  const { options } = segment;
  if ((options.present & OptionBit.TIMESTAMPS) !== 0 && settings.timestamps) {
    const stamp = options.timestampEcho - half.timestampOffset | 0;
    half.bits = synCookies.bitsOf(stamp);
    half.timestampRecent = options.timestampValue;
    if ((half.bits & Bit.SCALING) !== 0) {
      half.peerWindowScale = synCookies.scaleOf(stamp);
      half.windowScale = listener.windowScale;
    }
  }
  counters.add(TcpCounter.COOKIES_ACCEPTED);
  promote(half, segment)?.onSegment(segment);
  return true;
}

/**
 * Whether what is no good cookie may have overtaken the segment that brings it. A reset would end
 * a connection that has done nothing wrong, whenever somebody floods a listener with SYNs and a
 * segment is lost: so it is dropped in silence, and comes again when there is a connection.
 */
function isEarly(listener: Listener, segment: Segment, flow: Flow): boolean {
  const { counters, secrets, settings, synCookies } = listener.context;
  const { options, acknowledgment } = segment;
  const hasStamp = settings.timestamps && (options.present & OptionBit.TIMESTAMPS) !== 0;
  const stamp = hasStamp ? options.timestampEcho - secrets.timestampOffset(flow) | 0 : null;
  if (!synCookies.isPlausible(acknowledgment - 1 | 0, secrets.timestampClock, stamp)) return false;
  counters.add(TcpCounter.DROPPED_AT_LISTENER);
  return true;
}
