/**
 * What Linux knows about a connection: `TCP_INFO` of `tcp(7)`.
 *
 * @module
 */

import { netError, unsupported } from "../errors.ts";
import type { OptionTarget } from "../options/options.ts";
import { decodeTcpInfo, TCP_INFO_BYTES } from "./tcp_info_layout.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

/** Where a connection is in its life (RFC 9293, section 3.3.2). */
export type TcpState =
  | "established"
  | "syn-sent"
  | "syn-received"
  | "fin-wait-1"
  | "fin-wait-2"
  | "time-wait"
  | "closed"
  | "close-wait"
  | "last-ack"
  | "listen"
  | "closing"
  | "unknown";

/** How congestion control sees the path (`enum tcp_ca_state`). */
export type CongestionState = "open" | "disorder" | "cwr" | "recovery" | "loss" | "unknown";

/** What became of the data in the SYN of a stream with `fastOpen`. */
export type FastOpenFailure =
  | "none"
  | "cookie-unavailable"
  | "data-not-acknowledged"
  | "syn-retransmitted";

/** What both ends agreed on, and what was seen of it. */
export interface TcpFeatures {
  /** Timestamps (RFC 7323). */
  readonly timestamps: boolean;
  /** Selective acknowledgements (RFC 2018). */
  readonly selectiveAcknowledgements: boolean;
  /** Window scaling (RFC 7323). */
  readonly windowScale: boolean;
  /** Explicit congestion notification (RFC 3168). */
  readonly explicitCongestionNotification: boolean;
  /** Whether a packet with an ECN mark has come. */
  readonly congestionNotificationSeen: boolean;
  /** Whether data in the SYN was accepted (RFC 7413). */
  readonly synData: boolean;
}

/**
 * A snapshot of a connection. Numbers are those of Linux in the unit of their names; counters of 64
 * bits are exact up to 2^53. What an older kernel does not tell is undefined.
 */
