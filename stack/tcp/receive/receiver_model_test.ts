import { assert, assertEquals } from "@std/assert";
import { verifyArena } from "../../memory/mod.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { type Random, scale, withSeed } from "../../../tests/support/seed.ts";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import type { ReceiverOptions } from "./options.ts";

/** What a peer may send at most in one segment, and how long the streams are. */
const LONGEST = 3000;
const STREAM_BYTES = 40_000;
/** What the pieces of one segment between a few ranges may cost beyond the limit. */
const SPARE_COST = 5 * 2048;

/** The receiver as somebody would write it who need not count memory. */
class Model {
  /** 1 for each byte that the receiver holds, or has held. */
  readonly have = new Uint8Array(STREAM_BYTES + LONGEST);
  read = 0;
  next = 0;

  /** Notes what may be there; what the receiver says of itself must agree with it. */
  arrive(from: number, to: number): void {
    this.have.fill(1, from, to);
    while (this.have[this.next] === 1) this.next++;
  }
}

interface Run {
  readonly rig: ReceiverRig;
  readonly model: Model;
  readonly random: Random;
  readonly stream: Uint8Array;
  /** Whether nothing of what is in the window may be refused. */
  readonly isRoomy: boolean;
}

function chooseParts(random: Random, bytes: number): number[] {
  const parts: number[] = [];
  for (let left = bytes; left > 0;) {
    const part = Math.min(left, random.integer(1, 1800));
    parts.push(part);
    left -= part;
  }
  return parts;
}

function arrive({ rig, model, random, stream, isRoomy }: Run): void {
  const limit = Math.min(rig.receiver.receiveLimit - rig.first | 0, STREAM_BYTES);
  const before = rig.receiver.receiveNext - rig.first | 0;
  const isNext = random.chance(0.4);
  const from = isNext ? model.next : random.integer(Math.max(0, model.next - 2000), limit + 100);
  const longest = random.pick([1, 3, 40, 600, 1448, LONGEST]);
  const to = Math.min(from + random.integer(1, longest), STREAM_BYTES);
  if (to <= from) return;
  const parts = chooseParts(random, to - from);
  if (!rig.arrive(from, stream.slice(from, to), { parts, count: parts.length })) return;
  const cut = Math.min(to, limit);
  if (cut > from && cut > before) {
    if (isRoomy) model.arrive(from, cut);
    else learn(rig, model, from, cut);
  }
  assertEquals(rig.receiver.receiveNext - rig.first | 0, model.next, "RCV.NXT");
  checkRanges(rig, model, isRoomy);
}

/** Where memory is short the receiver may refuse; what it has it must not lose, nor invent. */
function learn(rig: ReceiverRig, model: Model, from: number, to: number): void {
  const next = rig.receiver.receiveNext - rig.first | 0;
  assert(next >= model.next, "RCV.NXT went back");
  model.have.fill(0, next);
  model.have.fill(1, 0, next);
  model.next = next;
  void from;
  void to;
}

/** Ranges behind gaps are those of the model. */
function checkRanges({ receiver, first }: ReceiverRig, model: Model, isRoomy: boolean): void {
  const { outOfOrder } = receiver;
  const ranges: [number, number][] = [];
  for (let range = 0; range < (outOfOrder?.count ?? 0); range++) {
    ranges.push([outOfOrder!.left(range) - first | 0, outOfOrder!.right(range) - first | 0]);
  }
  if (isRoomy) {
    const expected: [number, number][] = [];
    for (let at = model.next; at < model.have.length; at++) {
      if (model.have[at] === 0) continue;
      const left = at;
      while (model.have[at] === 1) at++;
      expected.push([left, at]);
    }
    assertEquals(ranges, expected, "ranges");
  }
  for (const [index, [left, right]] of ranges.entries()) {
    const before = index === 0 ? model.next : ranges[index - 1][1];
    assert(left > before && right > left, `range ${index} is out of order`);
  }
}

function readSome({ rig, model, random, stream }: Run): void {
  const wanted = random.integer(1, random.pick([1, 100, 5000, 20_000]));
  const flags = random.pick([0, 0, 0, Msg.PEEK, Msg.TRUNC]);
  const ready = model.next - model.read;
  assertEquals(rig.receiver.available, ready, "available");
  const got = rig.read(wanted, flags);
  if (ready === 0) {
    assertEquals(got, -Errno.EAGAIN);
    return;
  }
  const count = Math.min(wanted, ready);
  assert(got instanceof Uint8Array);
  assertEquals(got.length, count);
  if (flags !== Msg.TRUNC) assertEquals(got, stream.slice(model.read, model.read + count));
  if (flags !== Msg.PEEK) model.read += count;
}

function checkWindow({ rig }: Run, limit: number): number {
  const now = rig.receiver.receiveLimit - rig.first | 0;
  assert(now >= limit, "the window's edge went back");
  assert(now >= (rig.receiver.receiveNext - rig.first | 0), "RCV.NXT is beyond the window");
  return now;
}

function run(random: Random, options: Partial<ReceiverOptions>, isRoomy: boolean): void {
  const sequence = random.pick([0, 0x7fffffff - 9000, -5000, random.uint32() | 0]);
  const rig = new ReceiverRig({ options, sequence });
  const stream = streamBytes(0, STREAM_BYTES);
  const state: Run = { rig, model: new Model(), random, stream, isRoomy };
  let limit = checkWindow(state, 0);
  for (let step = 0; step < 400; step++) {
    if (random.chance(0.7)) arrive(state);
    else readSome(state);
    if (random.chance(0.1)) rig.advance(random.integer(1, 300_000));
    limit = checkWindow(state, limit);
    const { queueCost, outOfOrder, buffer } = rig.receiver;
    const cost = queueCost + (outOfOrder?.cost ?? 0);
    // A segment that fills gaps between ranges is kept in pieces.
    assert(cost <= 2 * buffer + SPARE_COST, `${cost} bytes of memory are kept`);
  }
  verifyArena(rig.arena);
  // What is missing comes in the end, and everything is read.
  for (let tries = 0; state.model.next < STREAM_BYTES; tries++) {
    assert(tries < 1000, "the receiver does not go on");
    const from = state.model.next;
    const to = Math.min(from + 1000, STREAM_BYTES, rig.receiver.receiveLimit - rig.first | 0);
    if (to > from) rig.arrive(from, stream.slice(from, to));
    learn(rig, state.model, from, to);
    readSome(state);
  }
  while (state.model.read < STREAM_BYTES) readSome(state);
  assertEquals(rig.receiver.queue, null);
  assertEquals(rig.receiver.outOfOrder, null);
  rig.close();
}

Deno.test(
  "a receiver equals a plain array under random segments, across sequence wraps",
  withSeed((random) => {
    const options = { bufferBytes: 60_000, maximumBufferBytes: 60_000 };
    for (let round = 0; round < scale(60, 3000); round++) run(random, options, true);
  }),
);

Deno.test(
  "a receiver with little memory refuses, but never loses or invents bytes",
  withSeed((random) => {
    const options = { bufferBytes: 8192, maximumBufferBytes: 8192, maximumRanges: 4 };
    for (let round = 0; round < scale(60, 3000); round++) run(random, options, false);
  }),
);
