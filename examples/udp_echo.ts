/**
 * A UDP echo server: whatever datagram comes goes back to its sender.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/udp_echo.ts [address]
 * ```
 *
 * The address is `127.0.0.1:7777` unless given. Try it with `nc -u 127.0.0.1 7777`. Without
 * `--allow-ffi` it runs on plain Deno.
 *
 * @module
 */

import { NetError, NetworkCapability, RateLimiter, UdpEndpoint } from "../mod.ts";

const [address = "127.0.0.1:7777"] = Deno.args;

// Who answers whatever comes can be made to flood others, whose address a sender has forged.
const rateLimiter = new RateLimiter({ perSecond: 100_000, burst: 200_000, maxEntries: 65536 });

await using capability = await NetworkCapability.request({
  rights: { udp: true, listen: true, connect: true },
});
await using endpoint = await UdpEndpoint.bind(address, capability, { rateLimiter });
console.log(`echoing on ${endpoint.localName}, ${capability.backend.kind} backend`);
Deno.addSignalListener("SIGINT", () => endpoint.close());

try {
  for await (const batch of endpoint.receiveMany()) {
    // Datagrams leave from where they are; the batch ends when the next one is asked for.
    const replies = batch.map((datagram) => ({ data: datagram, to: datagram.remoteAddr }));
    const { failed } = await endpoint.sendBatch(replies);
    for (const { error } of failed) console.error(String(error));
  }
} catch (error) {
  // It may be closed while replies are on their way.
  if (!(error instanceof NetError && error.code === "EBADF")) throw error;
}
const { received, sent, dropped, limited } = endpoint.stats();
console.log(`received ${received}, sent ${sent}, dropped ${dropped}, over the limit ${limited}`);
