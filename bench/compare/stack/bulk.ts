/**
 * A bulk transfer between two stacks over a pipe: `deno run -A bulk.ts --seconds 2 [--offload]`. The
 * sender, application and stack, runs in the main thread, the receiver with its own in a Worker.
 */
import { createPipe, TcpStream } from "../../../mod.ts";
import { argument, flag } from "../peers/arguments.ts";
import { CLIENT, openStack, PORT, SERVER } from "./sides.ts";

const CHUNK_BYTES = 262_144;

const seconds = Number(argument("seconds", "2"));
const offload = flag("offload");

const [one, other] = createPipe({ offload });
const worker = new Worker(new URL("./bulk_receiver.ts", import.meta.url), { type: "module" });
const messages: unknown[] = [];
let heard = Promise.withResolvers<void>();
worker.onmessage = ({ data }) => {
  messages.push(data);
  heard.resolve();
};
async function next(): Promise<unknown> {
  while (messages.length === 0) {
    heard = Promise.withResolvers<void>();
    await heard.promise;
  }
  return messages.shift();
}

worker.postMessage({ port: other, seconds });
await next();
const capability = await openStack(one, CLIENT);
const stream = await TcpStream.connect(`${SERVER}:${PORT}`, capability);
let isOver = false;
const result = next().then((measured) => {
  isOver = true;
  return measured as { bytes: number; milliseconds: number };
});
const data = new Uint8Array(CHUNK_BYTES);
/** The receiver closes in the middle of it all, and its message may come later than its reset. */
let ending: unknown;
async function pour(): Promise<void> {
  try {
    while (!isOver) await stream.send(data);
  } catch (error) {
    ending = error;
  }
}
// Two at a time, so that the next one is there when the first one is done.
await Promise.all([pour(), pour()]);
const measured = await Promise.race([
  result,
  new Promise<null>((end) => setTimeout(end, 1000, null)),
]);
if (measured === null) throw ending;
const { bytes, milliseconds } = measured;
console.log(JSON.stringify({ gigabitsPerSecond: bytes * 8 / milliseconds / 1e6 }));
worker.terminate();
await capability.revoke();
