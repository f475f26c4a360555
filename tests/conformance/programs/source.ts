/**
 * A stranger in a process of its own: it connects and writes the counted sequence in pieces of
 * random sizes at random moments, then ends its write side.
 *
 * `source.ts PORT LENGTH SEED`
 *
 * @module
 */

import { writeCounted } from "./counted.ts";

const [port, length, seed] = Deno.args.map(Number);
await writeCounted(await Deno.connect({ hostname: "127.0.0.1", port }), length, seed);
