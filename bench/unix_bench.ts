/**
 * One echo there and back on each Unix stream connection, client and server in this process: what
 * a message costs both of them together. `bench/compare/` measures servers alone.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";
import { type NetworkCapability, UnixEndpoint, UnixStream } from "../mod.ts";

printMachine();

const MESSAGE = new Uint8Array(64).fill(7);
const COUNTS = [1, 64];

/** Where the sockets of this bench are; gone when it ends. */
const FOLDER = Deno.makeTempDirSync({ prefix: "millrace-bench-" });
addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

/** Sends the message and has it back. */
type Exchange = () => Promise<void>;

async function serve(stream: UnixStream): Promise<void> {
  for await (const lease of stream.receiveMany()) await stream.send(lease);
  await stream.close();
}

async function connect(
  capability: NetworkCapability,
  path: string,
  count: number,
): Promise<Exchange[]> {
  const endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
  (async () => {
    for await (const stream of endpoint) serve(stream);
  })();
  const exchange = async (): Promise<Exchange> => {
    const stream = await UnixStream.connect(`unix:${path}`, capability);
    const leases = stream.receiveMany();
    return async () => {
      await stream.send(MESSAGE);
      for (let left = MESSAGE.length; left > 0;) left -= (await leases.next()).value!.length;
    };
  };
  return await Promise.all(Array.from({ length: count }, exchange));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function echo(conn: Deno.UnixConn): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
}

async function connectPlain(path: string, count: number): Promise<Exchange[]> {
  const listener = Deno.listen({ transport: "unix", path });
  (async () => {
    for await (const conn of listener) echo(conn);
  })();
  const exchange = async (): Promise<Exchange> => {
    const conn = await Deno.connect({ transport: "unix", path });
    const buffer = new Uint8Array(65536);
    return async () => {
      await writeAll(conn, MESSAGE);
      for (let left = MESSAGE.length; left > 0;) left -= (await conn.read(buffer))!;
    };
  };
  return await Promise.all(Array.from({ length: count }, exchange));
}

for (const count of COUNTS) {
  const peers: [name: string, exchanges: Exchange[]][] = [
    ["Deno.listen", await connectPlain(`${FOLDER}/plain-${count}`, count)],
  ];
  for (const backend of BACKENDS) {
    const capability = await open(backend);
    peers.push([backend, await connect(capability, `${FOLDER}/${backend}-${count}`, count)]);
  }
  for (const [name, exchanges] of peers) {
    Deno.bench({
      name: `${count} × 64 B (${name})`,
      group: `echo of 64 B on ${count} Unix connections`,
      baseline: name === "Deno.listen",
      async fn() {
        await Promise.all(exchanges.map((exchange) => exchange()));
      },
    });
  }
}
