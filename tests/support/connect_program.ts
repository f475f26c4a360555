/**
 * Connects to names, in a network of its own: `native/stream/connect_test.ts` starts it in namespaces
 * where it finds the addresses and the hosts file that {@linkcode SETUP} makes. It prints one line
 * of JSON for each {@linkcode Outcome}.
 *
 * @module
 */

import { NetError, NetworkCapability, TcpStream } from "../../mod.ts";

/** What came of one way to connect. */
export interface Outcome {
  /** The name of the scenario. */
  readonly scenario: string;
  /** How long it took, in milliseconds. */
  readonly elapsedMs: number;
  /** The peer's address, if a connection was made. */
  readonly remote?: string;
  /** The code of the error, or its name. */
  readonly error?: string;
  /** The codes of the errors of an AggregateError that is the cause. */
  readonly causes?: readonly string[];
  /** Sockets left when the stream is closed and everything has settled. */
  readonly sockets: number;
}

/**
 * Shell commands for the namespace. Packets to 2001:db8:1::2 and 198.51.100.2 vanish: they go to a
 * neighbour that does not exist. 2001:db8::1 and 192.0.2.1 are this host.
 */
export const SETUP = `
set -e
ip link set lo up
ip link add hole type veth peer name holepeer
ip -6 addr add 2001:db8::1/128 dev lo nodad
ip addr add 192.0.2.1/32 dev lo
ip -6 addr add 2001:db8:1::1/64 dev hole nodad
ip addr add 198.51.100.1/24 dev hole
ip link set hole up
ip link set holepeer up
ip -6 neigh add 2001:db8:1::2 lladdr 02:00:00:00:00:01 dev hole nud permanent
ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:01 dev hole nud permanent
hosts=$(mktemp)
printf '%s\\n' '127.0.0.1 localhost' '::1 localhost' \\
  '2001:db8:1::2 sixhole.test' '192.0.2.1 sixhole.test' \\
  '2001:db8::1 sixrefused.test' '192.0.2.1 sixrefused.test' \\
  '2001:db8::1 allrefused.test' '192.0.2.1 allrefused.test' \\
  '2001:db8:1::2 holes.test' '198.51.100.2 holes.test' \\
  '2001:db8:1::2 mixed.test' '198.51.100.2 mixed.test' '192.0.2.1 mixed.test' > "$hosts"
mount --bind "$hosts" /etc/hosts
rm "$hosts"
`;

/** Long enough for the second attempt, 250 ms after the first, to be under way. */
const DURING_RACE_MS = 400;
/** What is cancelled may take so long to be gone. */
const SETTLE_LIMIT_MS = 2_000;

async function attempt(
  capability: NetworkCapability,
  scenario: string,
  connect: () => Promise<TcpStream>,
): Promise<Outcome> {
  const before = capability.stats().sockets;
  const start = performance.now();
  let result: Pick<Outcome, "remote" | "error" | "causes">;
  let stream: TcpStream | undefined;
  try {
    stream = await connect();
    result = { remote: stream.remoteAddr.hostname };
  } catch (error) {
    const { cause } = error as Error;
    const causes = cause instanceof AggregateError ? cause.errors.map(codeOf) : undefined;
    result = { error: codeOf(error), causes };
  }
  const elapsedMs = Math.round(performance.now() - start);
  await stream?.close();
  const limit = performance.now() + SETTLE_LIMIT_MS;
  while (capability.stats().sockets > before && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { scenario, elapsedMs, ...result, sockets: capability.stats().sockets - before };
}

function codeOf(error: unknown): string {
  return error instanceof NetError ? error.code : (error as Error).name;
}

async function main(backend: "kernel" | "host"): Promise<void> {
  await using capability = await NetworkCapability.request({ backend });
  await using endpoint = await capability.listen("192.0.2.1:0");
  await using loopback = await capability.listen("127.0.0.1:0");
  const { port } = endpoint.addr;
  const report = async (scenario: string, connect: () => Promise<TcpStream>) => {
    console.log(JSON.stringify(await attempt(capability, scenario, connect)));
  };
  const to = (name: string, options = {}) => () =>
    TcpStream.connect(`${name}:${port}`, capability, options);
  // The first of everything is slow for reasons of its own.
  await report("warm-up", to("192.0.2.1"));
  await report("black hole first", to("sixhole.test"));
  await report("two black holes first", to("mixed.test"));
  await report("refused first", to("sixrefused.test"));
  await report("localhost", () => TcpStream.connect(`localhost:${loopback.addr.port}`, capability));
  await report("deadline", to("holes.test", { timeoutMs: DURING_RACE_MS }));
  const signal = AbortSignal.timeout(DURING_RACE_MS);
  await report("abort", to("holes.test", { signal }));
  await report("aborted before", to("sixhole.test", { signal: AbortSignal.abort() }));
  await endpoint[Symbol.asyncDispose]();
  await report("all refused", to("allrefused.test"));
}

if (import.meta.main) await main(Deno.args[0] as "kernel" | "host");
