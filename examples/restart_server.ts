/**
 * A web server that is restarted without a refused connection: start it once more, and the new
 * process takes the listening socket over from the old one, which serves what it has accepted and
 * ends. Needs the kernel backend.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/restart_server.ts [address] [control socket]
 * ```
 *
 * The address is `127.0.0.1:8000` and the control socket `restart_server.socket` unless given. Try
 * `while curl -s localhost:8000; do :; done` in another terminal, and start the server again.
 *
 * @module
 */

import {
  handOver,
  NetError,
  NetworkCapability,
  receiveHandover,
  TcpEndpoint,
  type TcpStream,
  UnixEndpoint,
  UnixStream,
} from "../mod.ts";

/** How long the other process has to answer, and how long clients have once another one serves. */
const HANDOVER_MS = 30_000;
const DRAIN_MS = 30_000;
/** More is no request. */
const REQUEST_BYTES_MAX = 8_192;
const REQUEST_MS = 30_000;

/** What a process hands to its successor. */
interface Sockets {
  /** Where clients come. */
  readonly clients: TcpEndpoint;
  /** Where successors come. */
  readonly successors: UnixEndpoint;
}

const [address = "127.0.0.1:8000", path = "restart_server.socket"] = Deno.args;
const rights = { tcp: true, unix: true, listen: true, connect: true, adopt: true };
await using capability = await NetworkCapability.request({ backend: "kernel", rights });

const { clients, successors } = await takeOver() ?? await begin();
console.log(`process ${Deno.pid} serves on ${clients.localName}`);
serve();
await handOverToSuccessor();
const { drained, terminated } = await clients.drain({ timeoutMs: DRAIN_MS });
console.log(`process ${Deno.pid} ends: ${drained} connections drained, ${terminated} cut`);

/** Takes the sockets of a process that serves already; null when there is none. */
async function takeOver(): Promise<Sockets | null> {
  let predecessor: UnixStream;
  try {
    predecessor = await UnixStream.connect(`unix:${path}`, capability, { timeoutMs: HANDOVER_MS });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ECONNREFUSED") return null;
    throw error;
  }
  await using stream = predecessor;
  const endpoints = await receiveHandover(stream, capability, { timeoutMs: HANDOVER_MS });
  return { clients: endpoints[0] as TcpEndpoint, successors: endpoints[1] as UnixEndpoint };
}

/** Opens the sockets, as the first process does. */
async function begin(): Promise<Sockets> {
  const clients = await TcpEndpoint.create(address, capability);
  // Whoever may write to the file may take the server over.
  const options = { mode: 0o600, replaceStale: true };
  return { clients, successors: await UnixEndpoint.create(`unix:${path}`, capability, options) };
}

/** Waits for a successor that takes the sockets. */
async function handOverToSuccessor(): Promise<void> {
  for await (const stream of successors) {
    try {
      await handOver([clients, successors], stream, { timeoutMs: HANDOVER_MS });
      return;
    } catch (error) {
      // It goes on as if nobody had come.
      console.error(error instanceof Error ? error.message : error);
    } finally {
      await stream.close();
    }
  }
}

async function serve(): Promise<void> {
  for await (const stream of clients) answer(stream);
}

/** Answers one request, and closes the connection in order. */
async function answer(stream: TcpStream): Promise<void> {
  try {
    let request = "";
    const decoder = new TextDecoder();
    for await (const lease of stream.receiveMany({ timeoutMs: REQUEST_MS })) {
      request += decoder.decode(lease.copy(), { stream: true });
      if (request.includes("\r\n\r\n") || request.length > REQUEST_BYTES_MAX) break;
    }
    const body = `served by process ${Deno.pid}\n`;
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
    await stream.send(new TextEncoder().encode(head + body));
    await stream.closeWrite();
    // Closed with bytes unread, the connection would be reset and the answer lost.
    for await (const _ of stream.receiveMany({ timeoutMs: REQUEST_MS }));
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  } finally {
    await stream.close();
  }
}
