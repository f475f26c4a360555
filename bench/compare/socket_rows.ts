/** The rows of the kernel's other sockets, and of its calls: datagrams, files, Unix sockets, posix. */
import { atLeast, type Load, type PeerName, type Row } from "./row.ts";

const DATAGRAMS = {
  metric: "datagramsPerSecond",
  unit: "datagrams/s",
  more: true,
} as const;
const FILE_BYTES = 100_000_000;
/** So many of them are the largest message of 64 KB that the loopback interface has to cut. */
const CUT_BYTES = 1191;

/** Rows of datagrams, files, Unix sockets and `posix/`, in the order of a run. */
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
  sendToOne("udpout64", 64),
  // Of these C itself sends 10 to 12 times what Bun does.
  sendToOne("udpout1200", 1200),
  sendWhole("udpout64whole", 64, "slices"),
  sendWhole("udpout1200whole", 1200, "slices"),
  sendWhole("udpout64segments", 64, "segments"),
  sendWhole("udpout1200segments", 1200, "segments"),
  {
    name: "udpout64x64",
    title: "UDP send, 64 B, 64 destinations in turn",
    load: { kind: "udpSend", bytes: 64, ports: 64, memory: "apart" },
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
  {
    name: "posixping",
    title: "Blocking ping-pong, 64 B, 1 connection, load never sleeps",
    load: { kind: "echo", connections: 1, bytes: 64, spin: true },
    peers: ["posix", "libcFfi"],
    headline: { metric: "messagesPerSecond", unit: "messages/s", more: true },
    goals: [{ peer: "posix", metric: "messagesPerSecond", against: "libcFfi", atLeast: 0.8 }],
  },
  {
    name: "posixepoll",
    title: "Echo by epoll, 64 B, 64 connections",
    load: { kind: "echo", connections: 64, bytes: 64 },
    peers: ["posixEpoll", "cEpoll"],
    headline: { metric: "messagesPerSecond", unit: "messages/s", more: true },
    goals: [{ peer: "posixEpoll", metric: "messagesPerSecond", against: "cEpoll", atLeast: 0.9 }],
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

/** C names the buffer in an iovec and copies nothing; Millrace has it in ring memory. */
function sendWhole(name: string, bytes: number, memory: "slices" | "segments"): Row {
  return {
    name,
    title: `UDP send, ${bytes} B, one destination, all of them ${memory} of one buffer`,
    load: { kind: "udpSend", bytes, ports: 1, memory },
    peers: ["millrace", "cSockets"],
    headline: DATAGRAMS,
    goals: [atLeast("datagramsPerSecond", "cSockets", 0.9)],
  };
}

function sendToOne(name: string, bytes: number): Row {
  const scripted: readonly PeerName[] = ["bun", "bunDgram", "deno"];
  return {
    name,
    title: `UDP send, ${bytes} B, one destination`,
    load: { kind: "udpSend", bytes, ports: 1, memory: "apart" },
    peers: ["millrace", "cSockets", ...scripted],
    headline: DATAGRAMS,
    goals: [
      atLeast("datagramsPerSecond", "cSockets", 0.9),
      ...scripted.map((peer) => atLeast("datagramsPerSecond", peer, 20)),
    ],
  };
}
