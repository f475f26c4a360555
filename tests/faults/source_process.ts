/**
 * Starts `byte_source.ts` in a process of its own.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { SEED } from "../support/seed.ts";
import { stdFlags } from "../../tools/std.ts";

/** A foreign process that sends. */
export interface Source {
  readonly process: Deno.ChildProcess;
  /** Its end, asserted to be a good one. */
  readonly ended: Promise<void>;
}

/**
 * Starts it.
 *
 * @param wrapper a command that runs it somewhere else, such as a network namespace
 */
export async function startSource(
  port: number,
  connections: number,
  bytes: number,
  hostname = "127.0.0.1",
  wrapper: readonly string[] = [],
): Promise<Source> {
  const script = new URL("./byte_source.ts", import.meta.url).pathname;
  const flags = ["-A", "--no-check", ...await stdFlags()];
  const numbers = [port, connections, bytes, SEED].map(String);
  const [command, ...args] = [...wrapper, Deno.execPath(), "run", ...flags, script];
  const process = new Deno.Command(command, {
    args: [...args, ...numbers, hostname],
    stdin: "null",
  }).spawn();
  const ended = process.status.then(({ code }) => assertEquals(code, 0, "the source failed"));
  // Whoever does not await it has no use for it.
  ended.catch(() => {});
  return { process, ended };
}
