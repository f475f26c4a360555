/**
 * What tests of raw sockets begin with.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  type CapabilityRequest,
  NetworkCapability,
  type NetworkRights,
  type PingResult,
} from "../../mod.ts";
import { ROOT } from "../../tools/files.ts";
import { stdFlags } from "../../tools/std.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { namespaceRefusal } from "../support/namespaces.ts";
import { isRoot, skipUnless } from "../support/skip.ts";

/** A program that takes longer hangs. */
const PROGRAM_LIMIT_MS = 60_000;

/** Everything that raw sockets may do. */
export const RIGHTS: NetworkRights = { raw: true, connect: true, listen: true, resolve: true };

/** Why raw sockets cannot be opened here, undefined where they can. */
export function rawRefusal(): string | undefined {
  return kernelRefusal() ?? (isRoot() ? undefined : "needs root");
}

/** Registers a test on the kernel, with a capability of its own; nothing may be left after it. */
export function testRaw(
  name: string,
  body: (capability: NetworkCapability) => Promise<void>,
  request: CapabilityRequest = {},
): void {
  const why = rawRefusal();
  Deno.test({
    ...skipUnless(name, why === undefined, why ?? ""),
    fn: async () => {
      let capability: NetworkCapability | undefined;
      await assertNoLeaks(async () => {
        capability = await NetworkCapability.request({
          backend: "kernel",
          rights: RIGHTS,
          ...request,
        });
        try {
          await body(capability);
        } finally {
          await capability[Symbol.asyncDispose]();
        }
      }, () => capability!.stats());
    },
  });
}

/** Registers a test that needs namespaces, and perhaps other programs. */
export function testInNamespaces(
  name: string,
  body: () => Promise<void>,
  ...programs: string[]
): void {
  const why = kernelRefusal() ?? namespaceRefusal(...programs);
  Deno.test({ ...skipUnless(name, why === undefined, why ?? ""), fn: body });
}

/** Runs `program.ts` somewhere. @returns Each line that it printed, as JSON. */
export async function runInside(
  under: readonly string[],
  action: string,
  ...args: unknown[]
): Promise<unknown[]> {
  const [command, ...rest] = await commandOf(under, action, args);
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: rest,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(PROGRAM_LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout).trim().split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** A command that runs `program.ts`. */
export async function commandOf(
  under: readonly string[],
  action: string,
  args: readonly unknown[],
): Promise<string[]> {
  const program = new URL("tests/raw/program.ts", ROOT).pathname;
  const words = args.map((argument) => JSON.stringify(argument));
  const flags = ["run", "-A", "--no-check", ...await stdFlags()];
  return [...under, Deno.execPath(), ...flags, program, action, ...words];
}

/** What a result says, without what differs from run to run. */
export function told(
  { sequence, from, error, timeToLive, bytes }: PingResult,
): [number, string, string | undefined, number | undefined, number] {
  return [sequence, from, error, timeToLive, bytes];
}
