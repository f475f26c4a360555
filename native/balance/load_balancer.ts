/**
 * Balancing connections over backends, and a TCP proxy on top of it.
 *
 * @module
 */

import {
  type Backend,
  type BackendOptions,
  BackendState,
  type BackendStats,
} from "./balancer_backend.ts";
import { allFailed, isFault, isTimeout } from "./balancer_faults.ts";
import { ejectionPlan } from "./balancer_health.ts";
import { IdleWatch } from "./balancer_idle.ts";
import {
  checkBalancerOptions,
  type CheckedOptions,
  type LoadBalancerOptions,
} from "./balancer_options.ts";
import { type BalancerPolicy, makePolicy, type Policy } from "./balancer_policies.ts";
import {
  type Assignment,
  type ClientSource,
  type ServeReport,
  Serving,
} from "./balancer_serving.ts";
import type { Session } from "./balancer_session.ts";
import type { NetworkCapability } from "../capability.ts";
import { endsWithin } from "../deadline_wait.ts";
import type { AnyStream } from "../listener/endpoint_streams.ts";
import { badResource, timedOut } from "../errors.ts";
import { checkOperation, checkTimeout, type OpOptions } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/** Options of {@linkcode LoadBalancer.connect}. */
export interface BalancedConnectOptions extends OpOptions {
  /** What the policy "maglev" goes by. */
  readonly key?: string | Uint8Array;
}

/** A connection to the backend that was chosen. */
export interface BalancedConnection {
  /** The connection; it counts as one of its backend's until it is closed. */
  readonly stream: StreamSocket<Deno.Addr>;
  /** Whose it is. */
  readonly backend: Backend;
}

/** How connections ended that were waited for. */
export interface BalancerDrainReport {
  /** Those that ended by themselves. */
  readonly finished: number;
  /** Those that were cut when the time was over. */
  readonly cut: number;
}

/** What a balancer has done. */
export interface LoadBalancerStats {
  /** Clients that are served now. */
  readonly clients: number;
  /** Attempts that were made because the one before had failed. */
  readonly retries: number;
  /** Each backend's condition and counters, by name. */
  readonly backends: Readonly<Record<string, BackendStats & { readonly condition: string }>>;
}

const BACKENDS_MAX = 4096;

/**
 * Spreads connections over backends. {@linkcode LoadBalancer.serve} makes a TCP proxy of it: bytes
 * go from one socket to the other out of the memory they arrived in, with half-close, backpressure
 * and limits on every wait.
 *
 * A backend that fails several times in a row is left out for a while, and for longer when it fails
 * again; a connection that cannot be made is tried with another backend.
 *
 * @example
 * ```ts
 * import { LoadBalancer, NetworkCapability } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const echo = await capability.listen("127.0.0.1:0");
 * (async () => {
 *   for await (const stream of echo) stream.readable.pipeTo(stream.writable);
 * })();
 * await using balancer = new LoadBalancer({ capability, backends: [echo.addr] });
 * const front = await capability.listen("127.0.0.1:0");
 * balancer.serve(front);
 * await using client = await capability.connect(front.addr);
 * await client.send(new TextEncoder().encode("hello"));
 * using lease = await client.receive();
 * console.log(lease?.length); // 5
 * echo.close();
 * ```
 */
export class LoadBalancer implements AsyncDisposable {
  /** Who is next. */
  readonly policy: BalancerPolicy;
  readonly #options: CheckedOptions;
  readonly #capability: NetworkCapability;
  readonly #policy: Policy<BackendState>;
  readonly #plan: ReturnType<typeof ejectionPlan> | null;
  readonly #idle: IdleWatch;
  readonly #clock: () => number;
  readonly #backends: BackendState[] = [];
  readonly #servings = new Set<Serving>();
  #retries = 0;
  #isStopped = false;

  /**
   * Makes a balancer; it connects to nobody before somebody asks for it.
   *
   * @throws {TypeError} for an unknown key, a malformed address or a name that is there twice
   * @throws {RangeError} for a number out of its range, naming it
   */
  constructor(options: LoadBalancerOptions) {
    const checked = checkBalancerOptions(options);
    const { capability, policy, ejection } = checked;
    this.policy = policy;
    this.#options = checked;
    this.#capability = capability;
    this.#clock = checked.clock;
    this.#plan = ejection === false ? null : ejectionPlan(ejection);
    this.#policy = makePolicy(policy, options.tableSize);
    this.#idle = new IdleWatch(capability.network.reactor, checked.idleTimeoutMs);
    for (const backend of options.backends) this.#append(backend);
    this.#policy.update(this.#backends);
  }

