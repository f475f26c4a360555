/**
 * What congestion controls and senders are to each other.
 *
 * @module
 */

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
  /** Whether fast recovery, or a reduction for marks, is under way: no window grows meanwhile. */
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
  /**
   * Nothing is on its way, and nothing waits: what only a busy connection needs is forgotten.
   *
   * @returns where it is as it was made, so that it need not be kept: the bytes of a full segment
   * that it was made for; else 0
   */
  onQuiet?(): number;
}
