import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testOnBackends } from "../support/backends.ts";
import { scale, SEED } from "../support/seed.ts";
import type { ListenOptions, NetworkCapability, TcpEndpoint } from "../../mod.ts";

const TRUSTING: ListenOptions = { proxyProtocol: "any", trustedProxies: ["127.0.0.0/8"] };
const LINE = new TextEncoder().encode("PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n");
// deno-fmt-ignore
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Even on a busy machine, whoever means well has sent its header by then. */
const HEADER_MS = 2_500;
/** More than may be awaited at a time. */
const SLOW_HEADERS = 1100;

function connect({ addr }: TcpEndpoint): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: addr.port });
}

/** Reads to the end. @returns how many bytes came */
async function drainOf(peer: Deno.TcpConn): Promise<number> {
  const bytes = new Uint8Array(1024);
  let total = 0;
  for (;;) {
    const count = await peer.read(bytes).catch(() => null);
    if (count === null) return total;
    total += count;
  }
}

/** Serves whatever is accepted: it sends back how much the client said, and where it said it is. */
async function serve(endpoint: TcpEndpoint): Promise<number> {
  let served = 0;
  const answers: Promise<void>[] = [];
  for await (const stream of endpoint) {
    served++;
    answers.push((async () => {
      try {
        for await (const _ of stream.receiveMany());
        await stream.send(new TextEncoder().encode(stream.remoteName));
      } catch {
        // A client that resets is none of the others' business.
      } finally {
        await stream.close();
      }
    })());
  }
  await Promise.all(answers);
  return served;
}

const noise = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Uint8Array.of(...SIGNATURE, ...bytes)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) =>
    Uint8Array.of(...SIGNATURE, 0x21, 0x11, 0, bytes.length, ...bytes)
  ),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Uint8Array.of(...LINE.subarray(0, 6), ...bytes)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.of(...LINE, ...bytes)),
);
/** What a client sends, and where it is cut into pieces. */
const attacks = fc.tuple(noise, fc.array(fc.nat(600), { maxLength: 4 }), fc.boolean());

async function attack(
  endpoint: TcpEndpoint,
  [bytes, cuts, isPolite]: [Uint8Array, number[], boolean],
): Promise<void> {
  const peer = await connect(endpoint);
  try {
    const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length];
    places.sort((one, other) => one - other);
    for (let index = 1; index < places.length; index++) {
      await peer.write(bytes.slice(places[index - 1], places[index]));
    }
    // Some leave at once, the others say that they are done and listen.
    if (isPolite) {
      await peer.closeWrite();
      await drainOf(peer);
    }
  } catch {
    // Refused while it was still talking.
  } finally {
    peer.close();
  }
}

testOnBackends("random bytes in front of connections are survived", async (capability) => {
  const endpoint = await capability.listen("127.0.0.1:0", {
    ...TRUSTING,
    handshakeTimeoutMs: HEADER_MS,
  });
  const serving = serve(endpoint);
  const samples = fc.sample(attacks, { seed: SEED | 0, numRuns: scale(150, 3_000) });
  for (let start = 0; start < samples.length; start += 30) {
    await Promise.all(samples.slice(start, start + 30).map((sample) => attack(endpoint, sample)));
  }
  // Whoever speaks properly is served all the same.
  const peer = await connect(endpoint);
  await peer.write(LINE);
  await peer.closeWrite();
  assertEquals(await drainOf(peer), "192.0.2.7:1234".length);
  peer.close();
  await endpoint.drain({ timeoutMs: 20_000 });
  const { accepted, open, vanished, refusedByProxyHeader } = endpoint.stats();
  assertEquals([await serving, open], [accepted, 0]);
  assert(accepted + vanished + refusedByProxyHeader <= samples.length + 1);
  assert(refusedByProxyHeader > 0 && accepted > 1);
});

async function slowHeaders(capability: NetworkCapability): Promise<void> {
  const endpoint = await capability.listen("127.0.0.1:0", {
    ...TRUSTING,
    handshakeTimeoutMs: HEADER_MS,
  });
  const serving = serve(endpoint);
  const peers: Deno.TcpConn[] = [];
  for (let count = 0; count < SLOW_HEADERS; count++) peers.push(await connect(endpoint));
  const good = await connect(endpoint);
  await good.write(LINE);
  await good.closeWrite();
  assertEquals(await drainOf(good), "192.0.2.7:1234".length);
  good.close();
  for (const peer of peers) {
    assertEquals(await drainOf(peer), 0);
    peer.close();
  }
  assertEquals(await endpoint.drain({ timeoutMs: 20_000 }), { drained: 0, terminated: 0 });
  assertEquals(await serving, 1);
  assertEquals(endpoint.stats().refusedByProxyHeader, SLOW_HEADERS);
}

testOnBackends(
  "more slow headers than may be awaited hold accepting up, and it goes on",
  slowHeaders,
);
