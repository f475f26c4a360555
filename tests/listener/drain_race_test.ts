import { assert, assertEquals } from "@std/assert";
import { testOnBackends } from "../support/backends.ts";
import { Random, scale, SEED } from "../support/seed.ts";
import type { ListenOptions, TcpEndpoint } from "../../mod.ts";

const CLIENTS = 40;

async function serve(endpoint: TcpEndpoint): Promise<void> {
  const answers: Promise<void>[] = [];
  for await (const stream of endpoint) {
    answers.push((async () => {
      try {
        for await (const lease of stream.receiveMany()) await stream.send(lease);
      } catch {
        // Cut at the deadline.
      } finally {
        await stream.close();
      }
    })());
  }
  await Promise.all(answers);
}

/** One client. @returns whether it was echoed to the end, or was turned away */
async function visit(port: number, rounds: number): Promise<boolean> {
  try {
    using peer = await Deno.connect({ hostname: "127.0.0.1", port });
    for (let round = 0; round < rounds; round++) {
      await peer.write(new Uint8Array(10));
      for (let left = 10; left > 0;) {
        const count = await peer.read(new Uint8Array(left));
        if (count === null) return false;
        left -= count;
      }
    }
    return true;
  } catch {
    return false;
  }
}

const OPTIONS: readonly [string, ListenOptions][] = [
  ["", {}],
  [" with maxConnections", { maxConnections: 5 }],
  [" with deadlines", { handshakeTimeoutMs: 10_000, idleTimeoutMs: 10_000 }],
];

for (const [name, options] of OPTIONS) {
  testOnBackends(`drain() at random moments under load ends and leaves nothing${name}`, async (
    capability,
  ) => {
    console.log(`seed ${SEED}`);
    const random = new Random(SEED);
    for (let round = 0; round < scale(12, 200); round++) {
      const endpoint = await capability.listen("127.0.0.1:0", options);
      const { port } = endpoint.addr;
      const serving = serve(endpoint);
      const visits = Array.from({ length: CLIENTS }, () => visit(port, random.integer(1, 20)));
      const before = random.integer(0, 30);
      while (endpoint.stats().accepted < Math.min(before, options.maxConnections ?? CLIENTS)) {
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      const timeoutMs = random.pick([0, 1, 20_000]);
      const draining = endpoint.drain({ timeoutMs });
      if (random.chance(0.3)) endpoint.close();
      const { drained, terminated } = await draining;
      const { accepted, open, waiting } = endpoint.stats();
      assertEquals([open, waiting], [0, 0]);
      assert(drained + terminated <= accepted, `${drained} + ${terminated} of ${accepted}`);
      await serving;
      const served = (await Promise.all(visits)).filter((isServed) => isServed).length;
      assert(served <= accepted, `${served} of ${accepted}`);
      if (timeoutMs > 1 && terminated > 0) throw new Error("somebody was cut");
    }
  });
}
