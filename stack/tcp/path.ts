/**
 * How much a connection's segments carry: what its path, its peer and its options leave.
 *
 * @module
 */

import type { Flow } from "../ip/types.ts";
import * as tcp from "../wire/tcp.ts";
import { ALIGNED_TIMESTAMPS_BYTES } from "../wire/tcp_options.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";

/** RFC 9293 section 3.7.1 (MUST-15): the peer's MSS, where it does not say. */
export const DEFAULT_SEGMENT_IPV4 = 536;
export const DEFAULT_SEGMENT_IPV6 = 1220;
/**
 * No peer, and no path, makes segments shorter: they would hardly carry more than headers. Where a
 * path of IPv4 takes less, IP takes them apart.
 */
export const MINIMUM_SEGMENT = 64;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
/** The longest packet of IP, header included. */
const MAXIMUM_PACKET = 65535;

/** The bytes of the header of IP, without options. */
export function ipHeaderBytes(flow: Flow): number {
  return typeof flow.remote === "number" ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
}

/** The MSS of a peer that does not say. RFC 9293 section 3.7.1 (MUST-15). */
export function defaultSegment(flow: Flow): number {
  // RFC 9293 section 3.7.1 (MUST-15): without an MSS option 536 is assumed, or 1220.
  return typeof flow.remote === "number" ? DEFAULT_SEGMENT_IPV4 : DEFAULT_SEGMENT_IPV6;
}

/** The MSS that we announce: what the way in takes, as far as that is known. */
export function segmentToAnnounce(
  context: TcpContext,
  flow: Flow,
  configuration: Configuration,
): number {
  const mtu = flow.path?.mtu ?? MAXIMUM_PACKET;
  // RFC 9293 section 3.7.1 (MUST-67): what can be received, without the fixed headers of IP and TCP
  // and without regard to options, as RFC 6691 section 2 says.
  const fits = Math.min(mtu, MAXIMUM_PACKET) - ipHeaderBytes(flow) - tcp.HEADER_BYTES;
  const chosen = configuration.maximumSegment || MAXIMUM_PACKET;
  return Math.max(MINIMUM_SEGMENT, Math.min(fits, chosen, context.settings.maximumSegment));
}

/**
 * Finds the way anew, and what it takes.
 *
 * @returns 0 or `-errno`
 */
export function renewPath(connection: Connection): number {
  const { context, flow } = connection;
  const result = context.output.route(flow);
  if (result === 0) updateLimits(connection);
  return result;
}

/** Works out how much payload segments carry; the sender is told when that changes. */
export function updateLimits(connection: Connection): void {
  const { context, flow, configuration } = connection;
  const { path } = flow;
  if (path === null) return;
  const headers = ipHeaderBytes(flow) + tcp.HEADER_BYTES;
  const options = (connection.bits & Bit.TIMESTAMPS) === 0 ? 0 : ALIGNED_TIMESTAMPS_BYTES;
  // RFC 9293 section 3.7.1 (MUST-14, MUST-16): not more than the peer takes, nor than the path
  // does.
  const segment = Math.min(
    path.mtu - headers,
    connection.peerMaximumSegment,
    configuration.maximumSegment || MAXIMUM_PACKET,
    context.settings.maximumSegment,
  );
  const before = connection.payloadBase;
  connection.payloadBase = Math.max(segment, MINIMUM_SEGMENT) - options;
  const isNarrow = path.mtu - headers < MINIMUM_SEGMENT;
  if (isNarrow) connection.bits |= Bit.NARROW;
  else connection.bits &= ~Bit.NARROW;
  const most = Math.min(path.offloadBytes, MAXIMUM_PACKET);
  connection.offloadBase = most > path.mtu && !isNarrow ? most - headers - options : 0;
  if (before !== 0 && before !== connection.payloadBase) connection.bits |= Bit.PATH_CHANGED;
}

/** Bytes of headers of a connection's segments with data, options that vary left out. */
function headerBytes(connection: Connection): number {
  const options = (connection.bits & Bit.TIMESTAMPS) === 0 ? 0 : ALIGNED_TIMESTAMPS_BYTES;
  return ipHeaderBytes(connection.flow) + tcp.HEADER_BYTES + options;
}

/** Bytes of payload of a segment that finds out whether the path takes more, or 0: RFC 4821. */
export function probePayload(connection: Connection): number {
  const { context, flow, configuration, receiver } = connection;
  const bytes = context.feedback.probeBytes(flow);
  if (bytes === 0 || receiver.optionBytes > 0) return 0;
  const options = (connection.bits & Bit.TIMESTAMPS) === 0 ? 0 : ALIGNED_TIMESTAMPS_BYTES;
  const most = Math.min(
    connection.peerMaximumSegment,
    configuration.maximumSegment || MAXIMUM_PACKET,
    context.settings.maximumSegment,
  ) - options;
  // What the peer does not take need not be found out.
  const payload = Math.min(bytes - headerBytes(connection), most);
  return payload > connection.payloadBase ? payload : 0;
}

/** Tells IP what became of such a segment. */
export function reportProbe(connection: Connection, bytes: number, isDelivered: boolean): void {
  const { context, flow } = connection;
  context.feedback.reportProbe(flow, bytes + headerBytes(connection), isDelivered);
}

/** The way seems to be broken: R1 has passed (RFC 9293 section 3.8.3). */
export function doubtPath(connection: Connection): void {
  const { context, flow, payloadBase } = connection;
  const bytes = payloadBase + headerBytes(connection);
  // RFC 9293 section 3.8.3 (MUST-20): at R1, IP is told that what goes this way is not heard of any
  // more. RFC 4821 section 7.7 (SHOULD): it may be too long for a router that does not say so.
  context.feedback.reportProbe(flow, bytes, false);
  if (flow.path !== null && !flow.path.isValid) renewPath(connection);
}
