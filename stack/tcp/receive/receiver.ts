/**
 * The receiving half of a connection: RCV.NXT and RCV.WND, what waits to be read and what waits
 * behind gaps.
 *
 * ```text
 *     readNext     receiveNext               receiveLimit, as it was announced
 *        |   queue    |   gap  ranges behind gaps  |
 *   -----|============|......[=======]...[===].....|------> sequence numbers
 *                     |<-------- RCV.WND --------->|
 * ```
 *
 * Payload stays in the packets that it arrived in. `SO_RCVBUF` is a limit of payload; what memory
 * it keeps may be twice as much, as on Linux. Connections without data have no queues.
 *
 * Segments are dealt with in `arrival.ts`, reading in `reading.ts`.
 *
 * @module
 */

import type { UserMemory } from "../../socket.ts";
import {
  ALIGNED_TIMESTAMPS_BYTES,
  COUNTER_BYTES,
  MAX_OPTIONS_BYTES,
  OPTION,
  type TcpOptions,
} from "../../wire/tcp_options.ts";
import type { Agreement, ConnectionInfo, ReceiverHost, ReceiverPart, Segment } from "../types.ts";
import { Ecn } from "../types.ts";
import { receiveFin, receivePayload, receiveUnacceptable } from "./arrival.ts";
import { ReceiverCounter } from "./counters.ts";
import { CONGESTION_EXPERIENCED, EcnEcho } from "./ecn_echo.ts";
import { read, readableBytes } from "./reading.ts";
import { ReceiverBit } from "./receiver_bits.ts";
import { ReceiverState } from "./receiver_state.ts";
import { SackBlocks } from "./sack_blocks.ts";
import type { ReceiverSettings } from "./settings.ts";
import { markUrgent, UrgentState } from "./urgent.ts";
import { fieldFor, MAXIMUM_FIELD, moveEdge, scaleFor } from "./window.ts";

/** A block of SACK has 8 bytes. */
const SACK_BLOCK_SHIFT = 3;
/** Kind, length, and two NOPs. */
const SACK_OPTION_BYTES = 4;
/** What a segment costs may be so many times its payload. */
const COST_FACTOR = 2;
/** Segments that may come where memory is short. */
const SEGMENTS_UNDER_PRESSURE = 4;

/** The receiving half of one connection. What is public beyond the interface is for its modules. */
export class Receiver extends ReceiverState implements ReceiverPart {
  /**
   * Makes a receiver that has not begun.
   *
   * @param host its connection
   * @param settings what all receivers of a stack share
   */
  constructor(host: ReceiverHost, settings: ReceiverSettings) {
    super(host, settings);
  }

  /** See {@linkcode ReceiverPart}. */
  get isAcknowledgmentDue(): boolean {
    return this.acknowledgments.isDue;
  }

  /** See {@linkcode ReceiverPart}. */
  get isAcknowledgmentUrgent(): boolean {
    return this.acknowledgments.isUrgent;
  }

  /** See {@linkcode ReceiverPart}. */
  get available(): number {
    return readableBytes(this);
  }

  /** See {@linkcode ReceiverPart}. */
  get isEnded(): boolean {
    return (this.bits & ReceiverBit.ENDED) !== 0;
  }

  /** See {@linkcode ReceiverPart}. */
  get hasUrgent(): boolean {
    return this.urgent !== null && this.urgent.state === UrgentState.ARRIVED;
  }

  /** See {@linkcode ReceiverPart}. */
  get isAtMark(): boolean {
    const { urgent } = this;
    return urgent !== null && urgent.state !== UrgentState.NONE && urgent.mark === this.readNext;
  }

  /** See {@linkcode ReceiverPart}. */
  get isReadable(): boolean {
    if ((this.bits & (ReceiverBit.ENDED | ReceiverBit.SHUT)) !== 0) return true;
    const most = Math.max(1, Math.min(this.lowWater, this.buffer >> 1));
    return readableBytes(this) >= most;
  }

  /** See {@linkcode ReceiverPart}. */
  get bufferLimit(): number {
    return this.buffer;
  }

  /** See {@linkcode ReceiverPart}. */
  set bufferLimit(bytes: number) {
    this.buffer = Math.max(1, bytes);
    this.bits |= ReceiverBit.FIXED_BUFFER;
  }

  /** See {@linkcode ReceiverPart}. */
  get quickAcknowledgment(): boolean {
    return !this.acknowledgments.isInteractive;
  }

  /** See {@linkcode ReceiverPart}. */
  set quickAcknowledgment(isQuick: boolean) {
    this.acknowledgments.setQuick(isQuick, this.settings.options);
    if (this.acknowledgments.isDue) this.host.acknowledge();
  }

  /** See {@linkcode ReceiverPart}. */
  get isUrgentInline(): boolean {
    return (this.bits & ReceiverBit.URGENT_INLINE) !== 0;
  }

