/**
 * A foreign process as peer: it connects to `port` as often as told, and sends the counted sequence
 * of bytes over each connection, in pieces of random length with random pauses between them.
 *
 *     deno run -A byte_source.ts PORT CONNECTIONS BYTES SEED [HOSTNAME]
 *
 * @module
 */

import { Random } from "../support/seed.ts";
import { sequence } from "../support/sequence.ts";

const [port, connections, bytes, seed] = Deno.args.map(Number);
const hostname = Deno.args[4] ?? "127.0.0.1";

/** What the receiver meets: bytes that wait already, and bytes that come while it waits. */
function pause(random: Random): Promise<unknown> {
  return new Promise((resolve) => {
    if (random.chance(0.5)) setImmediate(resolve);
    else setTimeout(resolve, random.integer(0, 1));
  });
}

async function connectAndSend(random: Random): Promise<void> {
  using client = await Deno.connect({ hostname, port });
  for (let sent = 0; sent < bytes;) {
    const length = Math.min(bytes - sent, random.integer(1, random.chance(0.1) ? 20_000 : 200));
    const piece = sequence(sent, length);
    for (let done = 0; done < length;) done += await client.write(piece.subarray(done));
    sent += length;
    if (random.chance(0.3)) await pause(random);
  }
  await client.closeWrite();
  // The other side ends it: what it has not read yet must not be lost to a reset.
  await client.read(new Uint8Array(1)).catch(() => null);
}

const random = new Random(seed);
for (let count = 0; count < connections; count++) await connectAndSend(random);
