/**
 * How much memory an idle connection takes: two stacks on one wire, many connections that have
 * echoed one message each, and then nothing for an hour.
 *
 * ```sh
 * deno run -A --v8-flags=--expose-gc bench/stack_idle_bench.ts [connections] [--json]
 * ```
 *
 * Objects are what the heap has grown by, for each end of a connection; typed arrays are what a
 * stack for so many connections has beyond one for a few: places in tables and timers.
 *
 * @module
 */

import { FrameQueue } from "../stack/frame_queue.ts";
import { chainLength, copyOut, PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import { SeededRandom } from "../stack/random.ts";
import type { StreamStackSocket, UserMemory } from "../stack/socket.ts";
import { Stack } from "../stack/stack.ts";
import { ipv4Of } from "../stack/wire/mod.ts";
import { printMachine } from "./support.ts";

/** What one end of an idle connection takes, in bytes. */
export interface IdleCost {
  readonly connections: number;
  readonly objects: number;
  readonly arrays: number;
}

const ADDRESSES = [ipv4Of("10.0.0.1"), ipv4Of("10.0.0.2")] as const;
const CONNECTIONS = 100_000;
const FEW = 16;
/** Connections that are opened at once. */
const BATCH = 500;
/** Ports of the server: one for so many connections as there are ephemeral ports. */
const PORT = 80;
const CONNECTIONS_PER_PORT = 20_000;
const MESSAGE_BYTES = 64;
const MILLISECOND = 1000;
const HOUR = 3_600_000_000;
const FRAMES = 8192;
/** A turn of both stacks takes so long. */
const TURN = 10;

const nowhere: UserMemory = { copyIn() {}, copyOut() {} };

/** Two stacks on a wire. */
class Wire {
  readonly arena = new PacketArena({
    classes: sizeClasses({ small: 8192, medium: 4096, large: 16 }),
    slices: 16384,
  });
  readonly stacks: readonly Stack[];
  readonly #links: number[] = [];
  readonly #inputs = [new FrameQueue(FRAMES), new FrameQueue(FRAMES)];
  now = 1000;

  constructor(connections: number) {
    this.stacks = ADDRESSES.map((address, which) => this.#make(address, which, connections));
  }

  #make(address: number, which: number, connections: number): Stack {
    const stack = new Stack({
      random: new SeededRandom(1, which),
      now: this.now,
      arena: this.arena,
      sizes: sizesFor(connections),
      detectionTransmits: 0,
    });
    const mac = 0x0200_0000_0001 + which;
    const link = stack.links.addInterface({ name: "eth0", kind: "ethernet", mac });
    if (typeof link === "number") throw new Error(`no interface: ${link}`);
    stack.links.setUp(link.index, true);
    stack.links.addAddress(link.index, address, 24);
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

function sizesFor(connections: number) {
  return {
    timers: connections + 4096,
    tcp: { connections, halfOpen: 1024, timeWaits: 1024, bindings: connections + 64 },
  };
}

function socketOf(stack: Stack): StreamStackSocket {
  const socket = stack.streamSocket("ipv4");
  if (typeof socket === "number") throw new Error(`no socket: ${socket}`);
  return socket;
}

/** Opens connections of which each has echoed a message, and puts both ends into a list. */
function openAll(wire: Wire, count: number, held: StreamStackSocket[]): void {
  const [client, server] = wire.stacks;
  const listeners = Array.from({ length: Math.ceil(count / CONNECTIONS_PER_PORT) }, (_, nth) => {
    const listener = socketOf(server);
    listener.bind(0, PORT + nth, 0);
    listener.listen(BATCH);
    return listener;
  });
  // The first one alone: it resolves the addresses.
  for (let done = 0, batch = 1; done < count; done += batch, batch = BATCH) {
    const nth = Math.floor(done / CONNECTIONS_PER_PORT);
    const first = held.length;
    for (let each = 0; each < Math.min(batch, count - done); each++) {
      const socket = socketOf(client);
      const result = socket.connect(ADDRESSES[1], PORT + nth, 0);
      if (result !== -115) throw new Error(`connect: ${result}`);
      held.push(socket);
    }
    wire.run();
    const middle = held.length;
    for (let at = first; at < middle; at++) exchange(held[at], "send");
    wire.run();
    for (;;) {
      const accepted = listeners[nth].accept();
      if (typeof accepted === "number") break;
      exchange(accepted, "receive");
      exchange(accepted, "send");
      held.push(accepted);
    }
    wire.run();
    for (let at = first; at < middle; at++) exchange(held[at], "receive");
    wire.pass(50 * MILLISECOND);
  }
  if (held.length !== 2 * count) throw new Error(`${held.length} ends of ${count} connections`);
}

function exchange(socket: StreamStackSocket, what: "send" | "receive"): void {
  const result = socket[what](nowhere, 0, MESSAGE_BYTES, 0);
  if (result !== MESSAGE_BYTES) throw new Error(`${what}: ${result}`);
}

/** Measures what an idle connection takes. */
export function measureIdle(connections: number, collect: () => void): IdleCost {
  // What both have is not counted: code, and what the heap keeps of the compiler's.
  openAll(new Wire(FEW), FEW, []);
  collect();
  const [small] = weigh(FEW);
  const [large, wire] = weigh(connections);
  const held: StreamStackSocket[] = [];
  collect();
  const before = Deno.memoryUsage().heapUsed;
  const arraysBefore = Deno.memoryUsage().external;
  openAll(wire, connections, held);
  wire.pass(HOUR);
  collect();
  const objects = (Deno.memoryUsage().heapUsed - before) / held.length;
  // Tables that are made with the first connection are part of it.
  const grown = Deno.memoryUsage().external - arraysBefore;
  return { connections, objects, arrays: (large - small + grown) / 2 / connections };

  /** Makes a wire. @returns bytes of its typed arrays */
  function weigh(capacity: number): readonly [number, Wire] {
    collect();
    const start = Deno.memoryUsage().external;
    const made = new Wire(capacity);
    collect();
    return [Deno.memoryUsage().external - start, made];
  }
}

if (import.meta.main) {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("it needs --v8-flags=--expose-gc");
  const isJson = Deno.args.includes("--json");
  const cost = measureIdle(Number(Deno.args.find((word) => word !== "--json") ?? CONNECTIONS), gc);
  if (isJson) {
    console.log(JSON.stringify(cost));
  } else {
    printMachine();
    const { objects, arrays } = cost;
    console.log(`${cost.connections} idle connections, bytes for each end of one:`);
    console.log(`  objects      ${objects.toFixed(0)}`);
    console.log(`  typed arrays ${arrays.toFixed(0)}`);
    console.log(`  together     ${(objects + arrays).toFixed(0)}`);
  }
}
