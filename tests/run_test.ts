import { assertEquals } from "@std/assert";

/** Runs the test runner on one module and returns its exit code and its last lines. */
async function runTests(source: string, ...args: string[]): Promise<[number, string[]]> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/sample_test.ts`;
    await Deno.writeTextFile(file, source);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("run.ts", import.meta.url).href, ...args, file],
      stderr: "null",
      env: { MILLRACE_LONG: "" },
    }).output();
    return [code, new TextDecoder().decode(stdout).trimEnd().split("\n")];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SKIP_MODULE = new URL("support/skip.ts", import.meta.url).href;
const SEED_MODULE = new URL("support/seed.ts", import.meta.url).href;

Deno.test("the runner ends with the counts, below every skipped test's reason", async () => {
  const [code, lines] = await runTests(`
    import { skipUnless } from ${JSON.stringify(SKIP_MODULE)};
    Deno.test("passes", () => {});
    Deno.test(skipUnless("needs a moon", false, "no moon here"), () => {});
  `);
  assertEquals(lines.slice(-3), [
    "SKIPPED needs a moon: no moon here",
    "",
    "1 passed, 0 failed, 1 skipped",
  ]);
  assertEquals(code, 0);
});

Deno.test("the runner fails if a test does, or if a module does not load", async () => {
  const [code, lines] = await runTests(`
    Deno.test("passes", () => {});
    Deno.test("fails", () => { throw new Error("on purpose"); });
  `);
  assertEquals([code, lines.at(-1)], [1, "1 passed, 1 failed"]);
  const [loadCode, loadLines] = await runTests(`throw new Error("on purpose");`);
  assertEquals([loadCode, loadLines.at(-1)], [1, "0 passed, 1 failed"]);
  const [typeCode, typeLines] = await runTests(`export const x: number = "a";`);
  assertEquals([typeCode, typeLines.at(-1)], [1, "0 passed, 1 failed"]);
});

Deno.test("a test process that dies is a failure", async () => {
  const [code, lines] = await runTests(`
    Deno.test("passes", () => {});
    Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));
  `);
  assertEquals([code, lines.at(-1)], [1, "1 passed, 1 failed"]);
});

Deno.test("--long and a filter reach the tests", async () => {
  const [code, lines] = await runTests(
    `
    import { scale } from ${JSON.stringify(SEED_MODULE)};
    Deno.test("is long", () => { if (scale(1, 2) !== 2) throw new Error("short"); });
    Deno.test("is left out", () => { throw new Error("not left out"); });
  `,
    "--long",
    "--filter=is long",
  );
  assertEquals([code, lines.at(-1)], [0, "1 passed, 0 failed"]);
});
