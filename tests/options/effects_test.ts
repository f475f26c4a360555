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
import { hasProgram, isRoot, skipUnless } from "../support/skip.ts";

/** An effect that takes longer hangs. */
const LIMIT_MS = 60_000;

let namespaces = 0;

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  assertEquals(success, true, `ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Runs an effect in a namespace that has nothing but its loopback. */
async function show(name: string, under: readonly string[]): Promise<void> {
  const namespace = `millrace-${Deno.pid}-${++namespaces}`;
  await ip("netns", "add", namespace);
  try {
    await ip("-n", namespace, "link", "set", "lo", "up");
    const inside = new URL("tests/options/inside.ts", ROOT).pathname;
    const program = [Deno.execPath(), "run", "-A", "--no-check", ...await stdFlags(), inside, name];
    const { code, stdout, stderr } = await new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...under, ...program],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stdout);
    assertEquals(said.trim(), "shown", `status ${code}: ${decoder.decode(stderr)}`);
    assertEquals(code, 0, decoder.decode(stderr));
  } finally {
    await ip("netns", "del", namespace);
  }
}

/** Why an effect cannot be shown here, "" where it can. */
function obstacleTo({ programs = [], obstacle = () => "" }: EffectNeeds): string {
  if (Deno.build.os !== "linux" || !isRoot()) return "needs root on Linux";
  const missing = ["ip", ...programs].filter((program) => !hasProgram(program));
  if (missing.length > 0) return `needs ${missing.join(" and ")}`;
  return kernelRefusal() ?? obstacle();
}

for (const { name, needs } of effects) {
  const reason = obstacleTo(needs);
  Deno.test({
    ...skipUnless(name, reason === "", reason),
    fn: () => show(name, needs.under ?? []),
  });
}
