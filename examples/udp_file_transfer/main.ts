/**
 * Sends files over UDP, through loss, reordering and damage, at the speed of the path.
 *
 * ```sh
 * deno run --allow-net --allow-ffi --allow-read --allow-write \
 *   examples/udp_file_transfer/main.ts receive 0.0.0.0:7779 incoming
 * deno run --allow-net --allow-ffi --allow-read \
 *   examples/udp_file_transfer/main.ts send holiday.mp4 192.0.2.1:7779
 * ```
 *
 * `--once` ends the receiver after one file, `--silence SECONDS` says how long a peer may be
 * silent. Nobody is asked who he is: let it listen where only those you trust can send. Without
 * `--allow-ffi` it runs on plain Deno instead of io_uring.
 *
 * @module
 */

import { NetError, NetworkCapability, SocketAddress } from "../../mod.ts";
import { bindWithRoom } from "./endpoint.ts";
import { hex, TransferError } from "./protocol.ts";
import { receiveFiles, type ReceiveReport } from "./receiver.ts";
import { sendFile } from "./sender.ts";

const USAGE = `usage: main.ts send [--silence SECONDS] FILE ADDRESS
       main.ts receive [--once] [--silence SECONDS] ADDRESS FOLDER`;

interface Arguments {
  readonly words: readonly string[];
  readonly isOnce: boolean;
  readonly silenceMs: number | undefined;
}

function readArguments(args: readonly string[]): Arguments {
  const words: string[] = [];
  let isOnce = false;
  let silenceMs: number | undefined;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index];
    if (argument === "--once") isOnce = true;
    else if (argument === "--silence") silenceMs = Number(args[++index]) * 1000;
    else words.push(argument);
  }
  const isGood = words.length === 3 && !words.some((word) => word.startsWith("--")) &&
    (silenceMs === undefined || silenceMs > 0);
  if (!isGood) fail(USAGE, 2);
  return { words, isOnce, silenceMs };
}

function fail(text: string, status: number): never {
  console.error(text);
  Deno.exit(status);
}

function speed(bytes: number, milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const rate = bytes / 1e6 / Math.max(seconds, 1e-3);
  return `${bytes} bytes in ${seconds.toFixed(2)} s, ${rate.toFixed(1)} MB/s`;
}

/** The one address; for a name its port, since names of the inside lead to addresses of it. */
function ruleFor(address: string): string {
  try {
    return `udp://${SocketAddress.parse(address)}`;
  } catch {
    const [port] = /:\d+$/.exec(address) ?? [":*"];
    return `udp://*${port}`;
  }
}

async function send(file: string, to: string, { silenceMs }: Arguments): Promise<void> {
  // It asks for no more than it needs, to send there and to be answered.
  await using capability = await NetworkCapability.request({
    rights: { udp: true, connect: [ruleFor(to)], listen: ["udp://*:0"], resolve: true },
  });
  const report = await sendFile(file, to, capability, { silenceMs, signal: interrupted });
  const { bytes, milliseconds, blocks, transmissions, hash } = report;
  const again = blocks === 0 ? 0 : (transmissions / blocks - 1) * 100;
  console.log(`sent ${report.name}: ${speed(bytes, milliseconds)}`);
  console.log(`${again.toFixed(1)} % of its blocks left again; SHA-256 ${hex(hash)}`);
}

async function receive(
  address: string,
  folder: string,
  { isOnce, silenceMs }: Arguments,
): Promise<void> {
  await using capability = await NetworkCapability.request({
    rights: { udp: true, connect: ["udp://*:*"], listen: [ruleFor(address)], resolve: true },
  });
  await using endpoint = await bindWithRoom(address, capability);
  console.log(`receiving files at ${endpoint.localName}, ${capability.backend.kind} backend`);
  const files = isOnce ? 1 : undefined;
  await receiveFiles(endpoint, folder, { silenceMs, files, signal: interrupted, onReport: tell });
}

function tell({ from, name, path, bytes, milliseconds, error }: ReceiveReport): void {
  if (error === null) console.log(`${from}: ${path}, ${speed(bytes, milliseconds)}`);
  else console.error(`${from}: ${JSON.stringify(name)} failed: ${error.message}`);
}

/** Ctrl-C: the peer is told, and nothing unfinished stays. */
const controller = new AbortController();
const interrupted = controller.signal;
Deno.addSignalListener("SIGINT", () => controller.abort("interrupted"));

const parsed = readArguments(Deno.args);
const { words: [command, first, second] } = parsed;
try {
  if (command === "send") await send(first, second, parsed);
  else if (command === "receive") await receive(first, second, parsed);
  else fail(USAGE, 2);
} catch (error) {
  const isExpected = error instanceof TransferError || error instanceof NetError ||
    error instanceof TypeError;
  if (isExpected) fail(error.message, 1);
  if (error === interrupted.reason) fail("interrupted", 1);
  throw error;
}
