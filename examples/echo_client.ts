/**
 * A client for the echo server: sends each message, waits for it to come back, and tells how long
 * that took. Without messages it copies standard input to the server, and what returns to standard
 * output.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/echo_client.ts [address [message...]]
 * ```
 *
 * The address is `127.0.0.1:7777` unless given. Without `--allow-ffi` it runs on plain Deno.
 *
 * @module
 */

import { NetError, NetworkCapability, TcpStream } from "../mod.ts";

/** A server that takes longer than this is no echo server. */
const REPLY_LIMIT_MS = 5_000;

const [address = "127.0.0.1:7777", ...messages] = Deno.args;

try {
  await using capability = await NetworkCapability.request();
  await using stream = await TcpStream.connect(address, capability, { timeoutMs: 5_000 });
  if (messages.length === 0) await copyStandardInput(stream);
  else for (const message of messages) await sendAndCompare(stream, message);
} catch (error) {
  if (!(error instanceof NetError)) throw error;
  console.error(error.message);
  Deno.exit(1);
}

async function sendAndCompare(stream: TcpStream, message: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${message}\n`);
  const start = performance.now();
  await stream.send(bytes);
  const reply = new Uint8Array(bytes.length);
  for (let count = 0; count < reply.length;) {
    // The end of `using` gives the lease back to the ring.
    using lease = await stream.receive({ timeoutMs: REPLY_LIMIT_MS });
    if (lease === null) throw new Error(`the server closed after ${count} bytes`);
    reply.set(lease.bytes.subarray(0, reply.length - count), count);
    count += lease.length;
  }
  const microseconds = Math.round((performance.now() - start) * 1000);
  const text = new TextDecoder().decode(reply).trimEnd();
  if (text !== message) throw new Error(`sent "${message}", got "${text}"`);
  console.log(`${text}  (${microseconds} us)`);
}

async function copyStandardInput(stream: TcpStream): Promise<void> {
  const sending = Deno.stdin.readable.pipeTo(stream.writable);
  // When the server ends first, this fails; what it sent until then has been printed.
  sending.catch(() => {});
  await stream.readable.pipeTo(Deno.stdout.writable, { preventClose: true });
}
