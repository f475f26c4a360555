/**
 * The load balancer beside HAProxy, a proxy on `node:net` and one in C: messages per second of the
 * proxy's own processor time, in all its threads. The proxy has one core, the load and the server
 * behind the proxy share another; proxies take turns within every round.
 *
 * What the kernel does for a message is the same for all. The one in C, on io_uring, does nearly
 * nothing else, and shows what is left to gain.
 *
 * Run it with `deno run -A bench/compare/load_balancer.ts`; `--help` lists the options. Linux, a C
 * compiler, HAProxy, Node.js and taskset are used where they are there; what is missing is named.
 */
import { type Found, pathOf, prepareTools, type Tools } from "./compile.ts";
import { allowedCores, describeMachine, ProcessorClock } from "./machine.ts";
import { type Options, parseOptions } from "./options.ts";
import { endAll, endAllOnInterrupt, pause, runForLine, RunningProcess } from "./processes.ts";
import { formatFacts, formatNumber } from "./report.ts";
import { median } from "./statistics.ts";

const USAGE = `Usage: deno run -A bench/compare/load_balancer.ts [options]
  --rounds N      rounds per row (5)
  --seconds S     counted seconds per measurement (2)
  --rows a,b      only these rows
  --cores P,L     core of the proxy, core of the load and of the server (the first two allowed)
  --json FILE     write everything measured as JSON
  --gate          exit with 1 if a goal is missed
  --quick         one short round: shows that it works, decides nothing`;

const PROXIES = ["millrace", "millraceHost", "cUring", "haproxy", "nodeNet"] as const;
type Proxy = typeof PROXIES[number];

const TITLES: Readonly<Record<Proxy, string>> = {
  millrace: "Millrace",
  millraceHost: "Millrace host",
  cUring: "C io_uring",
  haproxy: "HAProxy",
  nodeNet: "node:net",
};

/** What messages per processor second are to be, against those of another proxy. */
const GOALS: readonly { readonly against: Proxy; readonly atLeast: number }[] = [
  { against: "haproxy", atLeast: 0.7 },
  { against: "nodeNet", atLeast: 2 },
];

interface Row {
  readonly name: string;
  readonly connections: number;
  readonly bytes: number;
}

const ROWS: readonly Row[] = [
  { name: "balance64", connections: 64, bytes: 64 },
  { name: "balance64x512", connections: 512, bytes: 64 },
  { name: "balance1k", connections: 64, bytes: 1024 },
  { name: "balance16k", connections: 64, bytes: 16384 },
];

interface Measurement {
  readonly messagesPerSecond: number;
  readonly messagesPerProcessorSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly proxyBusy: number;
  readonly loadBusy: number;
}

interface RowResult {
  readonly row: Row;
  readonly rounds: Readonly<Record<Proxy, readonly (Measurement | null)[]>>;
}

const START_MS = 15_000;
const GRACE_MS = 20_000;
const LIFETIME_SECONDS = 300;
const SETTLE_MS = 300;
/** HAProxy does not say which port it was given: it gets the first of these that is free. */
const PORTS: readonly [number, number] = [17_000, 17_900];

/** What is there to run, and where. */
interface Stage {
  readonly c: Readonly<Record<"echo_epoll" | "echo_uring" | "echo_load", string>>;
  readonly node: Found<string>;
  readonly haproxy: Found<string>;
  readonly taskset: string | null;
  readonly cores: readonly [number, number] | null;
  readonly folder: string;
}

/** Proxies that cannot take part, each with its reason. */
function missing({ node, haproxy }: Stage): Map<Proxy, string> {
  const absent = new Map<Proxy, string>();
  if (node.value === null) absent.set("nodeNet", node.why);
  if (haproxy.value === null) absent.set("haproxy", haproxy.why);
  return absent;
}

function on(stage: Stage, role: 0 | 1, command: readonly string[]): string[] {
  if (stage.taskset === null || stage.cores === null) return [...command];
  return [stage.taskset, "-c", String(stage.cores[role]), ...command];
}

function commandOf(stage: Stage, proxy: Proxy, to: number): readonly string[] {
  const options = ["--to", String(to), "--lifetime", String(LIFETIME_SECONDS)];
  const deno = [Deno.execPath(), "run", "--no-prompt", "--no-config", "--allow-net=127.0.0.1"];
  const balancer = pathOf("peers/balancer_millrace.ts");
  switch (proxy) {
    case "millrace":
      return [...deno, "--allow-ffi", balancer, "--backend", "kernel", ...options];
    case "millraceHost":
      return [...deno, balancer, "--backend", "host", ...options];
    case "nodeNet":
      return [stage.node.value!, pathOf("peers/balancer_node.mjs"), ...options];
    case "cUring":
      return [stage.c.echo_uring, ...options];
    case "haproxy":
      return [stage.haproxy.value!, "-db", "-f", `${stage.folder}/haproxy.cfg`];
  }
}

