/**
 * Tests that run once on every backend, with a capability of their own, and leave nothing behind.
 * For what all backends promise and `tests/conformance/` does not list: adapters and peers.
 *
 * @module
 */

import { kernelRefusal } from "./kernel.ts";
import { assertNoLeaks } from "./leaks.ts";
import { skipUnless } from "./skip.ts";
import { NetworkCapability } from "../../native/capability.ts";
import type { TcpStream } from "../../native/tcp/tcp_stream.ts";

/** The backends, by the name of the request. */
export type BackendKind = "kernel" | "host";

/** Both ends of a connection. */
export interface StreamPair {
  /** The end that connected. */
  readonly client: TcpStream;
  /** The end that was accepted. */
  readonly server: TcpStream;
}

/** Why a backend cannot run here, undefined where it can. */
export const REFUSALS: Readonly<Record<BackendKind, string | undefined>> = {
  kernel: kernelRefusal(),
  host: undefined,
};

/** What a test needs beyond a backend. */
export interface Needs {
  /** Whether it is there. */
  readonly condition: boolean;
  /** What is missing if it is not. */
  readonly reason: string;
}

/**
 * Registers a test on every backend. The capability is closed after it; then nothing may be left.
 *
 * @param name The name of the test, to which the backend's is added.
 * @param body The test.
 * @param needs What it needs beyond a backend.
 */
export function testOnBackends(
  name: string,
  body: (capability: NetworkCapability) => Promise<void>,
  needs: Needs = { condition: true, reason: "" },
): void {
  for (const [backend, refusal] of Object.entries(REFUSALS)) {
    const condition = refusal === undefined && needs.condition;
    const options = skipUnless(`${name} [${backend}]`, condition, refusal ?? needs.reason);
    Deno.test(options, () => runOn(backend as BackendKind, body));
  }
}

async function runOn(
  backend: BackendKind,
  body: (capability: NetworkCapability) => Promise<void>,
): Promise<void> {
  let capability: NetworkCapability | undefined;
  await assertNoLeaks(async () => {
    capability = await NetworkCapability.request({ backend });
    try {
      await body(capability);
    } finally {
      await capability[Symbol.asyncDispose]();
    }
  }, () => capability!.stats());
}

/**
 * Connects two streams.
 *
 * @param capability Must allow to listen and to connect on loopback.
 * @returns Both ends.
 */
export async function connectPair(capability: NetworkCapability): Promise<StreamPair> {
  await using endpoint = await capability.listen("127.0.0.1:0");
  const accepting = endpoint.accept();
  const client = await capability.connect(endpoint.addr);
  return { client, server: await accepting };
}
