/**
 * What was on the link last, for whoever has to find out why a run failed.
 *
 * @module
 */

import { Direction, MemorySink, PcapngWriter } from "../../../stack/capture/mod.ts";

const KEPT_FRAMES = 4096;

interface KeptFrame {
  readonly time: number;
  readonly target: number;
  readonly bytes: Uint8Array;
  readonly what: string;
}

/** The newest frames of a link. */
export class FrameRecorder {
  readonly #kept: KeptFrame[] = [];
  #next = 0;

  /** Notes a frame, whose bytes nobody changes any more. */
  add(time: number, target: number, bytes: Uint8Array, what: string): void {
    this.#kept[this.#next] = { time, target, bytes, what };
    this.#next = (this.#next + 1) % KEPT_FRAMES;
  }

  /** The frames as pcapng, the oldest first. */
  capture(names: readonly string[], comment: string): Uint8Array<ArrayBuffer> {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink, { comments: [comment] });
    const ports = names.map((name) => writer.addInterface({ name }));
    const inOrder = [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)];
    for (const { time, target, bytes, what } of inOrder) {
      const notes = { direction: Direction.INBOUND, comments: [what] };
      writer.packet(ports[target], time, bytes, notes);
    }
    return sink.bytes();
  }
}
