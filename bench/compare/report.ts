/** The result as text and as JSON. */
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";
import { TITLES } from "./peers.ts";
import type { Goal, PeerName, Row } from "./row.ts";
import { judge, medianOf, medianRatio, type Rounds, type Verdict } from "./statistics.ts";

/** What one row gave. */
export interface RowResult {
  readonly row: Row;
  readonly rounds: Rounds;
  /** Why a peer has no number, by peer. */
  readonly failures: Readonly<Partial<Record<PeerName, string>>>;
  readonly verdicts: readonly Verdict[];
}

/** Everything one run gave. */
export interface Result {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** Which cores server and load had. */
  readonly pinning: string;
  readonly options: Options;
  readonly rows: readonly RowResult[];
}

/** From this share of a core on, a load is working all the time. */
const SATURATED = 0.95;
/** From this share of what was offered on, a receiver may have been able to take more. */
const TAKEN = 0.97;
/** From this share of time on, waiting for the core is told: the machine may have been busy. */
const DISTURBED = 0.1;
const COLUMNS: readonly { title: string; metric: string; digits: number }[] = [
  { title: "p50 µs", metric: "p50Microseconds", digits: 1 },
  { title: "p99 µs", metric: "p99Microseconds", digits: 1 },
  { title: "p99.9 µs", metric: "p999Microseconds", digits: 1 },
  { title: "server µs/msg", metric: "serverMicrosecondsPerMessage", digits: 3 },
  { title: "server µs/conn", metric: "serverMicrosecondsPerConnection", digits: 2 },
  { title: "server busy", metric: "serverBusy", digits: 2 },
  { title: "load busy", metric: "loadBusy", digits: 2 },
  { title: "ms/transfer", metric: "serverMillisecondsPerTransfer", digits: 1 },
  { title: "offered/s", metric: "offeredPerSecond", digits: 0 },
  { title: "lost", metric: "lostShare", digits: 3 },
  { title: "fetch p99 ms", metric: "fetchP99Milliseconds", digits: 2 },
  { title: "RSS MB", metric: "residentMegabytesMany", digits: 0 },
];

/** Judges a row. */
export function completeRow(
  row: Row,
  rounds: Rounds,
  failures: RowResult["failures"],
): RowResult {
  return { row, rounds, failures, verdicts: row.goals.map((goal) => judge(goal, rounds)) };
}

/** One row as a table with its goals. */
export function formatRow(result: RowResult): string {
  const { row, rounds, failures } = result;
  const { metric, unit } = row.headline;
  const own = row.peers[0];
  const columns = COLUMNS.filter((column) =>
    column.metric !== metric &&
    row.peers.some((peer) => medianOf(rounds, peer, column.metric) !== null)
  );
  const lines = [["", unit, `${TITLES[own]} / it`, ...columns.map((column) => column.title)]];
  const notes: string[] = [];
  for (const peer of row.peers) {
    const value = medianOf(rounds, peer, metric);
    if (value !== null) {
      const ratio = peer === own ? null : medianRatio(rounds, own, peer, metric);
      lines.push([
        TITLES[peer],
        formatNumber(value),
        ratio === null ? "" : ratio.toFixed(2),
        ...columns.map(({ metric, digits }) =>
          medianOf(rounds, peer, metric)?.toFixed(digits) ?? ""
        ),
      ]);
      notes.push(...caveats(row, rounds, peer).map((text) => `  ${TITLES[peer]}: ${text}`));
    }
    const failure = failures[peer];
    if (failure !== undefined) notes.push(`  ${TITLES[peer]}: ${failure}`);
  }
  const goals = result.verdicts.map((verdict) => `  ${formatVerdict(verdict)}`);
  return [`${row.name}: ${row.title}`, ...formatTable(lines), ...notes, ...goals].join("\n");
}

/** What a reader must know of a number before believing it. */
function caveats(row: Row, rounds: Rounds, peer: PeerName): readonly string[] {
  const server = medianOf(rounds, peer, "serverBusy");
  const load = medianOf(rounds, peer, "loadBusy");
  const waited = medianOf(rounds, peer, "serverWaited");
  const spins = row.load.kind === "echo" && row.load.spin === true;
  const texts: string[] = [];
  if (waited !== null && waited > DISTURBED) {
    const share = (waited * 100).toFixed(0);
    texts.push(
      `its threads waited for the core ${share} % of the time (other work, or each other)`,
    );
  }
  if (!spins && server !== null && load !== null && load > SATURATED && server < SATURATED - 0.05) {
    texts.push("the load was the limit: the server had time left");
  }
  const taken = medianOf(rounds, peer, "takenShare");
  if (taken !== null && taken > TAKEN) {
    texts.push("it took nearly all that was offered: the load may have been the limit");
  }
  return texts;
}

/** The count of goals met, missed and not measured, and the missed ones by name. */
export function formatSummary(result: Result): string {
  const verdicts = result.rows.flatMap(({ row, verdicts }) =>
    verdicts.map((verdict) => ({ row, verdict }))
  );
  const count = (kind: Verdict["verdict"]): number =>
    verdicts.filter(({ verdict }) => verdict.verdict === kind).length;
  const lines = [
    `goals: ${count("met")} met, ${count("missed")} missed, ` +
    `${count("not measured")} not measured`,
  ];
  for (const { row, verdict } of verdicts) {
    if (verdict.verdict !== "met") lines.push(`  ${row.name}: ${formatVerdict(verdict)}`);
  }
  if (result.options.quick || result.options.rounds < 5) {
    lines.push("fewer than 5 full rounds: these ratios decide nothing");
  }
  return lines.join("\n");
}

/** Facts and versions, a line each. */
export function formatFacts(facts: Readonly<Record<string, string>>): string {
  return Object.entries(facts).map(([name, value]) => `  ${name}: ${value}`).join("\n");
}

/** Everything as JSON: every round, the medians of the headline, and the verdicts. */
export function toJson(result: Result): string {
  const rows = result.rows.map(({ row, rounds, failures, verdicts }) => ({
    name: row.name,
    title: row.title,
    load: row.load,
    headline: row.headline,
    medians: Object.fromEntries(
      row.peers.map((peer) => [peer, medianOf(rounds, peer, row.headline.metric)]),
    ),
    verdicts,
    failures,
    rounds,
  }));
  const { machine, versions, pinning, options } = result;
  const taken = { rounds: options.rounds, seconds: options.seconds, quick: options.quick };
  return JSON.stringify({ machine, versions, pinning, ...taken, rows }, null, 2) + "\n";
}

/** A goal in words: "Millrace >= 0.95 of C io_uring". */
export function formatGoal(goal: Goal): string {
  const bound = goal.atLeast === undefined ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`;
  const against = goal.against === undefined ? "" : ` of ${TITLES[goal.against]}`;
  return `${TITLES[goal.peer]} ${bound}${against} (${goal.metric})`;
}

/** A verdict in words. */
function formatVerdict({ goal, value, verdict }: Verdict): string {
  const measured = value === null
    ? ""
    : `: ${goal.against === undefined ? formatNumber(value) : value.toFixed(3)}`;
  return `${verdict.toUpperCase()}  ${formatGoal(goal)}${measured}`;
}

/** A number at the precision it deserves. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", " ");
  return value.toFixed(Math.abs(value) >= 100 ? 0 : 2);
}

function formatTable(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    );
    return `  ${cells.join("  ")}`.trimEnd();
  });
}
