import { assert, assertEquals } from "@std/assert";
import { onEachBackend, within, withSite } from "./fixtures.ts";
import { scale } from "../support/seed.ts";

// Linux looks up the descriptor of a SHUTDOWN some time after it took the entry. Whoever closes the
// stream meanwhile frees the number, and the next connection is given it.
onEachBackend("a shutdown under way never ends the connection that is given the same descriptor", (
  backend,
  random,
) =>
  withSite(backend, async ({ capability, endpoint }) => {
    const connect = async () => {
      const accepting = endpoint.accept();
      const client = await capability.connect(endpoint.addr);
      return { client, server: await accepting };
    };
    for (let round = 0; round < scale(150, 5000); round++) {
      const before = await connect();
      const ways = [
        () => before.client.closeWrite(),
        () => before.client.shutdown("both"),
        // An abort after the first byte ends the write side, too.
        async () => {
          const controller = new AbortController();
          const sending = before.client.send(new Uint8Array(8_000_000), {
            signal: controller.signal,
          });
          sending.catch(() => {});
          (await before.server.receive())?.release();
          controller.abort();
          await sending;
        },
      ];
      const shutting = random.pick(ways)().catch(() => {});
      for (let turns = random.integer(0, 3); turns > 0; turns--) await Promise.resolve();
      const closing = Promise.all([before.client.close(), before.server.close()]);
      const after = await connect();
      await after.client.send(new Uint8Array(3));
      await after.server.send(new Uint8Array(5));
      for (const [stream, bytes] of [[after.server, 3], [after.client, 5]] as const) {
        const lease = await stream.receive({ timeoutMs: 5000 });
        assert(lease !== null, `round ${round}: a stranger's shutdown ended the connection`);
        assertEquals(lease.length, bytes);
        lease.release();
      }
      await Promise.all([after.client.close(), after.server.close()]);
      await within("the shutdown", Promise.all([shutting, closing]));
    }
  }));
