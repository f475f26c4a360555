/**
 * `deno task check`: formatting, lint, types, documentation, import rules, links and RFCs. Runs
 * every step even if one fails, prints what the failing ones said, and ends with status 1.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { describeViolation, ROOT, type Violation } from "./files.ts";
import { checkTree } from "./import_rules.ts";
import { checkTreeLinks } from "./links.ts";
import { checkRules } from "./rfc.ts";
import { stdFlags } from "./std.ts";

/** What a step found wrong; empty if nothing. */
type Step = () => Promise<string> | string;

/** A step that runs `deno` with the given arguments and fails if that does. */
function deno(...args: string[]): Step {
  return async () => {
    const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      stdin: "null",
    }).output();
    if (success) return "";
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    return said || `deno ${args[0]} ended with status ${code}`;
  };
}

/** A step that fails if a checker of this folder finds a violation. */
function violations(find: () => Violation[]): Step {
  return () => find().map(describeViolation).join("\n");
}

async function main(): Promise<number> {
  const std = await stdFlags();
  const steps: readonly (readonly [string, Step])[] = [
    ["format", deno("fmt", "--check")],
    ["lint", deno("lint")],
    ["types", deno("check", ...std, ".")],
    ["documentation", deno("doc", "--lint", ...Object.values(config.exports))],
    ["import rules", violations(checkTree)],
    ["links", violations(checkTreeLinks)],
    ["rfc", () => checkRules().join("\n")],
  ];
  const failed: string[] = [];
  for (const [name, step] of steps) {
    const start = performance.now();
    const problem = await step();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${problem ? "FAILED" : "ok    "}  ${name} (${seconds} s)`);
    if (!problem) continue;
    failed.push(name);
    console.log(`${problem.trimEnd()}\n`);
  }
  console.log(failed.length === 0 ? "check: ok" : `check: failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
