/**
 * How long sockets take to come and go: a listener, and a connection with both of its ends.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";

printMachine();

const CONNECTIONS = 64;

for (const backend of BACKENDS) {
  const capability = await open(backend);
  const endpoint = await capability.listen("127.0.0.1:0");

  Deno.bench({
    name: `listen, close (${backend})`,
    group: "socket create",
    async fn() {
      await using _endpoint = await capability.listen("127.0.0.1:0");
    },
  });

  Deno.bench({
    name: `connect, accept, close both (${backend})`,
    group: "connection",
    async fn() {
      const [near, far] = await Promise.all([
        capability.connect(endpoint.addr),
        endpoint.accept(),
      ]);
      await Promise.all([near.close(), far.close()]);
    },
  });

  Deno.bench({
    name: `${CONNECTIONS} at once: connect, accept, close both (${backend})`,
    group: "connections at once",
    async fn() {
      await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        const [near, far] = await Promise.all([
          capability.connect(endpoint.addr),
          endpoint.accept(),
        ]);
        await Promise.all([near.close(), far.close()]);
      }));
    },
  });
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const address = { hostname: "127.0.0.1", port: listener.addr.port };

Deno.bench({
  name: "listen, close (Deno.listen)",
  group: "socket create",
  baseline: true,
  fn() {
    Deno.listen({ hostname: "127.0.0.1", port: 0 }).close();
  },
});

Deno.bench({
  name: "connect, accept, close both (Deno.listen)",
  group: "connection",
  baseline: true,
  async fn() {
    const [near, far] = await Promise.all([Deno.connect(address), listener.accept()]);
    near.close();
    far.close();
  },
});

Deno.bench({
  name: `${CONNECTIONS} at once: connect, accept, close both (Deno.listen)`,
  group: "connections at once",
  baseline: true,
  async fn() {
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
      const [near, far] = await Promise.all([Deno.connect(address), listener.accept()]);
      near.close();
      far.close();
    }));
  },
});
