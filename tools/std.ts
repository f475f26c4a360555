/**
 * How tests, benches and examples get `@std/*`: from JSR where it answers, else from the
 * stand-ins under `tests/std/`, which have the same names and contracts.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { ROOT } from "./files.ts";

/** `jsr` or `stand-ins`; decided by a probe and handed on to child processes where unset. */
const CHOICE_VARIABLE = "MILLRACE_STD";

/** JSR that does not answer within this time counts as out of reach. */
const PROBE_LIMIT_MS = 5_000;

/** Packages that have a stand-in, which is `tests/std/<name>/mod.ts`. */
const STD_PREFIX = "@std/";

let flags: Promise<readonly string[]> | undefined;

/**
 * Decides once where `@std/*` comes from and returns the flags that every `deno` subcommand
 * touching tests, benches or examples needs for it. Prints one line when it falls back.
 *
 * @returns No flags where JSR answers, else an `--import-map` that names the stand-ins.
 * @throws {TypeError} If `MILLRACE_STD` is set to something else than `jsr` or `stand-ins`.
 */
export function stdFlags(): Promise<readonly string[]> {
  return flags ??= decideFlags();
}

async function decideFlags(): Promise<readonly string[]> {
  const choice = Deno.env.get(CHOICE_VARIABLE) ?? await probe();
  if (choice !== "jsr" && choice !== "stand-ins") {
    throw new TypeError(`${CHOICE_VARIABLE} is "${choice}", expected "jsr" or "stand-ins"`);
  }
  Deno.env.set(CHOICE_VARIABLE, choice);
  return choice === "jsr" ? [] : [`--import-map=${standInImportMap()}`];
}

/**
 * Asks Deno itself for the packages: it knows where JSR is, uses its cache, and fills it.
 */
async function probe(): Promise<"jsr" | "stand-ins"> {
  const specifiers = Object.entries(config.imports)
    .filter(([name]) => name.startsWith(STD_PREFIX))
    .map(([, specifier]) => specifier);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", ...specifiers],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_LIMIT_MS),
  }).output();
  if (success) return "jsr";
  console.error("JSR does not answer: using the stand-ins under tests/std/");
  return "stand-ins";
}

/**
 * `--import-map` replaces the `imports` of deno.json and leaves the rest of it in force, so
 * the other entries are repeated. As a data URL it leaves no file behind.
 */
function standInImportMap(): string {
  const imports = Object.entries(config.imports).map(([name, specifier]) => [
    name,
    name.startsWith(STD_PREFIX)
      ? new URL(`tests/std/${name.slice(STD_PREFIX.length)}/mod.ts`, ROOT).href
      : specifier,
  ]);
  const map = JSON.stringify({ imports: Object.fromEntries(imports) });
  return `data:application/json,${encodeURIComponent(map)}`;
}
