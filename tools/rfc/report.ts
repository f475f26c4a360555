/**
 * Writes `docs/rfc.md`: each rule of the catalogues with the code that obeys it and the test that
 * would fail otherwise, and every other rule that the code names.
 *
 * @module
 */

import { SUBJECTS } from "./catalogues.ts";
import { type Findings, judge, type Status, testsOf, type Verdict } from "./match.ts";
import type { Annotation, Coverage } from "./requirement.ts";

const HEADER = `<!-- deno-fmt-ignore-file -->

# The rules of the RFCs

<!-- Written by \`deno run -A tools/rfc.ts\`: change the comments in the code instead. -->

Each rule stands in a comment above the line that obeys it, and is covered by a test that fails without that line. *Excepted* rules are not obeyed, for the reason given. *Untested* ones are obeyed by code that no test names yet; *open* ones are not met.

The rules of RFC 9293 have the numbers of its appendix B; those of other RFCs are numbered here. They are what the RFCs require with words like MUST, of hosts and of routers that forward, in the words of this project; RFC 815 has an algorithm, and no such words. A test tells by a comment which section it covers: where a section has several rules, its tests stand with each of them. What a test misses, \`deno run -A tools/mutate_rules.ts\` finds: it takes the rules out one by one.
`;

const STATUSES: readonly Status[] = ["met", "excepted", "untested", "open"];

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
    parts.push(`## ${titleOf(rfc)}\n`);
    if (listed.length > 0) parts.push(table(listed));
    const others = findings.annotations.filter((found) =>
      found.rfc === rfc && !listed.some(({ annotations }) => annotations.includes(found))
    );
    if (others.length === 0) continue;
    parts.push("Other rules that the code names:\n", otherRules(others, findings.coverage));
  }
  return parts.join("\n");
}

function titleOf(rfc: number): string {
  const subject = SUBJECTS[rfc];
  return subject === undefined ? `RFC ${rfc}` : `RFC ${rfc}: ${subject}`;
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (listed: readonly Verdict[]) =>
    STATUSES.map((wanted) => listed.filter(({ status }) => status === wanted).length).join(" | ");
  const rfcs = [...new Set(verdicts.map(({ requirement }) => requirement.rfc))];
  const rows = rfcs.sort((one, other) => one - other).map((rfc) => {
    const listed = verdicts.filter(({ requirement }) => requirement.rfc === rfc);
    return `| ${titleOf(rfc)} | ${listed.length} | ${count(listed)} |`;
  });
  return [
    `| RFC | rules | ${STATUSES.join(" | ")} |`,
    "|---|---|---|---|---|---|",
    ...rows,
    `| all | ${verdicts.length} | ${count(verdicts)} |`,
    "",
  ].join("\n");
}

function table(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ requirement, status, annotations, coverage }) => {
    const { id, section, text, exception } = requirement;
    const proof = exception ?? annotations.find(({ isException }) => isException)?.text ??
      linksToTests(coverage);
    const code = [...new Set(annotations.map(linkTo))].join(" ");
    return `| ${id} | ${section} | ${cell(text)} | ${status} | ${code} | ${cell(proof)} |`;
  });
  const head =
    "| rule | section | what | status | code | test, or reason |\n|---|---|---|---|---|---|";
  return [head, ...rows, ""].join("\n");
}

function otherRules(annotations: readonly Annotation[], coverage: readonly Coverage[]): string {
  const rows = annotations.map((found) => {
    const proof = found.isException ? "excepted" : linksToTests(testsOf(found, coverage));
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

function linksToTests(coverage: readonly Coverage[]): string {
  return [...new Set(coverage.map(({ file, test }) => `[${test}](../${file})`))].join("; ");
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
