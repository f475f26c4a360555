/**
 * Draining: waits until the streams of an endpoint are closed, and ends those that are not in time.
 *
 * @module
 */

import type { EndpointStreams } from "./endpoint_streams.ts";
import { timedOut } from "../errors.ts";
import type { Network } from "../network.ts";
import { checkTimeout } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import type { Deadline } from "../../ring/deadlines.ts";

/** What `drain` takes. */
export interface DrainOptions {
  /** How long streams have until they are ended, in milliseconds, 0 or more. */
  readonly timeoutMs: number;
  /** Gives up waiting: nothing is ended then, and nothing is accepted again. */
  readonly signal?: AbortSignal;
}

/** What became of the streams that were open when `drain` was called. */
export interface DrainReport {
  /** Streams that came to their end by themselves. */
  readonly drained: number;
  /** Streams that were ended at the deadline, those among them that nobody had accepted. */
  readonly terminated: number;
}

/** An endpoint, as far as draining needs it. */
export interface Drainable {
  readonly network: Network;
  readonly localName: string;
  readonly streams: EndpointStreams;
  /** Why it was closed, undefined for an ordinary close or while it is open. */
  readonly closedBy: Error | undefined;
  /** Accepts nothing more. @returns when every connection that came is a stream, or is gone */
  stop(): Promise<void>;
  /** Closes the endpoint. */
  finish(): Promise<void>;
}

const KEYS: readonly string[] = ["timeoutMs", "signal"];

/** Proves that options of `drain` are what they should be. */
export function checkDrain(options: DrainOptions): void {
  checkKeys("drain", options, KEYS);
  if (options.timeoutMs === undefined) {
    throw new TypeError("drain: timeoutMs is missing: how long streams have");
  }
  checkTimeout("drain", options.timeoutMs);
}

/** Stops accepting, waits for the streams, ends those that are left at the deadline. */
export async function drain(endpoint: Drainable, options: DrainOptions): Promise<DrainReport> {
  const { network, streams } = endpoint;
  const { timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const closedBefore = streams.closed;
  let terminated = 0;
  // Whoever awaits it is alive until it is done.
  network.reactor.reference();
  try {
    if (!await isEmptyInTime(endpoint, timeoutMs, signal)) {
      await endpoint.stop();
      const context = {
        local: endpoint.localName,
        detail: `the endpoint's drain() gave it ${timeoutMs} ms`,
      };
      terminated = streams.terminate(timedOut("drain", context));
      await streams.whenEmpty();
    }
    await endpoint.finish();
    if (endpoint.closedBy !== undefined) throw endpoint.closedBy;
  } finally {
    network.reactor.dereference();
  }
  return { drained: streams.closed - closedBefore - terminated, terminated };
}

/** @returns whether no stream is open before the deadline; rejects with the signal's reason */
function isEmptyInTime(
  endpoint: Drainable,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { streams } = endpoint;
  const { reactor } = endpoint.network;
  return new Promise((resolve, reject) => {
    let deadline: Deadline | null = null;
    const settle = (conclude: () => void) => {
      if (deadline !== null) reactor.disarmDeadline(deadline);
      signal?.removeEventListener("abort", onAbort);
      conclude();
    };
    const onAbort = () => settle(() => reject(signal!.reason));
    deadline = reactor.armDeadline(
      timeoutMs,
      { onDeadline: () => settle(() => resolve(false)) },
      0,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    // Until it has stopped, more may come.
    endpoint.stop().then(() => streams.whenEmpty()).then(() => settle(() => resolve(true)));
  });
}
