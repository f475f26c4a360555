/**
 * A wire between two stacks of one isolate whose frames are kept, and into which a test puts frames
 * of its own. It does nothing for a stack: every frame is as it is on a cable.
 *
 * @module
 */

import { type Port, PortCounters, type PortStatistics } from "../../../drivers/port/port.ts";
import type { Environment } from "../../../stack/environment.ts";
import type { FrameQueue } from "../../../stack/frame_queue.ts";
import { NO_OFFLOAD, type PortOffload } from "../../../stack/iface/types.ts";
import { chainLength, takeChain } from "../../../stack/memory/mod.ts";

/** One end of a wire. */
export class WirePort implements Port {
  readonly kind = "ethernet" as const;
  readonly mtu = 1500;
  readonly offload: PortOffload = NO_OFFLOAD;
  readonly #log: Uint8Array[];
  readonly #arrived: Uint8Array[] = [];
  readonly #counters = new PortCounters();
  #other!: WirePort;
  #environment!: Environment;

  /** @param log where the frames go that this end sends */
  constructor(log: Uint8Array[]) {
    this.#log = log;
  }

  /** Both ends of a wire, and where the frames of each go. */
  static pair(one: Uint8Array[], other: Uint8Array[]): readonly [WirePort, WirePort] {
    const ends = [new WirePort(one), new WirePort(other)] as const;
    ends[0].#other = ends[1];
    ends[1].#other = ends[0];
    return ends;
  }

  /** A frame arrives at this end. */
  arrive(frame: Uint8Array): void {
    this.#arrived.push(frame);
  }

  open(environment: Environment): void {
    this.#environment = environment;
  }

  receive(interfaceIndex: number, into: FrameQueue, most: number): number {
    const { arena, packets } = this.#environment;
    const frames = this.#arrived.splice(0, most);
    for (const frame of frames) {
      const packet = takeChain(arena, frame.length);
      if (packet < 0) throw new Error("no packet is left for a frame");
      packets.clear(packet);
      let from = 0;
      for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
        const length = arena.length(segment);
        arena.memory.bytes.set(frame.subarray(from, from + length), arena.start(segment));
        from += length;
      }
      if (!into.push(interfaceIndex, packet)) arena.release(packet);
    }
    this.#counters.receivedFrames += frames.length;
    return frames.length;
  }

  send(packet: number): void {
    const { arena } = this.#environment;
    const bytes = new Uint8Array(chainLength(arena, packet));
    let to = 0;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const at = arena.start(segment);
      const length = arena.length(segment);
      bytes.set(arena.memory.bytes.subarray(at, at + length), to);
      to += length;
    }
    arena.release(packet);
    this.#counters.sentFrames++;
    this.#log.push(bytes);
    this.#other.arrive(bytes);
  }

  flush(): void {}

  hasFrames(): boolean {
    return this.#arrived.length > 0;
  }

  sleep(): boolean {
    return this.#arrived.length === 0;
  }

  awake(): void {}

  statistics(): PortStatistics {
    return this.#counters.snapshot();
  }

  close(): void {}
}
