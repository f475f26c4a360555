/**
 * Stacks of several shards for tests, with a stack of one shard at the other end of a pipe.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { NetworkCapability } from "../../../native/capability.ts";
import { createPipe, NetworkStack, type StackStatistics } from "../../../native/stack/mod.ts";
import { assertNoLeaks, settleBaseline } from "../leaks.ts";

const MEBIBYTE = 1 << 20;
/** Sizes that every test can live with. */
export const RING = {
  entries: 256,
  slots: 1024,
  buffers: { count: 256 },
  arenaBytes: 8 * MEBIBYTE,
};
/** How many shards the one of the two stacks has. */
export const SHARDS = 3;

/** Has Deno open what it keeps for some seconds once it has run a Worker. */
async function runWorker(): Promise<void> {
  await settleBaseline();
  await (await NetworkStack.start()).stop();
}

/** A stack of some shards, and one of one shard, at the two ends of a pipe. */
export interface Pair {
  readonly worker: boolean;
  readonly many: NetworkStack;
  readonly one: NetworkStack;
}

/** Registers a test for shards in this isolate, and in Workers. */
export function testShards(name: string, body: (pair: Pair) => Promise<void>): void {
  for (const worker of [false, true]) {
    Deno.test(`${name} [${worker ? "Workers" : "isolate"}]`, async () => {
      if (worker) await runWorker();
      await assertNoLeaks(() => withPair(worker, body));
    });
  }
}

export async function withPair(
  worker: boolean,
  body: (pair: Pair) => Promise<void>,
): Promise<void> {
  const [left, right] = createPipe();
  await using many = await NetworkStack.start({
    worker,
    shards: SHARDS,
    ports: [{ port: left, addresses: ["10.0.0.1/24", "fd00::1/64"] }],
  });
  await using one = await NetworkStack.start({
    worker,
    ports: [{ port: right, addresses: ["10.0.0.2/24", "fd00::2/64"] }],
  });
  await body({ worker, many, one });
}

/** Waits until all addresses of a stack can be used. */
export async function usable(stack: NetworkStack): Promise<void> {
  for (;;) {
    const { interfaces } = await stack.info();
    const addresses = interfaces.flatMap((link) => link.addresses);
    if (addresses.every(({ state }) => state === "preferred")) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One counter of each shard. */
export function counts({ shards }: StackStatistics, group: string, name: string): number[] {
  return shards!.map((shard) => (shard[group] as Record<string, number>)[name]);
}

/** Has a rule send everything to one shard. */
export async function steerTo(many: NetworkStack, worker: boolean, shard: number): Promise<void> {
  const text = `export default () => ({ steerTo: ${shard} })`;
  const rule = worker ? new URL(`data:text/javascript,${text}`) : () => ({ steerTo: shard });
  await many.configureFlowDirector(rule);
}

/** A connection. */
export type Stream = Awaited<ReturnType<NetworkCapability["connect"]>>;

/** Has bytes go through a connection both ways, and both ends close it. */
export async function talk(client: Stream, server: Stream, bytes: number): Promise<void> {
  const data = Uint8Array.from({ length: bytes }, (_, index) => index * 7);
  const sending = client.send(data).then(() => client.closeWrite());
  let at = 0;
  for await (const lease of server.receiveMany()) {
    assertEquals(lease.bytes, data.subarray(at, at + lease.length));
    at += lease.length;
  }
  assertEquals(at, bytes);
  await sending;
  await server.send(data.subarray(0, 10));
  await server.close();
  using lease = (await client.receive())!;
  assertEquals(lease.length, 10);
  await client.close();
}
