/**
 * Runs the programs of `examples/` as a user does: as subprocesses, from the tree or by URL.
 *
 * @module
 */

import { ROOT } from "../../tools/files.ts";
import type { BackendKind } from "../support/backends.ts";

/** A program that does not say where it listens within this time is broken. */
const START_LIMIT_MS = 20_000;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ts: "application/typescript; charset=utf-8",
  json: "application/json; charset=utf-8",
};

/** The flags that an example's header names, for the backend that they lead to. */
export const FLAGS: Readonly<Record<BackendKind, readonly string[]>> = {
  kernel: ["--allow-net", "--allow-ffi"],
  host: ["--allow-net"],
};

/** A running server. */
export interface ExampleServer extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** The line that it started with. */
  readonly greeting: string;
}

/**
 * Starts a server of `examples/` on a free port.
 *
 * @param name The file's name without `.ts`.
 * @param base Where the tree is, with a slash at the end; a URL is imported, not read.
 * @returns The server; disposing it ends the process.
 */
export async function startExample(
  name: string,
  backend: BackendKind,
  base: string = ROOT.href,
): Promise<ExampleServer> {
  const isRemote = base.startsWith("http:");
  const remote = isRemote ? [`--allow-import=${new URL(base).host}`, `--reload=${base}`] : [];
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-config",
      ...remote,
      ...FLAGS[backend],
      `${base}examples/${name}.ts`,
      "127.0.0.1:0",
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const limit = setTimeout(() => child.kill("SIGKILL"), START_LIMIT_MS);
  const greeting = await firstLine(child.stdout);
  clearTimeout(limit);
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(greeting)?.[1]);
  if (!(port > 0)) throw new Error(`${name} did not start: ${greeting}${await errors}`);
  return {
    port,
    greeting,
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await errors;
    },
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  // What else it says is nobody's; the pipe is closed when the process ends.
  (async () => {
    while (!(await reader.read()).done);
  })().catch(() => {});
  return text.split("\n")[0];
}

/** The tree on a web server of its own. */
export interface ServedTree extends AsyncDisposable {
  /** With a slash at the end. */
  readonly base: string;
}

/** Serves the tree read-only on loopback, as any web server would. */
export function serveTree(): ServedTree {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const type = CONTENT_TYPES[pathname.slice(pathname.lastIndexOf(".") + 1)];
      // URL parsing has resolved `..` already, so the path cannot leave the tree.
      const body = type && await Deno.readFile(new URL(`.${pathname}`, ROOT)).catch(() => null);
      if (!body) return new Response("not here\n", { status: 404 });
      return new Response(body, { headers: { "content-type": type } });
    },
  );
  return {
    base: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
