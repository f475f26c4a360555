/**
 * Stacks beside each other, and beside the kernel's loopback through `Deno.listen`; each row says
 * which Worker runs what.
 *
 * `deno run -A bench/compare/stack/main.ts [--rounds N] [--seconds S] [--rows a,b] [--gate]`
 */
import { argument, flag } from "../peers/arguments.ts";
import { describeMachine } from "../machine.ts";
import { formatFacts, formatNumber } from "../report.ts";
import { median } from "../statistics.ts";

interface Program {
  readonly title: string;
  readonly file: string;
  readonly args: readonly string[];
}

interface Row {
  readonly name: string;
  readonly title: string;
  /** Which Worker runs application, stack and peer. */
  readonly placement: string;
  /** What the programs print, and in what. */
  readonly metric: string;
  readonly unit: string;
  readonly program: Program;
  /** What it is compared with. */
  readonly peer?: Program;
  /** What the metric, or its ratio to the peer's, is to be at least. */
  readonly goal: number;
}

const TWO_SIDES = "main thread: sender with its stack; Worker: receiver with its stack";

const ROWS: readonly Row[] = [
  {
    name: "bulk",
    title: "Bulk, MTU 1500",
    placement: TWO_SIDES,
    metric: "gigabitsPerSecond",
    unit: "Gbit/s",
    program: { title: "Millrace", file: "bulk.ts", args: [] },
    goal: 10,
  },
  {
    name: "bulkoffload",
    title: "Bulk, virtual segmentation offload",
    placement: TWO_SIDES,
    metric: "gigabitsPerSecond",
    unit: "Gbit/s",
    program: { title: "Millrace", file: "bulk.ts", args: ["--offload"] },
    goal: 30,
  },
  {
    name: "echo",
    title: "Echo, 64 B, 64 connections",
    placement: "main thread: client with its stack; Worker: server with its stack; Deno alike",
    metric: "messagesPerSecond",
    unit: "messages/s",
    program: { title: "Millrace", file: "echo.ts", args: [] },
    peer: { title: "Deno.listen on the kernel's loopback", file: "echo_deno.ts", args: [] },
    goal: 2,
  },
  {
    name: "churn",
    title: "Connections opened and closed, 16 addresses on each side",
    placement: "main thread: both stacks, sockets without a ring",
    metric: "connectionsPerSecond",
    unit: "connections/s",
    program: { title: "Millrace", file: "churn.ts", args: [] },
    goal: 20_000,
  },
];

const LIMIT_MS = 120_000;

/** Runs a program once. @returns its figure, or null where it failed */
async function measure(program: Program, metric: string, seconds: string): Promise<number | null> {
  const file = new URL(program.file, import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", file, "--seconds", seconds, ...program.args],
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout))[metric];
  console.log(`  ${program.title} failed: ${new TextDecoder().decode(stderr).slice(0, 400)}`);
  return null;
}

/** @returns whether the goal is met */
async function runRow(row: Row, rounds: number, seconds: string): Promise<boolean> {
  const own: number[] = [];
  const ratios: number[] = [];
  const others: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const one = await measure(row.program, row.metric, seconds);
    const other = row.peer === undefined ? null : await measure(row.peer, row.metric, seconds);
    if (one !== null) own.push(one);
    if (other !== null) others.push(other);
    if (one !== null && other !== null) ratios.push(one / other);
  }
  console.log(`\n${row.name}: ${row.title}\n  ${row.placement}`);
  console.log(`  ${row.program.title}: ${formatNumber(median(own) ?? 0)} ${row.unit}`);
  if (row.peer !== undefined) {
    console.log(`  ${row.peer.title}: ${formatNumber(median(others) ?? 0)} ${row.unit}`);
  }
  const figure = (row.peer === undefined ? median(own) : median(ratios)) ?? 0;
  const isMet = figure >= row.goal;
  const against = row.peer === undefined ? "" : ` of ${row.peer.title}`;
  console.log(
    `  ${isMet ? "MET" : "MISSED"}  >= ${formatNumber(row.goal)}${against}: ${figure.toFixed(2)}`,
  );
  return isMet;
}

const rounds = Number(argument("rounds", "5"));
const seconds = argument("seconds", "2");
const wanted = argument("rows", ROWS.map(({ name }) => name).join(",")).split(",");
console.log(`machine\n${formatFacts({ ...describeMachine() } as Record<string, string>)}`);
let isAllMet = true;
for (const row of ROWS) {
  if (wanted.includes(row.name)) isAllMet = await runRow(row, rounds, seconds) && isAllMet;
}
if (flag("gate") && !isAllMet) Deno.exit(1);
