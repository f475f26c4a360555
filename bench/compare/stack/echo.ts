/**
 * Echoes between two stacks over a pipe: `deno run -A echo.ts --seconds 2 --connections 64 --bytes
 * 64`. The client, application and stack, runs in the main thread, the server in a Worker.
 */
import { createPipe, TcpStream } from "../../../mod.ts";
import { CLIENT, openStack, PORT, SERVER } from "./sides.ts";

const WARM_UP_MS = 500;

function argument(name: string, fallback: number): number {
  const at = Deno.args.indexOf(name);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

const seconds = argument("--seconds", 2);
const connections = argument("--connections", 64);
const bytes = argument("--bytes", 64);

const [one, other] = createPipe();
const worker = new Worker(new URL("./echo_server.ts", import.meta.url), { type: "module" });
const ready = new Promise((resolve) => worker.onmessage = resolve);
worker.postMessage({ port: other, seconds, connections, bytes });
await ready;
const capability = await openStack(one, CLIENT);
const streams = await Promise.all(
  Array.from(
    { length: connections },
    () => TcpStream.connect(`${SERVER}:${PORT}`, capability, { noDelay: true }),
  ),
);
const message = new Uint8Array(bytes);
let count = 0;
let isOver = false;
async function ask(stream: TcpStream): Promise<void> {
  while (!isOver) {
    await stream.send(message);
    for (let left = bytes; left > 0;) {
      const lease = await stream.receive();
      if (lease === null) throw new Error("the server has closed");
      left -= lease.length;
      lease.release();
    }
    count++;
  }
}
const asking = streams.map(ask);
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
const [start, before] = [performance.now(), count];
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const messagesPerSecond = (count - before) / (performance.now() - start) * 1000;
isOver = true;
await Promise.all(asking);
console.log(JSON.stringify({ messagesPerSecond }));
worker.terminate();
await capability.revoke();
