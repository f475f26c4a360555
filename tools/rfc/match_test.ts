import { assert, assertEquals } from "@std/assert";
import { catalogue } from "./catalogue.ts";
import { REQUIREMENTS, SUBJECTS } from "./catalogues.ts";
import { type Findings, judge, mistakes } from "./match.ts";
import { writeReport } from "./report.ts";
import type { Requirement } from "./requirement.ts";
import { RFC9293 } from "./rfc9293.ts";
import { findAnnotations, findCoverage } from "./scan.ts";

const CODE = [
  "// RFC 9293 section 3.8.4 (MUST-25, MUST-26): off by default,",
  "// and only when nothing happens.",
  "// RFC 5961 section 3.2 (MUST) excepted: it is not wanted here.",
  "// RFC 5961 section 4.2 (MUST): it is asked back.",
  "// RFC 5961 section 5.2 (MUST): it is too old.",
].join("\n");

const TESTS = [
  "// covers RFC 9293 3.8.4 MUST-25, MUST-26",
  "// covers RFC 5961 4.2 MUST",
  'Deno.test("keep-alives are off", () => {',
  "});",
].join("\n");

function findings(requirements: readonly Requirement[], tests = TESTS): Findings {
  return {
    requirements,
    annotations: findAnnotations("stack/a.ts", CODE),
    coverage: findCoverage("stack/a_test.ts", tests),
  };
}

function statuses(requirements: readonly Requirement[]): string[] {
  return judge(findings(requirements)).map(({ status }) => status);
}

Deno.test("a rule with a number is met when code names it and a test covers it", () => {
  const status = new Map(
    judge(findings(RFC9293)).map((one) => [one.requirement.id, one.status]),
  );
  assertEquals(status.get("MUST-25"), "met");
  assertEquals(status.get("MUST-27"), "open");
});

Deno.test("a rule without a number is found by its section and words of the comment", () => {
  const rows = catalogue(5961, [
    ["4.2", "asked back", "asked back"],
    ["5.2", "too old", "too old"],
    ["3.2", "not wanted", "not wanted"],
    ["4.2", "said elsewhere", "9293 3.8.4: only when nothing"],
    ["4.2", "in another section", "5.2: too old"],
    ["4.2", "nobody says so"],
    ["4.2", "there is no line for it", "excepted: why"],
  ]);
  assertEquals(rows[1].id, "R2");
  assertEquals(statuses(rows), [
    "met",
    "untested",
    "excepted",
    "met",
    "untested",
    "open",
    "excepted",
  ]);
});

Deno.test("words that no comment has any more are a mistake, as are tests of nothing", () => {
  const rows = catalogue(5961, [["5.2", "asked back", "asked back"]]);
  assertEquals(mistakes(findings(rows, "// covers RFC 9293 3.8.4 MUST-29")), [
    "stack/a_test.ts:1: no test follows",
    "stack/a_test.ts:1: no code names RFC 9293 section 3.8.4 (MUST-29)",
    'catalogue of RFC 5961, section 5.2: no comment says "asked back"',
  ]);
});

Deno.test("the tests of a rule are those beside the code, where there are some", () => {
  const annotations = findAnnotations("stack/tcp/a.ts", CODE);
  const coverage = ["stack/tcp/a_test.ts", "stack/ip/b_test.ts"].flatMap((file) =>
    findCoverage(file, TESTS)
  );
  const rows = catalogue(5961, [["4.2", "asked back", "asked back"]]);
  const [verdict] = judge({ requirements: rows, annotations, coverage });
  assertEquals(verdict.coverage.map(({ file }) => file), ["stack/tcp/a_test.ts"]);
});

Deno.test("the document counts the rules of each RFC, and gives reasons", () => {
  const rows = catalogue(5961, [["3.2", "bars | too", "not wanted"], ["4.2", "b", "asked back"]]);
  const text = writeReport(findings(rows));
  assert(text.includes("| RFC 5961: blind attacks | 2 | 1 | 1 | 0 | 0 |"));
  assert(
    text.includes("bars \\| too | excepted | [a.ts](../stack/a.ts) | it is not wanted here. |"),
  );
  assert(text.includes("[keep-alives are off](../stack/a_test.ts)"));
});

Deno.test("the catalogue of RFC 9293 has every number of appendix B once", () => {
  const ids = RFC9293.map(({ id }) => id);
  assertEquals(ids, Array.from({ length: 69 }, (_, index) => `MUST-${index + 1}`));
});

Deno.test("every catalogue has a subject, and each rule its own number", () => {
  const names = REQUIREMENTS.map(({ rfc, id }) => `${rfc} ${id}`);
  assertEquals(new Set(names).size, names.length);
  for (const { rfc } of REQUIREMENTS) assert(rfc in SUBJECTS, `${rfc}`);
});
