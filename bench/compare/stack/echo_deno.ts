/**
 * Echoes on the kernel's loopback by Deno's own sockets, as `echo.ts` does them between stacks: the
 * client in the main thread, `Deno.listen` in a Worker.
 */
const WARM_UP_MS = 500;

function argument(name: string, fallback: number): number {
  const at = Deno.args.indexOf(name);
  return at < 0 ? fallback : Number(Deno.args[at + 1]);
}

const seconds = argument("--seconds", 2);
const connections = argument("--connections", 64);
const bytes = argument("--bytes", 64);

const worker = new Worker(new URL("./echo_deno_server.ts", import.meta.url), { type: "module" });
const port = await new Promise<number>((resolve) => worker.onmessage = ({ data }) => resolve(data));
let count = 0;
let isOver = false;
async function ask(): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay();
  const message = new Uint8Array(bytes);
  const buffer = new Uint8Array(bytes);
  while (!isOver) {
    for (let at = 0; at < bytes;) at += await conn.write(message.subarray(at));
    for (let left = bytes; left > 0;) {
      const n = await conn.read(buffer);
      if (n === null) throw new Error("the server has closed");
      left -= n;
    }
    count++;
  }
}
const asking = Array.from({ length: connections }, ask);
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
const [start, before] = [performance.now(), count];
await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const messagesPerSecond = (count - before) / (performance.now() - start) * 1000;
isOver = true;
await Promise.all(asking);
console.log(JSON.stringify({ messagesPerSecond }));
worker.terminate();
