/**
 * Watching one file for readiness: what `poll` and `epoll` are made of.
 *
 * @module
 */

import { POLLERR, POLLHUP, POLLNVAL } from "../constants/mod.ts";

/** Reported whether asked for or not. */
export const ALWAYS: number = POLLERR | POLLHUP | POLLNVAL;

/** How long a watch lasts. */
export const WatchMode = {
  /** Tells once, at once: what is known to be there, 0 for nothing. */
  CHECK: 0,
  /** Tells once, as soon as there is something. */
  ONCE: 1,
  /** Tells what is there, and then every time that something more is. */
  EDGES: 2,
} as const;
/** One of {@linkcode WatchMode}. */
export type WatchMode = typeof WatchMode[keyof typeof WatchMode];

/** Whoever watches; it may be told before the call that began the watch returns. */
export interface WatchSink {
  /** @param events that are there, of those asked for and {@linkcode ALWAYS} */
  onEvents(events: number): void;
}

/** A watch that may have more to tell. */
export interface Watch {
  /** Ends it: nothing is told any more. */
  cancel(): void;
}
