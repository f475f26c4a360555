/**
 * One direction of a link: a queue, a sender of so many bits a second, and a wire.
 *
 * ```text
 *           +-----------+     +----------+     +-----------------------------+
 *   send -> |   queue   | --> | bits/s   | --> | wire: delay, jitter, loss,  | -> deliver
 *           | tail, RED |     |          |     | corruption, reordering ...  |
 *           |   CoDel   |     +----------+     +-----------------------------+
 *           +-----------+
 * ```
 *
 * When a frame leaves is known as soon as it is put into a queue that drops at its tail: such a
 * queue is only a list of departures, and a frame causes one event, its arrival. CoDel decides when
 * a frame leaves; its frames wait in a queue of their own.
 *
 * Within a direction times have fractions, so that bandwidths are exact however short frames are;
 * frames arrive on whole microseconds, the next one after the exact time.
 *
 * @module
 */

import { randomBelow, randomChance, type RandomSource } from "../random.ts";
import type { Counters } from "../statistics.ts";
import { ethernet } from "../wire/mod.ts";
import { Codel } from "./codel.ts";
import { Departures } from "./departures.ts";
import { markCongestion } from "./ecn_mark.ts";
import type { FrameStore } from "./frame_store.ts";
import { DROPPED, Fate, FATE_COUNTERS, LinkCounter } from "./link_counters.ts";
import type { DirectionParameters } from "./link_options.ts";
import { LossModel } from "./loss.ts";
import { Red } from "./red.ts";
import type { PortNumber } from "./node.ts";
import { Transit } from "./transit.ts";

/** Frames on one wire at a time; what is more is dropped and counted. */
const MAXIMUM_IN_TRANSIT = 1 << 16;

/** A frame's header and the tags that a longest packet may have in front of it. */
const FRAME_OVERHEAD = ethernet.HEADER_BYTES + ethernet.MAX_TAGS * ethernet.TAG_BYTES;

/** Sees what happens on links. Frames must be neither kept nor written into. */
export interface LinkTap {
  /** A node puts a frame on a link; what is known of its fate is said at once. */
  onSent?(direction: LinkDirection, packet: number, now: number, fate: number): void;
  /** A frame is dropped that was on its way. */
  onDropped?(direction: LinkDirection, packet: number, now: number, fate: number): void;
  /** A node is given a frame. */
  onDelivered?(direction: LinkDirection, packet: number, now: number): void;
}

/** What a direction needs of its network. */
export interface DirectionHost {
  readonly frames: FrameStore;
  /** A number that grows with each event that is caused. */
  nextSequence(): number;
  /** Says that the time of a direction's next event may be another one now. */
  reschedule(direction: LinkDirection): void;
  /** Is told of each frame, with its fate and its arrival (-1 for none, or not known yet). */
  trace(direction: LinkDirection, packet: number, fate: number, arrival: number): void;
}

/** Who is at an end of a direction. */
export interface DirectionEnd {
  /** The node's number in its network. */
  readonly node: number;
  readonly port: PortNumber;
  /** The node's name. */
  readonly name: string;
}

/** From one node to another. */
export class LinkDirection {
  /** Its number in its network, and as a source of events. */
  readonly index: number;
  readonly source: DirectionEnd;
  readonly target: DirectionEnd;
  readonly counters: Counters<typeof LinkCounter>;
  /** Who sees its frames. */
  readonly taps: LinkTap[] = [];
  /** What it goes by; another one may be put in its place at any time. */
  parameters: DirectionParameters;
  /** Whether frames can get through. */
  isUp = true;
  readonly #host: DirectionHost;
  readonly #random: RandomSource;
  readonly #loss = new LossModel();
  readonly #red = new Red();
  readonly #codel = new Codel();
  readonly #departures = new Departures();
  readonly #wire = new Transit(MAXIMUM_IN_TRANSIT);
  /** Frames that wait for CoDel's decision, by the time at which they came. */
  readonly #waiting: Transit;
  #waitingBytes = 0;
  /** Until when the sender is busy. */
  #busyUntil = 0;
  /** The last arrival of a frame that stays in order. */
  #lastArrival = 0;

  constructor(
    index: number,
    ends: readonly [source: DirectionEnd, target: DirectionEnd],
    parameters: DirectionParameters,
    random: RandomSource,
    counters: Counters<typeof LinkCounter>,
    host: DirectionHost,
  ) {
    this.index = index;
    [this.source, this.target] = ends;
    this.parameters = parameters;
    this.counters = counters;
    this.#random = random;
    this.#host = host;
    this.#waiting = new Transit(Infinity);
  }

  /** Frames that wait or are on the wire. */
  get inFlight(): number {
    return this.#waiting.size + this.#wire.size;
  }

