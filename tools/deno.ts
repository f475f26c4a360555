/**
 * Runs a `deno` subcommand with `@std/*` resolved as {@linkcode stdFlags} decides:
 * `deno run -A tools/deno.ts bench -A bench/`.
 *
 * @module
 */

import { ROOT } from "./files.ts";
import { stdFlags } from "./std.ts";

if (import.meta.main) {
  const [subcommand, ...rest] = Deno.args;
  if (subcommand === undefined) {
    console.error("usage: tools/deno.ts <subcommand> [arguments]");
    Deno.exit(2);
  }
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [subcommand, ...await stdFlags(), ...rest],
    cwd: ROOT,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  Deno.exit(code);
}
