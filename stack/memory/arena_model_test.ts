import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { CheckedPacketArena } from "./checked_arena.ts";
import { PacketArena } from "./packet_arena.ts";
import type { SizeClass } from "./size_classes.ts";
import { takenPackets, verifyArena } from "./verify.ts";
import { scale, SEED, withSeed } from "../../tests/support/seed.ts";

const HEADROOM = 64;
/** Bytes behind the headroom of each size, and how many there are: few, so that they run out. */
const CLASSES: readonly SizeClass[] = [
  { roomBytes: 64, count: 5, borrows: true },
  { roomBytes: 192, count: 4 },
  { roomBytes: 512, count: 2 },
];
const SLICES = 5;

/** The memory of a packet, as a plain array. */
interface Storage {
  readonly sizeClass: number;
  readonly bytes: Uint8Array;
}

/** A packet as somebody would write it who need not count bytes or holds. */
interface Plain {
  readonly storage: Storage;
  readonly isSlice: boolean;
  start: number;
  length: number;
  next: number;
  /** Holds of ours; those of segments before it are counted when they are needed. */
  holds: number;
}

/** The oracle: what can be reached from a hold is taken, and so is what slices show. */
class Model {
  readonly packets = new Map<number, Plain>();

  /** Forgets what nobody can reach any more. */
  collect(): void {
    const reached = new Set<number>();
    for (const [number, { holds }] of this.packets) {
      for (let at = holds > 0 ? number : -1; at >= 0 && !reached.has(at);) {
        reached.add(at);
        at = this.packets.get(at)!.next;
      }
    }
    for (const number of [...this.packets.keys()]) {
      if (!reached.has(number)) this.packets.delete(number);
    }
  }

  /** How many of each class are taken: slices are the last one. */
  used(): number[] {
    const counts = new Array(CLASSES.length + 1).fill(0);
    for (const storage of new Set([...this.packets.values()].map((packet) => packet.storage))) {
      counts[storage.sizeClass]++;
    }
    for (const { isSlice } of this.packets.values()) if (isSlice) counts[CLASSES.length]++;
    return counts;
  }

  /** Holds of ours, and of the segments before it. */
  references(number: number): number {
    let count = this.packets.get(number)!.holds;
    for (const { next } of this.packets.values()) if (next === number) count++;
    return count;
  }

  /** The class that a packet of this length comes from, or -1. */
  classFor(bytes: number): number {
    const used = this.used();
    for (const [index, { roomBytes, count, borrows }] of CLASSES.entries()) {
      if (roomBytes < bytes) continue;
      if (used[index] < count) return index;
      if (!borrows) return -1;
    }
    return -1;
  }
}

interface Pair {
  readonly model: Model;
  readonly arena: PacketArena;
}

type Act = (pair: Pair, which: number, amount: number, other: number) => void;

/** One of the packets that we hold ourselves, or undefined. */
function pick({ packets }: Model, which: number): [number, Plain] | undefined {
  const held = [...packets].filter(([, { holds }]) => holds > 0);
  return held.length === 0 ? undefined : held[which % held.length];
}

/** The same, if nobody else holds it. */
function pickSole(model: Model, which: number): [number, Plain] | undefined {
  const picked = pick(model, which);
  return picked !== undefined && model.references(picked[0]) === 1 ? picked : undefined;
}

/** Calls with a packet that we hold, if there is one. */
function held(act: (pair: Pair, packet: [number, Plain], amount: number) => void): Act {
  return (pair, which, amount) => {
    const packet = pick(pair.model, which);
    if (packet !== undefined) act(pair, packet, amount);
  };
}

/** Calls with a packet that we alone hold, if there is one. */
function sole(act: (pair: Pair, packet: [number, Plain], amount: number) => void): Act {
  return (pair, which, amount) => {
    const packet = pickSole(pair.model, which);
    if (packet !== undefined) act(pair, packet, amount);
  };
}

const take: Act = ({ model, arena }, _which, bytes) => {
  const sizeClass = model.classFor(bytes);
  const number = arena.take(bytes);
  assertEquals(number >= 0, sizeClass >= 0, "take()");
  if (number < 0) return;
  assertEquals(model.packets.has(number), false, "a packet is taken twice");
  const storage = { sizeClass, bytes: new Uint8Array(HEADROOM + CLASSES[sizeClass].roomBytes) };
  const fresh = { storage, isSlice: false, start: HEADROOM, length: bytes, next: -1, holds: 1 };
  model.packets.set(number, fresh);
  // What a packet holds after take() is nobody's business, so both start from zeros.
  const slot = arena.start(number) - arena.headroom(number);
  arena.memory.bytes.fill(0, slot, slot + storage.bytes.length);
};

const slice = held(({ model, arena }, [number, packet], amount) => {
  const offset = amount % (packet.length + 1);
  const bytes = (amount >>> 4) % (packet.length - offset + 1);
  const isLeft = model.used()[CLASSES.length] < SLICES;
  const made = arena.slice(number, offset, bytes);
  assertEquals(made >= 0, isLeft, "slice()");
  if (made < 0) return;
  const { storage, start } = packet;
  const part = { storage, isSlice: true, start: start + offset, length: bytes, next: -1, holds: 1 };
  model.packets.set(made, part);
});

