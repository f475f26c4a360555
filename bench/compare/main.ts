/**
 * The comparison: the project beside Deno, Node.js, Bun and C references in every role of a server,
 * each on one core with the load on another, peers in turn within every round.
 *
 * Run it with `deno run -A bench/compare/main.ts`; `--help` lists the options. Linux, a C compiler,
 * npm (for Bun), Node.js and taskset are used where they are there; what is missing is named.
 */
import { prepareTools, type Tools } from "./compile.ts";
import { drawChart } from "./chart.ts";
import { allowedCores, describeMachine } from "./machine.ts";
import { measure } from "./measure.ts";
import { type BenchNetwork, openNetwork } from "./network.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { Stage, TITLES } from "./peers.ts";
import { endAll, endAllOnInterrupt } from "./processes.ts";
import {
  completeRow,
  formatFacts,
  formatRow,
  formatSummary,
  type Result,
  type RowResult,
  toJson,
} from "./report.ts";
import type { Measurement, PeerName, Row } from "./row.ts";
import { ROWS } from "./rows.ts";

/** A peer that fails this often in a row is not asked again. */
const FAILURES_MAX = 2;

async function compare(options: Options): Promise<Result> {
  const rows = chooseRows(options.rows);
  const tools = await prepareTools();
  const network = await openNetwork();
  try {
    return await compareOn(network, tools, rows, options);
  } finally {
    await network.remove();
  }
}

async function compareOn(
  network: BenchNetwork,
  tools: Tools,
  rows: readonly Row[],
  options: Options,
): Promise<Result> {
  const cores = options.cores ?? allowedCores();
  const stage = new Stage(tools, cores, network.prefix);
  const machine = describeMachine();
  const versions = versionsOf(tools);
  console.log(`machine\n${formatFacts(machine)}\nversions\n${formatFacts(versions)}`);
  for (const { peer, why } of stage.missing()) console.log(`SKIPPED ${TITLES[peer]}: ${why}`);
  const pinning = `${howPinned(tools, cores)}; over ${network.description}`;
  console.log(pinning);
  const absent = new Set(stage.missing().map(({ peer }) => peer));
  const remarks = new Map<PeerName, string>();
  const results: RowResult[] = [];
  for (const row of rows) {
    const present = { ...row, peers: row.peers.filter((peer) => !absent.has(peer)) };
    const result = await runRow(stage, present, options, remarks);
    console.log(`\n${formatRow(result)}`);
    results.push(result);
  }
  const said = [...remarks].map(([peer, remark]) => [TITLES[peer], remark]);
  return {
    machine,
    versions: { ...versions, ...Object.fromEntries(said) },
    pinning,
    options,
    rows: results,
  };
}

/** All rounds of one row, peers in turn; idle servers do not disturb each other: at once. */
async function runRow(
  stage: Stage,
  row: Row,
  options: Options,
  remarks: Map<PeerName, string>,
): Promise<RowResult> {
  const rounds: Partial<Record<PeerName, (Measurement | null)[]>> = {};
  const failures: Partial<Record<PeerName, string>> = {};
  const failed = new Map<PeerName, number>();
  const turn = async (peer: PeerName): Promise<void> => {
    const results = rounds[peer] ??= [];
    if ((failed.get(peer) ?? 0) >= FAILURES_MAX) return;
    try {
      const { measurement, remark } = await measure(stage, peer, row.load, options);
      results.push(measurement);
      failed.delete(peer);
      noteRemark(remarks, peer, remark);
    } catch (error) {
      results.push(null);
      failed.set(peer, (failed.get(peer) ?? 0) + 1);
      failures[peer] = error instanceof Error ? error.message : String(error);
      console.error(`FAILED ${row.name}, ${TITLES[peer]}: ${failures[peer]}`);
    }
  };
  for (let round = 0; round < options.rounds; round++) {
    if (row.load.kind === "idleCpu") await Promise.all(row.peers.map(turn));
    else for (const peer of row.peers) await turn(peer);
  }
  return completeRow(row, rounds, failures);
}

/** What a server says of itself, its backend and why, is printed when it is new. */
function noteRemark(remarks: Map<PeerName, string>, peer: PeerName, remark: string): void {
  if (remark === "" || remarks.get(peer) === remark) return;
  remarks.set(peer, remark);
  console.log(`  ${TITLES[peer]}: ${remark}`);
}

function chooseRows(names: readonly string[]): readonly Row[] {
  const known = ROWS.map((row) => row.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(`no row ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return names.length === 0 ? ROWS : ROWS.filter((row) => names.includes(row.name));
}

function versionsOf(tools: Tools): Record<string, string> {
  const { c, bun, node, taskset } = tools;
  const found = { "C compiler": c, bun, node, taskset };
  return Object.fromEntries(
    Object.entries(found).map((
      [name, tool],
    ) => [name, tool.value === null ? `missing: ${tool.why}` : tool.version]),
  );
}

function howPinned(tools: Tools, cores: readonly [number, number] | null): string {
  if ("why" in tools.taskset) return `nothing pinned: ${tools.taskset.why}`;
  if (cores === null) return "nothing pinned: only one core may be used";
  return `server on core ${cores[0]}, load on core ${cores[1]}`;
}

async function main(): Promise<number> {
  if (Deno.args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const options = parseOptions(Deno.args);
  endAllOnInterrupt();
  try {
    const result = await compare(options);
    console.log(`\n${formatSummary(result)}`);
    if (options.json !== null) await Deno.writeTextFile(options.json, toJson(result));
    if (options.svg !== null) await Deno.writeTextFile(options.svg, drawChart(result));
    const missed = result.rows.some(({ verdicts }) =>
      verdicts.some(({ verdict }) => verdict !== "met")
    );
    return options.gate && missed ? 1 : 0;
  } finally {
    endAll();
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
