/**
 * Runs a program in a Deno of its own: what it may do, what keeps it alive and how it ends can only
 * be seen from outside.
 *
 * @module
 */

import { ROOT } from "../../tools/files.ts";

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface ProgramOptions {
  /** Flags of `deno run`; all permissions unless said otherwise. */
  readonly flags?: readonly string[];
  /** A command that runs Deno, such as `setpriv` with its arguments. */
  readonly under?: readonly string[];
  /** The program that runs, where it is not this very Deno. */
  readonly deno?: string;
  readonly env?: Record<string, string>;
}

/**
 * Runs TypeScript source that may import from `MOD`, the library's `mod.ts`, and from `ROOT`, its
 * folder.
 *
 * @param source the program
 * @returns how it ended
 */
export async function runProgram(source: string, options: ProgramOptions = {}): Promise<Ended> {
  const { flags = ["-A"], under = [], deno = Deno.execPath(), env = {} } = options;
  const root = ROOT.href;
  const text = source.replaceAll('"MOD"', `"${root}mod.ts"`).replaceAll('"ROOT/', `"${root}`);
  const [command, ...args] = [
    ...under,
    deno,
    "run",
    "--no-config",
    "--no-check",
    "--ext=ts",
    ...flags,
    "-",
  ];
  const child = new Deno.Command(command, {
    args,
    cwd: "/tmp",
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
