/**
 * The sending half of a connection, as the connection sees it.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { SendFlag } from "../../option_names.ts";
import type { UserMemory } from "../../socket.ts";
import type {
  Agreement,
  CongestionControl,
  ConnectionInfo,
  Segment,
  SenderHost,
  SenderPart,
} from "../types.ts";
import { acknowledge } from "./acknowledgment.ts";
import { nextDeadline, onDeadline } from "./deadlines.ts";
import { describe } from "./description.ts";
import { type Flight, ForwardRto, Recovery } from "./flight.ts";
import { output } from "./output.ts";
import { NONE } from "./records.ts";
import { loseFirst } from "./recovery.ts";
import { SendCounter } from "./counters.ts";
import { beginRoundTrips } from "./round_trip.ts";
import { SenderState } from "./sender_state.ts";
import type { SenderSettings } from "./settings.ts";
import { markTooBig } from "./path_change.ts";

/** The buffer is writable, as poll(2) says, where this part of it is free. */
const WRITABLE_PART = 1 / 3;
/** So much is taken in one call even where little may be unsent. */
const LEAST_UNSENT_BYTES = 16384;
/** The buffer grows to so many windows: one is on its way, the other is written meanwhile. */
const BUFFERED_WINDOWS = 2;

/** The sending half of one connection. */
export class Sender extends SenderState implements SenderPart {
  /** Makes one that takes bytes, and sends nothing yet. */
  constructor(host: SenderHost, settings: SenderSettings) {
    super(host, settings);
  }

  /** See {@linkcode SenderPart.bufferedBytes}. */
  get bufferedBytes(): number {
    const { flight } = this;
    return flight === null ? 0 : Math.max(0, (flight.buffer.end - this.sendUnacknowledged) | 0);
  }

  /** See {@linkcode SenderPart.unsentBytes}. */
  get unsentBytes(): number {
    const { flight } = this;
    return flight === null ? 0 : Math.max(0, (flight.buffer.end - this.sendNext) | 0);
  }

  /** See {@linkcode SenderPart.isWritable}. */
  get isWritable(): boolean {
    if (this.isClosed || this.isStopped || this.isShort) return false;
    const free = this.bufferLimitBytes - this.bufferedBytes;
    return free >= Math.max(1, this.bufferLimitBytes * WRITABLE_PART) &&
      this.unsentBytes < this.notSentLowWater;
  }

  /** Whether there was no packet for the first byte: another try is made when the timer says so. */
  private get isShort(): boolean {
    const { flight } = this;
    return flight !== null && flight.retryAt !== Infinity && this.bufferedBytes === 0;
  }

  /** See {@linkcode SenderPart.isRecovering}. */
  get isRecovering(): boolean {
    const { flight } = this;
    if (flight === null) return false;
    return flight.recovery !== Recovery.OPEN || flight.forwardRto !== ForwardRto.NONE;
  }

  /** See {@linkcode SenderPart.bufferLimit}. */
  get bufferLimit(): number {
    return this.bufferLimitBytes;
  }

  set bufferLimit(bytes: number) {
    this.isAutotuned = false;
    this.bufferLimitBytes = bytes;
  }

  /** See {@linkcode SenderPart.noDelay}. */
  get noDelay(): boolean {
    return this.isNoDelay;
  }

  set noDelay(on: boolean) {
    this.isNoDelay = on;
    if (on) output(this, false);
  }

  /** See {@linkcode SenderPart.cork}. */
  get cork(): boolean {
    return this.isCorked;
  }

  set cork(on: boolean) {
    this.isCorked = on;
    if (!on) {
      this.hasMore = false;
      output(this, false);
    }
  }

  /** See {@linkcode SenderPart.congestionControl}. */
  get congestionControl(): string {
    return this.control?.name ?? this.controlName ?? this.settings.congestionControl;
  }

  /** See {@linkcode SenderPart.setCongestionControl}. */
  setCongestionControl(name: string): number {
    const { settings, host } = this;
    const control = settings.makeCongestionControl(name, host.payloadLimit, settings.environment);
    if (control === null) return -Errno.ENOENT;
    this.controlName = control.name;
    if (this.control !== null) this.control = control;
    return 0;
  }

