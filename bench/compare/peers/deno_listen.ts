/**
 * Echo on `Deno.listen`, over TCP or a Unix socket.
 *
 * `deno run --allow-net=127.0.0.1 deno_listen.ts [--port 0 | --path P] [--fetch] [--lifetime 600]`
 */
import { announce, argument, flag, liveAtMost } from "./arguments.ts";
import { startFetchProbe } from "./fetch_probe.ts";

const BUFFER_BYTES = 64 * 1024;

liveAtMost();
const listener = listen();
if (flag("fetch")) startFetchProbe();
announce("path" in listener.addr ? listener.addr.path : listener.addr.port);
for await (const connection of listener) void serve(connection);

function listen(): Deno.Listener<Deno.TcpConn | Deno.UnixConn, Deno.NetAddr | Deno.UnixAddr> {
  const path = argument("path", "");
  return path === ""
    ? Deno.listen({ hostname: "127.0.0.1", port: Number(argument("port", "0")) })
    : Deno.listen({ transport: "unix", path });
}

async function serve(connection: Deno.TcpConn | Deno.UnixConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  try {
    if ("setNoDelay" in connection) connection.setNoDelay(true);
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
