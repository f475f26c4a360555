/**
 * What a receiver remembers, in as few words as possible: there may be very many that are idle. All
 * modules of this folder work on it; `receiver.ts` is what a connection sees.
 *
 * @module
 */

import type { ReceiverHost } from "../types.ts";
import { Acknowledgments } from "./acknowledgments.ts";
import type { EcnEcho } from "./ecn_echo.ts";
import type { OutOfOrder } from "./out_of_order.ts";
import type { PayloadQueue } from "./payload_queue.ts";
import { WINDOW_SCALE } from "./receiver_bits.ts";
import { NO_EXTRAS, ReceiverExtras } from "./receiver_extras.ts";
import type { SackBlocks } from "./sack_blocks.ts";
import type { ReceiverSettings } from "./settings.ts";
import type { BufferTuning } from "./tuning.ts";
import type { Urgent } from "./urgent.ts";

/** The state of one receiver. */
export class ReceiverState extends Acknowledgments {
  readonly host: ReceiverHost;
  readonly settings: ReceiverSettings;
  /** See {@linkcode ReceiverPart}. */
  receiveNext = 0;
  /** See {@linkcode ReceiverPart}. */
  receiveLimit = 0;
  /** The number of the next byte to be read. */
  readNext = 0;
  /** Bits of {@linkcode ReceiverBit}. */
  bits = 0;
  /** Bytes of payload that are buffered at most. */
  buffer: number;
  /** Bytes and segments with payload so far. */
  bytesReceived = 0;
  segmentsReceived = 0;
  /** What few receivers know, shared by all others. */
  private extras: ReceiverExtras = NO_EXTRAS;
  /** What only some connections need, and not at all times. */
  queue: PayloadQueue | null = null;
  outOfOrder: OutOfOrder | null = null;
  sack: SackBlocks | null = null;
  tuning: BufferTuning | null = null;

  /**
   * Makes a receiver that has not begun.
   *
   * @param host its connection
   * @param settings what all receivers of a stack share
   */
  constructor(host: ReceiverHost, settings: ReceiverSettings) {
    super();
    this.host = host;
    this.settings = settings;
    this.buffer = settings.options.bufferBytes;
  }

  /** When it acknowledges: that is a part of this very object. */
  get acknowledgments(): Acknowledgments {
    return this;
  }

  /** By how many bits our windows are shifted. */
  get windowScale(): number {
    return this.bits >> WINDOW_SCALE.shift & WINDOW_SCALE.mask;
  }

  set windowScale(scale: number) {
    const { shift, mask } = WINDOW_SCALE;
    this.bits = this.bits & ~(mask << shift) | scale << shift;
  }

  /** Its own extras. */
  private own(): ReceiverExtras {
    if (this.extras === NO_EXTRAS) this.extras = new ReceiverExtras();
    return this.extras;
  }

  /** See {@linkcode ReceiverExtras.finSequence}. */
  get finSequence(): number {
    return this.extras.finSequence;
  }

  set finSequence(value: number) {
    if (this.extras.finSequence !== value) this.own().finSequence = value;
  }

  /** See {@linkcode ReceiverExtras.windowClamp}. */
  get windowClamp(): number {
    return this.extras.windowClamp;
  }

  set windowClamp(value: number) {
    if (this.extras.windowClamp !== value) this.own().windowClamp = value;
  }

  /** See {@linkcode ReceiverExtras.lowWater}. */
  get lowWater(): number {
    return this.extras.lowWater;
  }

  set lowWater(value: number) {
    if (this.extras.lowWater !== value) this.own().lowWater = value;
  }

  /** See {@linkcode ReceiverExtras.segmentsOutOfOrder}. */
  get segmentsOutOfOrder(): number {
    return this.extras.segmentsOutOfOrder;
  }

  set segmentsOutOfOrder(value: number) {
    if (this.extras.segmentsOutOfOrder !== value) this.own().segmentsOutOfOrder = value;
  }

  /** See {@linkcode ReceiverExtras.ecn}. */
  get ecn(): EcnEcho | null {
    return this.extras.ecn;
  }

  set ecn(value: EcnEcho | null) {
    if (this.extras.ecn !== value) this.own().ecn = value;
  }

  /** See {@linkcode ReceiverExtras.urgent}. */
  get urgent(): Urgent | null {
    return this.extras.urgent;
  }

  set urgent(value: Urgent | null) {
    if (this.extras.urgent !== value) this.own().urgent = value;
  }
}
