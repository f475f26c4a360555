/**
 * Writes `docs/rfc.md`: each rule of the catalogues with the code that obeys it and the test that
 * would fail otherwise, and every other rule that the code names.
 *
 * @module
 */

import type { Annotation, Coverage, Requirement } from "./requirement.ts";

/** Where everything that is known of rules comes from. */
export interface Findings {
  readonly requirements: readonly Requirement[];
  readonly annotations: readonly Annotation[];
  readonly coverage: readonly Coverage[];
}

/** How far a rule has come. */
export type Status = "met" | "excepted" | "untested" | "open";

/** A rule, and what was found for it. */
export interface Verdict {
  readonly requirement: Requirement;
  readonly status: Status;
  readonly annotations: readonly Annotation[];
  readonly coverage: readonly Coverage[];
}

/** A rule without a number is named by its level alone: then the section decides. */
function isAbout(
  requirement: Requirement,
  { rfc, ids, section }: { rfc: number; ids: readonly string[]; section: string },
): boolean {
  return rfc === requirement.rfc && ids.includes(requirement.id) &&
    (requirement.id.includes("-") || section === requirement.section);
}

/** Judges each rule of the catalogues. */
export function judge(findings: Findings): Verdict[] {
  return findings.requirements.map((requirement) => {
    const annotations = findings.annotations.filter((found) => isAbout(requirement, found));
    const coverage = findings.coverage.filter((found) => isAbout(requirement, found));
    return { requirement, status: statusOf(annotations, coverage), annotations, coverage };
  });
}

function statusOf(annotations: readonly Annotation[], coverage: readonly Coverage[]): Status {
  if (annotations.some(({ isException }) => isException)) return "excepted";
  if (annotations.length === 0) return "open";
  return coverage.length > 0 ? "met" : "untested";
}

/** What is wrong with the comments themselves: a test without a name, a rule that no code names. */
export function mistakes({ annotations, coverage }: Findings): string[] {
  const wrong: string[] = [];
  for (const { file, line, test } of coverage) {
    if (test === "") wrong.push(`${file}:${line}: no test follows`);
  }
  for (const found of coverage) {
    const isKnown = annotations.some(({ rfc, section, ids }) =>
      rfc === found.rfc && section === found.section && ids.some((id) => found.ids.includes(id))
    );
    if (!isKnown) {
      const rule = `RFC ${found.rfc} section ${found.section} (${found.ids.join(", ")})`;
      wrong.push(`${found.file}:${found.line}: no code names ${rule}`);
    }
  }
  return wrong;
}

const HEADER = `# The rules of the RFCs

<!-- Written by \`deno run -A tools/rfc.ts\`: change the comments in the code instead. -->

Each rule stands in a comment above the line that obeys it, and is covered by a test that fails without that line. *Excepted* rules are not obeyed, for the reason given. *Untested* ones are obeyed by code that no test names yet; *open* ones are not met.
`;

/** The text of the document. */
export function writeReport(findings: Findings): string {
  const verdicts = judge(findings);
  const parts = [HEADER, summary(verdicts)];
  const rfcs = new Set([
    ...findings.requirements.map(({ rfc }) => rfc),
    ...findings.annotations.map(({ rfc }) => rfc),
  ]);
  for (const rfc of [...rfcs].sort((one, other) => one - other)) {
    const listed = verdicts.filter(({ requirement }) => requirement.rfc === rfc);
    parts.push(`## RFC ${rfc}\n`);
    if (listed.length > 0) parts.push(table(listed));
    const others = findings.annotations.filter((found) =>
      found.rfc === rfc && !listed.some(({ annotations }) => annotations.includes(found))
    );
    if (others.length > 0) parts.push(otherRules(others, findings.coverage));
  }
  return parts.join("\n");
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (wanted: Status) => verdicts.filter(({ status }) => status === wanted).length;
  return `Of ${verdicts.length} numbered rules, ${count("met")} are met, ${
    count("excepted")
  } excepted, ${count("untested")} untested and ${count("open")} open.\n`;
}

function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ requirement, status, annotations, coverage }) => {
    const { id, section, text } = requirement;
    const exception = annotations.find(({ isException }) => isException);
    const proof = exception?.text ?? [...new Set(coverage.map(linkToTest))].join("; ");
    const code = [...new Set(annotations.map(linkTo))].join(" ");
    return `| ${id} | ${section} | ${cell(text)} | ${status} | ${code} | ${cell(proof)} |`;
  });
  const head =
    "| rule | section | what | status | code | test, or reason |\n|---|---|---|---|---|---|";
  return [head, ...rows, ""].join("\n");
}

function otherRules(annotations: readonly Annotation[], coverage: readonly Coverage[]): string {
  const rows = annotations.map((found) => {
    const tests = coverage.filter(({ rfc, section, ids }) =>
      rfc === found.rfc && section === found.section && ids.some((id) => found.ids.includes(id))
    );
    const proof = found.isException ? "excepted" : [...new Set(tests.map(linkToTest))].join("; ");
    return `| ${found.section} | ${found.ids.join(", ")} | ${cell(found.text)} | ${
      linkTo(found)
    } | ${cell(proof)} |`;
  });
  return ["| section | level | what | code | test |", "|---|---|---|---|---|", ...rows, ""].join(
    "\n",
  );
}

function linkTo({ file }: Annotation): string {
  return `[${file.split("/").pop()}](../${file})`;
}

function linkToTest({ file, test }: Coverage): string {
  return `[${test}](../${file})`;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
