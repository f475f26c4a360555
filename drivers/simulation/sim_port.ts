/**
 * A port of a stack on a link of a virtual network.
 *
 * @module
 */

import type { Environment } from "../../stack/environment.ts";
import { FrameQueue } from "../../stack/frame_queue.ts";
import { NO_OFFLOAD, type PortOffload } from "../../stack/iface/types.ts";
import type { PacketArena } from "../../stack/memory/mod.ts";
import { chainLength } from "../../stack/memory/mod.ts";
import { copyBetween, type FrameStore } from "../../stack/sim/mod.ts";
import type { PacketTable } from "../../stack/packet_table.ts";
import { type Port, PortCounters, type PortStatistics } from "../port/port.ts";

/** Frames that wait at a port, each way. */
const QUEUED_FRAMES = 4096;

/** One end of a virtual link. */
export class SimPort implements Port {
  readonly kind = "ethernet";
  readonly mtu: number;
  readonly offload: PortOffload = NO_OFFLOAD;
  readonly #frames: FrameStore;
  readonly #onSent: () => void;
  readonly #received = new FrameQueue(QUEUED_FRAMES);
  readonly #sent = new FrameQueue(QUEUED_FRAMES);
  readonly #counters = new PortCounters();
  #arena: PacketArena | null = null;
  #packets: PacketTable | null = null;

  /**
   * @param frames the network's
   * @param mtu of the link, in bytes
   * @param onSent called when frames wait to be taken
   */
  constructor(frames: FrameStore, mtu: number, onSent: () => void) {
    this.#frames = frames;
    this.mtu = mtu;
    this.#onSent = onSent;
  }

  /** {@inheritDoc Port.open} */
  open(environment: Environment): void {
    this.#arena = environment.arena;
    this.#packets = environment.packets;
  }

  /** Takes a frame that the network delivers, and its hold. */
  deliver(packet: number): void {
    if (this.#arena !== null && this.#received.push(0, packet)) return;
    this.#frames.arena.release(packet);
    this.#counters.missedFrames++;
  }

  /** Hands over what the stack has sent. @param port what it is put into the queue with */
  collect(port: number, into: FrameQueue): void {
    while (this.#sent.size > 0) {
      const packet = this.#sent.shift();
      if (into.push(port, packet)) continue;
      this.#frames.arena.release(packet);
      this.#counters.droppedFrames++;
    }
  }

  /** {@inheritDoc Port.receive} */
  receive(interfaceIndex: number, into: FrameQueue, most: number): number {
    let count = 0;
    for (; count < most && this.#received.size > 0; count++) {
      const packet = this.#adopt(this.#received.shift());
      if (packet < 0) {
        this.#counters.missedFrames++;
      } else if (into.push(interfaceIndex, packet)) {
        this.#counters.receivedFrames++;
        this.#counters.receivedBytes += this.#arena!.length(packet);
      } else {
        this.#arena!.release(packet);
        this.#counters.missedFrames++;
      }
    }
    return count;
  }

  /** {@inheritDoc Port.send} */
  send(packet: number): void {
    const arena = this.#arena!;
    const bytes = chainLength(arena, packet);
    const copy = this.#hand(packet);
    if (copy < 0 || !this.#sent.push(0, copy)) {
      if (copy >= 0) this.#frames.arena.release(copy);
      this.#counters.droppedFrames++;
      return;
    }
    this.#counters.sentFrames++;
    this.#counters.sentBytes += bytes;
  }

  /** {@inheritDoc Port.flush} */
  flush(): void {
    if (this.#sent.size > 0) this.#onSent();
  }

  /** {@inheritDoc Port.hasFrames} */
  hasFrames(): boolean {
    return this.#received.size > 0;
  }

  /** {@inheritDoc Port.sleep} */
  sleep(): boolean {
    return this.#received.size === 0;
  }

  /** {@inheritDoc Port.awake} */
  awake(): void {}

  /** {@inheritDoc Port.statistics} */
  statistics(): PortStatistics {
    return this.#counters.snapshot();
  }

  /** {@inheritDoc Port.close} */
  close(): void {
    const { arena } = this.#frames;
    for (const queue of [this.#received, this.#sent]) {
      for (let packet = queue.shift(); packet >= 0; packet = queue.shift()) arena.release(packet);
    }
    this.#arena = null;
  }

  /** A packet of the network's becomes one of the stack's; -1 when it has none left. */
  #adopt(packet: number): number {
    const isShared = this.#arena === this.#frames.arena;
    const own = isShared ? packet : copyBetween(this.#frames.arena, packet, this.#arena!);
    if (!isShared) this.#frames.arena.release(packet);
    if (own >= 0) this.#packets!.clear(own);
    return own;
  }

  /** A packet of the stack's becomes one of the network's; -1 when it has none left. */
  #hand(packet: number): number {
    if (this.#arena === this.#frames.arena) return packet;
    const copy = this.#frames.copyFrom(this.#arena!, packet);
    this.#arena!.release(packet);
    return copy;
  }
}
