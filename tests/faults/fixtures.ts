/**
 * What fault tests have in common: each runs on every backend, and leaves nothing behind.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  type ListenOptions,
  NetworkCapability,
  type NetworkRights,
  type RingOptions,
  TcpEndpoint,
  type TcpStream,
} from "../../mod.ts";
import { sequence, SequenceCheck } from "../support/sequence.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { type Random, scale, withSeed } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

export { sequence, SequenceCheck };

/** The backends that faults are tried on. */
export type Backend = "kernel" | "host";

/** Every one of them. */
export const BACKENDS: readonly Backend[] = ["kernel", "host"];

/** No fault test takes as long; one that does has found a fault. */
const TEST_LIMIT_MS = scale(40_000, 3_600_000);

const kernelReason = kernelRefusal();

/** What a test needs of the machine beside the backend. */
export interface Needs {
  readonly backends?: readonly Backend[];
  readonly condition?: boolean;
  readonly reason?: string;
  /** How long the test may take, in milliseconds. */
  readonly limitMs?: number;
}

/** Defines one test for each backend. */
export function onEachBackend(
  name: string,
  body: (backend: Backend, random: Random) => Promise<void>,
  needs: Needs = {},
): void {
  const { backends = BACKENDS, condition = true, reason = "", limitMs = TEST_LIMIT_MS } = needs;
  for (const backend of backends) {
    const canRun = condition && (backend !== "kernel" || kernelReason === undefined);
    const why = condition ? kernelReason ?? "" : reason;
    Deno.test({
      ...skipUnless(`${name} (${backend})`, canRun, why),
      fn: withSeed((random) => within(name, body(backend, random), limitMs)),
    });
  }
}

/** What a fault is done to. */
export interface Site {
  readonly capability: NetworkCapability;
  readonly endpoint: TcpEndpoint;
  readonly port: number;
}

/** Sizes of a site's ring, what may be done there, and options of its endpoint. */
export interface SiteOptions {
  readonly rights?: NetworkRights;
  readonly ring?: RingOptions;
  readonly listen?: ListenOptions;
}

/** Runs `body` with a listening endpoint, closes everything, and proves that nothing is left. */
export async function withSite(
  backend: Backend,
  body: (site: Site) => Promise<void>,
  options: SiteOptions = {},
): Promise<void> {
  let capability: NetworkCapability | undefined;
  await assertNoLeaks(async () => {
    capability = await NetworkCapability.request({
      backend,
      ring: options.ring,
      rights: options.rights,
    });
    try {
      const endpoint = await TcpEndpoint.create("127.0.0.1:0", capability, options.listen);
      await body({ capability, endpoint, port: endpoint.addr.port });
    } finally {
      await capability[Symbol.asyncDispose]();
    }
    const { bufferBytes } = capability.stats();
    assertEquals(bufferBytes, 0, "ring memory is still held");
  }, () => capability!.stats());
}

/** Echoes until the peer ends its side. */
export async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.closeWrite();
  } finally {
    await stream.close();
  }
}

/** Accepts and echoes until the endpoint is closed; errors of single streams are theirs. */
export async function serveEcho(endpoint: TcpEndpoint): Promise<void> {
  const streams: Promise<void>[] = [];
  for await (const stream of endpoint) streams.push(echo(stream).catch(() => {}));
  await Promise.all(streams);
}

/** One echo over a plain Deno connection: proves that the site still serves. */
export async function assertServes(port: number, bytes = 1000): Promise<void> {
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  const check = new SequenceCheck();
  const reading = readAll(client, check);
  await writeAll(client, sequence(0, bytes));
  await client.closeWrite();
  await reading;
  assertEquals(check.received, bytes);
}

/** Writes all of it. */
export async function writeAll(client: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await client.write(bytes.subarray(sent));
}

/** Reads to the end. */
export async function readAll(client: Deno.Conn, check: SequenceCheck): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (let count = await client.read(buffer); count !== null;) {
    check.take(buffer.subarray(0, count));
    count = await client.read(buffer);
  }
}

/** Lets the event loop come round. */
export function loopOnce(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until something holds, looking at it every time the event loop comes round. */
export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Fails when something does not end in time, instead of hanging the whole run. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = 10_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`${what}: not within ${limitMs} ms`));
    timer = setTimeout(fail, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error("it did not fail");
}
