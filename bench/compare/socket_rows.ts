/** The rows of the kernel's other sockets: datagrams, files and Unix sockets. */
import { atLeast, type Load, type PeerName, type Row } from "./row.ts";

const DATAGRAMS = {
  metric: "datagramsPerSecond",
  unit: "datagrams/s",
  more: true,
} as const;
const FILE_BYTES = 100_000_000;
/** So many of them are the largest message of 64 KB that the loopback interface has to cut. */
const CUT_BYTES = 1191;

/** Rows of datagrams, files and Unix sockets, in the order of a run. */
export const SOCKET_ROWS: readonly Row[] = [
  receive("udpin64", "64 B, one peer that sends GSO", {
    kind: "udpReceive",
    bytes: 64,
    senders: 1,
    mode: "joined",
  }, { c: 0.9, deno: 10 }),
  receive("udpin1200", "1200 B, one peer that sends GSO", {
    kind: "udpReceive",
    bytes: 1200,
    senders: 1,
    mode: "joined",
  }, { c: 0.9, deno: 10 }),
  // One core cannot send singly 1.5 times what Deno receives: the row after this one asks for it.
  receive("udpin64x64", "64 B, 64 peers without GSO", {
    kind: "udpReceive",
    bytes: 64,
    senders: 64,
    mode: "single",
  }, { c: 0.95 }),
  receive("udpincut", `${CUT_BYTES} B, 64 peers, each datagram by itself`, {
    kind: "udpReceive",
    bytes: CUT_BYTES,
    senders: 64,
    mode: "cut",
  }, { c: 0.95, deno: 1.5 }),
  sendToOne("udpout64", 64, ["deno", "bun", "bunDgram"]),
  // C itself sends 12 times what Bun does of these.
  sendToOne("udpout1200", 1200, ["deno"]),
  {
    name: "udpout64x64",
    title: "UDP send, 64 B, 64 destinations in turn",
    load: { kind: "udpSend", bytes: 64, ports: 64 },
    peers: ["millrace", "cSockets", "bun", "deno"],
    headline: DATAGRAMS,
    goals: [
      atLeast("datagramsPerSecond", "cSockets", 0.95),
      atLeast("datagramsPerSecond", "deno", 1.3),
    ],
  },
  {
    name: "file",
    title: "100 MB file to a socket",
    load: { kind: "file", bytes: FILE_BYTES },
    peers: ["millrace", "cSockets", "bun", "deno", "node"],
    headline: { metric: "megabytesPerSecond", unit: "MB/s", more: true },
    goals: [
      atLeast("megabytesPerSecond", "deno", 1.4),
      atLeast("megabytesPerSecond", "bun", 1.7),
      atLeast("megabytesPerSecond", "node", 1.7),
    ],
  },
  {
    name: "unix64",
    title: "Unix stream echo, 64 B, 64 connections",
    load: { kind: "echo", connections: 64, bytes: 64, unix: true },
    peers: ["millrace", "cUring", "cEpoll", "denoListen"],
    headline: { metric: "messagesPerSecond", unit: "messages/s", more: true },
    goals: [atLeast("messagesPerSecond", "denoListen", 1.3)],
  },
];

function receive(
  name: string,
  title: string,
  load: Extract<Load, { kind: "udpReceive" }>,
  bounds: { readonly c: number; readonly deno?: number },
): Row {
  return {
    name,
    title: `UDP receive, ${title}`,
    load,
    peers: ["millrace", "cSockets", "deno"],
    headline: DATAGRAMS,
    goals: [
      atLeast("datagramsPerSecond", "cSockets", bounds.c),
      ...(bounds.deno === undefined ? [] : [atLeast("datagramsPerSecond", "deno", bounds.deno)]),
    ],
  };
}

function sendToOne(name: string, bytes: number, against: readonly PeerName[]): Row {
  return {
    name,
    title: `UDP send, ${bytes} B, one destination`,
    load: { kind: "udpSend", bytes, ports: 1 },
    peers: ["millrace", "cSockets", "bun", "bunDgram", "deno"],
    headline: DATAGRAMS,
    goals: [
      atLeast("datagramsPerSecond", "cSockets", 0.9),
      ...against.map((peer) => atLeast("datagramsPerSecond", peer, 20)),
    ],
  };
}
