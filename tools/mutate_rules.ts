/**
 * Takes the rules of RFCs out of the code, one by one, and sees whether the tests that cover them
 * fail: `deno run -A tools/mutate_rules.ts [path ...]`. It works on a copy of the checkout, and lists
 * the rules whose tests still pass, and those that it cannot take out.
 *
 * @module
 */

import { listFiles, ROOT } from "./files.ts";
import { testsOf } from "./rfc/match.ts";
import { mutate } from "./rfc/mutation.ts";
import type { Annotation, Coverage } from "./rfc/requirement.ts";
import { readFindings } from "./rfc.ts";
import { stdFlags } from "./std.ts";

/** A test that hangs without the rule has noticed, too. */
const LIMIT_MS = 60_000;

function coversOf(rule: Annotation, coverage: readonly Coverage[]): string[] {
  return [...new Set(testsOf(rule, coverage).map(({ file }) => file))];
}

async function copyCheckout(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "millrace-mutate-" });
  for (const file of listFiles()) {
    const target = `${folder}/${file}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(new URL(file, ROOT), target);
  }
  return folder;
}

/** @returns whether the tests pass */
async function passes(folder: string, tests: readonly string[]): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), {
    // Not by way of the runner, whose child would outlive it and go on for ever.
    args: ["test", "-A", ...await stdFlags(), "--no-check", ...tests],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const { success } = await child.status;
  clearTimeout(timer);
  return success;
}

async function main(paths: readonly string[]): Promise<number> {
  const { annotations, coverage } = readFindings();
  const rules = annotations.filter(({ file, isException, ids }) =>
    !isException && file.startsWith("stack/") && !file.endsWith("_test.ts") &&
    ids.some((id) => id.startsWith("MUST")) &&
    (paths.length === 0 || paths.some((path) => file.startsWith(path)))
  );
  const folder = await copyCheckout();
  const survived: string[] = [];
  let caught = 0;
  try {
    for (const rule of rules) {
      const name = `${rule.file}:${rule.line}: RFC ${rule.rfc} section ${rule.section} (${
        rule.ids.join(", ")
      })`;
      const tests = coversOf(rule, coverage);
      const original = await Deno.readTextFile(`${folder}/${rule.file}`);
      const mutation = mutate(original, rule.line);
      if (tests.length === 0 || mutation === null) {
        survived.push(`${name}: ${tests.length === 0 ? "no test" : "no statement"}`);
        continue;
      }
      await Deno.writeTextFile(`${folder}/${rule.file}`, mutation.source);
      if (await passes(folder, tests)) survived.push(`${name}: ${mutation.change}`);
      else caught++;
      await Deno.writeTextFile(`${folder}/${rule.file}`, original);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  for (const line of survived) console.log(line);
  console.log(`${caught} of ${rules.length} rules are missed when they are taken out`);
  return survived.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
