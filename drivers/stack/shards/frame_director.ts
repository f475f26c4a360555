/**
 * What stands before a port of shard 0: it reads the port's frames, keeps its own, and puts those
 * of other shards into pipes; what they send it takes out of the pipes, and sends by the port.
 *
 * ```text
 *   port --receive--> director --own, or everybody's--> stack of shard 0
 *    ^                   |  ^
 *    '------send---------+  '--pipe of shard k-- what it sends
 *                        '-----pipe of shard k-> its own, or everybody's
 * ```
 *
 * A pipe that is full drops its frames and counts them, as a card does whose queue is full.
 *
 * @module
 */

import type { Environment } from "../../../stack/environment.ts";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import type { PortOffload } from "../../../stack/iface/types.ts";
import { pullUp } from "../../../stack/ip/chain_head.ts";
import { chainLength } from "../../../stack/memory/mod.ts";
import { EVERY_SHARD, type FlowDirector } from "../../../stack/steering/mod.ts";
import * as ethernet from "../../../stack/wire/ethernet.ts";
import { Fault } from "../../../stack/wire/fault.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import type { Port, PortStatistics } from "../../port/port.ts";
import type { SteeringCounts } from "./steering_counts.ts";

/** Frames that are taken out of the port, or out of one pipe, at a time. */
const BATCH_FRAMES = 64;
/** What of a frame in several segments is brought together, so that its headers are in one. */
const HEADERS_BYTES = 512;

/** What a director is made of. */
export interface FrameDirectorParts {
  /** Where frames come from. */
  readonly port: Port;
  /** Says whose they are. */
  readonly director: FlowDirector;
  /** The pipes to shards 1, 2 ... in this order. */
  readonly pipes: readonly Port[];
  /** Where it counts. */
  readonly counts: SteeringCounts;
}

/** A port whose frames are directed to shards. */
export class FrameDirector implements Port {
  readonly kind: "ethernet" | "ip";
  readonly mtu: number;
  readonly offload: PortOffload;
  readonly #port: Port;
  readonly #director: FlowDirector;
  readonly #pipes: readonly Port[];
  readonly #counts: SteeringCounts;
  readonly #batch = new FrameQueue(BATCH_FRAMES);
  #environment!: Environment;

  /** @param parts what it is made of */
  constructor({ port, director, pipes, counts }: FrameDirectorParts) {
    this.kind = port.kind;
    this.mtu = port.mtu;
    this.offload = port.offload;
    this.#port = port;
    this.#director = director;
    this.#pipes = pipes;
    this.#counts = counts;
  }

  /** {@inheritDoc Port.open} */
  open(environment: Environment): void {
    this.#environment = environment;
    this.#port.open(environment);
    for (const pipe of this.#pipes) pipe.open(environment);
  }

  /** {@inheritDoc Port.receive} */
  receive(interfaceIndex: number, into: FrameQueue, most: number): number {
    const count = this.#port.receive(interfaceIndex, this.#batch, Math.min(most, BATCH_FRAMES));
    if (count > 0) this.#distribute(interfaceIndex, into);
    return count + this.#passOn(interfaceIndex, most);
  }

  /** Gives the frames of the port to those that they are for. */
  #distribute(interfaceIndex: number, into: FrameQueue): void {
    const { arena } = this.#environment;
    const pipes = this.#pipes;
    const batch = this.#batch;
    while (batch.size > 0) {
      const packet = this.#headed(batch.shift());
      if (packet < 0) continue;
      const shard = this.#direct(packet);
      this.#counts.add(shard);
      if (shard > 0) {
        pipes[shard - 1].send(packet);
        continue;
      }
      if (shard === EVERY_SHARD) {
        for (let index = 0; index < pipes.length; index++) {
          // Sending takes over a hold, and leaves the packet as it is.
          arena.retain(packet);
          pipes[index].send(packet);
        }
      }
      if (!into.push(interfaceIndex, packet)) arena.release(packet);
    }
    for (let index = 0; index < pipes.length; index++) pipes[index].flush();
  }

  /** Brings the headers of a frame into its first segment. @returns it, or -1 where it is gone */
  #headed(packet: number): number {
    const { arena, packets } = this.#environment;
    if (arena.next(packet) < 0) return packet;
    const length = chainLength(arena, packet);
    const bytes = this.#hasExtensions(packet) ? length : Math.min(length, HEADERS_BYTES);
    return pullUp(arena, packets, packet, bytes);
  }

  /** Whether the headers of a frame may be as long as it is: there are more behind that of IPv6. */
  #hasExtensions(packet: number): boolean {
    const { arena } = this.#environment;
    const { memory } = arena;
    const start = arena.start(packet);
    const length = arena.length(packet);
    const isFrame = this.kind === "ethernet";
    if (isFrame && ethernet.check(memory, start, length) !== Fault.NONE) return false;
    const at = isFrame ? start + ethernet.headerBytes(memory, start) : start;
    if (start + length - at < ipv6.HEADER_BYTES) return true;
    if (memory.view.getUint8(at) >> 4 !== 6) return false;
    const next = ipv6.nextHeader(memory, at);
    return next !== Protocol.TCP && next !== Protocol.UDP && next !== Protocol.ICMPV6;
  }

  #direct(packet: number): number {
    const { arena } = this.#environment;
    const at = arena.start(packet);
    const length = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    return this.kind === "ethernet"
      ? this.#director.directFrame(arena.memory, at, length)
      : this.#director.directPacket(arena.memory, at, length);
  }

  /** Sends what other shards have to send. @returns how many frames */
  #passOn(interfaceIndex: number, most: number): number {
    const pipes = this.#pipes;
    const batch = this.#batch;
    let count = 0;
    for (let index = 0; index < pipes.length; index++) {
      const pipe = pipes[index];
      if (pipe.receive(interfaceIndex, batch, Math.min(most, BATCH_FRAMES)) === 0) continue;
      while (batch.size > 0) {
        this.#port.send(batch.shift());
        count++;
      }
    }
    if (count > 0) this.#port.flush();
    return count;
  }

  /** {@inheritDoc Port.send} */
  send(packet: number): void {
    this.#port.send(packet);
  }

  /** {@inheritDoc Port.flush} */
  flush(): void {
    this.#port.flush();
  }

  /** {@inheritDoc Port.hasFrames} */
  hasFrames(): boolean {
    if (this.#port.hasFrames()) return true;
    for (const pipe of this.#pipes) if (pipe.hasFrames()) return true;
    return false;
  }

  /** {@inheritDoc Port.sleep} */
  sleep(wake: () => void): boolean {
    if (!this.#port.sleep(wake)) return false;
    for (const pipe of this.#pipes) if (!pipe.sleep(wake)) return false;
    return true;
  }

  /** {@inheritDoc Port.awake} */
  awake(): void {
    this.#port.awake();
    for (const pipe of this.#pipes) pipe.awake();
  }

  /** {@inheritDoc Port.statistics} */
  statistics(): PortStatistics {
    const statistics = this.#port.statistics();
    let { droppedFrames } = statistics;
    for (const pipe of this.#pipes) droppedFrames += pipe.statistics().droppedFrames;
    return { ...statistics, droppedFrames };
  }

  /** {@inheritDoc Port.close} */
  close(): void {
    this.#port.close();
    for (const pipe of this.#pipes) pipe.close();
  }
}
