/** The rows of the comparison and the goals of the project, as data. */

/** Names of the peers, in the order they take their turns. */
export const PEERS = [
  "millrace",
  "millraceHost",
  "cUring",
  "cEpoll",
  "bun",
  "denoListen",
  "nodeNet",
] as const;

/** The name of a peer. */
export type PeerName = typeof PEERS[number];

/** What one measurement of one peer gave: numbers by name, units last in the name. */
export type Measurement = Readonly<Record<string, number>>;

/** How a row loads its peers. */
export type Load =
  | {
    readonly kind: "echo";
    readonly connections: number;
    readonly bytes: number;
    /** The load never sleeps: latency is then the server's alone. */
    readonly spin?: boolean;
    /** A probe in the server's process fetches meanwhile, and its latencies are added. */
    readonly fetch?: boolean;
  }
  | { readonly kind: "storm"; readonly parallel: number }
  | { readonly kind: "idleCpu" }
  | { readonly kind: "idleConnections"; readonly few: number; readonly many: number };

/** A bound on one number of one peer: against another peer's (a ratio), or absolute. */
export interface Goal {
  readonly peer: PeerName;
  readonly metric: string;
  readonly against?: PeerName;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One row: a load, the peers that face it in turn, and what is asked of the project. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  readonly peers: readonly PeerName[];
  /** The number shown for every peer, with its unit and whether more is better. */
  readonly headline: { readonly metric: string; readonly unit: string; readonly more: boolean };
  readonly goals: readonly Goal[];
}

const RATE = { metric: "messagesPerSecond", unit: "messages/s", more: true } as const;
const EVERYONE: readonly PeerName[] = [
  "millrace",
  "cUring",
  "cEpoll",
  "bun",
  "denoListen",
  "nodeNet",
];

/** Every row, in the order of a run. */
export const ROWS: readonly Row[] = [
  {
    name: "echo64",
    title: "Echo, 64 B, 64 connections",
    load: { kind: "echo", connections: 64, bytes: 64 },
    peers: EVERYONE,
    headline: RATE,
    goals: [
      atLeast("messagesPerSecond", "cUring", 0.95),
      atLeast("messagesPerSecond", "bun", 1.1),
      atLeast("messagesPerSecond", "denoListen", 1.4),
    ],
  },
  manyConnections(512),
  manyConnections(2000),
  {
    name: "echo16k",
    title: "Echo, 16 KB, 64 connections",
    load: { kind: "echo", connections: 64, bytes: 16384 },
    peers: EVERYONE,
    headline: RATE,
    goals: [
      atLeast("messagesPerSecond", "cUring", 0.95),
      atLeast("messagesPerSecond", "bun", 1.15),
    ],
  },
  {
    name: "pingpong",
    title: "Ping-pong, 64 B, 1 connection, load never sleeps",
    load: { kind: "echo", connections: 1, bytes: 64, spin: true },
    peers: EVERYONE,
    headline: { metric: "p50Microseconds", unit: "µs p50", more: false },
    goals: [
      atMost("p50Microseconds", "denoListen", 0.6),
      atMost("p50Microseconds", "bun", 0.6),
    ],
  },
  {
    name: "idle",
    title: "Processor time of an idle server",
    load: { kind: "idleCpu" },
    peers: EVERYONE,
    headline: { metric: "cpuMillisecondsPer10s", unit: "ms in 10 s", more: false },
    goals: [{ peer: "millrace", metric: "cpuMillisecondsPer10s", atMost: 5 }],
  },
  {
    name: "fetch",
    title: "fetch() in the same process, echo saturated",
    load: { kind: "echo", connections: 64, bytes: 64, fetch: true },
    peers: ["millrace", "denoListen"],
    headline: { metric: "fetchP50Milliseconds", unit: "ms p50", more: false },
    goals: [atMost("fetchP50Milliseconds", "denoListen", 1)],
  },
  {
    name: "storm",
    title: "Accept and close, 64 at once",
    load: { kind: "storm", parallel: 64 },
    peers: EVERYONE,
    headline: { metric: "connectionsPerSecond", unit: "connections/s", more: true },
    goals: [
      atLeast("connectionsPerSecond", "bun", 1.1),
      atLeast("connectionsPerSecond", "denoListen", 1.1),
    ],
  },
  {
    name: "idleconn",
    title: "Memory of an idle connection, 10 000 open",
    load: { kind: "idleConnections", few: 100, many: 10_000 },
    peers: EVERYONE,
    headline: { metric: "bytesPerConnection", unit: "B/connection", more: false },
    goals: [{ peer: "millrace", metric: "bytesPerConnection", atMost: 2048 }],
  },
  {
    name: "host",
    title: "Host backend: echo, 64 B, 64 connections",
    load: { kind: "echo", connections: 64, bytes: 64 },
    peers: ["millraceHost", "denoListen"],
    headline: RATE,
    goals: [{
      peer: "millraceHost",
      metric: "messagesPerSecond",
      against: "denoListen",
      atLeast: 0.8,
    }],
  },
];

function manyConnections(connections: number): Row {
  return {
    name: `echo64x${connections}`,
    title: `Echo, 64 B, ${connections} connections`,
    load: { kind: "echo", connections, bytes: 64 },
    peers: EVERYONE,
    headline: RATE,
    goals: [
      atLeast("messagesPerSecond", "cEpoll", 1),
      atMost("p999Microseconds", "cEpoll", 1.5),
    ],
  };
}

function atLeast(metric: string, against: PeerName, bound: number): Goal {
  return { peer: "millrace", metric, against, atLeast: bound };
}

function atMost(metric: string, against: PeerName, bound: number): Goal {
  return { peer: "millrace", metric, against, atMost: bound };
}
