import { assertEquals } from "@std/assert";
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
