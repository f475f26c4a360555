/**
 * What must hold in every run, whatever the network does to its frames: streams are sent again as
 * they were, numbers go on, windows are respected, and every buffer comes back.
 *
 * @module
 */

import { MemorySink } from "../capture/mod.ts";
import { type PacketArena, takenPackets, verifyArena } from "../memory/mod.ts";
import { FlowChecker } from "./flow_checker.ts";
import { LinkCapture } from "./link_capture.ts";
import type { NetworkObserver, VirtualNetwork } from "./network.ts";
import { Violations } from "./violations.ts";

/** What is checked, and how much is remembered. */
export interface InvariantOptions {
  /** The nodes that are ends, by name; without it all that are linked but once. */
  readonly ends?: readonly string[];
  /** Bytes of packets that the capture of a failure shows; 16 MiB. 0 captures nothing. */
  readonly captureBytes?: number;
  /** An arena is verified after so many instants, each in its turn; 1000. */
  readonly verifyInterval?: number;
}

const CAPTURE_BYTES = 1 << 24;
const VERIFY_INTERVAL = 1000;
/** Packets that a message about lost ones names. */
const NAMED_PACKETS = 8;

/** An arena, and whose it is. */
interface WatchedArena {
  readonly name: string;
  readonly arena: PacketArena;
}

/** Watches a whole network. It is made once all links are there. */
export class InvariantChecker implements NetworkObserver, Disposable {
  readonly violations: Violations = new Violations();
  /** What it knows of TCP. */
  readonly flows: FlowChecker;
  readonly #network: VirtualNetwork;
  readonly #sink: MemorySink | null;
  readonly #capture: LinkCapture | null;
  readonly #taps: Disposable[] = [];
  readonly #arenas: WatchedArena[] = [];
  readonly #interval: number;
  #instants = 0;

  /** Watches a network from now on. */
  constructor(network: VirtualNetwork, options: InvariantOptions = {}) {
    const { captureBytes = CAPTURE_BYTES } = options;
    const ends = new Set(options.ends ?? onceLinked(network));
    this.#network = network;
    this.#interval = options.verifyInterval ?? VERIFY_INTERVAL;
    this.flows = new FlowChecker(network.frames, this.violations, (name) => ends.has(name));
    this.#sink = captureBytes > 0 ? new MemorySink(captureBytes) : null;
    this.#capture = this.#sink === null ? null : new LinkCapture(
      network.frames,
      network.clock,
      this.#sink,
      { comment: `seed ${network.seed}` },
    );
    for (const link of network.links) {
      this.#taps.push(this.flows.watch(link));
      this.#capture?.add(link);
    }
    this.watchArena("the network", network.frames.arena);
    network.observers.push(this);
  }

  /** Watches an arena: of a stack that has one of its own. */
  watchArena(name: string, arena: PacketArena): void {
    if (this.#arenas.some((watched) => watched.arena === arena)) return;
    this.#arenas.push({ name, arena });
  }

  /** {@inheritDoc NetworkObserver.onInstant} */
  onInstant(now: number): void {
    if (++this.#instants % this.#interval !== 0) return;
    // One after the other: to verify all of many hosts would take longer than to run them.
    const at = this.#instants / this.#interval % this.#arenas.length;
    this.#verify(now, this.#arenas[at]);
  }

  /**
   * Says that everything is closed and nothing is under way: what is still taken is lost.
   */
  checkReturned(): void {
    const { now } = this.#network;
    for (const watched of this.#arenas) {
      const { name, arena } = watched;
      this.#verify(now, watched);
      if (arena.usedCount === 0) continue;
      const taken = takenPackets(arena).slice(0, NAMED_PACKETS).join(", ");
      const what = `${arena.usedCount} packets of ${name} did not come back: ${taken} ...`;
      this.violations.add(now, "buffers returned", what);
    }
  }

  /** What happened on all links, as pcapng; empty where nothing is captured. */
  capture(): Uint8Array<ArrayBuffer> {
    return this.#sink?.bytes() ?? new Uint8Array(0);
  }

  /** @throws {InvariantError} when anything went wrong; it names the seed */
  assertGood(): void {
    this.violations.assertNone(this.#network.seed);
  }

  /** Watches no more. */
  [Symbol.dispose](): void {
    for (const tap of this.#taps.splice(0)) tap[Symbol.dispose]();
    this.#capture?.[Symbol.dispose]();
    const { observers } = this.#network;
    const at = observers.indexOf(this);
    if (at >= 0) observers.splice(at, 1);
  }

  #verify(now: number, { name, arena }: WatchedArena): void {
    try {
      verifyArena(arena);
    } catch (error) {
      this.violations.add(now, "buffers returned", `the arena of ${name}: ${error}`);
    }
  }
}

/** The names of the nodes that have one link only. */
function onceLinked(network: VirtualNetwork): string[] {
  const links = new Map<string, number>();
  for (const { there, back } of network.links) {
    for (const { source } of [there, back]) {
      links.set(source.name, (links.get(source.name) ?? 0) + 1);
    }
  }
  return [...links].filter(([, count]) => count === 1).map(([name]) => name);
}
