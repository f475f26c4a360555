/**
 * A stranger in a process of its own: it accepts connections one after the other, reads each
 * slowly to its end, checks that the bytes are the counted sequence, and prints how many came.
 *
 * `sink.ts SEED`; the first line that it prints is its port.
 *
 * @module
 */

const [seed] = Deno.args.map(Number);
const CHUNK_BYTES = 65536;
/** Of its reads, one in this many is followed by a pause. */
const PAUSES = 4;

let state = seed | 1;
/** A number from 0 up to `below`; xorshift32. */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
for await (const connection of listener) {
  let position = 0;
  let wrong = -1;
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const count = await connection.read(chunk).catch(() => null);
    if (count === null) break;
    for (let index = 0; index < count; index++) {
      const at = position + index;
      const expected = ((at >>> 2) >>> ((at & 3) << 3)) & 0xff;
      if (chunk[index] !== expected && wrong < 0) wrong = at;
    }
    position += count;
    if (random(PAUSES) === 0) await new Promise((resolve) => setTimeout(resolve, random(2)));
  }
  console.log(wrong < 0 ? position : `wrong at ${wrong}`);
  connection.close();
}
