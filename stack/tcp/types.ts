/**
 * What the parts of TCP are to each other.
 *
 * ```text
 *            input                                      output
 *              |                                          ^
 *              v                                          |
 *        +------------+   acknowledgments, SACK    +--------------+
 *        | Connection | -------------------------> |    Sender    | <--> CongestionControl
 *        |  (states)  |                            +--------------+
 *        |            |   payload, ECN             +--------------+
 *        |            | -------------------------> |   Receiver   |
 *        +------------+                            +--------------+
 * ```
 *
 * A connection judges segments, changes states and writes headers. Its sender knows what was sent,
 * what of it arrived and what to send when. Its receiver knows what arrived, what to acknowledge
 * and how much may come. A connection has one timer: the earliest deadline of the three.
 *
 * Sequence numbers are signed 32-bit words that are compared by difference: `(a - b) | 0`.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { TcpOptions } from "../wire/tcp_options.ts";

/** A segment that arrived, read once. One object serves a whole stack, and is overwritten. */
export class Segment {
  /** Its packet; whoever keeps payload takes slices of it, or retains it. */
  packet = -1;
  /** Where the payload begins in the packet's data. */
  payloadOffset = 0;
  /** Bytes of payload. Parts outside the window are cut off before anyone else sees it. */
  payloadBytes = 0;
  sequence = 0;
  acknowledgment = 0;
  /** Bits of `Flag`. */
  flags = 0;
  /** The window as it stands in the header. */
  window = 0;
  urgentPointer = 0;
  /** The two bits of ECN in the header of IP. */
  ecn = 0;
  /** How many segments were coalesced into it, 1 or more. */
  count = 1;
  readonly options: TcpOptions = new TcpOptions();
}

/** What both ends agreed on in the handshake. */
export interface Agreement {
  /** Bytes of payload and options that the peer takes in a segment (its MSS, at least 64). */
  readonly peerMaximumSegment: number;
  readonly hasTimestamps: boolean;
  readonly hasSack: boolean;
  /** By how many bits the windows are shifted that the peer announces. */
  readonly peerWindowScale: number;
  /** By how many bits those are shifted that we announce. */
  readonly windowScale: number;
  readonly ecn: "none" | "classic" | "accurate";
}

/** What a sender asks of its connection. */
export interface SenderHost {
  readonly environment: Environment;
  /** Bytes of payload that fit into one segment now: the path, the peer and the options agree. */
  readonly payloadLimit: number;
  /** Bytes of payload of a segment that the port takes apart, or 0 where it does not. */
  readonly offloadLimit: number;
  /**
   * Sends one segment with the newest acknowledgment, window and options.
   *
   * @param sequence the number of its first byte
   * @param flags `FIN`, `PSH`, `URG`, `CWR`; ACK goes without saying
   * @param payload a chain of slices whose hold is handed over, or -1
   * @param bytes how long that is
   * @param segmentBytes the payload of each segment it is to be taken apart into, or 0
   * @param isRetransmission whether any of it was sent before
   * @returns 0, or `-errno`: it was not sent
   */
  transmit(
    sequence: number,
    flags: number,
    payload: number,
    bytes: number,
    segmentBytes: number,
    isRetransmission: boolean,
  ): number;
  /** Says that there is room in the buffer, after there was none. */
  onWritable(): void;
  /** Says that everything was acknowledged, and the FIN with it if there was one. */
  onAllAcknowledged(): void;
  /** Says that retransmissions suggest that the way is broken (R1, RFC 9293 section 3.8.3). */
  onDoubt(): void;
  /** Gives up: R2, or the user timeout, has passed. */
  onGiveUp(errno: number): void;
}

/** What a receiver asks of its connection. */
export interface ReceiverHost {
  readonly environment: Environment;
  /** Sends a segment without payload that acknowledges what has arrived, at once. */
  acknowledge(): void;
  /** Says that bytes, or the end of the stream, can be received. */
  onReadable(): void;
  /** Says that there are urgent data. RFC 6093. */
  onUrgent(): void;
}

/** What became of sent data, as an acknowledgment tells: RFC 9438, BBR's draft. */
export interface RateSample {
  /** When the acknowledgment arrived, in microseconds. */
  now: number;
  /** Bytes that it newly acknowledges, cumulatively or selectively. */
  acknowledgedBytes: number;
  /** Bytes newly found lost. */
  lostBytes: number;
  /** Bytes in flight before the acknowledgment, and after it. */
  priorInFlight: number;
  inFlight: number;
  /** The round trip time that it measures in microseconds, or -1. */
  rtt: number;
  /** The smoothed one, and the least one so far, or -1. */
  smoothedRtt: number;
  minimumRtt: number;
  /** Bytes delivered between the sending of the newest packet it acknowledges and now. */
  deliveredBytes: number;
  /** In how many microseconds, or -1 when that is not known. */
  interval: number;
  /** All bytes delivered so far, and what that was when the newest packet was sent. */
  totalDelivered: number;
  priorDelivered: number;
  /** Bytes that were in flight when that packet was sent. */
  inFlightAtSend: number;
  /** Bytes lost so far, between when that packet was sent and now. */
  lostSinceSend: number;
  /** Whether the application, not the network, was the limit when it was sent. */
  isApplicationLimited: boolean;
  /** Whether the acknowledged data began a new round trip. */
  isRoundStart: boolean;
  /** Bytes, or packets where ECN is classic: 1, that were marked as having met congestion. */
  markedBytes: number;
  /** Whether the sender could have sent more: the window was full. */
  isWindowLimited: boolean;
  /** The sequence number that is acknowledged cumulatively. */
  acknowledgment: number;
  /** The next one to be sent. */
  sendNext: number;
  /** Whether fast recovery is under way, or a timeout's recovery. */
  isRecovering: boolean;
}

/** Decides how much may be in flight, and how fast it may leave. */
export interface CongestionControl {
  /** "reno", "cubic", "bbr". */
  readonly name: string;
  /** How many bytes may be in flight. */
  readonly window: number;
  /** The slow start threshold, in bytes; Infinity until congestion was met. */
  readonly threshold: number;
  /** Bytes a second at which data may leave; Infinity where data leave as they may. */
  readonly pacingRate: number;
  /** Whether it keeps to its own window in recovery, rather than to PRR's (BBR). */
  readonly ownsRecovery: boolean;
  /** Is told of an acknowledgment that acknowledges something, or finds something lost. */
  onAcknowledgment(sample: RateSample): void;
  /** Fast recovery begins: losses, or marks of ECN, once a window. */
  onCongestion(now: number, inFlight: number, isMark: boolean): void;
  /** Fast recovery has ended. */
  onRecovered(now: number, inFlight: number): void;
  /** The retransmission timer fired. */
  onTimeout(now: number, inFlight: number, isFirst: boolean): void;
  /** The last reduction was for nothing: F-RTO, DSACK or Eifel found out. */
  onSpurious(now: number): void;
  /** Data are sent after a time without any. */
  onRestart(now: number, idle: number, rto: number): void;
  /** Bytes leave. */
  onSent(now: number, bytes: number, inFlight: number, isApplicationLimited: boolean): void;
  /** Segments have another size now. */
  onSegmentSize(bytes: number): void;
}
