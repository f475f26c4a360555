/**
 * Scenarios of many stacks, for tests in small and for `bench/simulation.ts` in full.
 *
 * @module
 */

import { SockOpt } from "../../../ring/abi/opcodes.ts";
import { PacketArena, PacketMemory, sizeClasses } from "../../../stack/memory/mod.ts";
import type { SizeChoices } from "../../../stack/profiles.ts";
import { InvariantChecker, type LinkOptions } from "../../../stack/sim/mod.ts";
import type { StackProgram } from "../../../stack/sim/mod.ts";
import { type StackHostNode, StackTopology } from "../../../stack/sim/stack_topology.ts";
import {
  type FetchResult,
  PatternFetch,
  PatternMemory,
  PatternServer,
} from "../../../stack/sim/traffic.ts";
import type { StreamStackSocket } from "../../../stack/socket.ts";

const PORT = 80;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
/** The pattern, and what else lies in the memory beside packets. */
const SPARE_BYTES = 1 << 20;
const encoder = new TextEncoder();

/** Stacks of which there are many: they have few connections, with windows of a megabyte. */
const CLIENT_SIZES: SizeChoices = {
  timers: 512,
  outputFrames: 1024,
  receiver: { maximumBufferBytes: 1 << 20 },
};

/** A network whose stacks share one memory. */
interface World {
  readonly net: StackTopology;
  readonly pattern: PatternMemory;
}

function makeWorld(seed: number, packets: number, traceBytes: boolean): World {
  const classes = sizeClasses({ small: packets, medium: packets, large: packets >> 5 });
  const bytes = classes.reduce((sum, { roomBytes, count }) => sum + (roomBytes + 256) * count, 0);
  const memory = new PacketMemory(bytes + SPARE_BYTES);
  const arena = new PacketArena({ classes, slices: 2 * packets, memory });
  const net = new StackTopology({ seed, arena, traceBytes });
  return { net, pattern: new PatternMemory(memory) };
}

/** How the hosts of an hour are to spend it. */
export interface HourOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly minutes: number;
  /** Bytes that each host fetches each minute. */
  readonly bytes: number;
  readonly link: LinkOptions;
  /** Whether the hash takes in every byte; else lengths, times and fates. */
  readonly traceBytes?: boolean;
}

/** What came of an hour. */
export interface HourResult {
  readonly fetched: number;
  readonly failed: number;
  /** Frames on links. */
  readonly frames: number;
  readonly hash: string;
  /** Packets that did not come back. */
  readonly leaked: number;
}

/** Fetches once a minute. */
class MinuteFetcher implements StackProgram {
  fetched = 0;
  failed = 0;
  readonly #host: StackHostNode;
  readonly #pattern: PatternMemory;
  readonly #to: { readonly address: number; readonly port: number; readonly bytes: number };
  #next: number;
  #left: number;

  constructor(
    host: StackHostNode,
    pattern: PatternMemory,
    to: { readonly address: number; readonly port: number; readonly bytes: number },
    first: number,
    minutes: number,
  ) {
    this.#host = host;
    this.#pattern = pattern;
    this.#to = to;
    this.#next = first;
    this.#left = minutes;
  }

  nextDeadline(): number {
    return this.#left > 0 ? this.#next : Infinity;
  }

  run(): void {
    this.#next += MINUTE;
    this.#left--;
    new PatternFetch(this.#host.stack, this.#pattern, this.#to, ({ isRight }) => {
      if (isRight) this.fetched++;
      else this.failed++;
    });
  }
}

/** Hosts on a switch fetch from one server, once a minute each. */
export function runHour(options: HourOptions): HourResult {
  const { seed, hosts, minutes, bytes, link, traceBytes = true } = options;
  const { net, pattern } = makeWorld(seed, 16384, traceBytes);
  net.switch("switch");
  net.host("server");
  net.link("server", "switch", { bandwidth: "1Gbit/s", queue: { packets: 10_000 } });
  for (let host = 0; host < hosts; host++) {
    net.host(`host ${host}`, { profile: "small", sizes: CLIENT_SIZES });
    net.link(`host ${host}`, "switch", link);
  }
  net.build();
  const server = net.get("server");
  new PatternServer(server.stack, pattern, PORT);
  const to = { address: server.plan.ports[0].ipv4, port: PORT, bytes };
  const fetchers = Array.from({ length: hosts }, (_, nth) => {
    const host = net.get(`host ${nth}`);
    // They begin one after the other, so that the hour has no rush of its own.
    const first = SECOND + Math.floor(nth * (MINUTE - SECOND) / hosts);
    const fetcher = new MinuteFetcher(host, pattern, to, first, minutes);
    host.node.programs.push(fetcher);
    net.network.reconsider(host.number);
    return fetcher;
  });
  net.network.runUntil(minutes * MINUTE);
  // The last ones may need longer, and connections come to their end.
  net.network.runUntil(net.network.now + 5 * MINUTE);
  return {
    fetched: fetchers.reduce((sum, { fetched }) => sum + fetched, 0),
    failed: fetchers.reduce((sum, { failed }) => sum + failed, 0),
    frames: net.network.traceHash.events,
    hash: net.network.traceHash.digest,
    leaked: net.network.frames.arena.usedCount,
  };
}

