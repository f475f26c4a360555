/** What a row of the comparison is made of. */

/** Names of the peers, in the order they take their turns. */
export const PEERS = [
  "millrace",
  "millraceHost",
  "millraceSmallHeap",
  "posix",
  "posixEpoll",
  "libcFfi",
  "cSockets",
  "cUring",
  "cEpoll",
  "bun",
  "bunDgram",
  "deno",
  "denoListen",
  "node",
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
    /** Over a Unix socket instead of TCP. */
    readonly unix?: boolean;
    /** The load never sleeps: latency is then the server's alone. */
    readonly spin?: boolean;
    /** A probe in the server's process fetches meanwhile, and its latencies are added. */
    readonly fetch?: boolean;
  }
  | { readonly kind: "storm"; readonly parallel: number }
  | { readonly kind: "idleCpu" }
  | { readonly kind: "idleConnections"; readonly few: number; readonly many: number }
  | {
    /** Datagrams to the peer, as fast as the load can. */
    readonly kind: "udpReceive";
    readonly bytes: number;
    readonly senders: number;
    /** How the load sends them: see `load/udp_send.c`. */
    readonly mode: "joined" | "single" | "cut";
  }
  | {
    /** Datagrams from the peer to one port, or to several in turn. */
    readonly kind: "udpSend";
    readonly bytes: number;
    readonly ports: number;
    /**
     * Each has memory of its own, or they lie behind one another in one buffer, named one by one or
     * as the whole that is to be cut into them. Peers but Millrace know no difference between these.
     */
    readonly memory: "apart" | "slices" | "segments";
  }
  | {
    /** A file from the peer, whole, again and again. */
    readonly kind: "file";
    readonly bytes: number;
  };

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

/** Asks that the project's number is at least `bound` times a peer's. */
export function atLeast(metric: string, against: PeerName, bound: number): Goal {
  return { peer: "millrace", metric, against, atLeast: bound };
}

/** Asks that the project's number is at most `bound` times a peer's. */
export function atMost(metric: string, against: PeerName, bound: number): Goal {
  return { peer: "millrace", metric, against, atMost: bound };
}
