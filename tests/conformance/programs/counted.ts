/**
 * Strangers that write and read the counted sequence, in a process of their own or not.
 *
 * @module
 */

const PIECE_MAX = 2000;
/** Of their writes, one in this many is followed by a pause. */
const WRITE_PAUSES = 3;
const CHUNK_BYTES = 65536;
/** Of their reads, one in this many is followed by a pause. */
const READ_PAUSES = 4;

/** Random numbers from 0 up to `below`; xorshift32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function byteAt(position: number): number {
  return ((position >>> 2) >>> ((position & 3) << 3)) & 0xff;
}

/** Writes the sequence in pieces of random sizes at random moments, then ends its write side. */
export async function writeCounted(
  connection: Deno.TcpConn,
  length: number,
  seed: number,
): Promise<void> {
  const random = randomOf(seed);
  connection.setNoDelay(true);
  for (let position = 0; position < length;) {
    const piece = new Uint8Array(Math.min(length - position, 1 + random(PIECE_MAX)));
    for (let index = 0; index < piece.length; index++) piece[index] = byteAt(position + index);
    for (let written = 0; written < piece.length;) {
      written += await connection.write(piece.subarray(written));
    }
    position += piece.length;
    if (random(WRITE_PAUSES) === 0) await new Promise((resolve) => setTimeout(resolve, random(2)));
  }
  await connection.closeWrite();
  // The other side closes first.
  await connection.read(new Uint8Array(1)).catch(() => {});
}

/**
 * Accepts connections one after the other, and reads each slowly to its end.
 *
 * @param print is told how many bytes of the sequence came
 */
export async function readCounted(
  accept: () => Promise<Deno.TcpConn>,
  seed: number,
  print: (line: string | number) => void,
): Promise<void> {
  const random = randomOf(seed);
  for (;;) {
    const connection = await accept();
    let position = 0;
    let wrong = -1;
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const count = await connection.read(chunk).catch(() => null);
      if (count === null) break;
      for (let index = 0; index < count; index++) {
        if (chunk[index] !== byteAt(position + index) && wrong < 0) wrong = position + index;
      }
      position += count;
      if (random(READ_PAUSES) === 0) await new Promise((resolve) => setTimeout(resolve, random(2)));
    }
    print(wrong < 0 ? position : `wrong at ${wrong}`);
    connection.close();
  }
}
