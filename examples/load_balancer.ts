/**
 * A load balancer: connections to one address are proxied to several backends.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/load_balancer.ts [address] [backend ...] \
 *   [--policy=round-robin|least-connections|maglev] [--per-second=100]
 * ```
 *
 * The address is `127.0.0.1:7777` unless given. Without backends it starts three of its own, which
 * say their name and echo: `nc 127.0.0.1 7777`, several times, shows who answers. With
 * `--per-second` each client address may open so many connections a second. Without `--allow-ffi`
 * it runs on plain Deno instead of io_uring. Control-C ends it in order: clients have five seconds
 * to finish.
 *
 * @module
 */

import {
  type BalancerPolicy,
  LoadBalancer,
  NetworkCapability,
  RateLimiter,
  TcpEndpoint,
  type TcpStream,
} from "../mod.ts";

const GRACE_MS = 5000;

const [address = "127.0.0.1:7777", ...given] = Deno.args.filter((arg) => !arg.startsWith("--"));
const capability = await NetworkCapability.request();
const backends = given.length > 0 ? given : await startBackends("red", "green", "blue");

const balancer = new LoadBalancer({
  capability,
  backends,
  policy: flag("policy") as BalancerPolicy | undefined,
  idleTimeoutMs: 600_000,
  ejection: { failures: 3, baseMs: 5000 },
});
const perSecond = flag("per-second");
const rateLimiter = perSecond === undefined
  ? undefined
  : new RateLimiter({ perSecond: Number(perSecond) });
const endpoint = await TcpEndpoint.create(address, capability, { rateLimiter });
console.log(`load balancer on ${endpoint.localName}, ${capability.backend.kind} backend`);
console.log(`${balancer.policy} over ${backends.join(", ")}`);

Deno.addSignalListener("SIGINT", async () => {
  const { finished, cut } = await balancer.stop({ timeoutMs: GRACE_MS });
  console.log(`stopped: ${finished} connections finished, ${cut} cut`);
  Deno.exit(0);
});

console.log(await balancer.serve(endpoint));

function flag(name: string): string | undefined {
  const start = `--${name}=`;
  return Deno.args.find((arg) => arg.startsWith(start))?.slice(start.length);
}

/** Servers that can be told apart. */
function startBackends(...names: string[]): Promise<string[]> {
  return Promise.all(names.map(async (name) => {
    const server = await capability.listen("127.0.0.1:0");
    serve(server, name);
    return server.localName;
  }));
}

async function serve(server: TcpEndpoint, name: string): Promise<void> {
  for await (const stream of server) greet(stream, name);
}

async function greet(stream: TcpStream, name: string): Promise<void> {
  try {
    await stream.send(new TextEncoder().encode(`${name}\n`));
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.closeWrite();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  } finally {
    await stream.close();
  }
}
