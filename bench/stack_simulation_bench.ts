/**
 * What a virtual network costs: a frame on a link, through a switch, with its bytes in the trace's
 * hash and without; and two stacks that fetch a megabyte from each other. Where a name says how many
 * frames, divide by that.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import type { FrameQueue } from "../stack/frame_queue.ts";
import { PacketArena, PacketMemory, sizeClasses } from "../stack/memory/mod.ts";
import { type FrameStore, type SimNode, VirtualNetwork } from "../stack/sim/mod.ts";
import { StackTopology } from "../stack/sim/stack_topology.ts";
import {
  type FetchResult,
  PatternFetch,
  PatternMemory,
  PatternServer,
} from "../stack/sim/traffic.ts";

printMachine();

const HOSTS = 100;
/** Frames of one host that are under way at a time. */
const WINDOW = 16;
const FRAMES = 100_000;
const LONG = 1514;
const SHORT = 66;

/** Sends a long frame for each short one that comes, or the other way round. */
class Bouncer implements SimNode {
  readonly #frames: FrameStore;
  readonly #isSource: boolean;
  readonly #address: number;
  readonly #peer: number;
  #hasBegun = false;

  constructor(frames: FrameStore, isSource: boolean, address: number, peer: number) {
    this.#frames = frames;
    this.#isSource = isSource;
    this.#address = address;
    this.#peer = peer;
  }

  nextDeadline(): number {
    return this.#isSource && !this.#hasBegun ? 0 : Infinity;
  }

  step(_now: number, received: FrameQueue, sent: FrameQueue): void {
    const { arena, memory } = this.#frames;
    if (this.#isSource && !this.#hasBegun) {
      this.#hasBegun = true;
      for (let frame = 0; frame < WINDOW; frame++) this.#send(sent, LONG, this.#peer);
    }
    while (received.size > 0) {
      const packet = received.shift();
      const from = memory.view.getInt32(arena.start(packet) + 8);
      arena.release(packet);
      this.#send(sent, this.#isSource ? LONG : SHORT, from);
    }
  }

  #send(sent: FrameQueue, bytes: number, to: number): void {
    const { arena, memory } = this.#frames;
    const packet = arena.take(bytes);
    const at = arena.start(packet);
    memory.view.setUint16(at, 0x0200);
    memory.view.setInt32(at + 2, to);
    memory.view.setUint16(at + 6, 0x0200);
    memory.view.setInt32(at + 8, this.#address);
    memory.view.setUint16(at + 12, 0x88b5);
    sent.push(0, packet);
  }
}

/** A hundred hosts on a switch, and a server. @returns what runs it for some frames more */
function makeSwitched(traceBytes: boolean): () => void {
  const network = new VirtualNetwork({ seed: 1, traceBytes });
  const { frames, traceHash } = network;
  network.switch("switch");
  network.add("server", new Bouncer(frames, false, HOSTS, 0));
  network.link("server", "switch");
  for (let host = 0; host < HOSTS; host++) {
    network.add(`host ${host}`, new Bouncer(frames, true, host, HOSTS));
    network.link(`host ${host}`, "switch", { bandwidth: "10Mbit/s", delayMs: 10 });
  }
  return () => {
    const end = traceHash.events + FRAMES;
    while (traceHash.events < end) network.advance();
  };
}

for (const traceBytes of [false, true]) {
  const run = makeSwitched(traceBytes);
  Deno.bench({
    name: `${FRAMES} frames on links${traceBytes ? ", with their bytes in the hash" : ""}`,
    group: "links",
    baseline: !traceBytes,
    fn: run,
  });
}

const memory = new PacketMemory(1 << 28);
const arena = new PacketArena({
  classes: sizeClasses({ small: 16384, medium: 16384, large: 256 }),
  memory,
});
const topology = new StackTopology({ seed: 1, arena });
topology.host("client");
topology.host("server");
topology.link("client", "server", { bandwidth: "1Gbit/s", delayMs: 1 });
topology.build();
const pattern = new PatternMemory(memory);
const { stack, number } = topology.get("client");
const { stack: serving, plan: { ports: [{ ipv4 }] } } = topology.get("server");
new PatternServer(serving, pattern, 80);

Deno.bench({
  name: "a megabyte from stack to stack, 1 Gbit/s, 2 ms",
  group: "stacks",
  fn() {
    let result: FetchResult | null = null;
    const wanted = { address: ipv4, port: 80, bytes: 1_000_000 };
    stack.setTime(topology.network.now);
    new PatternFetch(stack, pattern, wanted, (ended) => result = ended);
    topology.network.wake(number);
    topology.network.runWhile(() => result !== null);
  },
});
