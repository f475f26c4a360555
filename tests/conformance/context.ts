/**
 * What a behaviour is given: a capability on the backend under test, connections through it, and
 * peers that are strangers to it. Everything that is taken from here is closed at the end.
 *
 * @module
 */

import type { Backend } from "./backends.ts";
import { closeQuietly } from "./close_quietly.ts";
import { Raw } from "./raw.ts";
import { type Strangers, SystemStrangers } from "./strangers.ts";
import type { Random } from "../support/seed.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import {
  type CapabilityRequest,
  type ConnectOptions,
  type ListenOptions,
  NetworkCapability,
  type NetworkStats,
  type RingOptions,
  type TcpEndpoint,
  type TcpStream,
} from "../../mod.ts";

/** Rings of the suite are small: it opens thousands. */
const RING: RingOptions = {
  entries: 256,
  slots: 4096,
  buffers: { count: 64, bytes: 16384 },
  arenaBytes: 4 * 1024 * 1024,
};

/** Round trips after which whatever was ready before has been handed out. */
const BARRIER_ROUND_TRIPS = 3;

/** Both ends of a connection. */
export interface Pair {
  /** The end that connected. */
  readonly client: TcpStream;
  /** The end that was accepted. */
  readonly server: TcpStream;
  /** Where it was accepted. */
  readonly endpoint: TcpEndpoint;
}

/** A connection of which the backend under test has one end only. */
export interface Foreign {
  /** This library's end. */
  readonly stream: TcpStream;
  /** Deno's own. */
  readonly peer: Deno.TcpConn;
}

/** What {@linkcode Context.pair} takes. */
export interface PairOptions {
  readonly listen?: ListenOptions;
  readonly connect?: ConnectOptions;
}

/** @returns The request for a capability on a backend, over what the suite asks for anyway. */
export function requestFor(backend: Backend, request: CapabilityRequest = {}): CapabilityRequest {
  const ring = { ...RING, ...backend.request.ring, ...request.ring };
  return { ...backend.request, ...request, ring };
}

/** Given to every behaviour. */
export class Context {
  readonly backend: Backend;
  /** Nothing is open under it when the behaviour begins. */
  readonly capability: NetworkCapability;
  readonly random: Random;
  readonly #cleanups: (() => unknown)[] = [];
  readonly #before: NetworkStats;
  #barrier: Pair | null = null;
  #strangers: Strangers | null = null;

  constructor(backend: Backend, capability: NetworkCapability, random: Random) {
    this.backend = backend;
    this.capability = capability;
    this.random = random;
    this.#before = capability.stats();
  }

  /** How much a counter has grown since the behaviour began. */
  gained(counter: keyof NetworkStats): number {
    return this.capability.stats()[counter] - this.#before[counter];
  }

  /** Peers on its network that are none of this ring's. */
  get strangers(): Strangers {
    return this.#strangers ??= this.backend.strangers?.(this) ?? new SystemStrangers(this);
  }

  /** Its ring, entry by entry. */
  get raw(): Raw {
    return new Raw(this);
  }

  /** Has something done when the behaviour has ended, last come first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Opens one more capability on the backend under test. */
  async request(request: CapabilityRequest = {}): Promise<NetworkCapability> {
    const wanted = requestFor(this.backend, request);
    const capability = this.backend.beside?.(this.capability, wanted) ??
      await NetworkCapability.request(wanted);
    this.defer(() => capability[Symbol.asyncDispose]());
    return capability;
  }

  /** Listens on a free port of loopback. */
  async listen(
    options: ListenOptions = {},
    capability: NetworkCapability = this.capability,
  ): Promise<TcpEndpoint> {
    const endpoint = await capability.listen("127.0.0.1:0", options);
    this.defer(() => endpoint[Symbol.asyncDispose]());
    return endpoint;
  }

  /** Connects. */
  async connect(
    address: Deno.NetAddr,
    options: ConnectOptions = {},
    capability: NetworkCapability = this.capability,
  ): Promise<TcpStream> {
    const stream = await capability.connect(address, options);
    this.defer(() => stream.close());
    return stream;
  }

  /** Connects two streams, both through the API. */
  async pair(
    options: PairOptions = {},
    capability: NetworkCapability = this.capability,
  ): Promise<Pair> {
    const endpoint = await this.listen(options.listen, capability);
    const accepting = endpoint.accept();
    const client = await this.connect(endpoint.addr, options.connect, capability);
    const server = await accepting;
    this.defer(() => server.close());
    return { client, server, endpoint };
  }

  /** A stranger connects: the stream is an accepted one, and the only thing open. */
  async accepted(options: ListenOptions = {}): Promise<Foreign> {
    const endpoint = await this.listen(options);
    const accepting = endpoint.accept();
    const peer = await this.strangers.connect(endpoint.addr.port);
    this.defer(() => closeQuietly(peer));
    const stream = await accepting;
    this.defer(() => stream.close());
    await endpoint[Symbol.asyncDispose]();
    return { stream, peer };
  }

  /** Connects to a stranger. */
  async connected(options: ConnectOptions = {}): Promise<Foreign> {
    const listener = await this.foreignListener();
    const accepting = listener.accept();
    const stream = await this.connect(listener.addr as Deno.NetAddr, options);
    const peer = await accepting;
    this.defer(() => closeQuietly(peer));
    return { stream, peer };
  }

  /** A stranger connects that can reset the connection. */
  async resettable(): Promise<{ stream: TcpStream; reset: () => Promise<void> }> {
    const endpoint = await this.listen();
    const accepting = endpoint.accept();
    const peer = await this.strangers.resettable(endpoint.addr.port);
    this.defer(() => peer.reset());
    const stream = await accepting;
    this.defer(() => stream.close());
    return { stream, reset: () => peer.reset() };
  }

  /** A stranger that listens. */
  async foreignListener(): Promise<Deno.TcpListener> {
    const listener = await this.strangers.listen();
    this.defer(() => closeQuietly(listener));
    return listener;
  }

  /**
   * Returns after whatever was ready on this ring has been handed out: some round trips over a
   * connection of its own. What is still pending then is pending for a reason.
   */
  async barrier(): Promise<void> {
    this.#barrier ??= await this.pair();
    const { client, server } = this.#barrier;
    for (let trip = 0; trip < BARRIER_ROUND_TRIPS; trip++) {
      await client.send(new Uint8Array(1));
      (await server.receive())!.release();
      await server.send(new Uint8Array(1));
      (await client.receive())!.release();
    }
  }

  /** {@linkcode Context.barrier} that takes no provided buffer: some turns of the ring. */
  async barrierWithoutBuffers(): Promise<void> {
    for (let trip = 0; trip < BARRIER_ROUND_TRIPS; trip++) await this.raw.run(Op.NOP);
  }

  /** Whether a promise is still pending when everything that was ready is handed out. */
  async isPending(promise: Promise<unknown>): Promise<boolean> {
    let isSettled = false;
    const settle = () => void (isSettled = true);
    promise.then(settle, settle);
    await this.barrier();
    return !isSettled;
  }

  /** Closes everything that was taken from here. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
