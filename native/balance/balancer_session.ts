/**
 * One proxied connection: a client's stream, a backend's, and a relay for each direction.
 *
 * Ends are passed on as they are. The end of one side becomes the end of that direction alone, so
 * half-closed connections work through the proxy. A failure becomes a reset, where the backend of
 * the ring can: a client must not take half an answer for a whole one.
 *
 * @module
 */

import type { BackendConnection } from "./balancer_backend.ts";
import type { AnyStream } from "../listener/endpoint_streams.ts";
import { Relay, type RelayOwner } from "./relay.ts";

/** How a proxied connection came to its end. */
export type SessionEnd = "ended" | "failed" | "idle" | "cut";

/** What a backend that ended its connection looks like to a peer that sends on. */
const GONE: ReadonlySet<unknown> = new Set(["EPIPE", "ECONNRESET"]);

/** One proxied connection. */
export class Session implements BackendConnection, RelayOwner {
  /** Resolves when both streams are closed; never rejects. */
  readonly done: Promise<SessionEnd>;
  /** Why it failed, undefined while it has not. */
  reason: unknown = undefined;
  /** Whether it failed on the backend's side before the backend had sent anything. */
  isBackendAtFault = false;
  /** Called once the backend has sent something, or has ended in order without: it serves. */
  onServed: (() => void) | null = null;
  /** When it was last seen active, in milliseconds; whoever looks for idle ones keeps it. */
  activeAtMs = 0;
  /** The activity that was seen then. */
  activitySeen = -1;
  readonly #client: AnyStream;
  readonly #server: AnyStream;
  readonly #toServer: Relay;
  readonly #toClient: Relay;
  #isOver = false;
  #resolve!: (end: SessionEnd) => void;

  /** Takes both streams over. */
  constructor(client: AnyStream, server: AnyStream) {
    this.#client = client;
    this.#server = server;
    this.#toServer = new Relay(client, server, this);
    this.#toClient = new Relay(server, client, this);
    this.done = new Promise((resolve) => this.#resolve = resolve);
    try {
      this.#toServer.start();
      this.#toClient.start();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Bytes that went to the backend. */
  get bytesToServer(): number {
    return this.#toServer.bytes;
  }

  /** Bytes that came from the backend. */
  get bytesToClient(): number {
    return this.#toClient.bytes;
  }

  /** Grows with everything that happens. */
  get activity(): number {
    return this.#toServer.activity + this.#toClient.activity;
  }

  /** Ends it now, with resets. @returns when both streams are closed */
  cut(end: "idle" | "cut" = "cut"): Promise<SessionEnd> {
    this.#finish(end, true);
    return this.done;
  }

  /** {@inheritDoc RelayOwner.relayBegan} */
  relayBegan(relay: Relay): void {
    if (relay === this.#toClient) this.#served();
  }

  /** {@inheritDoc RelayOwner.relayEnded} */
  relayEnded(relay: Relay): void {
    const other = this.#otherThan(relay);
    if (other.isEnded) this.#served();
    // Where the other direction's target is gone, it waited for this one only.
    if (other.isEnded || other.isDiscarding) this.#finish("ended", false);
  }

  /** {@inheritDoc RelayOwner.relaySourceFailed} */
  relaySourceFailed(relay: Relay, reason: unknown): void {
    if (!this.#isOver) {
      this.isBackendAtFault = relay === this.#toClient && relay.bytes === 0;
    }
    // What a backend said before it failed is its client's all the same.
    if (relay === this.#toServer) this.#fail(reason);
    else this.#client.sending.whenEmpty().then(() => this.#fail(reason));
  }

  /** {@inheritDoc RelayOwner.relayTargetFailed} */
  relayTargetFailed(relay: Relay, reason: unknown): void {
    // What it sent before it went is still on its way the other way.
    const isGone = GONE.has((reason as { code?: unknown } | null)?.code);
    if (!isGone || this.#otherThan(relay).isEnded) this.#fail(reason);
  }

  #served(): void {
    const { onServed } = this;
    this.onServed = null;
    onServed?.();
  }

  #otherThan(relay: Relay): Relay {
    return relay === this.#toServer ? this.#toClient : this.#toServer;
  }

  #fail(reason: unknown): void {
    if (!this.#isOver) this.reason = reason;
    this.#finish("failed", true);
  }

  async #finish(end: SessionEnd, isReset: boolean): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const streams = [this.#client, this.#server];
    await Promise.all(
      streams.map((stream) => isReset ? stream.reset(undefined) : stream.close()),
    );
    this.#resolve(end);
  }
}
