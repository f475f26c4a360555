import { assertEquals, assertStringIncludes } from "@std/assert";
import { mutate } from "./mutation.ts";

const SOURCE = [
  "// RFC 9293 section 3.8.4 (MUST-25): a rule,",
  "// with two lines.",
  "if (a > b && f(c)) g();",
  "// RFC 1 section 1 (MUST): another one.",
  "counters.add(",
  "  one, // RFC 2 section 1 (MUST): inside",
  ");",
  "// RFC 3 section 1 (MUST): a value.",
  "const limit = 5;",
  "// RFC 4 section 1 (MUST): nothing that can be changed.",
  "}",
].join("\n");

Deno.test("a condition becomes its opposite", () => {
  assertStringIncludes(mutate(SOURCE, 1)!.source, "if (!(a > b && f(c))) g();");
});

Deno.test("a call is not made", () => {
  const { source } = mutate(SOURCE, 4)!;
  assertEquals(source.includes("counters.add"), false);
});

Deno.test("a value is another one", () => {
  const { source } = mutate(SOURCE, 8)!;
  assertEquals(new Function(`${source.split("\n").slice(8, 11).join("\n")}\nreturn limit;`)(), 16);
});

Deno.test("where nothing can be changed, nothing is", () => {
  assertEquals(mutate(SOURCE, 10), null);
});

Deno.test("a loop's condition becomes its opposite", () => {
  const source = "// rule\nfor (let at = 0; at < end; at++) step(at);\n";
  assertEquals(
    mutate(source, 1)?.source,
    "// rule\nfor (let at = 0; !(at < end); at++) step(at);\n",
  );
  assertEquals(mutate("// rule\nfor (const one of all) step(one);\n", 1), null);
});

Deno.test("a value in brackets is a value, a function is none", () => {
  const change = mutate("// rule\nconst chunk = (mtu - header) & ~7;\n", 1)?.change ?? "";
  assertEquals(change.startsWith("(mtu - header) & ~7 -> "), true);
  assertEquals(mutate("// rule\nconst twice = (one: number) => 2 * one;\n", 1), null);
});