  /** See {@linkcode ReceiverPart}. */
  set isUrgentInline(isInline: boolean) {
    if (isInline) this.bits |= ReceiverBit.URGENT_INLINE;
    else this.bits &= ~ReceiverBit.URGENT_INLINE;
  }

  /** See {@linkcode ReceiverPart}. */
  get synWindow(): number {
    // RFC 7323 section 2.2 (MUST): the window of a SYN is not shifted.
    return Math.min(this.room(), MAXIMUM_FIELD);
  }

  /** See {@linkcode ReceiverPart}. */
  get windowScaleToOffer(): number {
    const isFixed = (this.bits & ReceiverBit.FIXED_BUFFER) !== 0;
    const { maximumBufferBytes } = this.settings.options;
    const most = isFixed ? this.buffer : Math.max(this.buffer, maximumBufferBytes);
    return scaleFor(this.windowClamp > 0 ? Math.min(most, this.windowClamp) : most);
  }

  /** See {@linkcode ReceiverPart}. */
  start(sequence: number): void {
    this.receiveNext = sequence;
    this.readNext = sequence;
    this.receiveLimit = sequence + this.synWindow | 0;
    this.beginAcknowledging(sequence, this.settings.options);
  }

  /** See {@linkcode ReceiverPart}. */
  agree(agreement: Agreement): void {
    this.windowScale = agreement.windowScale;
    if (agreement.hasSack) this.bits |= ReceiverBit.SACK;
    if (agreement.hasTimestamps) this.bits |= ReceiverBit.TIMESTAMPS;
    if (agreement.ecn !== Ecn.NONE) this.ecn = new EcnEcho(agreement);
  }

  /** See {@linkcode ReceiverPart}. */
  onPayload(segment: Segment): void {
    receivePayload(this, segment);
  }

  /** See {@linkcode ReceiverPart}. */
  onFin(sequence: number): void {
    receiveFin(this, sequence);
  }

  /** See {@linkcode ReceiverPart}. */
  onUrgentSegment(segment: Segment): void {
    markUrgent(this, segment);
  }

  /** See {@linkcode ReceiverPart}. */
  onUnacceptable(segment: Segment): void {
    receiveUnacceptable(this, segment);
  }

  /** See {@linkcode ReceiverPart}. */
  onEcn(segment: Segment): void {
    const { ecn } = this;
    if (ecn === null) return;
    if (segment.ecn === CONGESTION_EXPERIENCED) {
      this.settings.counters.add(ReceiverCounter.CONGESTION_EXPERIENCED, segment.count);
    }
    if (ecn.onSegment(segment)) {
      this.acknowledgments.onEvent(this.host.environment.now, this.settings.options);
    }
  }

  /** See {@linkcode ReceiverPart}. */
  ecnFlags(): number {
    return this.ecn === null ? 0 : this.ecn.flags();
  }

  /** What the queue costs, in bytes. */
  get queueCost(): number {
    return this.queue === null ? 0 : this.queue.cost;
  }

  /** Gives up the first bytes of the queue: they were read, or thrown away. */
  dropFront(bytes: number): void {
    const { queue, settings } = this;
    if (queue === null) return;
    queue.drop(settings.store, bytes);
    this.readNext = this.readNext + bytes | 0;
    if (queue.head >= 0) return;
    settings.giveQueue(queue);
    this.queue = null;
  }

  /** Bytes that may come now, as the buffer has room for them. */
  private room(): number {
    const { buffer } = this;
    const unread = this.receiveNext - this.readNext | 0;
    const free = (COST_FACTOR * buffer - this.queueCost) / COST_FACTOR;
    let room = Math.min(buffer - unread, free);
    if (this.windowClamp > 0) room = Math.min(room, this.windowClamp);
    if (this.settings.store.isShort) {
      const pressed = SEGMENTS_UNDER_PRESSURE * this.host.receiveSegment;
      if (pressed < room) {
        this.settings.counters.add(ReceiverCounter.PRESSED_WINDOWS);
        room = pressed;
      }
    }
    return Math.max(0, Math.floor(room));
  }

  /** Where the edge of the window would go if a segment left now. */
  get nextEdge(): number {
    const { receiveNext, receiveLimit } = this;
    const room = Math.min(this.room(), MAXIMUM_FIELD << this.windowScale);
    return moveEdge(receiveNext, receiveLimit, room, this.buffer, this.host.receiveSegment);
  }

  /** See {@linkcode ReceiverPart}. */
  takeWindow(): number {
    const { receiveNext, windowScale } = this;
    const field = fieldFor(this.nextEdge - receiveNext | 0, windowScale);
    const edge = receiveNext + (field << windowScale) | 0;
    // RFC 7323 section 2.4 (MUST): what was in the window of any acknowledgment stays in it.
    if (((edge - this.receiveLimit) | 0) > 0) this.receiveLimit = edge;
    return field;
  }

