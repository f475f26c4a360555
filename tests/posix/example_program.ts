/**
 * Runs the programs of `examples/posix/` as a user does, and ends them by a signal.
 *
 * @module
 */

import { ROOT } from "../../tools/files.ts";
import { FLAGS } from "../interop/example_server.ts";
import { runProgram } from "../interop/programs.ts";
import type { BackendKind } from "../support/backends.ts";

/** A program that takes longer to start, or to end, is broken. */
const LIMIT_MS = 20_000;

/** How a program ended. */
export interface ExampleEnd {
  readonly code: number;
  /** What it wrote after its greeting. */
  readonly output: string;
  readonly errors: string;
}

/** A server of `examples/posix/`. */
export class ExampleServer implements AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Its first line. */
  readonly greeting: string;
  readonly #child: Deno.ChildProcess;
  readonly #rest: Promise<string>;
  readonly #errors: Promise<string>;

  private constructor(
    child: Deno.ChildProcess,
    greeting: string,
    rest: Promise<string>,
    errors: Promise<string>,
  ) {
    this.#child = child;
    this.greeting = greeting;
    this.port = Number(/127\.0\.0\.1:(\d+)/.exec(greeting)![1]);
    this.#rest = rest;
    this.#errors = errors;
  }

  /**
   * Starts a server on a free port.
   *
   * @param name the file's name without `.ts`
   * @param args what follows the address
   * @param base where the tree is, with a slash at the end
   * @throws {Error} if it does not say where it listens, with its own words
   */
  static async start(
    name: string,
    backend: BackendKind,
    args: readonly string[] = [],
    base: string = ROOT.href,
  ): Promise<ExampleServer> {
    const isRemote = base.startsWith("http:");
    const remote = isRemote ? [`--allow-import=${new URL(base).host}`, `--reload=${base}`] : [];
    const flags = ["--no-prompt", "--no-config", "--allow-read", ...remote, ...FLAGS[backend]];
    const program = `${base}examples/posix/${name}.ts`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, program, "127.0.0.1:0", ...args],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("\n")) {
      const { done, value } = await lines.read();
      if (done) break;
      said += value;
    }
    clearTimeout(limit);
    const [greeting] = said.split("\n");
    const rest = readRest(lines, said.slice(greeting.length + 1));
    if (!/127\.0\.0\.1:\d+/.test(greeting)) {
      await child.status;
      throw new Error(`${name} did not start: ${said}${await errors}`);
    }
    return new ExampleServer(child, greeting, rest, errors);
  }

  /** Asks it to end, and waits. @param signal null where it ends by itself */
  async end(signal: "SIGINT" | "SIGTERM" | null = "SIGTERM"): Promise<ExampleEnd> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
    if (signal !== null) this.#child.kill(signal);
    const { code } = await this.#child.status;
    clearTimeout(limit);
    // Why it is not the kernel backend is told in a line of its own.
    const output = (await this.#rest).replace(/^\(.*\)\n/, "");
    return { code, output, errors: await this.#errors };
  }

  /** Ends it at once, if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#errors;
    await this.#rest;
  }
}

async function readRest(
  lines: ReadableStreamDefaultReader<string>,
  begun: string,
): Promise<string> {
  let text = begun;
  while (true) {
    const { done, value } = await lines.read();
    if (done) return text;
    text += value;
  }
}

/** Runs a program of `examples/posix/` to its end. @returns its output @throws {Error} its own */
export function runExample(
  name: string,
  backend: BackendKind,
  args: readonly string[],
): Promise<string> {
  const file = new URL(`examples/posix/${name}.ts`, ROOT).href;
  const flags = ["run", "--no-prompt", "--no-config", "--allow-read", ...FLAGS[backend]];
  return runProgram(Deno.execPath(), [...flags, file, ...args]);
}
