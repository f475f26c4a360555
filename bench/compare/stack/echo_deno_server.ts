/** The serving side of an echo on the kernel's loopback by `Deno.listen`, as a Worker. */
/// <reference lib="deno.worker" />
async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65536);
  try {
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
    }
  } catch {
    // The other side has gone.
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
self.postMessage((listener.addr as Deno.NetAddr).port);
for await (const conn of listener) {
  conn.setNoDelay();
  void echo(conn);
}