  /** Bytes of options that there are beside timestamps. */
  private get optionRoom(): number {
    const hasTimestamps = (this.bits & ReceiverBit.TIMESTAMPS) !== 0;
    return hasTimestamps ? MAX_OPTIONS_BYTES - ALIGNED_TIMESTAMPS_BYTES : MAX_OPTIONS_BYTES;
  }

  /** Blocks of SACK that the segment that leaves now has, if these are all of its options. */
  private get blocks(): number {
    const { sack } = this;
    if (sack === null) return 0;
    // RFC 2018 section 3: three blocks fit beside timestamps, four without.
    const room = (this.optionRoom - SACK_OPTION_BYTES) >> SACK_BLOCK_SHIFT;
    return sack.blocks(this.outOfOrder === null ? 0 : this.outOfOrder.count, room);
  }

  /** Counters of accurate ECN that there is room for. */
  private counters(blocks: number): number {
    const { ecn } = this;
    if (ecn === null || !ecn.isAccurate) return 0;
    // RFC 9768 section 3.2.3.3 (MUST): two blocks of SACK take precedence.
    const taken = blocks === 0 ? 0 : OPTION.SIZE + (Math.min(blocks, 2) << SACK_BLOCK_SHIFT);
    return ecn.counters(this.optionRoom - taken);
  }

  /** See {@linkcode ReceiverPart}. */
  get optionBytes(): number {
    if (this.sack === null && this.ecn === null) return 0;
    const blocks = this.blocks;
    const counters = this.counters(blocks);
    if (counters === 0) return blocks === 0 ? 0 : SACK_OPTION_BYTES + (blocks << SACK_BLOCK_SHIFT);
    const ecnBytes = OPTION.SIZE + counters * COUNTER_BYTES;
    const sackBytes = blocks === 0 ? 0 : OPTION.SIZE + (Math.min(blocks, 2) << SACK_BLOCK_SHIFT);
    return ecnBytes + sackBytes + 3 & ~3;
  }

  /** See {@linkcode ReceiverPart}. */
  addOptions(options: TcpOptions): void {
    const { sack, ecn } = this;
    let blocks = this.blocks;
    const counters = this.counters(blocks);
    if (counters > 0) {
      ecn!.write(options, counters);
      blocks = Math.min(blocks, 2);
    }
    if (sack === null || blocks === 0) return;
    if (sack.write(options, this.outOfOrder, blocks)) {
      this.settings.counters.add(ReceiverCounter.DUPLICATES_REPORTED);
    }
    if (this.outOfOrder === null) this.sack = null;
  }

  /** See {@linkcode ReceiverPart}. */
  onAcknowledgmentSent(hasData: boolean): void {
    this.acknowledgments.onSent(this.host.environment.now, this.receiveNext, hasData);
    this.ecn?.onSent();
  }

  /** See {@linkcode ReceiverPart}. */
  read(memory: UserMemory, at: number, bytes: number, flags: number): number {
    return read(this, memory, at, bytes, flags);
  }

  /** See {@linkcode ReceiverPart}. */
  shutRead(): void {
    this.bits |= ReceiverBit.SHUT;
  }

  /** See {@linkcode ReceiverPart}. */
  nextDeadline(): number {
    return this.acknowledgmentDeadline(this.host.environment.now);
  }

  /** See {@linkcode ReceiverPart}. */
  onDeadline(): void {
    const { options, counters } = this.settings;
    if (!this.onAcknowledgmentDeadline(this.host.environment.now, options)) return;
    counters.add(ReceiverCounter.DELAYED_ACKNOWLEDGMENTS);
    this.host.acknowledge();
  }

  /** See {@linkcode ReceiverPart}. */
  describe(info: ConnectionInfo): void {
    const { acknowledgments, tuning } = this;
    info.acknowledgmentTimeout = acknowledgments.delay;
    info.receiverRtt = tuning === null ? 0 : tuning.rtt;
    info.receiveSpace = tuning === null ? 0 : tuning.space;
    info.lastDataReceived = acknowledgments.idle(this.host.environment.now);
    info.receiveSegment = acknowledgments.segment;
    info.receiveThreshold = this.buffer;
    info.receiveWindow = this.receiveLimit - this.receiveNext | 0;
    info.bytesReceived = this.bytesReceived;
    info.dataSegmentsIn = this.segmentsReceived >>> 0;
    info.receivedOutOfOrder = this.segmentsOutOfOrder >>> 0;
  }

  /** Notes a duplicate, or that a range has changed, for the next SACK option. */
  reportSack(): SackBlocks {
    this.sack ??= new SackBlocks();
    return this.sack;
  }

  /** See {@linkcode ReceiverPart}. */
  stop(): void {
    const { queue, settings } = this;
    if (queue !== null) {
      queue.clear(settings.store);
      settings.giveQueue(queue);
      this.queue = null;
    }
    this.outOfOrder?.clear();
    this.outOfOrder = null;
    this.sack = null;
    this.urgent = null;
  }
}
