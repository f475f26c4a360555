/**
 * Two stacks on one wire, in virtual time, and sockets on them.
 *
 * @module
 */

import {
  chainLength,
  CheckedPacketArena,
  copyOut,
  sizeClasses,
  takenPackets,
  verifyArena,
} from "../../../stack/memory/mod.ts";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import { NO_OFFLOAD, type PortOffload } from "../../../stack/iface/types.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { Stack } from "../../../stack/stack.ts";
import { ipv4Of, ipv6Of } from "../../../stack/wire/mod.ts";

/** Addresses of the first and the second stack. */
export const ADDRESSES: readonly [IpAddress, IpAddress] = [ipv4Of("10.0.0.1"), ipv4Of("10.0.0.2")];
/** And those of IPv6. */
export const ADDRESSES_6: readonly [IpAddress, IpAddress] = [ipv6Of("fd00::1"), ipv6Of("fd00::2")];
const STEP = 10;

/** What a pair is made of. */
export interface PairOptions {
  readonly seed?: number;
  readonly offload?: PortOffload;
  readonly mtu?: number;
  /** Decides about each frame on the wire: false loses it. */
  readonly passes?: (frame: Uint8Array) => boolean;
}

/** Two stacks and a wire. */
export class StackPair {
  readonly stacks: readonly [Stack, Stack];
  /** The indices of their interfaces. */
  readonly links: readonly [number, number];
  /** Frames that crossed the wire. */
  readonly frames: { readonly from: number; readonly bytes: Uint8Array }[] = [];
  now = 1000;
  readonly #passes: (frame: Uint8Array) => boolean;

  constructor({ seed = 1, offload = NO_OFFLOAD, mtu = 1500, passes }: PairOptions = {}) {
    this.#passes = passes ?? (() => true);
    const made = [0, 1].map((which) => this.#make(which, seed, offload, mtu));
    this.stacks = [made[0].stack, made[1].stack];
    this.links = [made[0].link, made[1].link];
    this.run();
    this.frames.length = 0;
  }

  #make(which: number, seed: number, offload: PortOffload, mtu: number) {
    const stack = new Stack({
      random: new SeededRandom(seed, which),
      now: this.now,
      arena: new CheckedPacketArena({
        classes: sizeClasses({ small: 512, medium: 512, large: 16 }),
        slices: 2048,
      }),
      detectionTransmits: 0,
    });
    const lo = stack.links.addLoopback();
    if (typeof lo === "number") throw new Error(`no loopback: ${lo}`);
    stack.links.setUp(lo.index, true);
    const link = stack.links.addInterface({
      name: "eth0",
      kind: "ethernet",
      mac: 0x0200_0000_0001 + which,
      offload,
      mtu,
    });
    if (typeof link === "number") throw new Error(`no interface: ${link}`);
    stack.links.setUp(link.index, true);
    stack.links.addAddress(link.index, ADDRESSES[which], 24);
    stack.links.addAddress(link.index, ADDRESSES_6[which], 64);
    return { stack, link: link.index };
  }

  /** Lets both go on until nothing is on its way, or for some time. */
  run(microseconds = 0): void {
    const end = this.now + microseconds;
    for (let idle = 0, turns = 0; idle < 3 && turns < 10_000; turns++) {
      const moved = this.#turn();
      idle = moved || this.stacks.some((stack) => stack.wantsStep) ? 0 : idle + 1;
      this.now += STEP;
    }
    while (this.now < end) {
      this.now = Math.min(end, Math.max(this.now + STEP, this.#nextDeadline()));
      this.#turn();
    }
  }

  #nextDeadline(): number {
    return Math.min(...this.stacks.map((stack) => stack.nextDeadline()));
  }

  #turn(): boolean {
    const inputs = this.stacks.map(() => new FrameQueue(4096));
    let moved = false;
    for (const [which, stack] of this.stacks.entries()) {
      stack.setTime(this.now);
      while (stack.output.size > 0) {
        moved = true;
        const packet = stack.output.shift();
        this.#carry(which, packet, inputs[1 - which]);
        stack.environment.arena.release(packet);
      }
    }
    for (const [which, stack] of this.stacks.entries()) stack.step(this.now, inputs[which]);
    return moved;
  }

  /** Copies a frame, and what is known of it, from one stack's memory to the other's. */
  #carry(from: number, packet: number, input: FrameQueue): void {
    const source = this.stacks[from].environment;
    const target = this.stacks[1 - from].environment;
    const length = chainLength(source.arena, packet);
    const scratch = source.arena.take(length);
    if (scratch < 0) throw new Error("no packet is left to look at a frame");
    copyOut(source.arena, packet, 0, length, source.arena.start(scratch));
    const bytes = new Uint8Array(length);
    const at = source.arena.start(scratch);
    bytes.set(source.arena.memory.bytes.subarray(at, at + length));
    source.arena.release(scratch);
    this.frames.push({ from, bytes });
    if (!this.#passes(bytes)) return;
    const copy = target.arena.take(length);
    if (copy < 0) return;
    target.arena.memory.bytes.set(bytes, target.arena.start(copy));
    target.packets.clear(copy);
    target.packets.flags[copy] = source.packets.flags[packet];
    target.packets.segmentation[copy] = source.packets.segmentation[packet];
    target.packets.segmentBytes[copy] = source.packets.segmentBytes[packet];
    input.push(this.links[1 - from], copy);
  }

  /** Checks that nothing is held any more. @throws {Error} when something is */
  verify(): void {
    for (const { environment: { arena } } of this.stacks) {
      verifyArena(arena);
      const taken = takenPackets(arena);
      if (taken.length > 0) throw new Error(`${taken.length} packets are still taken: ${taken}`);
    }
  }
}
