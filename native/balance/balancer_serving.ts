/**
 * One endpoint whose clients are served by a balancer's backends.
 *
 * @module
 */

import type { BackendState } from "./balancer_backend.ts";
import type { IdleWatch } from "./balancer_idle.ts";
import { Session, type SessionEnd } from "./balancer_session.ts";
import { endsWithin } from "../deadline_wait.ts";
import type { AnyStream } from "../listener/endpoint_streams.ts";
import type { Network } from "../network.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";

/** Whoever accepts clients: an endpoint of any kind. */
export interface ClientSource extends AsyncIterable<StreamSocket<Deno.Addr>>, AsyncDisposable {
  /** Delivers nothing more for now. */
  pause(): void;
  /** Delivers again. */
  resume(): void;
}

/** How the connections of an endpoint have ended. */
export interface ServeReport {
  /** Connections that ended in order, from both sides. */
  readonly ended: number;
  /** Connections that a client or a backend broke off. */
  readonly failed: number;
  /** Connections over which nothing moved for too long. */
  readonly idle: number;
  /** Connections that were cut by whoever stopped serving. */
  readonly cut: number;
  /** Clients for whom no backend could be reached. */
  readonly refused: number;
}

/** A backend's stream, and whose it is. */
export interface Assignment {
  readonly stream: AnyStream;
  readonly backend: BackendState;
}

/** What serving needs of its balancer. */
export interface ServingParts {
  readonly network: Network;
  readonly idle: IdleWatch;
  /** Connections at a time; beyond, the endpoint is not asked for more. */
  readonly maxConnections: number;
  /** Connects to a backend for a client, and counts it there. */
  assign(client: AnyStream, signal: AbortSignal): Promise<Assignment>;
  /** Notes that a backend served. */
  served(backend: BackendState): void;
  /** Notes that a connection to a backend is over. */
  over(backend: BackendState, session: Session): void;
}

/** Serves one endpoint until it is closed. */
export class Serving {
  readonly #endpoint: ClientSource;
  readonly #parts: ServingParts;
  readonly #sessions = new Set<Session>();
  readonly #ends: Record<SessionEnd | "refused", number> = {
    ended: 0,
    failed: 0,
    idle: 0,
    cut: 0,
    refused: 0,
  };
  /** Ends attempts to reach a backend. */
  readonly #attempts = new AbortController();
  /** Clients that are connected, or for whom a backend is looked for. */
  #clients = 0;
  #roomier: (() => void) | null = null;
  #emptier: (() => void) | null = null;
  #done: Promise<ServeReport> | null = null;

  constructor(endpoint: ClientSource, parts: ServingParts) {
    this.#endpoint = endpoint;
    this.#parts = parts;
  }

  /** Clients that are connected, or for whom a backend is looked for. */
  get clients(): number {
    return this.#clients;
  }

  /** Serves. @returns when the endpoint is closed and no client is left */
  run(): Promise<ServeReport> {
    return this.#done ??= this.#run();
  }

  /** Accepts no more, and lets clients finish. @returns how many finished in time, and not */
  async stop(timeoutMs: number): Promise<{ finished: number; cut: number }> {
    await this.#endpoint[Symbol.asyncDispose]();
    const clients = this.#clients;
    const before = this.#ends.cut;
    const isDone = await endsWithin(this.#parts.network, this.#whenEmpty(), timeoutMs);
    if (!isDone) await this.cutAll();
    const cut = this.#ends.cut - before;
    return { finished: clients - cut, cut };
  }

  /** Accepts no more and cuts every connection. @returns when nothing is left */
  async cutAll(): Promise<void> {
    await this.#endpoint[Symbol.asyncDispose]();
    this.#attempts.abort();
    for (const session of this.#sessions) session.cut();
    await this.#whenEmpty();
  }

  async #run(): Promise<ServeReport> {
    try {
      for await (const client of this.#endpoint) {
        this.#clients++;
        this.#serve(client);
        if (this.#clients >= this.#parts.maxConnections) await this.#waitForRoom();
      }
    } finally {
      // Where the endpoint failed, the clients it gave are served to their end all the same.
      await this.#whenEmpty();
    }
    return { ...this.#ends };
  }

  async #serve(client: AnyStream): Promise<void> {
    try {
      await this.#proxy(client);
    } finally {
      this.#clients--;
      this.#roomier?.();
      if (this.#clients === 0) this.#emptier?.();
    }
  }

  async #proxy(client: AnyStream): Promise<void> {
    const { idle } = this.#parts;
    let assignment: Assignment;
    try {
      assignment = await this.#parts.assign(client, this.#attempts.signal);
    } catch {
      this.#ends[this.#attempts.signal.aborted ? "cut" : "refused"]++;
      await client.reset(undefined);
      return;
    }
    const { backend } = assignment;
    const session = new Session(client, assignment.stream);
    session.onServed = () => this.#parts.served(backend);
    this.#sessions.add(session);
    backend.opened(session);
    idle.add(session);
    if (this.#attempts.signal.aborted) session.cut();
    this.#ends[await session.done]++;
    idle.delete(session);
    this.#sessions.delete(session);
    this.#parts.over(backend, session);
  }

  /** Holds the endpoint while there are as many clients as there may be. */
  async #waitForRoom(): Promise<void> {
    this.#endpoint.pause();
    await new Promise<void>((resolve) => this.#roomier = resolve);
    this.#roomier = null;
    this.#endpoint.resume();
  }

  async #whenEmpty(): Promise<void> {
    while (this.#clients > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#emptier;
        this.#emptier = () => {
          before?.();
          resolve();
        };
      });
      this.#emptier = null;
    }
  }
}
