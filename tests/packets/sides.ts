/**
 * Either side of a `ZeroCopyBuffer` under test, wherever it runs: what is pushed follows from a
 * seed, and both sides hash what they saw.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import type { Packet, PacketHandle } from "../../native/packet/zero_copy_buffer.ts";
import { ZeroCopyBuffer } from "../../native/packet/zero_copy_buffer.ts";
import { Random } from "../support/seed.ts";

/** Ways to push. */
export type PushManner = "push" | "pushSync" | "reserve" | "burst";
/** Ways to take. */
export type PopManner = "pop" | "popSync" | "popMany" | "popBatch";

/** What a side is to do. */
export interface SideTask {
  readonly handle: PacketHandle;
  readonly side: PushManner | PopManner | "scribble";
  readonly count: number;
  readonly seed: number;
}

/** What a side saw. */
export interface SideReport {
  readonly packets: number;
  readonly bytes: number;
  /** SHA-256 of all lengths and bytes. */
  readonly hash: string;
}

/** The longest packet of a test. */
export const LONGEST_BYTES = 60_000;

/** Packets that a burst has under way at a time. */
const BURST = 50;
const BATCH_MOST = 20;
/** Handles that a consumer keeps for a while. */
const RETAINED_MOST = 4;
/** The same while it waits: one half of the arena stays free for the longest packet. */
const RETAINED_WAITING_MOST = 1;

class Tally {
  packets = 0;
  bytes = 0;
  readonly #hash: Hash = createHash("sha256");

  add(bytes: Uint8Array): void {
    this.packets++;
    this.bytes += bytes.length;
    this.#hash.update(String(bytes.length));
    this.#hash.update(new Uint8Array(bytes));
  }

  report(): SideReport {
    return { packets: this.packets, bytes: this.bytes, hash: this.#hash.digest("hex") };
  }
}

function nextPacket(random: Random): Uint8Array<ArrayBuffer> {
  const most = random.pick([0, 16, 300, 300, 3000, LONGEST_BYTES]);
  return random.bytes(random.integer(0, most));
}

async function pushOne(
  buffer: ZeroCopyBuffer,
  manner: PushManner,
  packet: Uint8Array,
  random: Random,
): Promise<void> {
  if (manner === "pushSync") return buffer.pushSync(packet);
  if (manner !== "reserve") return await buffer.push(packet);
  using room = await buffer.reserve(packet.length + random.integer(0, 100));
  room.bytes.set(packet);
  room.commit(packet.length);
}

/** Pushes `count` packets, and closes. */
export async function pushAll(
  buffer: ZeroCopyBuffer,
  manner: PushManner,
  count: number,
  seed: number,
): Promise<SideReport> {
  const random = new Random(seed);
  const tally = new Tally();
  let under: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    const packet = nextPacket(random);
    tally.add(packet);
    const pushed = pushOne(buffer, manner, packet, random);
    if (manner !== "burst") {
      await pushed;
    } else if (under.push(pushed) === BURST) {
      await Promise.all(under);
      under = [];
    }
  }
  await Promise.all(under);
  buffer.close();
  return tally.report();
}

/** Keeps handles for a while, and proves at their end that nobody wrote over their bytes. */
class Retained {
  readonly #random: Random;
  readonly #most: number;
  #held: { handle: Packet; copy: Uint8Array }[] = [];

  constructor(random: Random, most: number) {
    this.#random = random;
    this.#most = most;
  }

  consider(packet: Packet): void {
    if (this.#random.chance(0.9)) return;
    if (this.#held.length === this.#most) this.#drop();
    this.#held.push({ handle: packet.retain(), copy: packet.copy() });
  }

  /** Who waits must not hold what the other side waits for. */
  dropAll(): void {
    while (this.#held.length > 0) this.#drop();
  }

  #drop(): void {
    const place = this.#random.integer(0, this.#held.length - 1);
    const [{ handle, copy }] = this.#held.splice(place, 1);
    const { bytes } = handle;
    if (bytes.some((byte, index) => byte !== copy[index])) {
      throw new Error("bytes were overwritten");
    }
    handle.release();
  }
}

/** Takes every packet until the end. */
export async function popAll(
  buffer: ZeroCopyBuffer,
  manner: PopManner,
  seed: number,
): Promise<SideReport> {
  const tally = new Tally();
  const retained = new Retained(
    new Random(seed, 1),
    manner === "popMany" ? RETAINED_WAITING_MOST : RETAINED_MOST,
  );
  const see = (packet: Packet): void => {
    tally.add(packet.bytes);
    retained.consider(packet);
  };
  if (manner === "popMany") {
    for await (const packet of buffer) see(packet);
  } else {
    while (!buffer.isEnded) {
      retained.dropAll();
      const batch = await take(buffer, manner);
      batch.forEach(see);
      batch.forEach((packet) => packet.release());
    }
  }
  retained.dropAll();
  if (buffer.stats().held !== 0) throw new Error("packets are held after the end");
  return tally.report();
}

async function take(buffer: ZeroCopyBuffer, manner: PopManner): Promise<Packet[]> {
  if (manner === "popBatch") return await buffer.popBatch(BATCH_MOST);
  const packet = manner === "pop" ? await buffer.pop() : buffer.popSync();
  return packet === null ? [] : [packet];
}

/** Writes over the shared memory, words of all kinds, as nobody does who is honest. */
export function scribble(handle: PacketHandle, count: number, seed: number): void {
  const random = new Random(seed, 2);
  const words = new Int32Array(handle.buffer, 0, handle.buffer.byteLength >> 2);
  const header = 128;
  for (let turn = 0; turn < count; turn++) {
    const place = random.chance(0.5)
      ? random.integer(0, header / 16 - 1) * 16
      : random.integer(0, words.length - 1);
    words[place] = random.pick([random.uint32() | 0, random.integer(0, 40), -1, 256, 1 << 20]);
  }
}

/** Does a task to its end. */
export async function runSide({ handle, side, count, seed }: SideTask): Promise<SideReport> {
  const buffer = ZeroCopyBuffer.attach(handle);
  switch (side) {
    case "scribble":
      scribble(handle, count, seed);
      return new Tally().report();
    case "pop":
    case "popSync":
    case "popMany":
    case "popBatch":
      return await popAll(buffer, side, seed);
    default:
      return await pushAll(buffer, side, count, seed);
  }
}