  /** See {@linkcode SenderPart.start}. */
  start(sequence: number): void {
    this.sendUnacknowledged = this.sendNext = sequence;
    this.flight?.start(sequence, this.host.environment.now, this.delivered);
  }

  /** See {@linkcode SenderPart.sliceForSyn}. */
  sliceForSyn(bytes: number): number {
    const { flight } = this;
    const count = Math.min(bytes, this.bufferedBytes);
    if (flight === null || count <= 0) return NONE;
    return flight.buffer.slice(this.sendUnacknowledged, count, true);
  }

  /** See {@linkcode SenderPart.agree}. */
  agree(agreement: Agreement): void {
    const { host } = this;
    this.isAgreed = true;
    this.hasTimestamps = agreement.hasTimestamps;
    this.hasSack = agreement.hasSack;
    this.peerWindowScale = agreement.peerWindowScale;
    this.ecn = agreement.ecn;
    this.markedPackets = agreement.ecnDelivered & 7;
    this.sendWindow = this.maximumSendWindow = agreement.window;
    this.windowSequence = agreement.sequence;
    this.windowAcknowledgment = agreement.acknowledgment;
    const { now } = host.environment;
    beginRoundTrips(this, agreement.rtt, agreement.isSynLost, now);
    if (this.flight !== null) this.needControl();
    // RFC 5681 section 3.1 (MUST): a lost SYN or its answer makes the initial window one segment.
    // The threshold stays: nothing is known of the path yet.
    if (agreement.isSynLost) this.needControl().onTimeout(now, 0, false);
    // RFC 7413 section 4.2.1 (MUST): of a SYN's data, what was acknowledged is done with, the rest
    // is sent again.
    // RFC 5681 section 3.1 (MUST): congestion control is told of no SYN, so that its window does
    // not grow.
    const taken = (agreement.acknowledgment - this.sendUnacknowledged) | 0;
    if (taken <= 0 || taken > this.bufferedBytes) return;
    this.delivered += taken;
    this.sendUnacknowledged = this.sendNext = agreement.acknowledgment;
    const flight = this.flight!;
    flight.buffer.drop(agreement.acknowledgment);
    if (this.bufferedBytes === 0 && !this.isClosed) this.giveFlight(flight);
    this.tellWritable();
  }

  private giveFlight(flight: Flight): void {
    this.flight = null;
    this.settings.giveFlight(flight);
  }

  /** Congestion control begins with the first data: many connections never send any. */
  private needControl(): CongestionControl {
    if (this.control !== null) return this.control;
    const { settings, host } = this;
    const name = this.controlName ?? settings.congestionControl;
    const control = settings.takeControl(name, host.payloadLimit);
    if (control === null) throw new RangeError(`there is no congestion control "${name}"`);
    return this.control = control;
  }

  private needFlight(): Flight {
    if (this.flight !== null) return this.flight;
    if (this.isAgreed) this.needControl();
    const flight = this.settings.takeFlight();
    flight.start(this.sendNext, this.host.environment.now, this.delivered);
    return this.flight = flight;
  }

  /** See {@linkcode SenderPart.write}. */
  write(memory: UserMemory, at: number, bytes: number, flags: number): number {
    if (this.isClosed || this.isStopped) return -Errno.EPIPE;
    const buffered = this.bufferedBytes;
    const mayWait = Math.max(this.notSentLowWater - this.unsentBytes, LEAST_UNSENT_BYTES);
    const room = this.unsentBytes >= this.notSentLowWater
      ? 0
      : Math.min(this.bufferLimitBytes - buffered, mayWait);
    const count = Math.min(bytes, room);
    if (count <= 0) {
      this.isWritableAwaited = bytes > 0;
      return 0;
    }
    const flight = this.needFlight();
    if (buffered === 0) flight.retryAt = Infinity;
    const taken = flight.buffer.append(memory, at, count, buffered);
    if (taken < bytes) this.isWritableAwaited = true;
    if (taken === 0) {
      if (buffered === 0) this.awaitPackets(flight);
      return 0;
    }
    this.hasMore = (flags & SendFlag.MORE) !== 0 && taken === bytes;
    if (flags & Msg.OOB && taken === bytes) {
      // RFC 9293 section 3.8.5 (MUST-62): SND.UP is the number behind the urgent data.
      // RFC 9293 section 3.8.5 (MUST-31): which may have any length.
      this.sendUrgent = flight.buffer.end;
      this.hasUrgent = true;
    }
    // RFC 9293 section 3.9.1.2 (MUST-60): data are not kept without end: what may leave leaves now.
    output(this, false);
    return taken;
  }

