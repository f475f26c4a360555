/**
 * A connection: its state, its two ends, what both agreed on. It judges segments and writes
 * headers; its sender and receiver know what becomes of the bytes.
 *
 * What happens to it happens in one of three ways: a segment arrives, its timer fires, or its
 * socket is called. Each ends with {@linkcode Connection.settle}, which tells the socket's owner
 * what has become possible, sends what may be sent and acknowledges what is due. The owner may do
 * anything to the socket then, but nothing that happens before finds the connection changed by
 * others. Ordinary segments of one step are dealt with before it settles once for all of them; see
 * `owing.ts`.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { Flow, IcmpError } from "../ip/types.ts";
import { Ready } from "../socket.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import { applyConfiguration } from "./apply_configuration.ts";
import { arrive } from "./arrival.ts";
import { arriveInSynSent } from "./arrival_syn_sent.ts";
import { end, leaveTable, onFinished } from "./closing.ts";
import { Bit } from "./connection_bits.ts";
import { ConnectionRecord } from "./connection_record.ts";
import type { Configuration } from "./configuration.ts";
import type { TcpContext } from "./context.ts";
import { onOwnDeadline } from "./deadlines.ts";
import { TcpCounter } from "./counters.ts";
import { firstEcnFlags } from "./ecn.ts";
import { isInFlight, onIcmpError } from "./icmp_errors.ts";
import { putParameters } from "./parameters.ts";
import { doubtPath, probePayload, renewPath, reportProbe } from "./path.ts";
import { State, type StateEvent, transition } from "./states.ts";
import type { Debtor } from "./owing.ts";
import type { Entry } from "./table.ts";
import type { ReceiverHost, ReceiverPart, Segment, SenderHost, SenderPart } from "./types.ts";
import { ECT_0 } from "./writer.ts";

const { ACK, URG } = tcp.Flag;

/** Whom a connection tells: its socket. */
export interface ConnectionOwner {
  /** See `SocketOwner.onReady`. */
  onReady(ready: number): void;
}

/** The listener that a connection came by. */
export interface ConnectionQueue {
  /** Its SYN is acknowledged: it is established. */
  onConfirmed(connection: Connection): void;
  /** It has ended before it was accepted. */
  onEnded(connection: Connection): void;
  /** Something has become possible: its owner is told if there is something to accept. */
  notify(): void;
}

