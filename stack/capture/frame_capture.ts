/**
 * Captures frames as they pass: of a stack's interfaces, of one socket, or of the links of a
 * virtual network.
 *
 * @module
 */

import type { FrameTap } from "../iface/types.ts";
import { chainLength, type PacketArena } from "../memory/mod.ts";
import { PacketBytes } from "../wire/mod.ts";
import { CaptureFilter, type CaptureFilterOptions } from "./filter.ts";
import { Direction } from "./pcapng_numbers.ts";
import type { InterfaceDescription, PacketNotes, PcapngWriter } from "./pcapng_writer.ts";

/** What a capture is about. */
export interface FrameCaptureOptions {
  /** Bytes of each frame that are kept, 0 for all; 0. */
  readonly snapBytes?: number;
  /** Which frames are kept; all of them. */
  readonly filter?: CaptureFilterOptions;
  /** Microseconds of the epoch when virtual time, or the stack's clock, was 0; 0. */
  readonly epoch?: number;
}

/** Longer frames are cut: the longest packet of IP, and its frame's header. */
const LONGEST_FRAME = 65535 + 22;

/** Says what a capture is to note about a frame. */
export type Annotate = (bytes: Uint8Array) => string | null;

/** Frames of one arena, on their way into one capture. */
export class FrameCapture {
  /** Frames that were written. */
  written = 0;
  /** Frames that the filter left out. */
  filtered = 0;
  /** Notes about frames, beside those of whoever hands them in; null for none. */
  annotate: Annotate | null = null;
  readonly #arena: PacketArena;
  readonly #writer: PcapngWriter;
  readonly #options: FrameCaptureOptions;
  readonly #filters: CaptureFilter[] = [];
  readonly #received: number[] = [];
  /** Chains, and bytes of shared memory, are copied to here. */
  readonly #bytes = new PacketBytes(new ArrayBuffer(LONGEST_FRAME + 1));

  /** Makes a capture of frames of an arena. */
  constructor(arena: PacketArena, writer: PcapngWriter, options: FrameCaptureOptions = {}) {
    this.#arena = arena;
    this.#writer = writer;
    this.#options = options;
  }

  /**
   * Adds an interface to the capture.
   *
   * @returns its number there
   */
  addInterface(description: InterfaceDescription): number {
    const filter = new CaptureFilter(this.#options.filter, description.linkType);
    this.#filters.push(filter);
    this.#received.push(0);
    const { snapBytes } = this.#options;
    return this.#writer.addInterface({
      snapBytes,
      ...(filter.text === "" ? {} : { filter: filter.text }),
      ...description,
    });
  }

  /**
   * Writes a frame, unless the filter leaves it out.
   *
   * @param port a number of {@linkcode FrameCapture.addInterface}
   * @param time microseconds
   * @param packet the frame: a packet or a chain, which remains the caller's
   * @param notes what is to be noted
   */
  add(port: number, time: number, packet: number, notes: PacketNotes): void {
    const length = chainLength(this.#arena, packet);
    const kept = Math.min(length, LONGEST_FRAME);
    this.#copy(packet, kept);
    this.#received[port]++;
    if (!this.#filters[port].matches(this.#bytes, 0, kept)) {
      this.filtered++;
      return;
    }
    const bytes = this.#bytes.bytes.subarray(0, kept);
    const comment = this.annotate?.(bytes) ?? null;
    const all = comment === null
      ? notes
      : { ...notes, comments: [...notes.comments ?? [], comment] };
    this.#writer.packet(port, time + (this.#options.epoch ?? 0), bytes, all, length);
    this.written++;
  }

  /** Writes what was counted at each interface so far. */
  end(time: number): void {
    const at = time + (this.#options.epoch ?? 0);
    for (const [port, received] of this.#received.entries()) {
      this.#writer.statistics(port, at, { endTime: at, received });
    }
  }

  #copy(packet: number, bytes: number): void {
    const arena = this.#arena;
    const { bytes: memory } = arena.memory;
    let target = 0;
    for (let at = packet; at >= 0 && target < bytes; at = arena.next(at)) {
      const start = arena.start(at);
      const count = Math.min(arena.length(at), bytes - target);
      this.#bytes.bytes.set(memory.subarray(start, start + count), target);
      target += count;
    }
  }
}

/** Captures the interfaces of one stack. */
export class StackCapture implements FrameTap {
  readonly #capture: FrameCapture;
  readonly #now: () => number;
  readonly #describe: (interfaceIndex: number) => InterfaceDescription | null;
  /** By index of the stack: the number in the capture, or -1 where it is left out. */
  readonly #ports: number[] = [];

  /**
   * Makes a tap.
   *
   * @param now the stack's time, in microseconds
   * @param describe describes an interface when its first frame comes; null leaves it out
   */
  constructor(
    capture: FrameCapture,
    now: () => number,
    describe: (interfaceIndex: number) => InterfaceDescription | null = (index) => ({
      name: `interface ${index}`,
    }),
  ) {
    this.#capture = capture;
    this.#now = now;
    this.#describe = describe;
  }

  /** {@inheritDoc FrameTap.onFrame} */
  onFrame(interfaceIndex: number, direction: "in" | "out", packet: number): void {
    let port = this.#ports[interfaceIndex];
    if (port === undefined) {
      const description = this.#describe(interfaceIndex);
      port = description === null ? -1 : this.#capture.addInterface(description);
      this.#ports[interfaceIndex] = port;
    }
    if (port < 0) return;
    const notes = direction === "in" ? INBOUND : OUTBOUND;
    this.#capture.add(port, this.#now(), packet, notes);
  }
}

const INBOUND: PacketNotes = { direction: Direction.INBOUND };
const OUTBOUND: PacketNotes = { direction: Direction.OUTBOUND };
