/**
 * What tests of pools and balancers have in common: backends that can be told apart, and proof that
 * nothing is left.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  type Backend as BalancedBackend,
  LoadBalancer,
  type LoadBalancerOptions,
  NetworkCapability,
  type RingOptions,
  type TcpEndpoint,
  type TcpStream,
} from "../../mod.ts";
import { type Backend, onEachBackend, until } from "../faults/fixtures.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import type { Random } from "../support/seed.ts";

export type { BalancedBackend };
export {
  type Backend,
  loopOnce,
  onEachBackend,
  sequence,
  SequenceCheck,
  until,
  within,
} from "../faults/fixtures.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Defines a test for each backend of the ring; when it is over, nothing may be left. */
export function onEachRing(
  name: string,
  body: (capability: NetworkCapability, random: Random, backend: Backend) => Promise<void>,
  ring?: RingOptions,
): void {
  onEachBackend(name, async (backend, random) => {
    let capability: NetworkCapability | undefined;
    await assertNoLeaks(async () => {
      capability = await NetworkCapability.request({ backend, ring });
      try {
        await body(capability, random, backend);
      } finally {
        await capability[Symbol.asyncDispose]();
      }
      assertEquals(capability.stats().bufferBytes, 0, "ring memory is still held");
    }, () => capability!.stats());
  });
}

/** A server that says its name to whoever connects, and then echoes. */
export class NamedServer implements AsyncDisposable {
  /** Connections that it was given. */
  accepted = 0;
  /** Those that are open. */
  readonly streams = new Set<TcpStream>();
  readonly #endpoint: TcpEndpoint;
  readonly #serving: Promise<void>;

  private constructor(readonly name: string, endpoint: TcpEndpoint) {
    this.#endpoint = endpoint;
    this.#serving = this.#serve();
  }

  /** Listens on a free port, or on the one that is given. */
  static async start(
    name: string,
    capability: NetworkCapability,
    address = "127.0.0.1:0",
  ): Promise<NamedServer> {
    return new NamedServer(name, await capability.listen(address));
  }

  /** Where it listens. */
  get address(): string {
    return this.#endpoint.localName;
  }

  /** Accepts no more; connections live on. */
  stopAccepting(): Promise<void> {
    return this.#endpoint[Symbol.asyncDispose]();
  }

  /** Closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endpoint[Symbol.asyncDispose]();
    await Promise.all([...this.streams].map((stream) => stream.close()));
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const stream of this.#endpoint) {
      this.accepted++;
      this.streams.add(stream);
      serving.push(this.#echo(stream).catch(() => {}));
    }
    await Promise.all(serving);
  }

  async #echo(stream: TcpStream): Promise<void> {
    try {
      await stream.send(encoder.encode(`${this.name}\n`));
      for await (const lease of stream.receiveMany()) await stream.send(lease);
      await stream.closeWrite();
    } finally {
      await stream.close();
      this.streams.delete(stream);
    }
  }
}

/** Starts servers with these names. */
export function startServers(
  capability: NetworkCapability,
  ...names: string[]
): Promise<NamedServer[]> {
  return Promise.all(names.map((name) => NamedServer.start(name, capability)));
}

/** A balancer in front of backends, on an endpoint. */
export interface Front extends AsyncDisposable {
  readonly balancer: LoadBalancer;
  readonly endpoint: TcpEndpoint;
  readonly address: string;
  /** What `serve` came to. */
  readonly serving: ReturnType<LoadBalancer["serve"]>;
}

/** Serves an endpoint of `capability`. */
export async function startFront(
  options: LoadBalancerOptions,
  signal?: AbortSignal,
): Promise<Front> {
  const endpoint = await options.capability.listen("127.0.0.1:0");
  const balancer = new LoadBalancer(options);
  const serving = balancer.serve(endpoint, { signal });
  serving.catch(() => {});
  return {
    balancer,
    endpoint,
    address: endpoint.localName,
    serving,
    [Symbol.asyncDispose]: () => balancer[Symbol.asyncDispose](),
  };
}

/** Reads a line. @returns it without its end, or null at the end of the stream */
export async function readLine(stream: TcpStream): Promise<string | null> {
  let text = "";
  const byte = new Uint8Array(1);
  while (true) {
    const count = await stream.read(byte, { timeoutMs: 10_000 });
    if (count === null) return text === "" ? null : text;
    if (byte[0] === 10) return text;
    text += decoder.decode(byte);
  }
}

/** Connects, and learns who serves. */
export async function greeted(
  capability: NetworkCapability,
  address: string,
): Promise<{ name: string | null; stream: TcpStream }> {
  const stream = await capability.connect(address);
  return { name: await readLine(stream), stream };
}

/** Who serves `count` clients, one after the other. */
export async function names(
  capability: NetworkCapability,
  address: string,
  count: number,
): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  for (let client = 0; client < count; client++) {
    const { name, stream } = await greeted(capability, address).catch(() => {
      return { name: null, stream: null };
    });
    found.push(name);
    await stream?.close();
  }
  return found;
}

/** Waits until a balancer has no connection. */
export function settled(balancer: LoadBalancer): Promise<void> {
  return until("the end of every connection of the balancer", () => {
    const { clients, backends } = balancer.stats();
    return clients === 0 && Object.values(backends).every(({ active }) => active === 0);
  });
}

/** An address where nobody listens. */
export async function deadAddress(capability: NetworkCapability): Promise<string> {
  const endpoint = await capability.listen("127.0.0.1:0");
  const address = endpoint.localName;
  await endpoint[Symbol.asyncDispose]();
  return address;
}
