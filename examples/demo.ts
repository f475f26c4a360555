/**
 * The demo: an echo server on the default backend under load, then the other backend and plain
 * `Deno.listen` for comparison.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/demo.ts
 * ```
 *
 * The servers run here, one at a time; the load is one Worker (`demo_load.ts`), the same for all.
 *
 * @module
 */

import { NetworkCapability, TcpEndpoint, type TcpStream } from "../mod.ts";
import loadSource from "./demo_load.ts" with { type: "text" };

/** Of more than some dozen, Deno's event loop lets a few wait long: that would be the load's tail. */
const CONNECTIONS = 16;
const MESSAGE_BYTES = 64;
/** Each server runs once in each round, and every other round backwards: machines drift. */
const ROUNDS = 4;
const MEASURE_MS = 500;
/** In the first round the compiler has to see the code of each server first. */
const FIRST_WARM_UP_MS = 600;
const WARM_UP_MS = 150;
/** A server that is silent for so much longer than its run is broken. */
const STALL_MS = 5_000;
const BAR_COLUMNS = 24;
const NAME_COLUMNS = 14;

interface Server {
  readonly port: number;
  close(): Promise<void>;
}

/** One row of the table. */
interface Row {
  readonly name: string;
  readonly isDefault: boolean;
  readonly start: () => Promise<Server>;
  /** Messages a second, of each round. */
  readonly rates: number[];
  /** Round trips of all rounds. */
  readonly histogram: Uint32Array;
}

interface Report {
  readonly exchanged: number;
  readonly elapsedMs?: number;
  readonly messages?: number;
  readonly histogram?: Uint32Array;
  readonly error?: string;
}

const isTerminal = Deno.stdout.isTerminal();
const style = (code: number) => (text: string) =>
  isTerminal && !Deno.noColor ? `\x1b[${code}m${text}\x1b[0m` : text;
const [bold, dim, green, yellow] = [style(1), style(2), style(32), style(33)];

async function startMillrace(backend: "kernel" | "host"): Promise<Server> {
  const capability = await NetworkCapability.request({ backend });
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
  serve(endpoint);
  return {
    port: endpoint.addr.port,
    close: () => capability[Symbol.asyncDispose](),
  };
}

async function serve(endpoint: TcpEndpoint): Promise<void> {
  for await (const stream of endpoint) echo(stream);
}

async function echo(stream: TcpStream): Promise<void> {
  for await (const lease of stream.receiveMany()) await stream.send(lease);
  await stream.close();
}

function startDeno(): Promise<Server> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  serveDeno(listener);
  const close = () => Promise.resolve(listener.close());
  return Promise.resolve({ port: listener.addr.port, close });
}

async function serveDeno(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) echoDeno(connection);
}

async function echoDeno(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await connection.read(buffer);
    if (count === null) break;
    for (let sent = 0; sent < count;) sent += await connection.write(buffer.subarray(sent, count));
  }
  connection.close();
}

/** Runs one server under load. @returns messages exchanged, warm-up included */
async function measure(row: Row, load: Worker, line: ProgressLine): Promise<number> {
  const server = await row.start();
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => reject(new Error(`${row.name} does not answer`)), STALL_MS);
  };
  load.onmessage = ({ data }: MessageEvent<Report>) => {
    watch();
    if (data.error !== undefined) reject(new Error(`${row.name}: ${data.error}`));
    else if (data.messages !== undefined) resolve(data);
    else line.show(data);
  };
  load.onerror = (event) => reject(new Error(event.message));
  watch();
  const warmUpMs = row.rates.length === 0 ? FIRST_WARM_UP_MS : WARM_UP_MS;
  line.start(row.name, warmUpMs);
  load.postMessage({
    port: server.port,
    connections: CONNECTIONS,
    messageBytes: MESSAGE_BYTES,
    warmUpMs,
    measureMs: MEASURE_MS,
  });
  const { messages, histogram, exchanged } = await promise;
  clearTimeout(watchdog);
  const rate = messages! / MEASURE_MS * 1000;
  row.rates.push(rate);
  histogram!.forEach((count, bucket) => row.histogram[bucket] += count);
  line.finish(rate);
  await server.close();
  return exchanged;
}

/** One line that is rewritten on a terminal; elsewhere a line for each run. */
class ProgressLine {
  #name = "";
  #warmUpMs = 0;
  #runs = 0;
  #exchanged = 0;
  #elapsedMs = 0;
  readonly #total: number;

  constructor(runs: number) {
    this.#total = runs;
  }

  start(name: string, warmUpMs: number): void {
    this.#name = name;
    this.#warmUpMs = warmUpMs;
    this.#exchanged = 0;
    this.#elapsedMs = 0;
    this.#write(0, "warming up");
  }

