/**
 * One echo there and back on each connection, client and server in this process: what a message
 * costs both of them together. `bench/compare/` measures servers alone.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";
import type { NetworkCapability, TcpStream } from "../mod.ts";

printMachine();

const SIZES = [64, 16384];
const COUNTS = [1, 64];

/** Sends a message and has it back. */
type Exchange = (message: Uint8Array<ArrayBuffer>) => Promise<void>;

async function serve(stream: TcpStream): Promise<void> {
  for await (const lease of stream.receiveMany()) await stream.send(lease);
  await stream.close();
}

async function connect(capability: NetworkCapability, count: number): Promise<Exchange[]> {
  const endpoint = await capability.listen("127.0.0.1:0");
  (async () => {
    for await (const stream of endpoint) serve(stream);
  })();
  const exchange = async (): Promise<Exchange> => {
    const stream = await capability.connect(endpoint.addr, { noDelay: true });
    const leases = stream.receiveMany();
    return async (message) => {
      await stream.send(message);
      for (let left = message.length; left > 0;) left -= (await leases.next()).value!.length;
    };
  };
  return await Promise.all(Array.from({ length: count }, exchange));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function echo(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay();
  const buffer = new Uint8Array(65536);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, count));
  }
}

async function connectPlain(count: number): Promise<Exchange[]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const conn of listener) echo(conn);
  })();
  const exchange = async (): Promise<Exchange> => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    conn.setNoDelay();
    const buffer = new Uint8Array(65536);
    return async (message) => {
      await writeAll(conn, message);
      for (let left = message.length; left > 0;) left -= (await conn.read(buffer))!;
    };
  };
  return await Promise.all(Array.from({ length: count }, exchange));
}

for (const count of COUNTS) {
  const peers: [name: string, exchanges: Exchange[]][] = [
    ["Deno.listen", await connectPlain(count)],
  ];
  for (const backend of BACKENDS) peers.push([backend, await connect(await open(backend), count)]);
  for (const bytes of SIZES) {
    const message = new Uint8Array(bytes).fill(7);
    for (const [name, exchanges] of peers) {
      Deno.bench({
        name: `${count} × ${bytes} B (${name})`,
        group: `echo of ${bytes} B on ${count} connections`,
        baseline: name === "Deno.listen",
        async fn() {
          await Promise.all(exchanges.map((exchange) => exchange(message)));
        },
      });
    }
  }
}
