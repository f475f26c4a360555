/**
 * A network that exists only in memory: nodes, links between them, and a virtual clock.
 *
 * ```text
 *            +-------- events: the next arrival of each link, the deadline of each node
 *            v
 *   clock -> deliver what arrives now -> step each node that has frames or is due -> send
 *            ^                                                                        |
 *            +---------------- until nothing is left to do now -----------------------+
 * ```
 *
 * Time goes from one event to the next one. Whatever depends on chance is drawn from generators
 * with one seed, one for each direction of a link, so that a run can be repeated byte for byte and
 * a link more or less does not change the others' fortunes.
 *
 * @module
 */

import { FrameQueue } from "../frame_queue.ts";
import { PacketArena, type SizeClass, sizeClasses } from "../memory/mod.ts";
import { SeededRandom } from "../random.ts";
import { Counters } from "../statistics.ts";
import { EventQueue } from "./event_queue.ts";
import { FrameStore } from "./frame_store.ts";
import { Hub } from "./hub.ts";
import { Link } from "./link.ts";
import { LinkCounter } from "./link_counters.ts";
import { type DirectionEnd, type DirectionHost, LinkDirection } from "./link_direction.ts";
import { type DirectionParameters, type LinkOptions, parametersOf } from "./link_options.ts";
import type { PortNumber, SimNode } from "./node.ts";
import { Switch, type SwitchOptions } from "./switch.ts";
import { TraceHash } from "./trace.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** What a network is made of. */
export interface VirtualNetworkOptions {
  /** What all chance comes from; its lower 32 bits count. */
  readonly seed: number;
  /** Frames that are on links or in nodes at a time; a few thousand of each size. */
  readonly frames?: readonly SizeClass[];
  /** The arena itself, where stacks have the same one. */
  readonly arena?: PacketArena;
  /** Frames that a node is given at a time; 4096. */
  readonly receiveFrames?: number;
  /** Whether the trace takes in the bytes of frames; else their lengths and times only. */
  readonly traceBytes?: boolean;
  /** When virtual time begins, in microseconds; 0. */
  readonly startTime?: number;
}

/** Sees what a network does. */
export interface NetworkObserver {
  /** Everything that happens at a time has happened. */
  onInstant?(now: number): void;
}

/** So often nodes are stepped at one time before they are believed never to come to rest. */
export const MAXIMUM_ROUNDS = 100_000;

const DEFAULT_FRAMES = { small: 16384, medium: 16384, large: 64 } as const;
const DEFAULT_RECEIVE_FRAMES = 4096;
const SENT_FRAMES = 1 << 16;
/** Generators of nodes have other streams than those of links. */
const NODE_STREAMS = 0x4000_0000;
const MILLISECOND = 1000;

/** A node, as its network sees it. */
interface Attached {
  readonly name: string;
  readonly node: SimNode;
  readonly received: FrameQueue;
  /** Its number among the sources of events. */
  readonly source: number;
  /** Where each of its ports leads. */
  readonly ports: LinkDirection[];
  isReady: boolean;
}

/** Nodes, links and a clock. */
export class VirtualNetwork implements DirectionHost {
  /** What all chance comes from. */
  readonly seed: number;
  readonly clock: VirtualClock;
  /** Where the frames are. */
  readonly frames: FrameStore;
  /** What happened so far, in short. */
  readonly traceHash: TraceHash = new TraceHash();
  /** Who sees what it does. */
  readonly observers: NetworkObserver[] = [];
  /** The links, in the order in which they were made. */
  readonly links: Link[] = [];
  readonly #options: VirtualNetworkOptions;
  readonly #events = new EventQueue();
  readonly #nodes: Attached[] = [];
  readonly #byName = new Map<string, number>();
  /** By source of events: the direction, or the node's number. */
  readonly #sources: (LinkDirection | number)[] = [];
  readonly #directionSources: number[] = [];
  readonly #sent = new FrameQueue(SENT_FRAMES);
  #ready: number[] = [];
  #stepping: number[] = [];
  #sequence = 0;

