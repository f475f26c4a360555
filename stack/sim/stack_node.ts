/**
 * A stack as a node of a virtual network: the n-th link is the n-th interface.
 *
 * @module
 */

import { FrameQueue } from "../frame_queue.ts";
import type { PacketArena } from "../memory/mod.ts";
import type { StackCore } from "../types.ts";
import { copyBetween, type FrameStore } from "./frame_store.ts";
import type { PortNumber, SimNode } from "./node.ts";

/** Frames that a stack is given at a time. */
const INPUT_FRAMES = 4096;

/** What runs on a stack beside its sockets' owners: it begins things at times of its own. */
export interface StackProgram {
  /** When it has something to do, in microseconds; Infinity when it has not. */
  nextDeadline(): number;
  /** Does what is due; it may call sockets. */
  run(now: number): void;
}

/** Hands frames to a stack, and takes what it sends. */
export class StackNode implements SimNode {
  readonly stack: StackCore;
  /** What runs on it. */
  readonly programs: StackProgram[] = [];
  /** Frames that were lost because the stack, or the network, had no packet left. */
  dropped = 0;
  readonly #frames: FrameStore;
  readonly #arena: PacketArena;
  readonly #isShared: boolean;
  readonly #input = new FrameQueue(INPUT_FRAMES);
  /** By port: the index of the interface. */
  readonly #interfaces: number[] = [];
  /** By index of an interface: the port. */
  readonly #ports: PortNumber[] = [];

  /**
   * Makes a node of a stack.
   *
   * @param frames the network's; where the stack has the same arena, frames are not copied
   * @param interfaces the index of the interface of each port, in the order of the links
   */
  constructor(stack: StackCore, frames: FrameStore, interfaces: readonly number[] = []) {
    this.stack = stack;
    this.#frames = frames;
    this.#arena = stack.environment.arena;
    this.#isShared = this.#arena === frames.arena;
    for (const index of interfaces) this.addInterface(index);
  }

  /** Makes the interface with an index the next port. @returns the port */
  addInterface(index: number): PortNumber {
    const port = this.#interfaces.push(index) - 1;
    this.#ports[index] = port;
    return port;
  }

  /** The index of a port's interface. */
  interfaceOf(port: PortNumber): number {
    return this.#interfaces[port];
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    let deadline = this.stack.nextDeadline();
    for (const program of this.programs) deadline = Math.min(deadline, program.nextDeadline());
    return deadline;
  }

  /** {@inheritDoc SimNode.step} */
  step(now: number, received: FrameQueue, sent: FrameQueue): void {
    while (received.size > 0) {
      const index = this.#interfaces[received.interface];
      const packet = this.#take(received.shift(), index);
      if (packet >= 0 && !this.#input.push(index, packet)) {
        this.#arena.release(packet);
        this.dropped++;
      }
    }
    this.stack.step(now, this.#input);
    for (const program of this.programs) if (program.nextDeadline() <= now) program.run(now);
    const { output } = this.stack;
    while (output.size > 0) {
      const port = this.#ports[output.interface];
      const packet = this.#give(output.shift(), port);
      if (packet >= 0 && !sent.push(port, packet)) {
        this.#frames.arena.release(packet);
        this.dropped++;
      }
    }
  }

  /** Takes a frame over. @returns a packet of the stack's, or -1 */
  #take(packet: number, index: number | undefined): number {
    if (index === undefined) {
      this.#frames.arena.release(packet);
      return -1;
    }
    const { packets } = this.stack.environment;
    if (this.#isShared) {
      packets.clear(packet);
      return packet;
    }
    const copy = copyBetween(this.#frames.arena, packet, this.#arena);
    this.#frames.arena.release(packet);
    if (copy >= 0) packets.clear(copy);
    else this.dropped++;
    return copy;
  }

  /** Takes what the stack sends. @returns a packet of the network's, or -1 */
  #give(packet: number, port: PortNumber | undefined): number {
    if (port === undefined) {
      this.#arena.release(packet);
      return -1;
    }
    if (this.#isShared) return packet;
    const copy = this.#frames.copyFrom(this.#arena, packet);
    this.#arena.release(packet);
    if (copy < 0) this.dropped++;
    return copy;
  }
}