const retain = held(({ arena }, [number, packet]) => {
  arena.retain(number);
  packet.holds++;
});

const release = held(({ model, arena }, [number, packet]) => {
  arena.release(number);
  packet.holds--;
  model.collect();
});

const prepend = sole(({ arena }, [number, packet], amount) => {
  const bytes = amount % 40;
  const fits = !packet.isSlice && bytes <= packet.start || bytes === 0;
  const at = arena.prepend(number, bytes);
  assertEquals(at >= 0, fits, "prepend()");
  if (!fits) return;
  packet.start -= bytes;
  packet.length += bytes;
  assertEquals(at, arena.start(number));
});

const extend = sole(({ arena }, [number, packet], amount) => {
  const bytes = amount % 100;
  const room = packet.storage.bytes.length - packet.start - packet.length;
  const fits = !packet.isSlice && bytes <= room || bytes === 0;
  const at = arena.extend(number, bytes);
  assertEquals(at >= 0, fits, "extend()");
  if (!fits) return;
  assertEquals(at, arena.start(number) + packet.length);
  packet.length += bytes;
});

const trimFront = sole(({ arena }, [number, packet], amount) => {
  const bytes = amount % (packet.length + 1);
  arena.trimFront(number, bytes);
  packet.start += bytes;
  packet.length -= bytes;
});

const trimBack = sole(({ arena }, [number, packet], amount) => {
  const bytes = amount % (packet.length + 1);
  arena.trimBack(number, bytes);
  packet.length -= bytes;
});

/** Puts a packet behind another one: our hold on it is then the other one's. */
const append: Act = ({ model, arena }, which, _amount, other) => {
  const [front, behind] = [pickSole(model, which), pick(model, other)];
  if (front === undefined || behind === undefined) return;
  const segments: number[] = [];
  for (let at = front[0]; at >= 0; at = model.packets.get(at)!.next) segments.push(at);
  if (segments.some((number) => model.references(number) !== 1)) return;
  const last = segments[segments.length - 1];
  for (let at = behind[0]; at >= 0; at = model.packets.get(at)!.next) if (at === last) return;
  arena.append(front[0], behind[0]);
  model.packets.get(last)!.next = behind[0];
  behind[1].holds--;
};

const detach = sole(({ model, arena }, [number, packet]) => {
  assertEquals(arena.detach(number), packet.next, "detach()");
  if (packet.next >= 0) model.packets.get(packet.next)!.holds++;
  packet.next = -1;
});

/** Writes through any packet: all who show the same memory see it. */
const write = held(({ arena }, [number, packet], amount) => {
  if (packet.length === 0) return;
  const offset = amount % packet.length;
  packet.storage.bytes[packet.start + offset] = amount;
  arena.memory.bytes[arena.start(number) + offset] = amount;
});

const ACTS: Record<string, Act> = {
  take,
  slice,
  retain,
  release,
  prepend,
  extend,
  trimFront,
  trimBack,
  append,
  detach,
  write,
};

function compare({ model, arena }: Pair): void {
  verifyArena(arena);
  assertEquals([...arena.used], model.used(), "used");
  for (const [number, packet] of model.packets) {
    assertEquals(arena.references(number), model.references(number), `holds of ${number}`);
    assertEquals(arena.next(number), packet.next, `next of ${number}`);
    assertEquals(arena.length(number), packet.length, `length of ${number}`);
    const start = arena.start(number);
    const data = arena.memory.bytes.slice(start, start + packet.length);
    const expected = packet.storage.bytes.slice(packet.start, packet.start + packet.length);
    assertEquals(data, expected, `data of ${number}`);
  }
}

/** Gives up every hold: nothing may be left. */
function settle({ model, arena }: Pair): void {
  for (const [number, { holds }] of model.packets) {
    for (let count = 0; count < holds; count++) arena.release(number);
  }
  verifyArena(arena);
  assertEquals(takenPackets(arena), [], "leaked");
}

const step = fc.record({
  // Packets are taken and written to more often, so that there is something to work on.
  name: fc.constantFrom(...Object.keys(ACTS), "take", "take", "slice", "append", "write"),
  which: fc.nat(1000),
  amount: fc.nat(600),
  other: fc.nat(1000),
});

for (const Arena of [PacketArena, CheckedPacketArena]) {
  Deno.test(
    `a ${Arena.name} equals packets in a Map under random operations`,
    withSeed(() => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
          const options = { classes: CLASSES, slices: SLICES, headroomBytes: HEADROOM };
          const pair = { model: new Model(), arena: new Arena(options) };
          for (const { name, which, amount, other } of steps) {
            ACTS[name](pair, which, amount, other);
            compare(pair);
          }
          settle(pair);
        }),
        { seed: SEED | 0, numRuns: scale(40, 4000) },
      );
    }),
  );
}
