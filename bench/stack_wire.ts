/**
 * Two stacks on a wire of Ethernet, in one thread and in virtual time: for benches of whole stacks.
 *
 * @module
 */

import { FrameQueue } from "../stack/frame_queue.ts";
import { chainLength, copyOut, PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import type { SizeChoices } from "../stack/profiles.ts";
import { SeededRandom } from "../stack/random.ts";
import type { StreamStackSocket } from "../stack/socket.ts";
import { Stack } from "../stack/stack.ts";
import { ipv4Of } from "../stack/wire/mod.ts";

const FRAMES = 8192;
/** A turn of both stacks takes so long, in microseconds. */
const TURN = 500;

/** The first address of each stack; the others follow it. */
const ADDRESSES = [ipv4Of("10.0.0.1"), ipv4Of("10.0.1.1")] as const;
const PREFIX = 16;

/** Two stacks on a wire. */
export class Wire {
  readonly arena: PacketArena = new PacketArena({
    classes: sizeClasses({ small: 8192, medium: 4096, large: 16 }),
    slices: 16384,
  });
  readonly stacks: readonly Stack[];
  readonly #links: number[] = [];
  readonly #inputs = [new FrameQueue(FRAMES), new FrameQueue(FRAMES)];
  now = 1000;

  /**
   * Makes both stacks.
   *
   * @param sizes what each is made for
   * @param addresses how many each has
   */
  constructor(sizes: SizeChoices, addresses = 1) {
    this.stacks = ADDRESSES.map((first, which) => this.#make(first, which, sizes, addresses));
  }

  #make(first: number, which: number, sizes: SizeChoices, addresses: number): Stack {
    const stack = new Stack({
      random: new SeededRandom(1, which),
      now: this.now,
      arena: this.arena,
      sizes,
      detectionTransmits: 0,
    });
    const mac = 0x0200_0000_0001 + which;
    const link = stack.links.addInterface({ name: "eth0", kind: "ethernet", mac });
    if (typeof link === "number") throw new Error(`no interface: ${link}`);
    stack.links.setUp(link.index, true);
    for (let nth = 0; nth < addresses; nth++) {
      stack.links.addAddress(link.index, first + nth, PREFIX);
    }
    this.#links.push(link.index);
    return stack;
  }

  /** Lets both go on until nothing is on its way. */
  run(): void {
    for (let idle = 0; idle < 2;) {
      const moved = this.#carry(0) + this.#carry(1);
      for (const which of [0, 1]) this.stacks[which].step(this.now, this.#inputs[which]);
      this.now += TURN;
      idle = moved > 0 ? 0 : idle + 1;
    }
  }

  /** Lets time go by, from one deadline to the next. */
  pass(microseconds: number): void {
    const end = this.now + microseconds;
    while (this.now < end) {
      const deadlines = this.stacks.map((stack) => stack.nextDeadline());
      this.now = Math.min(end, Math.max(this.now, ...deadlines.map((at) => Math.min(at, end))));
      this.run();
    }
  }

  #carry(from: number): number {
    const { arena } = this;
    const { output } = this.stacks[from];
    const count = output.size;
    for (let left = count; left > 0; left--) {
      const packet = output.shift();
      const length = chainLength(arena, packet);
      const copy = arena.take(length);
      if (copy < 0) throw new Error("no packet is left");
      copyOut(arena, packet, 0, length, arena.start(copy));
      this.stacks[1 - from].environment.packets.clear(copy);
      this.stacks[1 - from].environment.packets.flags[copy] =
        this.stacks[from].environment.packets.flags[packet];
      arena.release(packet);
      this.#inputs[1 - from].push(this.#links[1 - from], copy);
    }
    return count;
  }
}

/** An address of the first or the second stack. */
export function addressOf(which: 0 | 1, nth = 0): number {
  return ADDRESSES[which] + nth;
}

/** Makes a socket of TCP. @throws {Error} where there is no room */
export function socketOf(stack: Stack): StreamStackSocket {
  const socket = stack.streamSocket("ipv4");
  if (typeof socket === "number") throw new Error(`no socket: ${socket}`);
  return socket;
}
