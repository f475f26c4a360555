/**
 * A million datagrams over Unix sockets, in every run a part of them: none is lost or reordered.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { NetworkCapability, UnixDatagramEndpoint } from "../../mod.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { Random, scale, SEED } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

const LOST_MS = 10_000;

const refusal = kernelRefusal();

for (const isConnected of [true, false]) {
  const how = isConnected ? "connected" : "each by its address";
  const name = `datagrams over Unix sockets, ${how}: none is lost or reordered`;
  Deno.test({
    ...skipUnless(name, refusal === undefined, refusal ?? ""),
    fn: () => flood(isConnected),
  });
}

async function flood(isConnected: boolean): Promise<void> {
  const count = scale(20_000, 1_000_000);
  console.log(`MILLRACE_SEED=${SEED}`);
  const random = new Random(SEED);
  let capability: NetworkCapability | undefined;
  await assertNoLeaks(async () => {
    capability = await NetworkCapability.request({ backend: "kernel" });
    await using server = await UnixDatagramEndpoint.bind("unix:", capability);
    await using client = await UnixDatagramEndpoint.bind("unix:", capability);
    if (isConnected) await client.connect(server.addr);
    const sending = send(client, isConnected ? undefined : server.localName, count, random);
    await follow(server, count);
    await sending;
    const { received, dropped } = server.stats();
    assertEquals([received, dropped, client.stats().sent], [count, 0, count]);
    await capability[Symbol.asyncDispose]();
  }, () => capability!.stats());
}

async function send(
  client: UnixDatagramEndpoint,
  to: string | undefined,
  count: number,
  random: Random,
): Promise<void> {
  for (let next = 0; next < count;) {
    const length = Math.min(count - next, random.integer(1, 500));
    const batch = Array.from({ length }, () => {
      const data = new Uint8Array(4 + next % 50);
      new DataView(data.buffer).setUint32(0, next++);
      return { data, to };
    });
    assertEquals(await client.sendBatch(batch), { sent: length, failed: [] });
  }
}

async function follow(server: UnixDatagramEndpoint, count: number): Promise<void> {
  let next = 0;
  for await (const batch of server.receiveMany({ timeoutMs: LOST_MS })) {
    for (const { bytes, length } of batch) {
      const number = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
      if (number !== next || length !== 4 + next % 50) {
        assertEquals([number, length], [next, 4 + next % 50]);
      }
      next++;
    }
    if (next === count) return;
  }
}
