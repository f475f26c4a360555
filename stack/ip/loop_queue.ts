/**
 * Packets from this stack to itself: they wait here until the step comes to them.
 *
 * @module
 */

import type { FrameSink } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import type { IpContext } from "./context.ts";
import { IpCounter } from "./counters.ts";

/** No packet. */
const NONE = -1;

/** A queue of a fixed length. */
export class LoopQueue implements FrameSink {
  readonly #context: IpContext;
  readonly #packets: Int32Array;
  #first = 0;
  #count = 0;

  /** Makes a queue that is empty. */
  constructor(context: IpContext) {
    this.#context = context;
    this.#packets = new Int32Array(context.options.loopPackets);
  }

  /** How many packets wait. */
  get size(): number {
    return this.#count;
  }

  /** See {@linkcode FrameSink.push}: the packet begins with its network header. */
  push(interfaceIndex: number, packet: number): boolean {
    const context = this.#context;
    if (this.#count === this.#packets.length) {
      context.counters.values[IpCounter.DROPPED_LOOP_FULL]++;
      return false;
    }
    const { packets, arena } = context;
    // What never left memory need not be summed up.
    packets.flags[packet] = PacketFlag.LOOPED | PacketFlag.CHECKSUM_GOOD;
    packets.interface[packet] = interfaceIndex;
    packets.network[packet] = arena.start(packet);
    let place = this.#first + this.#count++;
    if (place >= this.#packets.length) place -= this.#packets.length;
    this.#packets[place] = packet;
    context.counters.values[IpCounter.LOOPED]++;
    return true;
  }

  /** Takes the packet that has waited longest. @returns it, or -1 */
  shift(): number {
    if (this.#count === 0) return NONE;
    const packet = this.#packets[this.#first];
    this.#first = (this.#first + 1) % this.#packets.length;
    this.#count--;
    return packet;
  }

  /** Releases what waits. */
  clear(): void {
    for (let packet = this.shift(); packet !== NONE; packet = this.shift()) {
      this.#context.arena.release(packet);
    }
  }
}