  /**
   * There is no packet, and nothing of ours is out whose acknowledgment would free one: somebody
   * else's will. Whoever floods a stack must not end what others write, so that this is no error.
   */
  private awaitPackets(flight: Flight): void {
    const { counters, options, environment } = this.settings;
    counters.add(SendCounter.PACKETS_EXHAUSTED);
    // Who has no connection yet is told when there is one.
    if (!this.isAgreed) this.giveFlight(flight);
    else flight.retryAt = environment.now + options.retryTime;
  }

  /** See {@linkcode SenderPart.closeWrite}. */
  closeWrite(): void {
    if (this.isClosed || this.isStopped) return;
    this.isClosed = true;
    this.needFlight();
    output(this, false);
  }

  /** See {@linkcode SenderPart.onAcknowledgment}. */
  onAcknowledgment(segment: Segment): void {
    if (this.isStopped || !this.isAgreed) return;
    this.isHeld = true;
    const isAll = acknowledge(this, segment);
    if (this.isWritableAwaited) this.tellWritable();
    this.isHeld = false;
    if (isAll && !this.isStopped && this.flight === null) this.host.onAllAcknowledged();
  }

  private tellWritable(): void {
    if (!this.isWritableAwaited) return;
    if (this.isAutotuned && this.control !== null) {
      // As Linux does: while the program waits for room, the buffer follows the window.
      const wanted = BUFFERED_WINDOWS * Math.min(this.control.window, 1 << 30);
      const { maximumBufferBytes } = this.settings.options;
      this.bufferLimitBytes = Math.max(
        this.bufferLimitBytes,
        Math.min(Math.floor(wanted), maximumBufferBytes),
      );
    }
    if (!this.isWritable) return;
    this.isWritableAwaited = false;
    this.host.onWritable();
  }

  /** See {@linkcode SenderPart.output}. */
  output(): void {
    if (this.isStopped) return;
    output(this, false);
    if (this.isWritableAwaited && !this.isHeld) this.tellWritable();
  }

  /** See {@linkcode SenderPart.onPathChange}. */
  onPathChange(isTooBig: boolean): void {
    const { payloadLimit } = this.host;
    this.control?.onSegmentSize(payloadLimit);
    if (this.flight === null || !this.isAgreed) return;
    if (isTooBig) markTooBig(this.flight, payloadLimit);
    output(this, false);
  }

  /** See {@linkcode SenderPart.onPathRestored}. */
  onPathRestored(): void {
    const { flight } = this;
    if (flight === null || !this.isAgreed) return;
    flight.retryAt = Infinity;
    if (flight.timeouts > 0 && flight.first !== NONE && this.sendWindow > 0) {
      // RFC 6069 section 4.2: the way is back: one try at once, and a doubling less.
      if (this.backoff > 0) this.backoff--;
      loseFirst(this, flight);
      flight.isOwed = true;
    }
    output(this, false);
  }

  /** See {@linkcode SenderPart.nextDeadline}. */
  nextDeadline(): number {
    return nextDeadline(this);
  }

  /** See {@linkcode SenderPart.onDeadline}. */
  onDeadline(): void {
    if (this.isStopped) return;
    onDeadline(this);
    const { flight } = this;
    if (this.isStopped) return;
    // It waited for packets: who writes finds out whether there are any.
    if (flight !== null && this.bufferedBytes === 0 && !this.isClosed) this.giveFlight(flight);
    if (this.isWritableAwaited) this.tellWritable();
  }

  /** See {@linkcode SenderPart.describe}. */
  describe(info: ConnectionInfo): void {
    describe(this, info);
  }

  /** See {@linkcode SenderPart.stop}. */
  stop(): void {
    this.isStopped = true;
    if (this.flight !== null) this.giveFlight(this.flight);
  }
}
