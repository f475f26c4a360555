/**
 * Networks that exist only in memory, for programs to be tested on.
 *
 * @module
 */

import {
  CaptureFile,
  type CaptureSink,
  type EngineFailure,
  type InvariantChecker,
  type LinkOptions,
  loadSimulator,
  type Simulator,
  type SwitchOptions,
  type World,
  type WorldHost,
} from "../../drivers/mod.ts";
import { NetworkCapability } from "../capability.ts";
import { checkTimeout } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import { planOf } from "../ring_options.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { reportFailure } from "./failure_file.ts";
import { type HostOwner, SimulatedHost, SimulatedPipe } from "./simulated_host.ts";
import { SimulatedLink } from "./simulated_link.ts";
import { SimulationError } from "./simulation_error.ts";
import {
  DEFAULT_LIMIT_MS,
  HOST_RING,
  OPTION_KEYS,
  type SimulatedHostOptions,
  type SimulationCaptureOptions,
  type SimulationOptions,
} from "./simulation_options.ts";

/** Virtual time in which connections may come to their end: four minutes, twice RFC 9293's MSL. */
const LINGER_MS = 240_000;
const MICROSECONDS = 1000;

/** Programs on virtual hosts may do everything: nothing of it leaves the process. */
const RIGHTS = {
  tcp: true,
  udp: true,
  raw: true,
  connect: true,
  listen: true,
  resolve: true,
} as const;

/**
 * A network in this isolate: hosts with TCP/IP stacks, routers, switches, and links that are as bad
 * as they are asked to be, all on one virtual clock. Programs use it by capabilities, as they use
 * any network. Time goes on only when none of them has anything to do, so an hour takes seconds;
 * and all chance comes from one seed, so that a run can be repeated byte for byte.
 *
 * No permission is needed, but `--allow-write` for captures.
 *
 * @example
 * ```ts
 * import { Simulation, TcpEndpoint, TcpStream } from "../../mod.ts";
 * await using simulation = await Simulation.create({ seed: 1 });
 * const alice = simulation.host("alice");
 * const bob = simulation.host("bob");
 * simulation.link("alice", "bob", { bandwidth: "10Mbit/s", delayMs: 20, loss: 0.01 });
 * await simulation.run(async () => {
 *   await using endpoint = await TcpEndpoint.create("0.0.0.0:80", bob.capability);
 *   await using client = await TcpStream.connect("bob:80", alice.capability);
 *   using server = await endpoint.accept();
 *   await client.send(new TextEncoder().encode("hello"));
 *   using lease = await server.receive();
 *   console.log(lease?.length, "bytes after", simulation.now, "ms");
 * });
 * ```
 */
export class Simulation implements AsyncDisposable {
  /** What all chance comes from. */
  readonly seed: number;
  readonly #simulator: Simulator;
  readonly #world: World;
  readonly #options: SimulationOptions;
  readonly #rings = new Map<WorldHost, MemoryPlan>();
  readonly #capabilities = new Map<WorldHost, NetworkCapability>();
  readonly #captures = new Set<Disposable>();
  readonly #owner: HostOwner = { capabilityOf: (host) => this.#capabilityOf(host) };
  #checker: InvariantChecker | null = null;
  #hasBegun = false;
  #closing: Promise<void> | null = null;