export interface TcpInfo {
  /** Where the connection is in its life. */
  readonly state: TcpState;
  /** How congestion control sees the path. */
  readonly congestionState: CongestionState;
  /** Retransmissions of the oldest unacknowledged segment so far. */
  readonly retransmits: number;
  /** Keepalive or zero-window probes without an answer. */
  readonly probes: number;
  /** How many times the retransmission timeout was doubled. */
  readonly backoff: number;
  /** What both ends agreed on. */
  readonly features: TcpFeatures;
  /** By how many bits the windows that the peer announces are shifted. */
  readonly sendWindowScale: number;
  /** By how many bits the windows announced here are shifted. */
  readonly receiveWindowScale: number;
  /** Whether the delivery rate was limited by the program, not by the path. */
  readonly isDeliveryRateApplicationLimited: boolean;
  /** What became of the data in the SYN. */
  readonly fastOpenFailure: FastOpenFailure;
  /** Time until an unacknowledged segment is sent again. */
  readonly retransmissionTimeoutMicroseconds: number;
  /** How long an acknowledgement may be held back. */
  readonly acknowledgementTimeoutMicroseconds: number;
  /** Largest segment that is sent. */
  readonly sendSegmentBytes: number;
  /** Largest segment that was received lately. */
  readonly receiveSegmentBytes: number;
  /** Segments sent and not acknowledged. */
  readonly unacknowledgedSegments: number;
  /** Segments acknowledged selectively. */
  readonly selectivelyAcknowledgedSegments: number;
  /** Segments believed lost. */
  readonly lostSegments: number;
  /** Segments in flight that are retransmissions. */
  readonly retransmittedSegments: number;
  /** Time since data was sent. */
  readonly lastDataSentMs: number;
  /** Time since data was received. */
  readonly lastDataReceivedMs: number;
  /** Time since an acknowledgement was received. */
  readonly lastAcknowledgementReceivedMs: number;
  /** Largest packet of the path. */
  readonly pathMtuBytes: number;
  /** What the receive window may grow to for now. */
  readonly receiveSlowStartThresholdBytes: number;
  /** Smoothed round-trip time. */
  readonly rttMicroseconds: number;
  /** Its mean deviation. */
  readonly rttVarianceMicroseconds: number;
  /** Where slow start ends; Infinity before the first loss. */
  readonly slowStartThresholdSegments: number;
  /** The congestion window. */
  readonly congestionWindowSegments: number;
  /** The segment size announced here. */
  readonly advertisedSegmentBytes: number;
  /** By how much segments overtake each other. */
  readonly reorderingSegments: number;
  /** Round-trip time as the receiver sees it, 0 while unknown. */
  readonly receiveRttMicroseconds: number;
  /** Room that the receive buffer is tuned for. */
  readonly receiveSpaceBytes: number;
  /** Retransmitted segments, ever. */
  readonly totalRetransmits: number;
  /** Rate at which segments are paced; Infinity without a limit. */
  readonly pacingRateBytesPerSecond?: number;
  /** The most that pacing may reach; Infinity without a limit. */
  readonly maxPacingRateBytesPerSecond?: number;
  /** Bytes sent and acknowledged, ever; the SYN counts as one. */
  readonly bytesAcked?: number;
  /** Bytes received, ever. */
  readonly bytesReceived?: number;
  /** Segments sent, ever, acknowledgements among them. */
  readonly segmentsOut?: number;
  /** Segments received, ever, acknowledgements among them. */
  readonly segmentsIn?: number;
  /** Bytes in the send buffer that were never sent. */
  readonly notSentBytes?: number;
  /** The shortest round-trip time lately; undefined while there was none. */
  readonly minRttMicroseconds?: number;
  /** Segments received that had data. */
  readonly dataSegmentsIn?: number;
  /** Segments sent that had data, retransmissions among them. */
  readonly dataSegmentsOut?: number;
  /** Rate at which data was delivered lately. */
  readonly deliveryRateBytesPerSecond?: number;
  /** Time with data to send. */
  readonly busyMicroseconds?: number;
  /** Time limited by the peer's window. */
  readonly receiveWindowLimitedMicroseconds?: number;
  /** Time limited by the send buffer. */
  readonly sendBufferLimitedMicroseconds?: number;
  /** Data segments delivered. */
  readonly deliveredSegments?: number;
  /** Data segments delivered with a congestion mark. */
  readonly deliveredMarkedSegments?: number;
  /** Bytes sent, retransmissions among them. */
  readonly bytesSent?: number;
  /** Bytes retransmitted. */
  readonly bytesRetransmitted?: number;
  /** Retransmissions that the peer had already (RFC 2883). */
  readonly duplicateAcknowledgedSegments?: number;
  /** Times that segments were seen to overtake each other. */
  readonly reorderings?: number;
  /** Segments received out of order. */
  readonly outOfOrderSegments?: number;
  /** The peer's window. */
  readonly sendWindowBytes?: number;
  /** The window announced here. */
  readonly receiveWindowBytes?: number;
  /** Times that another path was tried after timeouts or congestion. */
  readonly rehashes?: number;
  /** Retransmission timeouts, ever. */
  readonly totalTimeouts?: number;
  /** Recoveries from them. */
  readonly totalTimeoutRecoveries?: number;
  /** Time spent in them. */
  readonly totalTimeoutMs?: number;
  /** Segments received with a congestion mark. */
  readonly receivedMarkedSegments?: number;
}

/**
 * Reads what Linux knows about a connection.
 *
 * @throws {NetError} ENOTSUP where the backend does not tell
 */
export async function readTcpInfo(target: OptionTarget): Promise<TcpInfo> {
  const { network, descriptor, localName: local, remoteName: remote } = target;
  const words = new Int32Array(TCP_INFO_BYTES / 4);
  const { IPPROTO_TCP, TCP_INFO } = SockOpt;
  const result = await network.getOption(descriptor, IPPROTO_TCP, TCP_INFO, words);
  if (result === -Errno.ENOTSUP || result === -Errno.ENOPROTOOPT) {
    throw unsupported(network.kind, "info() (TCP_INFO)", "info");
  }
  if (result < 0) throw netError(result, { operation: "info", local, remote });
  return decodeTcpInfo(new Uint8Array(words.buffer, 0, Math.min(result, TCP_INFO_BYTES)));
}
