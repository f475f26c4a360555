/**
 * Echo on `Deno.listen`.
 *
 * `deno run --allow-net=127.0.0.1 deno_listen.ts [--port 0] [--fetch] [--lifetime 600]`
 */
import { announce, argument, flag, liveAtMost } from "./arguments.ts";
import { startFetchProbe } from "./fetch_probe.ts";

const BUFFER_BYTES = 64 * 1024;

liveAtMost();
const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(argument("port", "0")) });
if (flag("fetch")) startFetchProbe();
announce((listener.addr as Deno.NetAddr).port);
for await (const connection of listener) void serve(connection);

async function serve(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  try {
    connection.setNoDelay(true);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      let written = 0;
      while (written < count) written += await connection.write(buffer.subarray(written, count));
    }
  } catch {
    // A client that resets its connection ends this loop as one that closes it does.
  } finally {
    connection.close();
  }
}