/** Starts a proxy. @returns it and its port, once it accepts */
async function startProxy(
  stage: Stage,
  proxy: Proxy,
  to: number,
): Promise<{ process: RunningProcess; port: number }> {
  const own = proxy === "haproxy" ? freePort() : null;
  if (own !== null) await Deno.writeTextFile(`${stage.folder}/haproxy.cfg`, haproxyFile(own, to));
  const process = new RunningProcess(on(stage, 0, commandOf(stage, proxy, to)));
  try {
    if (own !== null) await untilAccepted(own);
    const port = own ?? portOf(await process.line(START_MS));
    return { process, port };
  } catch (error) {
    await process.stop();
    throw error;
  }
}

function portOf(line: string): number {
  const port = Number(/^listening (\d+)$/.exec(line)?.[1]);
  if (!(port > 0)) throw new Error(`said ${JSON.stringify(line)}, not where it listens`);
  return port;
}

/** HAProxy as its manual has a TCP proxy, on one thread, as all others are. */
function haproxyFile(port: number, to: number): string {
  return `global
  nbthread 1
  maxconn 8192
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen balancer
  bind 127.0.0.1:${port} backlog 4096
  balance roundrobin
  server backend 127.0.0.1:${to}
`;
}

function freePort(): number {
  for (let port = PORTS[0]; port < PORTS[1]; port++) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch {
      // Somebody else's.
    }
  }
  throw new Error(`no port from ${PORTS[0]} on is free`);
}

async function untilAccepted(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (true) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(20);
    }
  }
}

async function measure(
  stage: Stage,
  proxy: Proxy,
  row: Row,
  options: Options,
): Promise<Measurement> {
  const server = new RunningProcess(
    on(stage, 1, [stage.c.echo_epoll, "--lifetime", String(LIFETIME_SECONDS)]),
  );
  try {
    const { process, port } = await startProxy(stage, proxy, portOf(await server.line(START_MS)));
    try {
      await pause(SETTLE_MS);
      return await load(stage, process.pid, port, row, options);
    } finally {
      await process.stop();
    }
  } finally {
    await server.stop();
  }
}

async function load(
  stage: Stage,
  pid: number,
  port: number,
  { connections, bytes }: Row,
  { seconds, warmupSeconds }: Options,
): Promise<Measurement> {
  const values = { port, connections, bytes, seconds, warmup: warmupSeconds };
  const flags = Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const clock = new ProcessorClock(pid);
  const limitMs = (seconds + warmupSeconds) * 1000 + GRACE_MS;
  const line = await runForLine(on(stage, 1, [stage.c.echo_load, ...flags]), limitMs);
  const used = clock.elapsed.used / 1e9;
  const result = JSON.parse(line) as Record<string, number>;
  return {
    messagesPerSecond: result.messagesPerSecond,
    messagesPerProcessorSecond: result.allMessages / used,
    p50Microseconds: result.p50Microseconds,
    p99Microseconds: result.p99Microseconds,
    proxyBusy: used / result.activeSeconds,
    loadBusy: result.loadBusy,
  };
}

async function runRow(
  stage: Stage,
  row: Row,
  proxies: readonly Proxy[],
  options: Options,
): Promise<RowResult> {
  const rounds = Object.fromEntries(PROXIES.map((proxy) => [proxy, []])) as unknown as Record<
    Proxy,
    (Measurement | null)[]
  >;
  for (let round = 0; round < options.rounds; round++) {
    for (const proxy of proxies) {
      try {
        rounds[proxy].push(await measure(stage, proxy, row, options));
      } catch (error) {
        rounds[proxy].push(null);
        const why = error instanceof Error ? error.message : String(error);
        console.error(`FAILED ${row.name}, ${TITLES[proxy]}: ${why}`);
      }
    }
  }
  return { row, rounds };
}

function medianOf({ rounds }: RowResult, proxy: Proxy, metric: keyof Measurement): number | null {
  const values = rounds[proxy].flatMap((each) => each === null ? [] : [each[metric]]);
  return median(values);
}

/** The median of ratios within rounds, so that drift of a shared machine falls out. */
function ratioOf({ rounds }: RowResult, against: Proxy): number | null {
  const ratios = rounds.millrace.flatMap((own, index) => {
    const other = rounds[against][index];
    if (own === null || other === null || other === undefined) return [];
    return [own.messagesPerProcessorSecond / other.messagesPerProcessorSecond];
  });
  return median(ratios);
}

