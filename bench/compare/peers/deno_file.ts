/**
 * A file to every connection of `Deno.listen`, by `pipeTo`.
 *
 * `deno run --allow-net=127.0.0.1 --allow-read=PATH deno_file.ts --file PATH [--port 0]
 * [--lifetime 600]`
 */
import { announce, argument, liveAtMost } from "./arguments.ts";

liveAtMost();
const path = argument("file", "");
const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(argument("port", "0")) });
announce(listener.addr.port);
for await (const connection of listener) void serve(connection);

async function serve(connection: Deno.TcpConn): Promise<void> {
  const file = await Deno.open(path);
  try {
    await file.readable.pipeTo(connection.writable);
  } catch (error) {
    console.error(error);
  }
}
