/** The command line of the comparison. */

/** What a run was asked to do. */
export interface Options {
  /** Rounds per row: in every round each peer of the row is measured once. */
  readonly rounds: number;
  /** Counted seconds of load per measurement. */
  readonly seconds: number;
  /** Uncounted seconds of load before, on the same connections, for compilers to settle. */
  readonly warmupSeconds: number;
  /** Seconds an idle server is watched. */
  readonly idleSeconds: number;
  /** Names of the rows to run; empty for all. */
  readonly rows: readonly string[];
  /** Cores of server and load, or null for the first two this process may use. */
  readonly cores: readonly [number, number] | null;
  /** Where to write the result as JSON. */
  readonly json: string | null;
  /** Where to write the chart. */
  readonly svg: string | null;
  /** Whether a missed goal is a failure of the program. */
  readonly gate: boolean;
  /** Whether this only shows that everything works: its ratios decide nothing. */
  readonly quick: boolean;
}

/** The text of `--help`. */
export const USAGE = `Usage: deno run -A bench/compare/main.ts [options]
  --rounds N      rounds per row (5)
  --seconds S     counted seconds per measurement (2)
  --rows a,b      only these rows
  --cores S,L     core of the server, core of the load (the first two allowed)
  --json FILE     write everything measured as JSON
  --svg FILE      write a chart
  --gate          exit with 1 if a goal is missed
  --quick         one short round: shows that it works, decides nothing`;

const VALUED = ["--rounds", "--seconds", "--rows", "--cores", "--json", "--svg"];
const FLAGS = ["--gate", "--quick"];
const ROUNDS_MAX = 50;
const SECONDS_MAX = 60;

/**
 * Reads the command line.
 *
 * @param values the arguments as given
 * @returns what to do
 * @throws {TypeError} for an unknown option or a missing value
 * @throws {RangeError} for a number out of its bounds
 */
export function parseOptions(values: readonly string[]): Options {
  const given = new Map<string, string>();
  for (let i = 0; i < values.length; i++) {
    const name = values[i];
    if (FLAGS.includes(name)) {
      given.set(name, "");
    } else if (!VALUED.includes(name)) {
      throw new TypeError(`unknown option ${JSON.stringify(name)}\n${USAGE}`);
    } else if (values[++i] === undefined) {
      throw new TypeError(`${name} needs a value`);
    } else {
      given.set(name, values[i]);
    }
  }
  const quick = given.has("--quick");
  return {
    rounds: bounded("--rounds", given.get("--rounds") ?? (quick ? "1" : "5"), 1, ROUNDS_MAX),
    seconds: bounded(
      "--seconds",
      given.get("--seconds") ?? (quick ? "0.5" : "2"),
      0.1,
      SECONDS_MAX,
    ),
    // A compiler that is at work beside its server takes turns of 4 ms on the same core.
    warmupSeconds: quick ? 0.3 : 2,
    idleSeconds: quick ? 2 : 10,
    rows: given.get("--rows")?.split(",") ?? [],
    cores: parseCores(given.get("--cores")),
    json: given.get("--json") ?? null,
    svg: given.get("--svg") ?? null,
    gate: given.has("--gate"),
    quick,
  };
}

function bounded(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!(value >= least && value <= most)) {
    throw new RangeError(`${name} ${text} is not between ${least} and ${most}`);
  }
  return name === "--rounds" ? Math.floor(value) : value;
}

function parseCores(text: string | undefined): readonly [number, number] | null {
  if (text === undefined) return null;
  const cores = text.split(",").map(Number);
  if (cores.length !== 2 || !cores.every((core) => Number.isInteger(core) && core >= 0)) {
    throw new RangeError(`--cores ${text} is not two core numbers with a comma between`);
  }
  return [cores[0], cores[1]];
}
