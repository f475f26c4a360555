/**
 * One server over several cores: a stack of shards, each in a Worker of its own. Clients on another
 * stack connect to one listener; their connections live in the shards that their flows hash to, and
 * the program that accepts them cannot tell.
 *
 * ```sh
 * deno run --allow-read examples/sharded_server.ts --shards 4 --clients 200
 * ```
 *
 * @module
 */

import {
  createPipe,
  type NetworkCapability,
  NetworkStack,
  type TcpEndpoint,
  type TcpStream,
} from "../mod.ts";

const ADDRESS = "10.0.0.1:7";
const MESSAGE = new TextEncoder().encode("what I sent");
const USAGE = "usage: sharded_server.ts [--shards COUNT] [--clients COUNT]";

function readNumber(args: readonly string[], name: string, otherwise: number): number {
  const at = args.indexOf(name);
  const value = at < 0 ? otherwise : Number(args[at + 1]);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(USAGE);
  Deno.exit(2);
}

/** Echoes what each client sends. */
async function serve(endpoint: TcpEndpoint, clients: number): Promise<void> {
  const echoes: Promise<void>[] = [];
  while (echoes.length < clients) echoes.push(echo(await endpoint.accept()));
  await Promise.all(echoes);
}

async function echo(stream: TcpStream): Promise<void> {
  await using client = stream;
  for await (const lease of client.receiveMany()) await client.send(lease);
}

/** Sends a message, and tells whether it came back. */
async function ask(capability: NetworkCapability): Promise<boolean> {
  await using stream = await capability.connect(ADDRESS);
  await stream.send(MESSAGE);
  let at = 0;
  let isSame = true;
  while (at < MESSAGE.length) {
    using lease = await stream.receive();
    if (lease === null) return false;
    for (const byte of lease.bytes) isSame &&= byte === MESSAGE[at++];
  }
  return isSame;
}

if (import.meta.main) {
  const shards = readNumber(Deno.args, "--shards", 2);
  const clients = readNumber(Deno.args, "--clients", 50);
  const [left, right] = createPipe();
  await using server = await NetworkStack.start({
    shards,
    ports: [{ port: left, addresses: ["10.0.0.1/24"] }],
  });
  await using other = await NetworkStack.start({
    ports: [{ port: right, addresses: ["10.0.0.2/24"] }],
  });
  await using endpoint = await server.capability({ shard: 0 }).listen(ADDRESS);
  const serving = serve(endpoint, clients);
  const capability = other.capability();
  let answered = 0;
  for (let client = 0; client < clients; client++) answered += Number(await ask(capability));
  await serving;
  console.log(`${answered} of ${clients} clients had their message back`);
  const statistics = await server.statistics();
  for (const [shard, { tcp }] of (statistics.shards ?? []).entries()) {
    const { PASSIVE_OPENS } = tcp as Readonly<Record<string, number>>;
    console.log(`shard ${shard} had ${PASSIVE_OPENS} connections`);
  }
}
