/**
 * Echoes on the kernel's loopback by Deno's own sockets, as `echo.ts` does them between stacks: the
 * client in the main thread, `Deno.listen` in a Worker.
 */
import { argument } from "../peers/arguments.ts";
import { countAnswers } from "./client.ts";

const connections = Number(argument("connections", "64"));
const bytes = Number(argument("bytes", "64"));

const worker = new Worker(new URL("./echo_deno_server.ts", import.meta.url), { type: "module" });
const port = await new Promise<number>((resolve) => worker.onmessage = ({ data }) => resolve(data));

const messagesPerSecond = await countAnswers(connections, async (isOver, count) => {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay();
  const message = new Uint8Array(bytes);
  const buffer = new Uint8Array(bytes);
  while (!isOver()) {
    for (let at = 0; at < bytes;) at += await conn.write(message.subarray(at));
    for (let left = bytes; left > 0;) {
      const n = await conn.read(buffer);
      if (n === null) throw new Error("the server has closed");
      left -= n;
    }
    count();
  }
});
console.log(JSON.stringify({ messagesPerSecond }));
worker.terminate();
