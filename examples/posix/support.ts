/**
 * What the servers of this folder have in common: their arguments, how they listen and accept, and
 * when they stop.
 *
 * @module
 */

import type { NetworkCapability } from "../../mod.ts";
import { formatSockaddr, type Posix, PosixError, toSockaddr } from "../../posix/mod.ts";

/** The longest that a server is blocked, in milliseconds: so late it hears of a signal. */
const WAIT_MS = 250;
/** How often Deno gets a turn while a server is busy, in milliseconds. */
const LOOK_MS = 100;

/** A ring for a Worker that only makes calls: those use next to nothing of it. */
export const SMALL_RING = {
  entries: 64,
  slots: 64,
  buffers: { count: 16, bytes: 4096 },
  arenaBytes: 65536,
} as const;

/** What a server is started with. */
export interface ServerArguments {
  /** Where to listen. */
  readonly address: string;
  /** How long to serve; 0 for ever. */
  readonly seconds: number;
}

/** Reads `[port] [seconds]`; instead of a port there may be an address. */
export function readArguments(args: readonly string[]): ServerArguments {
  const [place = "7777", seconds = "0"] = args;
  const address = /^\d+$/.test(place) ? `127.0.0.1:${place}` : place;
  const isTime = /^\d+(\.\d+)?$/.test(seconds);
  if (args.length > 2 || !isTime) {
    console.error("usage: [port or address] [seconds]");
    Deno.exit(2);
  }
  return { address, seconds: Number(seconds) };
}

/** Says what is running where. */
export function greet(
  name: string,
  posix: Posix,
  listener: number,
  capability: NetworkCapability,
): void {
  const { kind, why } = capability.backend;
  console.log(`${name} on ${formatSockaddr(posix.getsockname(listener))}, ${kind} backend`);
  if (why !== "") console.log(`(${why})`);
}

/**
 * When a server stops: on a signal, or when its time is over.
 *
 * A thread that blocks in calls sees neither signals nor timers, which are Deno's. So no call waits
 * for long, and between two of them {@linkcode Stop.look} lets Deno have its turn.
 */
export class Stop implements Disposable {
  readonly #until: number;
  readonly #signals: readonly Deno.Signal[];
  readonly #onSignal = (): void => {
    this.#isRequested = true;
  };
  #isRequested = false;
  #lookedAt = performance.now();

  /** @param seconds until it stops by itself; 0 for never */
  constructor(seconds: number) {
    this.#until = seconds === 0 ? Infinity : performance.now() + seconds * 1000;
    this.#signals = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
    for (const signal of this.#signals) Deno.addSignalListener(signal, this.#onSignal);
  }

  /** Whether it is time. */
  get isRequested(): boolean {
    return this.#isRequested || performance.now() >= this.#until;
  }

  /** How long a call may wait, in milliseconds. */
  get waitMs(): number {
    return Math.ceil(Math.min(WAIT_MS, Math.max(0, this.#until - performance.now())));
  }

  /** Lets Deno look after signals, timers and Workers, if it is time again. */
  async look(): Promise<void> {
    if (performance.now() - this.#lookedAt < LOOK_MS) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#lookedAt = performance.now();
  }

  /** Leaves the signals alone again. */
  [Symbol.dispose](): void {
    for (const signal of this.#signals) Deno.removeSignalListener(signal, this.#onSignal);
  }
}

/** How {@linkcode listen} makes a listener. */
export interface ListenFlags {
  /** `accept` fails with EAGAIN instead of waiting. */
  readonly nonblocking?: boolean;
  /** Others may listen on the same port. */
  readonly reusePort?: boolean;
}

/** The first lines of every server: socket, option, bind, listen. */
export function listen(posix: Posix, address: string, flags: ListenFlags = {}): number {
  const at = toSockaddr(address, posix);
  const type = posix.SOCK_STREAM | (flags.nonblocking ? posix.SOCK_NONBLOCK : 0);
  const fd = posix.socket(at.family, type | posix.SOCK_CLOEXEC);
  try {
    // Or the port is taken for a minute by connections that have ended.
    posix.setsockopt(fd, posix.SOL_SOCKET, posix.SO_REUSEADDR, 1);
    if (flags.reusePort) posix.setsockopt(fd, posix.SOL_SOCKET, posix.SO_REUSEPORT, 1);
    posix.bind(fd, at);
    posix.listen(fd, posix.SOMAXCONN);
    return fd;
  } catch (error) {
    posix.close(fd);
    throw error;
  }
}

/** What {@linkcode tryAccept} found. */
export type AcceptOutcome = number | "none" | "full";

/**
 * Accepts what is there, and tells errors apart: those of one client are not the listener's.
 *
 * @param flags `SOCK_NONBLOCK` for an event loop
 * @returns a descriptor; `"none"` when nobody waits; `"full"` when there are no more descriptors
 */
export function tryAccept(posix: Posix, listener: number, flags: number): AcceptOutcome {
  while (true) {
    try {
      return posix.accept4(listener, flags | posix.SOCK_CLOEXEC).fd;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      switch (error.code) {
        case "EAGAIN":
          return "none";
        case "EINTR":
        case "ECONNABORTED":
        case "EPROTO":
          continue;
        case "EMFILE":
        case "ENFILE":
        case "ENOBUFS":
        case "ENOMEM":
          return "full";
        default:
          throw error;
      }
    }
  }
}

/**
 * Makes a call that waits for readiness, which a signal ends with EINTR, whoever it was meant for.
 *
 * @returns what the call gives, 0 when a signal came: as if the time were over
 */
export function orInterrupted(call: () => number): number {
  try {
    return call();
  } catch (error) {
    if (error instanceof PosixError && error.code === "EINTR") return 0;
    throw error;
  }
}

/** Says in one line what went wrong. */
export function report(error: unknown): void {
  console.error(error instanceof Error ? error.message : String(error));
}
