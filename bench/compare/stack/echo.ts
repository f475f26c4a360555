/**
 * Echoes between two stacks over a pipe: `deno run -A echo.ts --seconds 2 --connections 64 --bytes
 * 64`. The client, application and stack, runs in the main thread, the server in a Worker.
 */
import { createPipe, TcpStream } from "../../../mod.ts";
import { argument } from "../peers/arguments.ts";
import { countAnswers } from "./client.ts";
import { CLIENT, openStack, PORT, SERVER } from "./sides.ts";

const connections = Number(argument("connections", "64"));
const bytes = Number(argument("bytes", "64"));

const [one, other] = createPipe();
const worker = new Worker(new URL("./echo_server.ts", import.meta.url), { type: "module" });
const ready = new Promise((resolve) => worker.onmessage = resolve);
worker.postMessage(other);
await ready;
const capability = await openStack(one, CLIENT);
const message = new Uint8Array(bytes);

const messagesPerSecond = await countAnswers(connections, async (isOver, count) => {
  const stream = await TcpStream.connect(`${SERVER}:${PORT}`, capability, { noDelay: true });
  while (!isOver()) {
    await stream.send(message);
    for (let left = bytes; left > 0;) {
      const lease = await stream.receive();
      if (lease === null) throw new Error("the server has closed");
      left -= lease.length;
      lease.release();
    }
    count();
  }
});
console.log(JSON.stringify({ messagesPerSecond }));
worker.terminate();
await capability.revoke();
