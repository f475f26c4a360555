/**
 * A service that is started with its sockets open: `systemd_test.ts` starts it. It says which
 * sockets it got, greets whoever connects, and ends when its standard input does.
 *
 *     deno run -A activated_service.ts
 *
 * @module
 */

import { ListenerSocket, NetworkCapability, systemdListeners } from "../../mod.ts";

const rights = { tcp: true, udp: true, unix: true, listen: true, connect: true, adopt: true };
const capability = await NetworkCapability.request({ backend: "kernel", rights });
try {
  const endpoints = await systemdListeners(capability);
  const found = [...endpoints].map(([name, endpoint]) => [
    name,
    endpoint.constructor.name,
    endpoint.localName,
  ]);
  const left = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"].filter((name) => Deno.env.has(name));
  const again = (await systemdListeners(capability)).size;
  const flags = [...endpoints.values()].map(({ descriptor }) =>
    /flags:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/self/fdinfo/${descriptor}`))![1]
  );
  console.log(JSON.stringify({ found, left, again, flags }));
  for (const [name, endpoint] of endpoints) {
    const greeting = new TextEncoder().encode(name);
    (async () => {
      if (endpoint instanceof ListenerSocket) {
        for await (const stream of endpoint) {
          await stream.send(greeting);
          await stream.close();
        }
      } else {
        for await (const batch of endpoint.receiveMany()) {
          for (const { remoteAddr } of batch) await endpoint.send(greeting, remoteAddr);
        }
      }
    })();
  }
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }));
}
for await (const _ of Deno.stdin.readable);
await capability[Symbol.asyncDispose]();
const { sockets, inFlight, leases } = capability.stats();
console.log(JSON.stringify({ sockets, inFlight, leases }));
