/**
 * Captures the links of a virtual network: each end of each link is an interface of the capture,
 * and what happened to a frame on its way is its comment.
 *
 * @module
 */

import {
  Direction,
  FrameCapture,
  type FrameCaptureOptions,
  type PacketNotes,
  PcapngWriter,
} from "../capture/mod.ts";
import type { CaptureSink } from "../capture/mod.ts";
import type { Link } from "./link.ts";
import { describeFate, DROPPED } from "./link_counters.ts";
import type { DirectionEnd, LinkDirection, LinkTap } from "./link_direction.ts";
import type { FrameStore } from "./frame_store.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** What {@linkcode LinkCapture} takes. */
export interface LinkCaptureOptions extends FrameCaptureOptions {
  /** What the capture says about the run, such as its seed. */
  readonly comment?: string;
  /** Whether frames are captured where they arrive, too, and not only where they are sent; true. */
  readonly arrivals?: boolean;
}

const INBOUND: PacketNotes = { direction: Direction.INBOUND };
const OUTBOUND: PacketNotes = { direction: Direction.OUTBOUND };

/** Writes the frames of links into one capture. */
export class LinkCapture implements LinkTap, Disposable {
  readonly #capture: FrameCapture;
  readonly #clock: VirtualClock;
  readonly #arrivals: boolean;
  /** By the index of the direction that begins there: the number of the interface. */
  readonly #ports: number[] = [];
  readonly #reverse = new Map<LinkDirection, LinkDirection>();
  readonly #taps: Disposable[] = [];

  /** Begins a capture. */
  constructor(
    frames: FrameStore,
    clock: VirtualClock,
    sink: CaptureSink,
    options: LinkCaptureOptions = {},
  ) {
    const { comment, arrivals = true } = options;
    const writer = new PcapngWriter(sink, {
      application: "Millrace",
      comments: comment === undefined ? [] : [comment],
    });
    this.#capture = new FrameCapture(frames.arena, writer, options);
    this.#clock = clock;
    this.#arrivals = arrivals;
  }

  /** Captures a link from now on. */
  add(link: Link): void {
    for (const direction of [link.there, link.back]) {
      this.#ports[direction.index] = this.#capture.addInterface({
        name: nameOfEnd(direction.source),
        description: `${direction.source.name} to ${direction.target.name}`,
        ...speedOf(direction),
      });
    }
    this.#reverse.set(link.there, link.back).set(link.back, link.there);
    this.#taps.push(link.tap(this));
  }

  /** {@inheritDoc LinkTap.onSent} */
  onSent(direction: LinkDirection, packet: number, now: number, fate: number): void {
    const notes = fate === 0 ? OUTBOUND : {
      ...OUTBOUND,
      comments: [describeFate(fate)],
    };
    this.#capture.add(this.#ports[direction.index], now, packet, notes);
  }

  /** {@inheritDoc LinkTap.onDropped} */
  onDropped(direction: LinkDirection, packet: number, now: number, fate: number): void {
    const notes = { ...OUTBOUND, comments: [describeFate(fate & DROPPED)] };
    this.#capture.add(this.#ports[direction.index], now, packet, notes);
  }

  /** {@inheritDoc LinkTap.onDelivered} */
  onDelivered(direction: LinkDirection, packet: number, now: number): void {
    if (!this.#arrivals) return;
    const back = this.#reverse.get(direction)!;
    this.#capture.add(this.#ports[back.index], now, packet, INBOUND);
  }

  /** Writes what was counted, and captures nothing more. */
  [Symbol.dispose](): void {
    for (const tap of this.#taps.splice(0)) tap[Symbol.dispose]();
    this.#capture.end(this.#clock.now);
  }
}

function speedOf({ parameters }: LinkDirection): { readonly speed?: number } {
  const { microsecondsPerByte } = parameters;
  return microsecondsPerByte === 0 ? {} : { speed: Math.round(8e6 / microsecondsPerByte) };
}

function nameOfEnd(end: DirectionEnd): string {
  return `${end.name}:${end.port}`;
}
