import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { Arena } from "./arena.ts";
import { PacketConsumer } from "./packet_consumer.ts";
import { PacketProducer } from "./packet_producer.ts";
import { type PacketPlan, PacketRing } from "./packet_ring.ts";
import { NEAR_2_31, NEAR_2_32 } from "../tests/support/ring.ts";
import { scale, SEED, withSeed } from "../tests/support/seed.ts";

interface ModelPacket {
  readonly sequence: number;
  readonly length: number;
  /** Its block of the arena, -1 when it is in its slot. */
  readonly block: number;
  isReleased: boolean;
  holders: number;
}

/** A handle that the consumer holds. */
interface Held {
  readonly packet: ModelPacket;
  readonly hold: number;
  readonly start: number;
}

/** The oracle: a plain queue, and an allocator that is given the same requests. */
class Model {
  readonly plan: PacketPlan;
  readonly arena: Arena;
  sequence = 0;
  /** Published and not taken. */
  queue: ModelPacket[] = [];
  /** Whose slots are not free, the oldest first. */
  slots: ModelPacket[] = [];
  held: Held[] = [];
  /** Blocks that came back and that the producer has not seen. */
  returned: number[] = [];
  /** What was begun: its bytes and its block. */
  begun: { length: number; block: number } | null = null;

  constructor(plan: PacketPlan) {
    this.plan = plan;
    this.arena = new Arena(0, plan.arenaBytes);
  }

  reclaim(): void {
    for (const block of this.returned.splice(0)) this.arena.give(block);
  }

  /** @returns the block, -1 for a slot, -2 without room */
  begin(length: number): number {
    if (this.begun !== null || this.slots.length === this.plan.slots) return -2;
    if (length <= this.plan.inlineBytes) return -1;
    this.reclaim();
    const block = this.arena.take(length);
    return block < 0 ? -2 : block;
  }

  free(packet: ModelPacket): void {
    packet.isReleased = true;
    while (this.slots.length > 0 && this.slots[0].isReleased) this.slots.shift();
  }
}

class Real {
  readonly ring: PacketRing;
  readonly producer: PacketProducer;
  readonly consumer: PacketConsumer;
  at = -1;

  constructor(plan: PacketPlan, index: number) {
    this.ring = PacketRing.create(plan, index);
    this.producer = PacketProducer.claim(this.ring)!;
    this.consumer = PacketConsumer.claim(PacketRing.attach(this.ring.handle))!;
  }
}

function patternByte(sequence: number, index: number): number {
  return (Math.imul(sequence + 1, 0x9e3779b1) >>> 24) ^ Math.imul(index + 1, 7) & 0xff;
}

function write({ ring, at }: Real, sequence: number, length: number): void {
  for (let index = 0; index < length; index++) {
    ring.bytes[at + index] = patternByte(sequence, index);
  }
}

/** Proves that a packet's bytes are as they were written. */
function check({ ring }: Real, { packet, start }: Held): void {
  for (let index = 0; index < packet.length; index++) {
    const expected = patternByte(packet.sequence, index);
    if (ring.bytes[start + index] === expected) continue;
    throw new Error(`byte ${index} of packet ${packet.sequence} was overwritten`);
  }
}

type Act = (model: Model, real: Real) => void;

class Step implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #act: Act;

  constructor(name: string, act: Act) {
    this.#name = name;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    this.#act(model, real);
    const { producer, consumer } = real;
    assertEquals(producer.fault, null);
    assertEquals(consumer.fault, null);
    assertEquals(consumer.queued, model.queue.length, "queued");
    assertEquals(consumer.isReady, model.queue.length > 0, "isReady");
    assertEquals(producer.isBegun, model.begun !== null, "isBegun");
  }

  toString(): string {
    return this.#name;
  }
}

function begin(length: number): Act {
  return (model, real) => {
    const block = model.begin(length);
    const at = real.producer.begin(length);
    assertEquals(at >= 0, block >= -1, `room for ${length} bytes`);
    if (at < 0) return;
    if (block >= 0) assertEquals(at, real.ring.arenaAt + block);
    real.at = at;
    model.begun = { length, block };
  };
}

