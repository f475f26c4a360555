/**
 * `deno run -A tools/rfc.ts` writes `docs/rfc.md` from the comments of the code; with `--check` it
 * says whether that is what they say, and what is wrong with them.
 *
 * @module
 */

import { listFiles, readFiles, ROOT } from "./files.ts";
import { REQUIREMENTS } from "./rfc/catalogues.ts";
import type { Annotation, Coverage } from "./rfc/requirement.ts";
import { type Findings, mistakes } from "./rfc/match.ts";
import { writeReport } from "./rfc/report.ts";
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
  return { requirements: REQUIREMENTS, annotations, coverage };
}

/** What is wrong with the comments, or with a document that does not say what they do. */
export function checkRules(): string[] {
  const findings = readFindings();
  const wrong = mistakes(findings);
  if (Deno.readTextFileSync(REPORT) !== writeReport(findings)) {
    wrong.push("docs/rfc.md is out of date: deno run -A tools/rfc.ts");
  }
  return wrong;
}

function main(isCheck: boolean): number {
  let wrong: string[];
  if (isCheck) {
    wrong = checkRules();
  } else {
    const findings = readFindings();
    Deno.writeTextFileSync(REPORT, writeReport(findings));
    wrong = mistakes(findings);
  }
  for (const mistake of wrong) console.log(mistake);
  return wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(main(Deno.args.includes("--check")));
