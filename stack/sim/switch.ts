/**
 * A switch that learns: IEEE 802.1Q section 8, without spanning tree and VLANs of its own.
 *
 * Where an address was seen as a source, frames for it are sent to, and nowhere else; others go to
 * all ports. What is known is bounded, and forgotten when it has not been seen for long.
 *
 * @module
 */

import type { FrameQueue } from "../frame_queue.ts";
import type { PacketArena } from "../memory/mod.ts";
import { type RandomSource, randomTableKey } from "../random.ts";
import { Counters } from "../statistics.ts";
import { KeyTable } from "../tables/mod.ts";
import { ethernet } from "../wire/mod.ts";
import { flood } from "./hub.ts";
import type { SimNode } from "./node.ts";

/** What a switch is made of. */
export interface SwitchOptions {
  /** How many addresses it remembers; 1024. */
  readonly addresses?: number;
  /** After how many seconds without a frame an address is forgotten; 300. IEEE 802.1Q 8.8.3. */
  readonly ageingSeconds?: number;
}

/** What a switch counts. */
export const SwitchCounter = {
  /** Frames for an address whose port is known. */
  FORWARDED: 0,
  /** Frames that went to all ports. */
  FLOODED: 1,
  /** Frames for an address on the port they came from. */
  FILTERED: 2,
  /** Addresses that were learnt, and that moved to another port. */
  LEARNT: 3,
  MOVED: 4,
  /** Addresses that were forgotten because they were not seen for long. */
  AGED: 5,
  /** Addresses that were not learnt for want of room. */
  DROPPED_TABLE_FULL: 6,
  /** Frames that are no frames of Ethernet. */
  DROPPED_MALFORMED: 7,
  /** Frames that its ports had no room for. */
  DROPPED_NO_ROOM: 8,
} as const;

const DEFAULT_ADDRESSES = 1024;
const DEFAULT_AGEING_SECONDS = 300;
const MICROSECONDS = 1_000_000;
const KEY_WORDS = 2;

/** A switch with any number of ports. */
export class Switch implements SimNode {
  readonly counters: Counters<typeof SwitchCounter>;
  readonly #arena: PacketArena;
  readonly #table: KeyTable;
  readonly #key = new Int32Array(KEY_WORDS);
  /** By entry: the address, in key words; its port; when it was seen. */
  readonly #addresses: Int32Array;
  readonly #ports: Int32Array;
  readonly #seen: Float64Array;
  readonly #free: number[] = [];
  readonly #ageing: number;
  /** Not before this time is anything old enough to be forgotten. */
  #sweepAt = Infinity;
  #portCount = 0;

  /**
   * Makes a switch that knows nobody.
   *
   * @param arena the network's
   * @param random where the key of its table is drawn from
   */
  constructor(arena: PacketArena, random: RandomSource, options: SwitchOptions = {}) {
    const capacity = options.addresses ?? DEFAULT_ADDRESSES;
    this.#arena = arena;
    this.#ageing = (options.ageingSeconds ?? DEFAULT_AGEING_SECONDS) * MICROSECONDS;
    this.#table = new KeyTable({
      capacity,
      keyWords: KEY_WORDS,
      hashKey: randomTableKey(random),
    });
    this.#addresses = new Int32Array(capacity * KEY_WORDS);
    this.#ports = new Int32Array(capacity);
    this.#seen = new Float64Array(capacity);
    for (let entry = capacity - 1; entry >= 0; entry--) this.#free.push(entry);
    const count = Object.keys(SwitchCounter).length;
    this.counters = new Counters(SwitchCounter, new Float64Array(count));
  }

  /** How many addresses it knows. */
  get size(): number {
    return this.#table.size;
  }

  /** {@inheritDoc SimNode.onPort} */
  onPort(): void {
    this.#portCount++;
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    return this.#sweepAt;
  }

  /** {@inheritDoc SimNode.step} */
  step(now: number, received: FrameQueue, sent: FrameQueue): void {
    if (now >= this.#sweepAt) this.#sweep(now);
    while (received.size > 0) {
      const port = received.interface;
      this.#receive(now, port, received.shift(), sent);
    }
  }

  #receive(now: number, from: number, packet: number, sent: FrameQueue): void {
    const { memory } = this.#arena;
    const { values } = this.counters;
    const at = this.#arena.start(packet);
    if (this.#arena.length(packet) < ethernet.HEADER_BYTES) {
      values[SwitchCounter.DROPPED_MALFORMED]++;
      this.#arena.release(packet);
      return;
    }
    const sourceHigh = ethernet.sourceHigh(memory, at);
    // IEEE 802.1Q section 8.7: a group is no source, and is not learnt.
    if ((sourceHigh & 0x100) === 0) {
      this.#learn(now, sourceHigh, ethernet.sourceLow(memory, at), from);
    }
    const high = ethernet.destinationHigh(memory, at);
    const entry = (high & 0x100) === 0 ? this.#find(high, ethernet.destinationLow(memory, at)) : -1;
    if (entry < 0) {
      values[SwitchCounter.FLOODED]++;
      const dropped = flood(this.#arena, packet, from, this.#portCount, sent);
      values[SwitchCounter.DROPPED_NO_ROOM] += dropped;
      return;
    }
    const to = this.#ports[entry];
    if (to === from) {
      values[SwitchCounter.FILTERED]++;
      this.#arena.release(packet);
    } else if (sent.push(to, packet)) {
      values[SwitchCounter.FORWARDED]++;
    } else {
      values[SwitchCounter.DROPPED_NO_ROOM]++;
      this.#arena.release(packet);
    }
  }

  #find(high: number, low: number): number {
    this.#key[0] = high;
    this.#key[1] = low;
    return this.#table.lookup(this.#key);
  }

  #learn(now: number, high: number, low: number, port: number): void {
    const { values } = this.counters;
    const known = this.#find(high, low);
    if (known >= 0) {
      if (this.#ports[known] !== port) values[SwitchCounter.MOVED]++;
      this.#ports[known] = port;
      this.#seen[known] = now;
      return;
    }
    const entry = this.#free.pop();
    if (entry === undefined) {
      values[SwitchCounter.DROPPED_TABLE_FULL]++;
      return;
    }
    this.#table.insert(this.#key, entry);
    this.#addresses[entry * KEY_WORDS] = high;
    this.#addresses[entry * KEY_WORDS + 1] = low;
    this.#ports[entry] = port;
    this.#seen[entry] = now;
    values[SwitchCounter.LEARNT]++;
    if (this.#sweepAt === Infinity) this.#sweepAt = now + this.#ageing;
  }

  /** Forgets what is old, and finds out when the next one will be. */
  #sweep(now: number): void {
    let oldest = Infinity;
    for (const entry of this.#table.values()) {
      if (now - this.#seen[entry] < this.#ageing) {
        oldest = Math.min(oldest, this.#seen[entry]);
        continue;
      }
      this.#key[0] = this.#addresses[entry * KEY_WORDS];
      this.#key[1] = this.#addresses[entry * KEY_WORDS + 1];
      this.#table.remove(this.#key);
      this.#free.push(entry);
      this.counters.values[SwitchCounter.AGED]++;
    }
    this.#sweepAt = oldest + this.#ageing;
  }
}
