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

const CONNECTIONS = 64;
const MESSAGE_BYTES = 64;
/** Each server runs once in each round, the second time in reverse order: machines drift. */
const ROUNDS = 2;
const WARM_UP_MS = 400;
const MEASURE_MS = 1_000;
/** A server that is silent for so much longer than its run is broken. */
const STALL_MS = 5_000;
const BAR_COLUMNS = 24;

interface Server {
  readonly port: number;
  close(): Promise<void>;
}

/** One row of the table. */
interface Row {
  readonly name: string;
  readonly isDefault: boolean;
  readonly start: () => Promise<Server>;
  messages: number;
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
    else line.show(row.name, data);
  };
  load.onerror = (event) => reject(new Error(event.message));
  watch();
  load.postMessage({
    port: server.port,
    connections: CONNECTIONS,
    messageBytes: MESSAGE_BYTES,
    warmUpMs: WARM_UP_MS,
    measureMs: MEASURE_MS,
  });
  const { messages, histogram, exchanged } = await promise;
  clearTimeout(watchdog);
  row.messages += messages!;
  histogram!.forEach((count, bucket) => row.histogram[bucket] += count);
  line.finish(row.name, messages! / MEASURE_MS * 1000);
  await server.close();
  return exchanged;
}

/** One line that is rewritten on a terminal; elsewhere a line for each run. */
class ProgressLine {
  #runs = 0;
  #exchanged = 0;
  #elapsedMs = 0;
  readonly #total: number;

  constructor(runs: number) {
    this.#total = runs;
  }

  show(name: string, { exchanged, elapsedMs = 0 }: Report): void {
    const rate = (exchanged - this.#exchanged) / (elapsedMs - this.#elapsedMs) * 1000;
    this.#exchanged = exchanged;
    this.#elapsedMs = elapsedMs;
    const share = Math.min(1, elapsedMs / (WARM_UP_MS + MEASURE_MS));
    const what = elapsedMs < WARM_UP_MS ? "warming up" : `${integer(rate)} messages/s`;
    if (isTerminal) this.#write(name, share, what);
  }

  finish(name: string, rate: number): void {
    this.#exchanged = 0;
    this.#elapsedMs = 0;
    if (isTerminal) this.#write(name, 1, `${integer(rate)} messages/s`);
    else {console.log(
        `  run ${this.#runs + 1} of ${this.#total}: ${name}, ${integer(rate)} messages/s`,
      );}
    this.#runs++;
    if (isTerminal && this.#runs === this.#total) print("\r\x1b[K");
  }

  #write(name: string, share: number, what: string): void {
    const filled = Math.round(BAR_COLUMNS * (this.#runs + share) / this.#total);
    const bar = green("━".repeat(filled)) + dim("─".repeat(BAR_COLUMNS - filled));
    print(`\r\x1b[K  ${bar}  ${bold(name.padEnd(NAME_COLUMNS))} ${what}`);
  }
}

const NAME_COLUMNS = 14;

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function integer(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** The round trip that a share of all messages did not exceed, as text. */
function percentile({ histogram, messages }: Row, share: number): string {
  let left = Math.ceil(messages * share);
  const bucket = histogram.findIndex((count) => (left -= count) <= 0);
  const shift = Math.max(0, (bucket >> 8) - 1);
  const microseconds = ((bucket - shift * 256) + 0.5) * 2 ** shift;
  if (microseconds < 1000) return `${Math.round(microseconds)} us`;
  return `${(microseconds / 1000).toFixed(microseconds < 10_000 ? 2 : 1)} ms`;
}

function printTable(rows: readonly Row[]): void {
  const most = Math.max(...rows.map(({ messages }) => messages));
  const baseline = rows.find(({ name }) => name === DENO)!.messages;
  const cell = (text: string, columns = 10) => text.padStart(columns);
  const titles = ["messages/s", "p50", "p99", "p99.9"].map((title) => cell(title)).join("");
  console.log(dim(`  ${" ".repeat(NAME_COLUMNS + BAR_COLUMNS + 3)}${titles}${cell("speed", 9)}`));
  for (const row of rows) {
    const rate = row.messages / (ROUNDS * MEASURE_MS) * 1000;
    const columns = Math.max(1, Math.round(BAR_COLUMNS * row.messages / most));
    const bar = "━".repeat(columns).padEnd(BAR_COLUMNS + 1);
    const name = row.name.padEnd(NAME_COLUMNS);
    const latencies = [0.5, 0.99, 0.999].map((share) => cell(percentile(row, share))).join("");
    const speed = cell(`${(row.messages / baseline).toFixed(2)} x`, 9);
    const [nameStyle, barStyle] = row.isDefault ? [bold, green] : [String, dim];
    console.log(
      `  ${nameStyle(name)}  ${barStyle(bar)}${nameStyle(cell(integer(rate)))}${latencies}${speed}`,
    );
  }
}

const DENO = "Deno.listen";

/** The rows: the default backend, the other one if it starts here, and plain Deno. */
async function findRows(): Promise<{ rows: Row[]; skipped: string | null }> {
  const row = (name: string, isDefault: boolean, start: () => Promise<Server>): Row => ({
    name,
    isDefault,
    start,
    messages: 0,
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
  dim(
    `  The load, one Worker of plain Deno, shares the ${cores} cores with the server it measures:`,
  ),
);
console.log(
  dim(
    "  compare the rows, not machines. For pinned runs against C and Bun: deno task bench:compare",
  ),
);
console.log();