  /** Frames that wait to be sent, at this time. */
  queueLength(now: number): number {
    return this.#waiting.size + this.#departures.waiting(now);
  }

  /** When something happens next, in microseconds; Infinity when nothing does. */
  get nextTime(): number {
    const arrival = this.#wire.time;
    if (this.#waiting.size === 0) return arrival;
    return Math.min(arrival, Math.ceil(this.#busyUntil));
  }

  /** What orders it among the events of one time. */
  get nextSequence(): number {
    return this.#wire.size > 0 ? this.#wire.sequence : this.#waiting.sequence;
  }

  /**
   * Puts a frame on the link.
   *
   * @param sent the packet, whose hold is handed over
   */
  send(sent: number, now: number): void {
    const { frames } = this.#host;
    const { values } = this.counters;
    const packet = frames.own(sent);
    if (packet < 0) {
      values[LinkCounter.DROPPED_NO_ROOM]++;
      return;
    }
    const bytes = frames.arena.length(packet);
    values[LinkCounter.SENT]++;
    values[LinkCounter.SENT_BYTES] += bytes;
    const fate = this.#refusal(packet, bytes, now);
    if (fate !== 0 && (fate & DROPPED) !== 0) {
      this.#drop(packet, now, fate, true);
    } else if (this.parameters.queue.discipline === "codel") {
      for (const tap of this.taps) tap.onSent?.(this, packet, now, 0);
      this.#wait(packet, bytes, now);
    } else {
      const cost = (bytes + this.parameters.overheadBytes) * this.parameters.microsecondsPerByte;
      const start = this.#busyUntil > now ? this.#busyUntil : now;
      this.#busyUntil = start + cost;
      if (cost > 0) this.#departures.add(this.#busyUntil, bytes);
      this.#cross(packet, now, this.#busyUntil, fate, true);
    }
    this.#host.reschedule(this);
  }

  /**
   * Does what is due.
   *
   * @param deliver takes over each frame that arrives; false when the node takes no more
   */
  advance(now: number, deliver: (direction: LinkDirection, packet: number) => boolean): void {
    if (this.#waiting.size > 0) this.#dequeue(now);
    const { values } = this.counters;
    const { arena } = this.#host.frames;
    while (this.#wire.time <= now) {
      const packet = this.#wire.shift();
      const bytes = arena.length(packet);
      if (this.taps.length > 0) this.#tellDelivered(packet, now);
      if (deliver(this, packet)) {
        values[LinkCounter.DELIVERED]++;
        values[LinkCounter.DELIVERED_BYTES] += bytes;
      } else {
        this.#drop(packet, now, Fate.RECEIVER, false);
      }
    }
    this.#host.reschedule(this);
  }

  /** Drops everything that waits or is on the wire. */
  clear(now: number): void {
    for (const queue of [this.#waiting, this.#wire]) {
      for (let packet = queue.shift(); packet >= 0; packet = queue.shift()) {
        this.#drop(packet, now, Fate.DOWN, false);
      }
    }
    this.#waitingBytes = 0;
    this.#host.reschedule(this);
  }

  /** Why a frame does not get into the queue, or that it got a mark; 0 when it just waits. */
  #refusal(packet: number, bytes: number, now: number): number {
    if (!this.isUp) return Fate.DOWN;
    const { mtu, queue, microsecondsPerByte } = this.parameters;
    if (bytes > mtu + ethernet.HEADER_BYTES && this.#isTooLong(packet, bytes)) {
      return Fate.TOO_LONG;
    }
    if (microsecondsPerByte === 0) return 0;
    const isCodel = queue.discipline === "codel";
    const waiting = isCodel ? this.#waiting.size : this.#departures.waiting(now);
    const waitingBytes = isCodel ? this.#waitingBytes : this.#departures.bytes;
    if (waiting >= queue.packets || waitingBytes + bytes > queue.bytes) return Fate.QUEUE_FULL;
    if (queue.discipline !== "red") return 0;
    const idle = waiting > 0 ? 0 : (now - this.#busyUntil) / (mtu * microsecondsPerByte);
    if (!this.#red.isEarly(this.#random, waiting, Math.max(0, idle), queue)) return 0;
    return queue.ecn && markCongestion(this.#host.frames, packet) ? Fate.MARKED : Fate.EARLY;
  }

  /** The tags of VLANs do not count as part of the packet. */
  #isTooLong(packet: number, bytes: number): boolean {
    const { memory } = this.#host.frames;
    const { mtu } = this.parameters;
    if (bytes > mtu + FRAME_OVERHEAD) return true;
    const at = this.#host.frames.arena.start(packet);
    return bytes > mtu + ethernet.headerBytes(memory, at);
  }

  #wait(packet: number, bytes: number, now: number): void {
    this.#waiting.insert(now, this.#host.nextSequence(), packet);
    this.#waitingBytes += bytes;
    if (this.#busyUntil <= now) this.#dequeue(now);
  }

  /** Sends what CoDel lets go, as far as the bandwidth goes. */
  #dequeue(now: number): void {
    const { frames } = this.#host;
    const { queue, mtu, microsecondsPerByte, overheadBytes } = this.parameters;
    let isFirst = true;
    while (this.#waiting.size > 0 && this.#busyUntil <= now) {
      const since = this.#waiting.time;
      const packet = this.#waiting.shift();
      const bytes = frames.arena.length(packet);
      this.#waitingBytes -= bytes;
      const at = Math.max(since, this.#busyUntil);
      const maximum = mtu + ethernet.HEADER_BYTES;
      let fate = 0;
      if (this.#codel.isLate(at, at - since, this.#waitingBytes, maximum, isFirst, queue)) {
        if (!queue.ecn || !markCongestion(frames, packet)) {
          this.#drop(packet, now, Fate.LATE, false);
          isFirst = false;
          continue;
        }
        this.#codel.onMark(at, queue);
        fate = Fate.MARKED;
      }
      isFirst = true;
      this.#busyUntil = at + (bytes + overheadBytes) * microsecondsPerByte;
      this.#cross(packet, now, this.#busyUntil, fate, false);
    }
  }

  /** Puts a frame on the wire, which it reaches at a time with fractions. */
  #cross(packet: number, now: number, departure: number, before: number, isNew: boolean): void {
    const random = this.#random;
    const { parameters } = this;
    let fate = before;
    if (this.#loss.isLost(random, parameters)) fate |= Fate.LOST;
    else if (this.#wire.isFull) fate |= Fate.NO_ROOM;
    if ((fate & DROPPED) !== 0) return this.#drop(packet, now, fate, isNew);
    const { delay, jitter, corrupt, duplicate, reorder } = parameters;
    if (corrupt > 0 && randomChance(random, corrupt)) fate |= Fate.CORRUPTED;
    if (duplicate > 0 && randomChance(random, duplicate)) fate |= Fate.DUPLICATED;
    if (reorder > 0 && randomChance(random, reorder)) fate |= Fate.REORDERED;
    let exact = departure + delay;
    if (jitter > 0) exact += jitter * (random.uint32() / 0x8000_0000 - 1);
    const arrival = this.#arrivalOf(exact, fate);
    if (isNew) {
      this.#host.trace(this, packet, fate, arrival);
      if (this.taps.length > 0) {
        for (const tap of this.taps) tap.onSent?.(this, packet, now, fate);
      }
    } else {
      this.#host.trace(this, packet, fate, arrival);
    }
    if (fate !== 0) this.#count(fate);
    if ((fate & Fate.CORRUPTED) !== 0) this.#corrupt(packet);
    this.#wire.insert(arrival, this.#host.nextSequence(), packet);
    if ((fate & Fate.DUPLICATED) !== 0) this.#duplicate(packet, arrival);
  }

  #arrivalOf(exact: number, fate: number): number {
    if ((fate & Fate.REORDERED) !== 0) return Math.ceil(exact + this.parameters.reorderDelay);
    const arrival = Math.ceil(exact);
    if (this.parameters.jitterReorders) return arrival;
    if (arrival > this.#lastArrival) this.#lastArrival = arrival;
    return this.#lastArrival;
  }

  #corrupt(packet: number): void {
    const { arena, memory } = this.#host.frames;
    const bit = randomBelow(this.#random, arena.length(packet) * 8);
    memory.bytes[arena.start(packet) + (bit >> 3)] ^= 1 << (bit & 7);
  }

  #duplicate(packet: number, arrival: number): void {
    if (this.#wire.isFull) return;
    const copy = this.#host.frames.copy(packet);
    if (copy >= 0) this.#wire.insert(arrival, this.#host.nextSequence(), copy);
  }

  #drop(packet: number, now: number, fate: number, isNew: boolean): void {
    this.#count(fate);
    this.#host.trace(this, packet, fate, -1);
    for (const tap of this.taps) {
      if (isNew) tap.onSent?.(this, packet, now, fate);
      else tap.onDropped?.(this, packet, now, fate);
    }
    this.#host.frames.arena.release(packet);
  }

  #tellDelivered(packet: number, now: number): void {
    for (const tap of this.taps) tap.onDelivered?.(this, packet, now);
  }

  #count(fate: number): void {
    const { values } = this.counters;
    for (let bit = 0, left = fate; left !== 0; bit++, left >>>= 1) {
      if ((left & 1) !== 0) values[FATE_COUNTERS[bit]]++;
    }
  }
}