/** One flow over one link. */
export interface FlowOptions {
  readonly seed: number;
  readonly bytes: number;
  readonly control: string;
  readonly link: LinkOptions;
  /** Virtual seconds after which it is given up. */
  readonly limitSeconds: number;
}

/** What came of a flow. */
export interface FlowResult {
  /** Whether every byte came, and was right. */
  readonly isRight: boolean;
  readonly errno: number;
  /** Bits a second from the first SYN to the last byte; 0 where it did not end. */
  readonly goodput: number;
  readonly milliseconds: number;
  /** Segments that were sent again, of all segments with payload. */
  readonly retransmitted: number;
  /** What the rules of TCP were broken by, "" for nothing. */
  readonly violations: string;
  readonly leaked: number;
}

/** A client fetches over a link; the server is behind a router. */
export function runFlow(options: FlowOptions): FlowResult {
  const { net, pattern } = makeWorld(options.seed, 4096, false);
  net.host("client");
  net.router("router");
  net.host("server", { sizes: { tcp: { congestionControl: options.control } } });
  net.link("client", "router", options.link);
  net.link("router", "server");
  net.build();
  using checker = new InvariantChecker(net.network, { captureBytes: 0 });
  const server = net.get("server");
  const client = net.get("client");
  new PatternServer(server.stack, pattern, PORT);
  let ended: FetchResult | null = null;
  let time = 0;
  const address = server.plan.ports[0].ipv4;
  new PatternFetch(client.stack, pattern, { address, port: PORT, bytes: options.bytes }, (end) => {
    ended = end;
    time = net.network.now;
  });
  net.network.wake(client.number);
  net.network.runWhile(() => ended !== null, options.limitSeconds * 1000);
  net.network.runUntil(net.network.now + 5 * MINUTE);
  checker.checkReturned();
  const result = ended as FetchResult | null;
  const { tcpSend } = server.stack.counters.snapshot();
  return {
    isRight: result?.isRight ?? false,
    errno: result?.errno ?? 0,
    goodput: time > 0 ? options.bytes * 8 / time * SECOND : 0,
    milliseconds: time / 1000,
    retransmitted: tcpSend.RETRANSMITTED,
    violations: checker.violations.list.map(({ what }) => what).join("; "),
    leaked: net.network.frames.arena.usedCount,
  };
}

/** Flows that share one bottleneck. */
export interface SharedOptions {
  readonly seed: number;
  /** The congestion control of each flow. */
  readonly controls: readonly string[];
  readonly bottleneck: LinkOptions;
  readonly seconds: number;
}

/** What came of flows that shared a bottleneck. */
export interface SharedResult {
  /** Bits a second of each flow, in the second half of the time. */
  readonly rates: readonly number[];
  /** Jain's fairness index of them: 1 where all are alike, 1 / n where one has everything. */
  readonly fairness: number;
  /** The share of the bottleneck that was used. */
  readonly utilisation: number;
}

/** As many clients as flows fetch without end from one server over one bottleneck. */
export function runShared(options: SharedOptions): SharedResult {
  const { controls, bottleneck } = options;
  const { net, pattern } = makeWorld(options.seed, 16384, false);
  net.router("left");
  net.router("right");
  net.link("left", "right", bottleneck);
  for (const nth of controls.keys()) {
    net.host(`server ${nth}`);
    net.host(`client ${nth}`);
    net.link(`server ${nth}`, "left", { bandwidth: "1Gbit/s" });
    net.link(`client ${nth}`, "right", { bandwidth: "1Gbit/s" });
  }
  net.build();
  const fetches = controls.map((control, nth) => {
    const server = net.get(`server ${nth}`);
    const client = net.get(`client ${nth}`);
    // An accepted connection has its listener's options.
    new PatternServer(server.stack, pattern, PORT, (socket) => setControl(socket, control));
    const to = { address: server.plan.ports[0].ipv4, port: PORT, bytes: 2 ** 31 - 1 };
    const fetch = new PatternFetch(client.stack, pattern, to, () => {});
    net.network.wake(client.number);
    return fetch;
  });
  const half = Math.floor(options.seconds / 2 * SECOND);
  net.network.runUntil(half);
  const before = fetches.map(({ received }) => received);
  net.network.runUntil(2 * half);
  const rates = fetches.map(({ received }, nth) => (received - before[nth]) * 8 / half * SECOND);
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate ** 2, 0);
  const capacity = 8e6 / net.network.links[0].there.parameters.microsecondsPerByte;
  return {
    rates,
    fairness: sum === 0 ? 0 : sum ** 2 / (rates.length * squares),
    utilisation: sum / capacity,
  };
}

function setControl(socket: StreamStackSocket, control: string): void {
  const { IPPROTO_TCP, TCP_CONGESTION } = SockOpt;
  const result = socket.setOption(IPPROTO_TCP, TCP_CONGESTION, encoder.encode(control));
  if (result < 0) throw new Error(`${control} is refused: errno ${-result}`);
}
