/**
 * One connection of a pool.
 *
 * ```text
 *            rest()          bytes, an end, an error, too long
 *   BUSY -----------> IDLE -----------------------------------> SPOILED
 *     ^                | wake()
 *     +----------------+
 * ```
 *
 * An idle connection has a receive pending, so that whatever its peer does is noticed at once: an
 * end, but also bytes that nobody asked for, which the next user would take for an answer.
 *
 * @module
 */

import type { AnyStream } from "../listener/endpoint_streams.ts";
import type { PoolHost } from "./pool_host.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Why an idle connection is not lent again. */
export type Spoilage = "expired" | "spoiled";

/** One connection. */
export class PoolConnection {
  /** Its host's list of connections has it. */
  readonly host: PoolHost;
  readonly stream: AnyStream;
  /** How often it was lent. */
  loans = 0;
  readonly #onSpoiled: (connection: PoolConnection, why: Spoilage) => void;
  #waking: AbortController | null = null;
  #resting: Promise<boolean> | null = null;

  /** @param onSpoiled told when an idle connection is of no more use; it is still open then */
  constructor(
    host: PoolHost,
    stream: AnyStream,
    onSpoiled: (connection: PoolConnection, why: Spoilage) => void,
  ) {
    this.host = host;
    this.stream = stream;
    this.#onSpoiled = onSpoiled;
  }

  /** Begins to be idle. @param timeoutMs how long it may be */
  rest(timeoutMs: number): void {
    const waking = new AbortController();
    this.#waking = waking;
    // A program need not stay alive for it.
    this.stream.unref();
    this.#resting = this.#rest(waking, timeoutMs);
  }

  /** Ends being idle. @returns whether it is as it was left */
  async wake(): Promise<boolean> {
    const resting = this.#resting!;
    this.stream.ref();
    this.#waking!.abort();
    this.#waking = null;
    return await resting;
  }

  /** @returns whether it was woken, and not spoiled */
  async #rest(waking: AbortController, timeoutMs: number): Promise<boolean> {
    let why: Spoilage = "spoiled";
    try {
      const lease = await this.stream.receive({ signal: waking.signal, timeoutMs });
      lease?.release();
    } catch (error) {
      if (waking.signal.aborted && error === waking.signal.reason) return true;
      if ((error as { errno?: unknown } | null)?.errno === Errno.ETIMEDOUT) why = "expired";
    }
    // Whoever wakes it learns it from the result.
    if (!waking.signal.aborted) this.#onSpoiled(this, why);
    return false;
  }
}
