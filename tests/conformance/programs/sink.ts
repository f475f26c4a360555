/**
 * A stranger in a process of its own: it accepts connections one after the other, reads each
 * slowly to its end, checks that the bytes are the counted sequence, and prints how many came.
 *
 * `sink.ts SEED`; the first line that it prints is its port.
 *
 * @module
 */

import { readCounted } from "./counted.ts";

const [seed] = Deno.args.map(Number);
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
await readCounted(() => listener.accept(), seed, console.log);
