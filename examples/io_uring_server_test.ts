import { assert, assertEquals } from "@std/assert";
import { kernelRefusal } from "../tests/support/kernel.ts";
import { skipUnless } from "../tests/support/skip.ts";

const REFUSAL = kernelRefusal();
const ADDRESS = /^echo on 127\.0\.0\.1:(\d+) /;
const CLIENTS = 50;

async function echo(port: number, bytes: number): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const sent = crypto.getRandomValues(new Uint8Array(bytes));
  const writing = (async () => {
    for (let at = 0; at < bytes;) at += await conn.write(sent.subarray(at));
  })();
  const received = new Uint8Array(bytes);
  for (let at = 0; at < bytes;) {
    const count = await conn.read(received.subarray(at));
    assert(count !== null, "the server closed the connection");
    at += count;
  }
  await writing;
  assertEquals(received, sent);
  await conn.closeWrite();
  assertEquals(await conn.read(received), null);
}

Deno.test(
  skipUnless(
    "examples/io_uring_server.ts echoes to many clients at once, and ends by a signal",
    REFUSAL === undefined,
    REFUSAL ?? "",
  ),
  async () => {
    const url = new URL("./io_uring_server.ts", import.meta.url);
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "--allow-ffi", url.href, "127.0.0.1:0"],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await reader.read();
    const match = ADDRESS.exec(value);
    assert(match !== null, `it printed ${JSON.stringify(value)}`);
    const port = Number(match[1]);
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => echo(port, 1 + index * 1000)));
    // A peer that resets its connection in the middle ends nothing but that.
    const rude = await Deno.connect({ hostname: "127.0.0.1", port });
    await rude.write(new Uint8Array(100_000));
    rude.close();
    await echo(port, 5000);
    server.kill("SIGINT");
    await server.status;
    await reader.cancel();
  },
);
