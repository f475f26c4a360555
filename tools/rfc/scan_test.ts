import { assertEquals } from "@std/assert";
import { judge, mistakes } from "./match.ts";
import { RFC9293 } from "./rfc9293.ts";
import { findAnnotations, findCoverage } from "./scan.ts";

const CODE = [
  "function keepAlive(): void {",
  "  // RFC 9293 section 3.8.4 (MUST-25, MUST-26): off by default,",
  "  // and only when nothing happens.",
  "  // RFC 5961 section 3.2 (MUST) excepted: it is not wanted here.",
  "  start();",
  "}",
].join("\n");

const TEST = [
  "// covers RFC 9293 3.8.4 MUST-25, MUST-26",
  'Deno.test("keep-alives are off", () => {',
  "});",
  "// covers RFC 9293 3.8.4 MUST-29",
].join("\n");

Deno.test("comments name rules, with all their lines", () => {
  const [first, second] = findAnnotations("a.ts", CODE);
  assertEquals(first.ids, ["MUST-25", "MUST-26"]);
  assertEquals(first.text, "off by default, and only when nothing happens.");
  assertEquals([first.line, first.section, first.isException], [2, "3.8.4", false]);
  assertEquals([second.rfc, second.ids, second.isException], [5961, ["MUST"], true]);
  assertEquals(second.text, "it is not wanted here.");
});

Deno.test("tests cover rules by the comment above them", () => {
  const [first, second] = findCoverage("a_test.ts", TEST);
  assertEquals([first.test, first.ids], ["keep-alives are off", ["MUST-25", "MUST-26"]]);
  assertEquals(second.test, "");
});

Deno.test("a rule is met when code names it and a test covers it", () => {
  const findings = {
    requirements: RFC9293,
    annotations: findAnnotations("a.ts", CODE),
    coverage: findCoverage("a_test.ts", TEST),
  };
  const status = new Map(judge(findings).map((one) => [one.requirement.id, one.status]));
  assertEquals(status.get("MUST-25"), "met");
  assertEquals(status.get("MUST-27"), "open");
  assertEquals(mistakes(findings), [
    "a_test.ts:4: no test follows",
    "a_test.ts:4: no code names RFC 9293 section 3.8.4 (MUST-29)",
  ]);
});

Deno.test("the catalogue has every number of appendix B once", () => {
  const ids = RFC9293.map(({ id }) => id);
  assertEquals(ids, Array.from({ length: 69 }, (_, index) => `MUST-${index + 1}`));
});
