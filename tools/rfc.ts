/**
 * `deno run -A tools/rfc.ts` writes `docs/rfc.md` from the comments of the code; with `--check` it
 * says whether that is what they say, and what is wrong with them.
 *
 * @module
 */

import { listFiles, readFiles, ROOT } from "./files.ts";
import type { Annotation, Coverage } from "./rfc/requirement.ts";
import { type Findings, mistakes, writeReport } from "./rfc/report.ts";
import { RFC9293 } from "./rfc/rfc9293.ts";
import { findAnnotations, findCoverage } from "./rfc/scan.ts";

const REPORT = new URL("docs/rfc.md", ROOT);
const FOLDERS = /^(?:stack|drivers|native|tests)\/.*\.ts$/;

/** Reads the comments of the whole checkout. */
export function readFindings(): Findings {
  const annotations: Annotation[] = [];
  const coverage: Coverage[] = [];
  for (const [file, source] of readFiles(listFiles().filter((path) => FOLDERS.test(path)))) {
    annotations.push(...findAnnotations(file, source));
    coverage.push(...findCoverage(file, source));
  }
  return { requirements: RFC9293, annotations, coverage };
}

async function formatted(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "md", "--prose-wrap", "preserve", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await output).stdout);
}

async function main(isCheck: boolean): Promise<number> {
  const findings = readFindings();
  const wrong = mistakes(findings);
  for (const mistake of wrong) console.log(mistake);
  const text = await formatted(writeReport(findings));
  if (!isCheck) {
    await Deno.writeTextFile(REPORT, text);
    return wrong.length === 0 ? 0 : 1;
  }
  const isCurrent = await Deno.readTextFile(REPORT).catch(() => "") === text;
  if (!isCurrent) console.log("docs/rfc.md is out of date: deno run -A tools/rfc.ts");
  return isCurrent && wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args.includes("--check")));