/** One connection. */
export class Connection extends ConnectionRecord
  implements Entry, Debtor, SenderHost, ReceiverHost {
  readonly flow: Flow;
  configuration: Configuration;
  readonly sender: SenderPart;
  readonly receiver: ReceiverPart;
  /** Its socket; null before it is accepted, and once it is closed. */
  socket: ConnectionOwner | null = null;
  /** The listener that it came by, until it is accepted. */
  queue: ConnectionQueue | null = null;

  /** Makes a connection that is CLOSED and in no table. */
  constructor(context: TcpContext, flow: Flow, configuration: Configuration) {
    super(context);
    this.flow = flow;
    this.configuration = configuration;
    this.sender = context.parts.sender(this, configuration);
    this.receiver = context.parts.receiver(this, configuration);
    applyConfiguration(this);
  }

  /** See `PartHost`. */
  get environment(): Environment {
    return this.context.environment;
  }

  /** See `PartHost`. */
  get timestampNow(): number {
    return this.context.secrets.timestampClock + this.timestampOffset | 0;
  }

  /** See `SenderHost`. */
  get payloadLimit(): number {
    // RFC 9293 section 3.7.1 (MUST-16): the effective MSS leaves room for options that vary.
    return this.payloadBase - this.receiver.optionBytes;
  }

  /** See `SenderHost`. */
  get offloadLimit(): number {
    return this.offloadBase === 0 ? 0 : this.offloadBase - this.receiver.optionBytes;
  }

  /** See `SenderHost`. */
  get probePayload(): number {
    return probePayload(this);
  }

  /** See `ReceiverHost`. */
  get receiveSegment(): number {
    return this.announcedSegment - ((this.bits & Bit.TIMESTAMPS) === 0 ? 0 : 12);
  }

  /** Changes the state as the diagram says. */
  go(event: StateEvent): void {
    this.state = transition(this.state, event);
  }

  /** Says that something has become possible: the owner is told when this settles. */
  raise(ready: number): void {
    this.raised |= ready;
  }

  /** See `SenderHost`. */
  transmit(
    sequence: number,
    flags: number,
    payload: number,
    bytes: number,
    segmentBytes: number,
    isRetransmission: boolean,
  ): number {
    const { context, flow, receiver, bits } = this;
    if (this.slot < 0) {
      if (payload >= 0) context.environment.arena.release(payload);
      return -Errno.EPIPE;
    }
    if (flow.path === null || !flow.path.isValid) {
      const result = renewPath(this);
      if (result < 0) {
        if (payload >= 0) context.environment.arena.release(payload);
        return result;
      }
    }
    const { writer } = context;
    const { options, parameters } = writer;
    putParameters(this);
    if (writer.isProbe) parameters.fragmentation = "probe";
    let allFlags = flags | ACK;
    if ((bits & (Bit.ECN_CLASSIC | Bit.ECN_ACCURATE)) !== 0) {
      const isFirst = (bits & Bit.ECN_HANDSHAKE) !== 0 && bytes === 0;
      allFlags |= isFirst ? firstEcnFlags(this.peerSynEcn) : receiver.ecnFlags();
      // RFC 3168 section 6.1.4 (MUST): acknowledgments without data have no ECT.
      // RFC 3168 section 6.1.5 (MUST): what is sent again has none, nor have probes of a window.
      // RFC 3168 section 6.1.1 (MUST): ECT is set only where both ends have agreed; SYNs, which do
      // not come by here, never have it.
      if (bytes > 0 && !isRetransmission && (bits & Bit.ECN_CAPABLE) !== 0) {
        parameters.typeOfService |= ECT_0;
      }
    }
    options.present = 0;
    if ((bits & Bit.TIMESTAMPS) !== 0) {
      // RFC 7323 section 3.2 (MUST): once agreed on, in every segment but resets.
      options.present = OptionBit.TIMESTAMPS;
      options.timestampValue = this.timestampNow;
      options.timestampEcho = this.timestampRecent;
    }
    // What the sender was told to leave room for may have grown by a few bytes since.
    const each = segmentBytes > 0 ? segmentBytes : bytes;
    const { optionBytes } = receiver;
    if (optionBytes > 0 && each + optionBytes <= this.payloadBase) receiver.addOptions(options);
    const acknowledgment = receiver.receiveNext;
    const window = receiver.takeWindow();
    const urgent = (flags & URG) === 0
      ? 0
      : Math.min(0xffff, Math.max(0, this.sender.sendUrgent - sequence | 0));
    writer.isEcnClassic = (bits & Bit.ECN_CLASSIC) !== 0;
    const result = writer.send(
      flow,
      sequence,
      acknowledgment,
      allFlags,
      window,
      urgent,
      payload,
      bytes,
      segmentBytes,
    );
    this.lastAcknowledgmentSent = acknowledgment;
    this.bits &= ~(Bit.ECN_HANDSHAKE | Bit.ACKNOWLEDGMENT_DUE);
    receiver.onAcknowledgmentSent(bytes > 0);
    return result;
  }

  /** See `SenderHost`. */
  transmitProbe(sequence: number, flags: number, payload: number, bytes: number): number {
    const { writer } = this.context;
    writer.isProbe = true;
    const result = this.transmit(sequence, flags, payload, bytes, 0, false);
    writer.isProbe = false;
    return result;
  }

  /** See `SenderHost`. */
  onProbed(bytes: number, isDelivered: boolean): void {
    reportProbe(this, bytes, isDelivered);
  }

  /** See `ReceiverHost`. */
  acknowledge(): void {
    this.transmit(this.sender.sendNext, 0, -1, 0, 0, true);
  }

  /** See `SenderHost`. */
  onWritable(): void {
    this.raise(Ready.OUT);
  }

  /** See `SenderHost`: the FIN is looked at by whoever passed the acknowledgment on. */
  onAllAcknowledged(): void {
    if (this.sender.isFinAcknowledged) return;
    this.raise(Ready.OUT);
  }

  /** See `SenderHost`. */
  onDoubt(): void {
    doubtPath(this);
  }

  /** See `SenderHost`. */
  onGiveUp(errno: number): void {
    this.context.counters.add(TcpCounter.TIMED_OUT);
    this.failure = this.softError === 0 ? errno : this.softError;
  }

  /** See `ReceiverHost`. */
  onReadable(): void {
    this.raise(Ready.IN);
  }

  /** See `ReceiverHost`. */
  onEnd(): void {
    onFinished(this);
  }

  /** See `ReceiverHost`. */
  onUrgent(): void {
    this.raise(Ready.PRIORITY);
  }

  /** See `Entry`. */
  onSegment(segment: Segment): void {
    if (this.state === State.SYN_SENT) arriveInSynSent(this, segment);
    else arrive(this, segment);
    if (!this.mayWait) {
      this.settle();
    } else if ((this.bits & Bit.OWING) === 0) {
      // RFC 9293 section 3.8.6.3 (MUST-58): acknowledgments are aggregated: one for all segments
      // that arrived together.
      this.bits |= Bit.OWING;
      if (!this.context.owing.note(this)) this.settle();
    }
  }

  /** See `Debtor`. */
  get isOwing(): boolean {
    return (this.bits & Bit.OWING) !== 0;
  }

  /** Whether other segments may be dealt with before it settles for the one that arrived. */
  private get mayWait(): boolean {
    const { state } = this;
    if (state < State.ESTABLISHED || state > State.CLOSE_WAIT || this.failure !== 0) return false;
    // RFC 5681 section 4.2 (SHOULD): what is out of order, and what fills a gap, is acknowledged at
    // once, so that the other end counts each; and so is each acknowledgment answered by what it
    // allows to be sent while something of ours is lost.
    return !this.receiver.isAcknowledgmentUrgent && !this.sender.isRecovering;
  }

  /** See `Entry`. */
  onTimer(): void {
    const { now } = this.context.environment;
    if (this.receiver.nextDeadline() <= now) this.receiver.onDeadline();
    if (this.sender.nextDeadline() <= now) this.sender.onDeadline();
    if (this.deadline <= now && this.failure === 0) onOwnDeadline(this);
    this.settle();
  }

  /** See `Entry`. */
  isInFlight(sequence: number): boolean {
    return isInFlight(this, sequence);
  }

  /** See `Entry`. */
  onIcmp(error: IcmpError): void {
    onIcmpError(this, error);
    this.settle();
  }

  /**
   * Ends a call of its socket. Where its segments have yet to be settled for, so is the call: its
   * owner is not told of them in the middle of it.
   */
  settleCall(): void {
    if ((this.bits & Bit.OWING) === 0) this.settle();
  }

  /** {@linkcode Connection.settleCall} for a write, which has sent what may be sent. */
  settleWrite(): void {
    if ((this.bits & (Bit.OWING | Bit.TELLING | Bit.PATH_CHANGED)) !== 0) return this.settleCall();
    if (this.failure !== 0 || this.raised !== 0 || this.isAcknowledgmentDue) return this.settle();
    this.schedule();
  }

  /** Ends whatever happened to it: see above. */
  settle(): void {
    // The owner was told of something, and now calls the socket: whoever told him goes on from
    // here.
    if ((this.bits & Bit.TELLING) !== 0) return;
    this.bits &= ~Bit.OWING;
    if (this.failure !== 0) this.fail();
    if (this.raised !== 0) this.tell();
    if (this.slot < 0) return;
    const { sender } = this;
    if ((this.bits & Bit.PATH_CHANGED) !== 0) {
      const isTooBig = (this.bits & Bit.TOO_BIG) !== 0;
      this.bits &= ~(Bit.PATH_CHANGED | Bit.TOO_BIG);
      sender.onPathChange(isTooBig);
    }
    sender.output();
    // RFC 9293 section 3.10.7.4 (MUST-58, MUST-59): all segments that wait are dealt with before
    // they are acknowledged, by one acknowledgment.
    if (this.isAcknowledgmentDue) this.acknowledge();
    if (this.failure !== 0) this.fail();
    if (this.state === State.TIME_WAIT || this.state === State.CLOSED) leaveTable(this);
    if (this.raised !== 0) this.tell();
    this.schedule();
  }

  private get isAcknowledgmentDue(): boolean {
    return this.receiver.isAcknowledgmentDue || (this.bits & Bit.ACKNOWLEDGMENT_DUE) !== 0;
  }

  /** Sets the timer to the earliest deadline. */
  schedule(): void {
    if (this.slot < 0) return;
    const { deadline } = this;
    const sending = this.sender.nextDeadline();
    const receiving = this.receiver.nextDeadline();
    const earlier = sending < receiving ? sending : receiving;
    this.context.table.schedule(this.slot, earlier < deadline ? earlier : deadline);
  }

  private fail(): void {
    const errno = this.failure;
    this.failure = 0;
    end(this, errno);
  }

  private tell(): void {
    const ready = this.raised;
    this.raised = 0;
    this.bits |= Bit.TELLING;
    try {
      if (this.socket !== null) this.socket.onReady(ready);
      else this.queue?.notify();
    } finally {
      this.bits &= ~Bit.TELLING;
    }
    if (this.failure !== 0) this.fail();
  }
}
