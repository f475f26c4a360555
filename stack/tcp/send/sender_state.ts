/**
 * What a sender keeps while its connection is idle; it is small, since there may be many of those.
 * All modules of this folder work on it; `sender.ts` is what a connection sees.
 *
 * @module
 */

import type { CongestionControl, SenderHost } from "../types.ts";
import type { Flight } from "./flight.ts";
import { SenderBits } from "./sender_bits.ts";
import { NO_EXTRAS, SenderExtras } from "./sender_extras.ts";
import type { SenderSettings } from "./settings.ts";

/** The state of one sender. */
export class SenderState extends SenderBits {
  /** Its connection. */
  readonly host: SenderHost;
  /** What all senders of the stack share. */
  readonly settings: SenderSettings;
  /** What is written and not acknowledged; null when there is nothing. */
  flight: Flight | null = null;
  /** Decides how much may be in flight. Null until there is agreement. */
  control: CongestionControl | null = null;

  // RFC 9293 section 3.3.1.
  /** SND.UNA. */
  sendUnacknowledged = 0;
  /** SND.NXT. */
  sendNext = 0;
  /** SND.WND. */
  sendWindow = 0;
  /** SND.WL1: the number of the segment that the window is from. */
  windowSequence = 0;
  /** SND.WL2: its acknowledgment. */
  windowAcknowledgment = 0;
  /** TLP.end_seq, while there is a probe. */
  probeEnd = 0;
  /** MAX.SND.WND. */
  maximumSendWindow = 0;

  bufferLimitBytes: number;

  /** SRTT and RTTVAR in sixteenths of a microsecond; -1 before there is a measurement. */
  scaledRtt = -1;
  scaledVariation = 0;
  /** RTO in microseconds, not backed off. */
  rto: number;
  /** RACK.min_RTT in microseconds, or -1, and when it was measured, in milliseconds. */
  minimumRtt = -1;
  minimumRttStamp = 0;

  /** Bytes delivered so far: C.delivered. */
  delivered = 0.5;
  /** When data were sent last, in milliseconds modulo 2^32. */
  lastSentStamp = 0;
  segmentsSent = 0;
  /** What few senders know, shared by all others. */
  private extras: SenderExtras = NO_EXTRAS;

  /** Makes the state of a connection that is not there yet. */
  constructor(host: SenderHost, settings: SenderSettings) {
    super();
    this.host = host;
    this.settings = settings;
    this.rto = settings.options.initialRto;
    this.bufferLimitBytes = settings.options.bufferBytes;
    this.delivered = 0;
  }

  /** See `SenderPart.maximumPacingRate`. */
  get maximumPacingRate(): number {
    return this.pacingLimit === 0 ? Infinity : this.pacingLimit;
  }

  set maximumPacingRate(rate: number) {
    this.pacingLimit = rate === Infinity ? 0 : rate;
  }

  /** SRTT in microseconds, or -1. */
  get smoothedRtt(): number {
    return this.scaledRtt < 0 ? -1 : this.scaledRtt / 16;
  }

  /** Bytes of payload and FIN that are sent and not acknowledged: FlightSize of RFC 5681. */
  get flightSize(): number {
    return (this.sendNext - this.sendUnacknowledged) | 0;
  }

  /** Its own extras. */
  private own(): SenderExtras {
    if (this.extras === NO_EXTRAS) this.extras = new SenderExtras();
    return this.extras;
  }

  /** See {@linkcode SenderExtras.markedBytes}. */
  get markedBytes(): number {
    return this.extras.markedBytes;
  }

  set markedBytes(value: number) {
    if (this.extras.markedBytes !== value) this.own().markedBytes = value;
  }

  /** See {@linkcode SenderExtras.sendUrgent}. */
  get sendUrgent(): number {
    return this.extras.sendUrgent;
  }

  set sendUrgent(value: number) {
    if (this.extras.sendUrgent !== value) this.own().sendUrgent = value;
  }

  /** See {@linkcode SenderExtras.notSentLowWater}. */
  get notSentLowWater(): number {
    return this.extras.notSentLowWater;
  }

  set notSentLowWater(value: number) {
    if (this.extras.notSentLowWater !== value) this.own().notSentLowWater = value;
  }

  /** See {@linkcode SenderExtras.userTimeout}. */
  get userTimeout(): number {
    return this.extras.userTimeout;
  }

  set userTimeout(value: number) {
    if (this.extras.userTimeout !== value) this.own().userTimeout = value;
  }

  /** See {@linkcode SenderExtras.pacingLimit}. */
  get pacingLimit(): number {
    return this.extras.pacingLimit;
  }

  set pacingLimit(value: number) {
    if (this.extras.pacingLimit !== value) this.own().pacingLimit = value;
  }

  /** See {@linkcode SenderExtras.controlName}. */
  get controlName(): string | undefined {
    return this.extras.controlName;
  }

  set controlName(value: string | undefined) {
    if (this.extras.controlName !== value) this.own().controlName = value;
  }

  /** See {@linkcode SenderExtras.segmentsRetransmitted}. */
  get segmentsRetransmitted(): number {
    return this.extras.segmentsRetransmitted;
  }

  set segmentsRetransmitted(value: number) {
    if (this.extras.segmentsRetransmitted !== value) this.own().segmentsRetransmitted = value;
  }

  /** See {@linkcode SenderExtras.bytesRetransmitted}. */
  get bytesRetransmitted(): number {
    return this.extras.bytesRetransmitted;
  }

  set bytesRetransmitted(value: number) {
    if (this.extras.bytesRetransmitted !== value) this.own().bytesRetransmitted = value;
  }

  /** See {@linkcode SenderExtras.duplicateSacks}. */
  get duplicateSacks(): number {
    return this.extras.duplicateSacks;
  }

  set duplicateSacks(value: number) {
    if (this.extras.duplicateSacks !== value) this.own().duplicateSacks = value;
  }
}
