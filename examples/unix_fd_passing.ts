/**
 * A process that opens connections for others, and hands them over as descriptors: those others
 * need no authority over the network of their own, and their bytes do not pass through it.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/unix_fd_passing.ts serve [path] [rule ...]
 * deno run --allow-net --allow-ffi examples/unix_fd_passing.ts dial address [path]
 * ```
 *
 * `serve` lets its clients connect where the rules say, `tcp://127.0.0.0/8:*` unless given. `dial`
 * asks it for a connection, sends standard input over it and prints what comes back. The path is
 * `/tmp/millrace_dialler.socket` unless given. It needs the kernel backend.
 *
 * @module
 */

import {
  type AddressInput,
  NetworkCapability,
  type Rule,
  TcpStream,
  UnixEndpoint,
  UnixStream,
} from "../mod.ts";

const PATH = "/tmp/millrace_dialler.socket";
const REQUEST_LIMIT_MS = 5000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const [command, ...args] = Deno.args;
if (command === "serve") await serve(args[0] ?? PATH, args.slice(1) as Rule[]);
else if (command === "dial" && args.length > 0) await dial(args[0], args[1] ?? PATH);
else console.error("usage: unix_fd_passing.ts serve [path] [rule ...] | dial address [path]");

/** Opens connections for whoever may use the path. */
async function serve(path: string, rules: Rule[]): Promise<void> {
  const connect = rules.length > 0 ? rules : ["tcp://127.0.0.0/8:*" as const];
  await using capability = await NetworkCapability.request({
    // Descriptors that are sent by number could be anybody's: that is a right of its own.
    rights: { tcp: true, unix: true, connect, listen: [`unix://${path}`], adopt: true },
  });
  // Nobody but this user may connect, from the first moment on; what a crash left is no obstacle.
  const options = { mode: 0o600, replaceStale: true };
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, options);
  console.log(`opening connections on ${endpoint.localName}`);
  for await (const client of endpoint) answer(client, capability);
}

/** One request: an address comes, and a connection to it goes back. */
async function answer(client: UnixStream, capability: NetworkCapability): Promise<void> {
  await using held = client;
  try {
    using request = await held.receive({ timeoutMs: REQUEST_LIMIT_MS });
    if (request === null) return;
    const address = decoder.decode(request.copy());
    const { pid } = await held.peerCredentials();
    try {
      await using stream = await TcpStream.connect(address as AddressInput, capability);
      // The client gets a descriptor of its own; this one is closed.
      await held.sendFds(encoder.encode("connected"), [stream.fd]);
      console.log(`process ${pid} is connected to ${stream.remoteName}`);
    } catch (error) {
      await held.send(encoder.encode(error instanceof Error ? error.message : String(error)));
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
}

/** Talks to an address over a connection that somebody else opens. */
async function dial(address: string, path: string): Promise<void> {
  await using capability = await NetworkCapability.request({
    rights: { tcp: true, unix: true, connect: [`unix://${path}`, "tcp://*:*"], adopt: true },
  });
  await using stream = await ask(address, path, capability);
  const printing = (async () => {
    for await (const lease of stream.receiveMany()) await Deno.stdout.write(lease.copy());
  })();
  for await (const chunk of Deno.stdin.readable) await stream.send(chunk);
  await stream.closeWrite();
  await printing;
}

async function ask(
  address: string,
  path: string,
  capability: NetworkCapability,
): Promise<TcpStream> {
  await using dialler = await UnixStream.connect(`unix:${path}`, capability);
  await dialler.send(encoder.encode(address));
  using answer = await dialler.receiveFds();
  if (answer === null) throw new Error("no answer");
  if (answer.fds.length === 1) return await TcpStream.adopt(answer.fds[0], capability);
  throw new Error(decoder.decode(answer.lease.copy()));
}