function formatRow(result: RowResult, proxies: readonly Proxy[]): string {
  const { row } = result;
  const lines = [`${row.name}: ${row.bytes} B, ${row.connections} connections`];
  lines.push("                 messages/CPU s  Millrace / it  messages/s   p50 µs   p99 µs  busy");
  for (const proxy of proxies) {
    const rate = medianOf(result, proxy, "messagesPerProcessorSecond");
    if (rate === null) continue;
    const ratio = proxy === "millrace" ? null : ratioOf(result, proxy);
    const cells = [
      `  ${TITLES[proxy].padEnd(13)}`,
      formatNumber(rate).padStart(16),
      (ratio?.toFixed(2) ?? "").padStart(15),
      formatNumber(medianOf(result, proxy, "messagesPerSecond")!).padStart(12),
      medianOf(result, proxy, "p50Microseconds")!.toFixed(0).padStart(9),
      medianOf(result, proxy, "p99Microseconds")!.toFixed(0).padStart(9),
      medianOf(result, proxy, "proxyBusy")!.toFixed(2).padStart(6),
    ];
    lines.push(cells.join(""));
  }
  for (const { against, atLeast, ratio, verdict } of judge(result)) {
    const measured = ratio === null ? "" : `: ${ratio.toFixed(3)}`;
    lines.push(`  ${verdict}  Millrace >= ${atLeast} of ${TITLES[against]}${measured}`);
  }
  return lines.join("\n");
}

function judge(result: RowResult) {
  return GOALS.map(({ against, atLeast }) => {
    const ratio = ratioOf(result, against);
    const verdict = ratio === null ? "NOT MEASURED" : ratio >= atLeast ? "MET" : "MISSED";
    return { against, atLeast, ratio, verdict };
  });
}

async function prepare(tools: Tools, options: Options, folder: string): Promise<Stage> {
  if (tools.c.value === null) throw new Error(tools.c.why);
  return {
    c: tools.c.value,
    node: tools.node,
    haproxy: await findHaproxy(),
    taskset: tools.taskset.value,
    cores: options.cores ?? allowedCores(),
    folder,
  };
}

/** Debian has it where only root's search path looks. */
async function findHaproxy(): Promise<Found<string>> {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const path = `${folder}/haproxy`;
    try {
      const version = await runForLine([path, "-v"], START_MS);
      return { value: path, version };
    } catch {
      // Not in this folder.
    }
  }
  return { value: null, why: "haproxy is not in PATH" };
}

async function compare(options: Options, folder: string): Promise<number> {
  const unknown = options.rows.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0) {
    const names = ROWS.map(({ name }) => name).join(", ");
    throw new TypeError(`no row ${unknown.join(", ")}; there are ${names}`);
  }
  const tools = await prepareTools();
  const stage = await prepare(tools, options, folder);
  const machine = describeMachine();
  const versions = {
    haproxy: stage.haproxy.value === null ? stage.haproxy.why : stage.haproxy.version,
    node: stage.node.value === null ? stage.node.why : stage.node.version,
  };
  console.log(`machine\n${formatFacts(machine)}\nversions\n${formatFacts(versions)}`);
  const absent = missing(stage);
  for (const [proxy, why] of absent) console.log(`SKIPPED ${TITLES[proxy]}: ${why}`);
  const proxies = PROXIES.filter((proxy) => !absent.has(proxy));
  const rows = ROWS.filter(({ name }) => options.rows.length === 0 || options.rows.includes(name));
  const results: RowResult[] = [];
  for (const row of rows) {
    const result = await runRow(stage, row, proxies, options);
    console.log(`\n${formatRow(result, proxies)}`);
    results.push(result);
  }
  if (options.quick || options.rounds < 5) {
    console.log("\nfewer than 5 full rounds: these ratios decide nothing");
  }
  if (options.json !== null) {
    const report = results.map((result) => ({ ...result, verdicts: judge(result) }));
    const text = JSON.stringify({ machine, versions, rows: report }, null, 2);
    await Deno.writeTextFile(options.json, `${text}\n`);
  }
  const isMissed = results.some((result) => judge(result).some(({ verdict }) => verdict !== "MET"));
  return options.gate && isMissed ? 1 : 0;
}

async function main(): Promise<number> {
  if (Deno.args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const options = parseOptions(Deno.args);
  endAllOnInterrupt();
  const folder = await Deno.makeTempDir();
  try {
    return await compare(options, folder);
  } finally {
    endAll();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(
      error instanceof TypeError || error instanceof RangeError ? error.message : error,
    );
    Deno.exit(2);
  }
}
