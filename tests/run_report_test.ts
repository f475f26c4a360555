import { assertEquals } from "@std/assert";
import { formatTotals, RunReport, type RunTotals } from "./run_report.ts";
import { formatSkip } from "./support/skip.ts";

function read(exitCode: number, ...lines: string[]): RunTotals {
  const report = new RunReport();
  for (const line of lines) report.addLine(line);
  return report.totals(exitCode);
}

Deno.test("the summary is read, colours and steps or not", () => {
  const summary = "\x1b[0m\x1b[32mok\x1b[0m | 12 passed (3 steps) | 0 failed | 1 ignored (9ms)";
  assertEquals(read(0, summary), { passed: 12, failed: 0, skipped: [] });
  assertEquals(read(1, "FAILED | 1 passed | 2 failed (1 step) (9ms)").failed, 2);
});

Deno.test("the last summary counts, since a test may print one of its own", () => {
  assertEquals(read(0, "ok | 1 passed | 0 failed (1ms)", "ok | 7 passed | 0 failed (1ms)"), {
    passed: 7,
    failed: 0,
    skipped: [],
  });
});

Deno.test("a run that breaks off keeps what it counted and adds a failure", () => {
  assertEquals(read(139, "a ... ok (1ms)", "b ... FAILED (1ms)", "c ..."), {
    passed: 1,
    failed: 2,
    skipped: [],
  });
  assertEquals(read(1).failed, 1);
  assertEquals(read(1, "ok | 3 passed | 0 failed (1ms)").failed, 1);
});

Deno.test("skipped tests and steps are reported with their reasons", () => {
  const totals = read(
    0,
    formatSkip({ name: "a ... b", reason: "needs root" }),
    formatSkip({ name: "filtered out", reason: "needs root" }),
    "a ... b ... ignored (0ms)",
    "  a step ... ignored (0ms)",
    "ok | 1 passed | 0 failed | 1 ignored (1 step) (1ms)",
  );
  assertEquals(totals.skipped, [
    { name: "a ... b", reason: "needs root" },
    { name: "a step", reason: undefined },
  ]);
  assertEquals(formatTotals(totals), [
    "",
    "SKIPPED a ... b: needs root",
    "SKIPPED a step: no reason given: use skipUnless() of tests/support/skip.ts",
    "",
    "1 passed, 0 failed, 2 skipped",
  ]);
});

Deno.test("a run without skipped tests ends with passed and failed", () => {
  assertEquals(formatTotals({ passed: 3, failed: 0, skipped: [] }), ["3 passed, 0 failed"]);
});