  private constructor(simulator: Simulator, options: SimulationOptions) {
    this.seed = (options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]) >>> 0;
    this.#simulator = simulator;
    this.#options = options;
    this.#world = new simulator.World({
      seed: this.seed,
      epochMs: options.epochMs ?? 0,
      limitMs: options.limitMs ?? DEFAULT_LIMIT_MS,
      isRealTime: options.realTime ?? false,
    });
  }

  /**
   * Makes a network without anything in it.
   *
   * @param options the seed, and limits
   * @throws {TypeError} for an unknown key
   * @throws {RangeError} for a number out of its range
   */
  static async create(options: SimulationOptions = {}): Promise<Simulation> {
    checkKeys("simulation", options, OPTION_KEYS.simulation);
    checkTimeout("simulation", options.limitMs);
    return new Simulation(await loadSimulator(), options);
  }

  /** Virtual time in milliseconds: 0 at first. */
  get now(): number {
    return this.#world.network.clock.nowMs;
  }

  /** A hash over every frame, its time and its fate so far: with one hash, two runs were the same. */
  get hash(): string {
    return this.#world.network.traceHash.digest;
  }

  /**
   * Adds a host. It gets an address of IPv4 and one of IPv6 on each link, and routes to everywhere.
   *
   * @param name by which others find it
   * @throws {SimulationError} STATE once the simulation has begun
   */
  host(name: string, options: SimulatedHostOptions = {}): SimulatedHost {
    return this.#addHost(name, "host", options);
  }

  /** Adds a router: a host that passes packets on from one link to another. */
  router(name: string, options: SimulatedHostOptions = {}): SimulatedHost {
    return this.#addHost(name, "router", options);
  }

  /**
   * Adds a place for a stack in another thread, which is joined to its links by pipes. Virtual time
   * has to keep to real time: nobody knows what other threads are about to send.
   *
   * @throws {SimulationError} STATE once the simulation has begun, and without `realTime`
   */
  pipe(name: string): SimulatedPipe {
    this.#requireOpen("pipe");
    if (this.#options.realTime !== true) {
      throw this.#fault("STATE", "pipe: other threads need a simulation with realTime: true");
    }
    return new SimulatedPipe(this.#world.addPipe(name), () => {
      throw this.#fault("STATE", `options of ${name}: the simulation has not begun`);
    });
  }

  /** Adds a switch, which learns who is where. */
  switch(name: string, options: SwitchOptions = {}): void {
    this.#requireOpen("switch");
    this.#world.addSwitch(name, options);
  }

  /** Adds a hub, which repeats everything to everybody. */
  hub(name: string): void {
    this.#requireOpen("hub");
    this.#world.addHub(name);
  }

  /**
   * Links two nodes.
   *
   * @param first the name of the first one
   * @param second the name of the second one
   * @param options what the link is like; a perfect wire without any
   * @throws {TypeError} when there is no such node
   * @throws {RangeError} when an option is out of its range, naming it
   */
  link(first: string, second: string, options: LinkOptions = {}): SimulatedLink {
    this.#requireOpen("link");
    return new SimulatedLink(this.#world.link(first, second, options));
  }

  /**
   * Captures what all links carry from now on as pcapng.
   *
   * @param to a path, of a file or of a named pipe that Wireshark reads; or whatever takes blocks
   * @returns what ends the capture
   */
  async capture(
    to: string | CaptureSink,
    options: SimulationCaptureOptions = {},
  ): Promise<Disposable> {
    checkKeys("capture", options, OPTION_KEYS.capture);
    const file = typeof to === "string" ? await CaptureFile.open(to) : null;
    const { network } = this.#world;
    const sink = file ?? to as CaptureSink;
    const comment = `seed ${this.seed}`;
    const capture = new this.#simulator.LinkCapture(network.frames, network.clock, sink, {
      ...options,
      epoch: (this.#options.epochMs ?? 0) * MICROSECONDS,
      comment,
    });
    for (const link of network.links) capture.add(link);
    const ending: Disposable = {
      [Symbol.dispose]: () => {
        if (!this.#captures.delete(ending)) return;
        capture[Symbol.dispose]();
        file?.[Symbol.dispose]();
      },
    };
    this.#captures.add(ending);
    return ending;
  }

  /**
   * Runs a program, and lets time pass while it waits for the network or sleeps. Several may run at
   * the same time.
   *
   * What it awaits elsewhere, such as a file or a Worker, has to go through
   * {@linkcode Simulation.external}: else time would not wait for it.
   *
   * @param program what is run; hosts have capabilities once it begins
   * @returns what the program gives
   * @throws {SimulationError} STALLED when nothing will ever happen, LIMIT when it takes too long,
   * INVARIANT when somebody broke the rules of TCP
   */
  async run<Value>(program: () => PromiseLike<Value> | Value): Promise<Value> {
    if (this.#closing !== null) throw this.#fault("STATE", "run: the simulation is closed");
    this.begin();
    try {
      const result = await this.#world.engine.run(program, (why) => this.#engineFault(why));
      this.#assertGood("INVARIANT");
      return result;
    } catch (error) {
      this.#report();
      throw error;
    }
  }

  /**
   * Gives everybody addresses and routes, so that they can be asked for; {@linkcode Simulation.run}
   * does so by itself. Nothing can be added any more.
   */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#world.begin();
    if (this.#options.check !== false) this.#check();
    for (const host of this.#world.hosts) {
      const driver = this.#world.openRing(host, this.#rings.get(host)!);
      this.#capabilities.set(host, NetworkCapability.over(driver, RIGHTS));
    }
  }

  /**
   * Sleeps in virtual time.
   *
   * @param milliseconds 0 or more
   * @param options a signal that ends it with its reason
   */
  async sleep(
    milliseconds: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    checkTimeout("sleep", milliseconds);
    const { signal } = options;
    signal?.throwIfAborted();
    const { network, engine } = this.#world;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const time = network.now + Math.ceil(milliseconds * MICROSECONDS);
    const cancel = engine.sleepUntil(time, resolve);
    const onAbort = () => {
      cancel();
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Waits for something that is not part of the simulation; virtual time stands still meanwhile.
   *
   * @returns what the promise gives
   */
  external<Value>(promise: PromiseLike<Value>): Promise<Value> {
    return this.#world.engine.waitExternally(promise);
  }

  /**
   * Closes every socket and stack, and makes sure that nothing is left. Calling it again does
   * nothing.
   *
   * @throws {SimulationError} LEAK when something is left
   */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** See {@linkcode Simulation.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #addHost(
    name: string,
    kind: "host" | "router",
    options: SimulatedHostOptions,
  ): SimulatedHost {
    checkKeys(kind, options, OPTION_KEYS.host);
    this.#requireOpen(kind);
    const { ring, ...rest } = options;
    const { plan } = planOf({ ...HOST_RING, ...ring });
    const host = this.#world.addHost(name, kind, rest);
    this.#rings.set(host, plan);
    return new SimulatedHost(this.#owner, host);
  }

  #requireOpen(operation: string): void {
    if (!this.#hasBegun && this.#closing === null) return;
    throw this.#fault("STATE", `${operation}: the simulation has begun, nothing can be added`);
  }

  #check(): void {
    const { hosts, pipes, network } = this.#world;
    const ends = [...hosts.filter(({ kind }) => kind === "host"), ...pipes].map(({ name }) => name);
    const captureBytes = this.#options.failureFile === null ? 0 : undefined;
    this.#checker = new this.#simulator.InvariantChecker(network, { ends, captureBytes });
    for (const { name, opened } of hosts) {
      if (opened === null) continue;
      this.#checker.watchArena(name, opened.host.core.environment.arena);
    }
  }

  #capabilityOf(host: WorldHost): NetworkCapability {
    const capability = this.#capabilities.get(host);
    if (capability !== undefined) return capability;
    const when = this.#closing === null ? "has not begun: use it within run()" : "is closed";
    throw this.#fault("STATE", `capability of ${host.name}: the simulation ${when}`);
  }

  #fault(code: SimulationError["code"], what: string, cause?: unknown): SimulationError {
    return new SimulationError(code, this.seed, what, { cause });
  }

  #engineFault(why: EngineFailure): SimulationError {
    if (why === "stalled") {
      const what = "run: programs wait, and nothing will ever happen on the network any more";
      return this.#fault("STALLED", what);
    }
    return this.#fault("LIMIT", `run: the limit is passed at ${this.now} ms of virtual time`);
  }

  /** @throws {SimulationError} when the checker has found anything */
  #assertGood(code: "INVARIANT" | "LEAK"): void {
    const checker = this.#checker;
    if (checker === null || checker.violations.count === 0) return;
    const { list, count } = checker.violations;
    const lines = list.map(({ time, rule, what }) => `\n  at ${time / 1000} ms: ${what} (${rule})`);
    throw this.#fault(code, `${count} violations${lines.join("")}`);
  }

  /** Says how to repeat a run that failed, and writes down what happened. */
  #report(): void {
    const { failureFile = `millrace_simulation_${this.seed}.pcapng` } = this.#options;
    const capture = failureFile === null ? null : this.#checker?.capture() ?? null;
    reportFailure({ seed: this.seed, now: this.now, path: failureFile, capture });
  }

  async #close(): Promise<void> {
    const { engine, network } = this.#world;
    try {
      if (this.#hasBegun) {
        await engine.run(() => this.#closeCapabilities(), (why) => this.#engineFault(why));
      }
    } finally {
      this.#capabilities.clear();
      await engine.whenStopped();
      if (this.#options.realTime !== true) network.runFor(LINGER_MS);
      await this.#world.end();
      for (const link of network.links) link.down();
      for (const capture of [...this.#captures]) capture[Symbol.dispose]();
      this.#checker?.[Symbol.dispose]();
    }
    // In real time, nobody waits for connections to come to their end.
    if (this.#options.realTime !== true) this.#checker?.checkReturned();
    this.#assertGood("LEAK");
  }

  async #closeCapabilities(): Promise<void> {
    const closing = [...this.#capabilities.values()].map((capability) =>
      capability[Symbol.asyncDispose]()
    );
    await Promise.all(closing);
  }
}
