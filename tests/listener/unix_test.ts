import { assert, assertEquals } from "@std/assert";
import { REFUSALS } from "../support/backends.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { skipUnless } from "../support/skip.ts";
import {
  NetError,
  NetworkCapability,
  UnixEndpoint,
  type UnixSocketType,
  UnixStream,
} from "../../mod.ts";

const IDLE_MS = 1_500;
const PAUSE_MS = 250;
/** Longer than the limit, all pauses together. */
const ROUNDS = 10;

/** A pause on the ring's time. */
async function pause(stream: UnixStream): Promise<void> {
  const error = await stream.receive({ timeoutMs: PAUSE_MS }).catch((reason) => reason);
  assert(error instanceof NetError && error.code === "ETIMEDOUT", String(error));
}

async function talkThenFallSilent(
  capability: NetworkCapability,
  path: string,
  type: UnixSocketType,
): Promise<void> {
  const endpoint = await UnixEndpoint.create(`unix:${path}`, capability, {
    type,
    idleTimeoutMs: IDLE_MS,
    handshakeTimeoutMs: IDLE_MS,
  });
  const accepting = endpoint.accept();
  const client = await UnixStream.connect(endpoint.addr, capability, { type });
  const server = await accepting;
  let received = 0;
  const receiving = (async () => {
    for await (const lease of server.receiveMany()) received += lease.length;
  })().catch((reason) => reason);
  for (let round = 0; round < ROUNDS; round++) {
    await client.send(new Uint8Array(1));
    await pause(client);
  }
  assertEquals([endpoint.stats().idleCloses, received], [0, ROUNDS]);
  const error = await receiving;
  assert(error instanceof NetError && error.code === "ETIMEDOUT", String(error));
  assertEquals(endpoint.stats().idleCloses, 1);
}

Deno.test(
  skipUnless(
    "messages keep Unix connections of both types from being idle, and silence ends them",
    REFUSALS.kernel === undefined,
    REFUSALS.kernel ?? "",
  ),
  async () => {
    const folder = await Deno.makeTempDir();
    let capability: NetworkCapability;
    await assertNoLeaks(async () => {
      capability = await NetworkCapability.request({ backend: "kernel" });
      await Promise.all([
        talkThenFallSilent(capability, `${folder}/stream`, "stream"),
        talkThenFallSilent(capability, `${folder}/seqpacket`, "seqpacket"),
      ]);
      await capability[Symbol.asyncDispose]();
    }, () => capability.stats());
    await Deno.remove(folder, { recursive: true });
  },
);
