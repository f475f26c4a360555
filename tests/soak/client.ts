/**
 * The soak's client: many users at once, each of whom opens, uses and closes one connection after
 * the other, at random, and checks every byte that comes back.
 *
 *     deno run -A client.ts BACKEND PORT USERS MILLISECONDS SEED
 *
 * @module
 */

import { NetworkCapability, TcpStream } from "../../mod.ts";
import { sequence, SequenceCheck } from "../support/sequence.ts";
import { settleBaseline } from "../support/leaks.ts";
import { Random } from "../support/seed.ts";
import { Watch } from "./report.ts";

const [backend, ...numbers] = Deno.args as ["kernel" | "host", ...string[]];
const [port, users, durationMs, seed] = numbers.map(Number);

const counts = { connections: 0, exchanges: 0, bytes: 0, abandoned: 0, aborted: 0, peak: 0 };
let open = 0;

/** Sends a message and reads its echo, which may come in any number of pieces. */
async function exchange(stream: TcpStream, from: number, length: number): Promise<void> {
  const sending = stream.send(sequence(from, length));
  const check = new SequenceCheck(from);
  while (check.received < from + length) {
    using lease = await stream.receive({ timeoutMs: 60_000 });
    if (lease === null) throw new Error("the server ended a connection in use");
    check.take(lease.bytes);
  }
  await sending;
  counts.exchanges++;
  counts.bytes += length;
}

/** Ends a connection in one of the ways that peers have. */
async function leave(stream: TcpStream, from: number, random: Random): Promise<void> {
  const way = random.float();
  if (way < 0.6) {
    await stream.closeWrite();
    const last = await stream.receive({ timeoutMs: 60_000 });
    if (last !== null) throw new Error("bytes nobody sent");
  } else if (way < 0.8) {
    // The echo meets a connection that is gone.
    counts.abandoned++;
    await stream.send(sequence(from, random.integer(1, 5000)));
  } else if (way < 0.9) {
    counts.aborted++;
    const waiting = stream.receive({ signal: AbortSignal.timeout(random.integer(0, 5)) });
    await waiting.then((lease) => lease?.release(), () => {});
  }
  await stream.close();
}

async function useOne(random: Random, pauseMs: number): Promise<void> {
  const stream = await TcpStream.connect(`127.0.0.1:${port}`, capability, { timeoutMs: 60_000 });
  counts.connections++;
  counts.peak = Math.max(counts.peak, ++open);
  let from = random.integer(0, 1000);
  for (let count = random.integer(0, 6); count > 0; count--) {
    const length = random.integer(1, random.chance(0.1) ? 60_000 : 1500);
    await exchange(stream, from, length);
    from += length;
    const idleMs = random.integer(0, pauseMs);
    await new Promise((resolve) => setTimeout(resolve, idleMs));
  }
  await leave(stream, from, random);
  open--;
}

async function user(index: number): Promise<void> {
  const random = new Random(seed, index);
  // Users think longer the more of them there are: the machine has two cores, not ten thousand.
  const pauseMs = Math.max(20, users);
  while (performance.now() < end) await useOne(random, pauseMs);
}

await settleBaseline();
const watch = new Watch();
const capability = await NetworkCapability.request({ backend });
const end = performance.now() + durationMs;
await Promise.all(Array.from({ length: users }, (_, index) => user(index)));
await capability[Symbol.asyncDispose]();
await watch.report(capability.stats(), counts);