  /** Makes a network without nodes. */
  constructor(options: VirtualNetworkOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.clock = new VirtualClock(options.startTime);
    const classes = options.frames ?? sizeClasses(DEFAULT_FRAMES);
    this.frames = new FrameStore(options.arena ?? new PacketArena({ classes }));
  }

  /** The time, in microseconds. */
  get now(): number {
    return this.clock.now;
  }

  /** When something happens next, in microseconds; Infinity when nothing will. */
  get nextTime(): number {
    return this.#ready.length > 0 ? this.clock.now : this.#events.time;
  }

  /**
   * Adds a node.
   *
   * @param name by which links find it
   * @returns its number
   * @throws {TypeError} when the name is taken
   */
  add(name: string, node: SimNode): number {
    if (this.#byName.has(name)) throw new TypeError(`there is a node ${JSON.stringify(name)}`);
    const number = this.#nodes.length;
    const source = this.#addSource(number);
    const received = new FrameQueue(this.#options.receiveFrames ?? DEFAULT_RECEIVE_FRAMES);
    this.#nodes.push({ name, node, received, source, ports: [], isReady: false });
    this.#byName.set(name, number);
    this.#reconsider(this.#nodes[number]);
    return number;
  }

  /** Adds a hub. */
  hub(name: string): Hub {
    const hub = new Hub(this.frames.arena);
    this.add(name, hub);
    return hub;
  }

  /** Adds a switch. */
  switch(name: string, options: SwitchOptions = {}): Switch {
    const made = new Switch(this.frames.arena, this.randomOf(this.#nodes.length), options);
    this.add(name, made);
    return made;
  }

  /** A generator for a node, whose numbers nobody else draws. */
  randomOf(node: number): SeededRandom {
    return new SeededRandom(this.seed, NODE_STREAMS + node);
  }

  /** The number of the node with a name. @throws {TypeError} when there is none */
  nodeNumber(name: string): number {
    const number = this.#byName.get(name);
    if (number === undefined) throw new TypeError(`there is no node ${JSON.stringify(name)}`);
    return number;
  }

  /**
   * Links two nodes.
   *
   * @param first the name of the first one
   * @param second the name of the second one
   * @param options what the link is like; without any it is a perfect wire
   */
  link(first: string, second: string, options: LinkOptions = {}): Link {
    const ends = [first, second].map((name) => this.#newEnd(name));
    const [one, other] = ends;
    if (one.node === other.node) throw new TypeError(`a link joins two nodes, not ${first} alone`);
    const there = this.#direction(one, other, parametersOf(options, options.there));
    const back = this.#direction(other, one, parametersOf(options, options.back));
    this.#nodes[one.node].ports.push(there);
    this.#nodes[other.node].ports.push(back);
    const link = new Link(there, back, options, this.clock);
    this.links.push(link);
    this.#nodes[one.node].node.onPort?.(one.port, there.parameters.mtu);
    this.#nodes[other.node].node.onPort?.(other.port, back.parameters.mtu);
    return link;
  }

  /** Says that a node has something to do now. */
  wake(node: number): void {
    this.#markReady(node);
  }

  /** Says that a node may have another deadline than it had. */
  reconsider(node: number): void {
    this.#reconsider(this.#nodes[node]);
  }

  /**
   * Goes on to the next event, and does all that happens at its time.
   *
   * @param limit a time that is not passed, in microseconds
   * @returns false when there is no event until then; the clock stands still
   */
  advance(limit: number = Infinity): boolean {
    const time = this.nextTime;
    if (time > limit || time === Infinity) return false;
    if (time > this.clock.now) this.clock.advanceTo(time);
    this.#runInstant(this.clock.now);
    return true;
  }

  /** Does all that happens until a time, in microseconds, and puts the clock there. */
  runUntil(time: number): void {
    while (this.advance(time));
    if (time > this.clock.now) this.clock.advanceTo(time);
  }

  /** Does all that happens within a number of milliseconds. */
  runFor(milliseconds: number): void {
    this.runUntil(this.clock.now + Math.ceil(milliseconds * MILLISECOND));
  }

  /**
   * Goes on until nothing will happen any more, or until a condition holds.
   *
   * @param isDone asked after each event
   * @param limitMs virtual milliseconds after which it gives up; an hour
   * @returns whether the condition holds, or nothing is left
   */
  runWhile(isDone: () => boolean = () => false, limitMs: number = 3_600_000): boolean {
    const limit = this.clock.now + limitMs * MILLISECOND;
    while (!isDone()) {
      if (!this.advance(limit)) return this.nextTime === Infinity;
    }
    return true;
  }

  /** {@inheritDoc DirectionHost.nextSequence} */
  nextSequence(): number {
    return this.#sequence++;
  }

  /** {@inheritDoc DirectionHost.reschedule} */
  reschedule(direction: LinkDirection): void {
    const time = direction.nextTime;
    const sequence = time === Infinity ? 0 : direction.nextSequence;
    this.#events.set(this.#directionSources[direction.index], time, sequence);
  }

  /** {@inheritDoc DirectionHost.trace} */
  trace(direction: LinkDirection, packet: number, fate: number, arrival: number): void {
    const { traceHash, frames } = this;
    const { arena } = frames;
    traceHash.event(this.clock.now, direction.index, fate, arrival);
    const length = arena.length(packet);
    if (this.#options.traceBytes === false) traceHash.mix(length);
    else traceHash.bytes(arena.memory, arena.start(packet), length);
  }

  #addSource(what: LinkDirection | number): number {
    const source = this.#events.addSource();
    this.#sources[source] = what;
    return source;
  }

  #newEnd(name: string): DirectionEnd {
    const node = this.nodeNumber(name);
    return { node, port: this.#nodes[node].ports.length, name };
  }

  #direction(
    source: DirectionEnd,
    target: DirectionEnd,
    parameters: DirectionParameters,
  ): LinkDirection {
    const index = this.#directionSources.length;
    const random = new SeededRandom(this.seed, index + 1);
    const count = Object.keys(LinkCounter).length;
    const counters = new Counters(LinkCounter, new Float64Array(count));
    const made = new LinkDirection(index, [source, target], parameters, random, counters, this);
    this.#directionSources.push(this.#addSource(made));
    return made;
  }

  #runInstant(now: number): void {
    for (let round = 0; this.#events.time <= now || this.#ready.length > 0; round++) {
      if (round === MAXIMUM_ROUNDS) {
        const names = this.#ready.map((node) => this.#nodes[node].name).join(", ");
        throw new Error(`the network does not come to rest at ${now} us: ${names} go on and on`);
      }
      while (this.#events.time <= now) {
        const what = this.#sources[this.#events.first];
        if (typeof what !== "number") {
          what.advance(now, this.#deliver);
        } else {
          this.#events.set(this.#events.first, Infinity, 0);
          this.#markReady(what);
        }
      }
      const stepping = this.#ready;
      this.#ready = this.#stepping;
      this.#stepping = stepping;
      for (let nth = 0; nth < stepping.length; nth++) this.#step(stepping[nth], now);
      stepping.length = 0;
    }
    for (const observer of this.observers) observer.onInstant?.(now);
  }

  readonly #deliver = (direction: LinkDirection, packet: number): boolean => {
    const { node, port } = direction.target;
    if (!this.#nodes[node].received.push(port, packet)) return false;
    this.#markReady(node);
    return true;
  };

  #markReady(number: number): void {
    const attached = this.#nodes[number];
    if (attached.isReady) return;
    attached.isReady = true;
    this.#ready.push(number);
  }

  #step(number: number, now: number): void {
    const attached = this.#nodes[number];
    attached.isReady = false;
    const sent = this.#sent;
    attached.node.step(now, attached.received, sent);
    while (sent.size > 0) {
      const port: PortNumber = sent.interface;
      const packet = sent.shift();
      const direction = attached.ports[port];
      if (direction === undefined) this.frames.arena.release(packet);
      else direction.send(packet, now);
    }
    this.#reconsider(attached);
  }

  #reconsider(attached: Attached): void {
    const deadline = Math.max(this.clock.now, Math.ceil(attached.node.nextDeadline()));
    if (deadline === this.#events.timeOf(attached.source)) return;
    this.#events.set(attached.source, deadline, this.#sequence++);
  }
}