/** @param share the part of the room that is used, in eighths */
function publish(share: number): Act {
  return (model, real) => {
    if (model.begun === null) return;
    const { length: room, block } = model.begun;
    const length = Math.floor(room * share / 8);
    const sequence = model.sequence++;
    write(real, sequence, length);
    real.producer.publish(length);
    const packet = { sequence, length, block, isReleased: false, holders: 0 };
    model.queue.push(packet);
    model.slots.push(packet);
    model.begun = null;
  };
}

const abandon: Act = (model, real) => {
  if (model.begun !== null && model.begun.block >= 0) model.arena.give(model.begun.block);
  model.begun = null;
  real.producer.abandon();
};

const take: Act = (model, real) => {
  const { consumer } = real;
  const isTaken = consumer.take();
  const packet = model.queue.shift();
  assertEquals(isTaken, packet !== undefined);
  if (packet === undefined) return;
  assertEquals(consumer.length, packet.length);
  assertEquals(consumer.hold < 0, packet.block >= 0);
  packet.holders = 1;
  const held = { packet, hold: consumer.hold, start: consumer.start };
  check(real, held);
  model.held.push(held);
  if (packet.block >= 0) model.free(packet);
};

function retain(place: number): Act {
  return (model, real) => {
    const held = model.held[place % Math.max(1, model.held.length)];
    if (held === undefined || held.hold >= 0) return;
    real.consumer.retain(held.hold);
    held.packet.holders++;
    model.held.push(held);
  };
}

function release(place: number): Act {
  return (model, real) => {
    if (model.held.length === 0) return;
    const [held] = model.held.splice(place % model.held.length, 1);
    check(real, held);
    real.consumer.release(held.hold);
    held.packet.holders--;
    if (held.packet.holders > 0) return;
    if (held.packet.block >= 0) model.returned.push(held.packet.block);
    else model.free(held.packet);
  };
}

const lengths = fc.oneof(
  fc.integer({ min: 0, max: 120 }),
  fc.integer({ min: 0, max: 1500 }),
  fc.constant(8192),
);
const places = fc.integer({ min: 0, max: 50 });

const steps: fc.Arbitrary<Step>[] = [
  lengths.map((length) =>
    new Step(`push ${length}`, (model, real) => {
      begin(length)(model, real);
      publish(8)(model, real);
    })
  ),
  lengths.map((length) => new Step(`begin ${length}`, begin(length))),
  fc.integer({ min: 0, max: 8 }).map((share) => new Step(`publish ${share}/8`, publish(share))),
  fc.constant(new Step("abandon", abandon)),
  fc.constant(new Step("take", take)),
  fc.constant(new Step("take", take)),
  places.map((place) => new Step(`retain ${place}`, retain(place))),
  places.map((place) => new Step(`release ${place}`, release(place))),
  places.map((place) => new Step(`release ${place}`, release(place))),
];

/** Takes and releases everything, and proves that all room has come back. */
function settle(model: Model, real: Real): void {
  abandon(model, real);
  while (model.queue.length > 0) take(model, real);
  while (model.held.length > 0) release(0)(model, real);
  model.reclaim();
  assertEquals(real.producer.arenaUsedBytes, 0);
  assertEquals(model.arena.usedBytes, 0);
  assertEquals(real.producer.queued, 0);
  for (let count = 0; count < model.plan.slots; count++) {
    begin(0)(model, real);
    assert(real.at >= 0);
    publish(0)(model, real);
  }
}

function compare(index: number): void {
  const sizes = fc.record({
    slots: fc.constantFrom(1, 2, 4, 8),
    inlineBytes: fc.constantFrom(0, 8, 56, 100),
    arenaBytes: fc.constantFrom(0, 256, 1024, 2560, 8192),
    offset: fc.integer({ min: -6, max: 6 }),
  });
  fc.assert(
    fc.property(
      sizes,
      fc.commands(steps, { maxCommands: 150, size: "max" }),
      ({ offset, ...plan }, commands) => {
        const model = new Model(plan);
        const real = new Real(plan, (index + offset) | 0);
        fc.modelRun(() => ({ model, real }), commands);
        settle(model, real);
      },
    ),
    { seed: SEED | 0, numRuns: scale(80, 5000) },
  );
}

const STARTS: readonly (readonly [string, number])[] = [
  ["from 0", 0],
  ["across 2^31", NEAR_2_31],
  ["across 2^32", NEAR_2_32],
];

for (const [where, index] of STARTS) {
  Deno.test(
    `a packet ring equals a plain queue under random operations, ${where}`,
    withSeed(() => compare(index)),
  );
}
