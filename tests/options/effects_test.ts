/**
 * What options do, seen on the wire, by filters and by other programs: each in a network namespace
 * of its own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type EffectNeeds, effects } from "./effect.ts";
import "./effects/all.ts";
import { ROOT } from "../../tools/files.ts";
import { stdFlags } from "../../tools/std.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { Namespace, namespaceRefusal } from "../support/namespaces.ts";
import { skipUnless } from "../support/skip.ts";

/** An effect that takes longer hangs. */
const LIMIT_MS = 60_000;

/** Runs an effect in a namespace that has nothing but its loopback. */
async function show(name: string, under: readonly string[]): Promise<void> {
  await using namespace = await Namespace.create();
  const inside = new URL("tests/options/inside.ts", ROOT).pathname;
  const flags = ["run", "-A", "--no-check", ...await stdFlags()];
  const [command, ...args] = [
    ...namespace.under,
    ...under,
    Deno.execPath(),
    ...flags,
    inside,
    name,
  ];
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  const said = decoder.decode(stdout);
  assertEquals(said.trim(), "shown", `status ${code}: ${decoder.decode(stderr)}`);
  assertEquals(code, 0, decoder.decode(stderr));
}

/** Why an effect cannot be shown here, "" where it can. */
function obstacleTo({ programs = [], obstacle = () => "" }: EffectNeeds): string {
  return namespaceRefusal(...programs) ?? kernelRefusal() ?? obstacle();
}

for (const { name, needs } of effects) {
  const reason = obstacleTo(needs);
  Deno.test({
    ...skipUnless(name, reason === "", reason),
    fn: () => show(name, needs.under ?? []),
  });
}
