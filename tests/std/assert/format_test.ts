import { assertEquals } from "@std/assert";
import { formatDiff } from "./format.ts";

/** The lines of a difference below its heading. */
function diff(actual: unknown, expected: unknown): string[] {
  return formatDiff(actual, expected).split("\n").slice(3, -1);
}

Deno.test("the lines that differ are marked, those around them are shown", () => {
  assertEquals(diff("a\nb\nc\nd", "a\nc\nx\nd"), ["    a", "-   b", "    c", "+   x", "    d"]);
  assertEquals(diff("", "a"), ["-", "+   a"]);
});

Deno.test("control characters are visible", () => {
  assertEquals(diff("a\r\nb", "a\nb"), ["-   a\\r", "+   a", "    b"]);
});

Deno.test("keys are sorted, so that their order makes no difference", () => {
  assertEquals(diff({ b: 1, a: 2 }, { a: 2, b: 2 }), [
    "    {",
    "      a: 2,",
    "-     b: 1,",
    "+     b: 2,",
    "    }",
  ]);
});

Deno.test("of long values only the differing part is shown, and not without limit", () => {
  const long = Array.from({ length: 1000 }, (_, i) => `line ${i}`);
  const changed = long.with(500, "changed");
  assertEquals(diff(long.join("\n"), changed.join("\n")), [
    "    ... 500 equal lines",
    "-   line 500",
    "+   changed",
    "    ... 499 equal lines",
  ]);
  const reversed = diff(long.join("\n"), long.toReversed().join("\n"));
  assertEquals(reversed.length, 802);
  assertEquals(reversed.at(-1), "+   ... 600 more lines");
});
