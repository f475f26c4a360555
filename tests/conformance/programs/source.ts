/**
 * A stranger in a process of its own: it connects and writes the counted sequence in pieces of
 * random sizes at random moments, then ends its write side.
 *
 * `source.ts PORT LENGTH SEED`
 *
 * @module
 */

const [port, length, seed] = Deno.args.map(Number);
const PIECE_MAX = 2000;
/** Of its writes, one in this many is followed by a pause. */
const PAUSES = 3;

let state = seed | 1;
/** A number from 0 up to `below`; xorshift32. */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const connection = await Deno.connect({ hostname: "127.0.0.1", port });
connection.setNoDelay(true);
for (let position = 0; position < length;) {
  const piece = new Uint8Array(Math.min(length - position, 1 + random(PIECE_MAX)));
  for (let index = 0; index < piece.length; index++) {
    const at = position + index;
    piece[index] = (at >>> 2) >>> ((at & 3) << 3);
  }
  for (let written = 0; written < piece.length;) {
    written += await connection.write(piece.subarray(written));
  }
  position += piece.length;
  if (random(PAUSES) === 0) await new Promise((resolve) => setTimeout(resolve, random(2)));
}
await connection.closeWrite();
// The other side closes first.
await connection.read(new Uint8Array(1)).catch(() => {});