  show({ exchanged, elapsedMs = 0 }: Report): void {
    const rate = (exchanged - this.#exchanged) / (elapsedMs - this.#elapsedMs) * 1000;
    this.#exchanged = exchanged;
    this.#elapsedMs = elapsedMs;
    const share = Math.min(1, elapsedMs / (this.#warmUpMs + MEASURE_MS));
    const isWarm = elapsedMs > this.#warmUpMs;
    this.#write(share, isWarm ? `${integer(rate)} messages/s` : "warming up");
  }

  finish(rate: number): void {
    this.#runs++;
    if (!isTerminal) {
      console.log(
        `  run ${this.#runs} of ${this.#total}: ${this.#name}, ${integer(rate)} messages/s`,
      );
    } else if (this.#runs === this.#total) {
      print("\r\x1b[K");
    }
  }

  #write(share: number, what: string): void {
    if (!isTerminal) return;
    const filled = Math.round(BAR_COLUMNS * (this.#runs + share) / this.#total);
    const bar = green("━".repeat(filled)) + dim("─".repeat(BAR_COLUMNS - filled));
    print(`\r\x1b[K  ${bar}  ${bold(this.#name.padEnd(NAME_COLUMNS))} ${what}`);
  }
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function integer(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The round trip that a share of all messages did not exceed, as text. */
function percentile(histogram: Uint32Array, share: number): string {
  let left = Math.ceil(histogram.reduce((sum, count) => sum + count, 0) * share);
  const bucket = histogram.findIndex((count) => (left -= count) <= 0);
  // The buckets of demo_load.ts: exact to 512, then 256 for each doubling.
  const shift = Math.max(0, (bucket >> 8) - 1);
  const microseconds = (bucket - shift * 256 + 0.5) * 2 ** shift;
  if (microseconds < 1000) return `${Math.round(microseconds)} us`;
  return `${(microseconds / 1000).toFixed(microseconds < 10_000 ? 2 : 1)} ms`;
}

function printTable(rows: readonly Row[]): void {
  const most = Math.max(...rows.map(({ rates }) => median(rates)));
  const baseline = median(rows.find(({ name }) => name === DENO)!.rates);
  const cell = (text: string, columns = 10) => text.padStart(columns);
  const titles = ["messages/s", "p50", "p99", "p99.9"].map((title) => cell(title)).join("");
  console.log(dim(`${" ".repeat(NAME_COLUMNS + BAR_COLUMNS + 5)}${titles}${cell("ratio", 9)}`));
  for (const { name, isDefault, rates, histogram } of rows) {
    const rate = median(rates);
    const bar = "━".repeat(Math.max(1, Math.round(BAR_COLUMNS * rate / most)));
    const latencies = [0.5, 0.99, 0.999].map((share) => cell(percentile(histogram, share)));
    const ratio = cell(`${(rate / baseline).toFixed(2)} x`, 9);
    const [nameStyle, barStyle] = isDefault ? [bold, green] : [String, dim];
    const front = `${nameStyle(name.padEnd(NAME_COLUMNS))}  ${
      barStyle(bar.padEnd(BAR_COLUMNS + 1))
    }`;
    console.log(`  ${front}${nameStyle(cell(integer(rate)))}${latencies.join("")}${ratio}`);
  }
}

const DENO = "Deno.listen";

/** The rows: the default backend, the other one if it starts here, and plain Deno. */
async function findRows(): Promise<{ rows: Row[]; skipped: string | null }> {
  const row = (name: string, isDefault: boolean, start: () => Promise<Server>): Row => ({
    name,
    isDefault,
    start,
    rates: [],
    histogram: new Uint32Array(6144),
  });
  const kind = await backendOf("auto");
  const first = row(`${kind} backend`, true, () => startMillrace(kind as "kernel" | "host"));
  const last = row(DENO, false, startDeno);
  const other = kind === "kernel" ? "host" : "kernel";
  try {
    await backendOf(other);
  } catch (error) {
    return { rows: [first, last], skipped: `${other} backend: ${(error as Error).message}` };
  }
  return {
    rows: [first, row(`${other} backend`, false, () => startMillrace(other)), last],
    skipped: null,
  };
}

async function backendOf(backend: "auto" | "kernel" | "host"): Promise<string> {
  await using capability = await NetworkCapability.request({ backend });
  return capability.backend.kind;
}

function startLoad(): Worker {
  const url = URL.createObjectURL(new Blob([loadSource], { type: "application/typescript" }));
  return new Worker(url, { type: "module", name: "load" });
}

const { rows, skipped } = await findRows();
const cores = navigator.hardwareConcurrency;
console.log();
console.log(
  `  ${bold("Millrace")} on ${rows[0].name}, Deno ${Deno.version.deno}, ${Deno.build.target}`,
);
console.log(`  An echo server, ${CONNECTIONS} connections, ${MESSAGE_BYTES} bytes there and back.`);
if (skipped !== null) console.log(`  ${yellow("Skipped")}: ${skipped}`);
console.log();

const load = startLoad();
const line = new ProgressLine(rows.length * ROUNDS);
let exchanged = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
    exchanged += await measure(row, load, line);
  }
}
load.terminate();

if (!isTerminal) console.log();
printTable(rows);
console.log();
console.log(`  ${integer(exchanged)} messages went out, and each came back as it was sent.`);
console.log(
  dim(`  Medians of ${ROUNDS} rounds. The load, one Worker of plain Deno, is the same for all;`),
);
console.log(
  dim(`  it shares the ${cores} cores with the server it measures, and limits a fast one: compare`),
);
console.log(dim("  rows, not machines. Pinned, and against C and Bun: deno task bench:compare"));
console.log();
