/** The rows of the comparison and the goals of the project, as data. */
import { atLeast, atMost, type PeerName, type Row } from "./row.ts";
import { SOCKET_ROWS } from "./socket_rows.ts";

const RATE = { metric: "messagesPerSecond", unit: "messages/s", more: true } as const;
const EVERYONE: readonly PeerName[] = [
  "millrace",
  "cUring",
  "cEpoll",
  "bun",
  "denoListen",
  "nodeNet",
];

const TCP_ROWS: readonly Row[] = [
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
    peers: ["millrace", "millraceSmallHeap", ...EVERYONE.slice(1)],
    headline: { metric: "bytesPerConnection", unit: "B/connection", more: false },
    goals: [
      { peer: "millrace", metric: "bytesPerConnection", atMost: 2048 },
      { peer: "millraceSmallHeap", metric: "bytesPerConnection", atMost: 2048 },
    ],
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

/** Every row, in the order of a run. */
export const ROWS: readonly Row[] = [...TCP_ROWS, ...SOCKET_ROWS];
