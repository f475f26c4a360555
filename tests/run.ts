/**
 * `deno task test` and, with `--long`, `deno task test:long`. All other arguments go to
 * `deno test`: files, folders, `--filter`.
 *
 * The last line is `N passed, N failed`, followed by `, N skipped` where tests were left out.
 *
 * @module
 */

import { stdFlags } from "../tools/std.ts";
import { ROOT } from "../tools/files.ts";
import { formatTotals, RunReport } from "./run_report.ts";
import { SEED } from "./support/seed.ts";

async function main(args: readonly string[]): Promise<number> {
  const long = args.includes("--long");
  const forwarded = args.filter((arg) => arg !== "--long");
  const env: Record<string, string> = { MILLRACE_SEED: String(SEED) };
  if (long) env.MILLRACE_LONG = "1";
  if (!Deno.stdout.isTerminal()) env.NO_COLOR = "1";
  console.log(`MILLRACE_SEED=${SEED}${long ? " MILLRACE_LONG=1" : ""}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...await stdFlags(), ...forwarded],
    cwd: ROOT,
    env,
    stdin: "inherit",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // Whoever stops the runner means the tests; npx, which may stand above, forwards nothing.
  const stop = () => child.kill();
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
  const report = new RunReport();
  await readLines(child.stdout, (line) => {
    console.log(line);
    report.addLine(line);
  });
  const { code } = await child.status;
  const totals = report.totals(code);
  for (const line of formatTotals(totals)) console.log(line);
  return totals.failed > 0 ? 1 : code;
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  handle: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(handle);
  }
  if (rest !== "") handle(rest);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