  /** The backends, in the order in which they were added. */
  get backends(): readonly Backend[] {
    return [...this.#backends];
  }

  /**
   * Chooses the next backend, and leaves the rest to the program. What comes of it can be told by
   * {@linkcode LoadBalancer.report}; "least-connections" sees only connections of this balancer.
   *
   * @param key what the policy "maglev" goes by, which needs one
   * @returns undefined when none takes connections
   */
  pick(key?: string | Uint8Array): Backend | undefined {
    return this.#choose(key, []);
  }

  /** Tells how a backend that was picked has done, for its ejection. */
  report(backend: Backend, outcome: "success" | "failure"): void {
    const state = this.#find(backend.name);
    if (outcome === "success") state.health.succeed(this.#clock());
    else this.#fail(state);
  }

  /**
   * Connects to the next backend, or to another one when that cannot be reached.
   *
   * @throws {NetError} EHOSTUNREACH when no backend takes connections; else what the last attempt
   * failed with, all attempts being the errors of its cause, an AggregateError
   */
  async connect(options: BalancedConnectOptions = {}): Promise<BalancedConnection> {
    const { key, ...operation } = options;
    checkOperation("connect", operation);
    const { stream, backend } = await this.#assign(key, operation);
    const connection = { cut: () => stream.close() };
    backend.opened(connection);
    stream.closed.then(() => {
      backend.closed(connection);
      backend.release();
    });
    return { stream, backend };
  }

  /**
   * Proxies every connection of an endpoint to a backend, until the endpoint is closed.
   *
   * @param endpoint is the balancer's from now on; it may be of another capability
   * @param options `signal` ends it at once: connections are cut, and it rejects with the reason
   * @returns when the endpoint is closed and every connection has ended, in order or by
   * {@linkcode LoadBalancer.stop}
   */
  async serve(
    endpoint: ClientSource,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<ServeReport> {
    checkKeys("serve", options, ["signal"]);
    if (this.#isStopped) throw badResource("serve", "the balancer is stopped");
    const { signal } = options;
    signal?.throwIfAborted();
    const serving = new Serving(endpoint, {
      network: this.#capability.network,
      idle: this.#idle,
      maxConnections: this.#options.maxConnections,
      assign: (client, signal) => this.#assign(this.#keyOf(client), { signal }),
      served: (backend) => backend.health.succeed(this.#clock()),
      over: (backend, session) => this.#over(backend, session),
    });
    const onAbort = () => serving.cutAll();
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#servings.add(serving);
    try {
      const report = await serving.run();
      signal?.throwIfAborted();
      return report;
    } finally {
      this.#servings.delete(serving);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Adds a backend, which is given connections from now on.
   *
   * @throws {TypeError} when its name is there already
   */
  add(backend: AddressInput | BackendOptions): Backend {
    const state = this.#append(backend);
    this.#update();
    return state;
  }

  /**
   * Takes a backend out: it is given no connections any more, those it has may finish, and what is
   * left after `timeoutMs` is cut.
   *
   * @param name of the backend
   * @returns when it has none left
   * @throws {TypeError} when there is no backend of that name
   */
  async drain(name: string, options: { readonly timeoutMs: number }): Promise<BalancerDrainReport> {
    checkKeys("drain", options, ["timeoutMs"]);
    checkTimeout("drain", options.timeoutMs);
    const backend = this.#find(name);
    backend.isDraining = true;
    this.#update();
    const { active } = backend;
    const { network } = this.#capability;
    const isDone = await endsWithin(network, backend.whenIdle(), options.timeoutMs);
    const cut = isDone ? 0 : await backend.cutAll();
    // What was about to connect gives up or is told.
    await backend.whenIdle();
    const index = this.#backends.indexOf(backend);
    if (index >= 0) this.#backends.splice(index, 1);
    return { finished: active - cut, cut };
  }

  /**
   * Stops serving: closes the endpoints, lets clients finish, and cuts what is left after
   * `timeoutMs`. Connections of {@linkcode LoadBalancer.connect} are their holders'.
   *
   * @returns when every `serve` has nothing left
   */
  async stop(options: { readonly timeoutMs: number }): Promise<BalancerDrainReport> {
    checkKeys("stop", options, ["timeoutMs"]);
    checkTimeout("stop", options.timeoutMs);
    this.#isStopped = true;
    const stopping = [...this.#servings].map((serving) => serving.stop(options.timeoutMs));
    const reports = await Promise.all(stopping);
    let [finished, cut] = [0, 0];
    for (const report of reports) {
      finished += report.finished;
      cut += report.cut;
    }
    return { finished, cut };
  }

  /** What it has done. */
  stats(): LoadBalancerStats {
    let clients = 0;
    for (const serving of this.#servings) clients += serving.clients;
    const backends = this.#backends.map((backend) =>
      [backend.name, { condition: backend.condition, ...backend.stats() }] as const
    );
    return { clients, retries: this.#retries, backends: Object.fromEntries(backends) };
  }

  /** Stops at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ timeoutMs: 0 });
  }

  #append(input: AddressInput | BackendOptions): BackendState {
    const backend = new BackendState(input, this.#plan, this.#clock);
    if (this.#backends.some(({ name }) => name === backend.name)) {
      throw new TypeError(`backend ${backend.name}: there is one of that name already`);
    }
    if (this.#backends.length >= BACKENDS_MAX) {
      throw new RangeError(`there are ${BACKENDS_MAX} backends, the most there may be`);
    }
    this.#backends.push(backend);
    return backend;
  }

  #update(): void {
    this.#policy.update(this.#backends.filter(({ isDraining }) => !isDraining));
  }

  #find(name: string): BackendState {
    const backend = this.#backends.find((candidate) => candidate.name === name);
    if (backend === undefined) throw new TypeError(`there is no backend ${String(name)}`);
    return backend;
  }

  #choose(
    key: string | Uint8Array | undefined,
    tried: readonly BackendState[],
  ): BackendState | undefined {
    const now = this.#clock();
    const hasRoom = (backend: BackendState) => backend.hasRoom && !tried.includes(backend);
    const isTrusted = (backend: BackendState) => !backend.health.isEjected(now) && hasRoom(backend);
    // One that has failed lately is better than none.
    return this.#policy.pick(key, isTrusted) ?? this.#policy.pick(key, hasRoom);
  }

  async #assign(key: string | Uint8Array | undefined, options: OpOptions): Promise<Assignment> {
    const { signal, timeoutMs = Infinity } = options;
    const { connectTimeoutMs, retries } = this.#options;
    const { reactor } = this.#capability.network;
    const endMs = reactor.driver.now() + timeoutMs;
    const tried: BackendState[] = [];
    const failures: unknown[] = [];
    while (tried.length <= retries) {
      const leftMs = endMs - reactor.driver.now();
      if (tried.length > 0 && leftMs <= 0) throw timedOut("connect", { timeoutMs });
      const backend = this.#choose(key, tried);
      if (backend === undefined) break;
      if (tried.length > 0) this.#retries++;
      tried.push(backend);
      backend.active++;
      const limitMs = Math.min(connectTimeoutMs, Math.max(0, leftMs));
      try {
        const stream = await this.#reach(backend, { signal, timeoutMs: limitMs });
        if (!backend.isCut) return { stream, backend };
        backend.release();
        await stream.close();
      } catch (error) {
        backend.release();
        if (!isFault(error)) throw error;
        backend.connectFailures++;
        if (limitMs === connectTimeoutMs || !isTimeout(error)) this.#fail(backend);
        failures.push(error);
      }
    }
    throw allFailed(failures, this.#backends.length);
  }

  async #reach(backend: BackendState, operation: OpOptions): Promise<AnyStream> {
    const options = { ...this.#options.connect, ...operation };
    const stream = await this.#capability.connect(backend.address, options);
    backend.connections++;
    return stream;
  }

  #fail(backend: BackendState): void {
    const now = this.#clock();
    const ejected = this.#backends.filter(({ health }) => health.isEjected(now)).length;
    const most = Math.floor(this.#backends.length * (this.#plan?.maxShare ?? 0));
    backend.health.fail(now, ejected < most);
  }

  #over(backend: BackendState, session: Session): void {
    backend.closed(session);
    backend.release();
    if (session.isBackendAtFault && isFault(session.reason)) this.#fail(backend);
  }

  #keyOf(client: AnyStream): string | Uint8Array | undefined {
    if (this.policy !== "maglev") return undefined;
    const { key } = this.#options;
    if (key !== undefined) return key(client);
    const address = client.remoteAddr;
    return "hostname" in address ? address.hostname : "";
  }
}
