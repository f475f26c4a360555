/**
 * Gets ready what the comparison runs: the C programs, compiled once into a cache outside the
 * tree, and the programs of others. What cannot be had is null with a reason.
 */
import { runForLine, runToEnd } from "./processes.ts";

/** The version of Bun that is compared with; taken from npm, so that every run has the same. */
export const BUN_VERSION = "1.4.5";

const C_PROGRAMS = {
  echo_uring: "peers/echo_uring.c",
  echo_epoll: "peers/echo_epoll.c",
  udp_receive: "peers/udp_receive.c",
  udp_batch: "peers/udp_batch.c",
  file_sendfile: "peers/file_sendfile.c",
  echo_load: "load/echo_load.c",
  storm: "load/storm.c",
  idle: "load/idle.c",
  udp_send: "load/udp_send.c",
  udp_sink: "load/udp_sink.c",
  file_sink: "load/file_sink.c",
} as const;
const C_SOURCES: readonly string[] = [
  "uring.h",
  "program.h",
  "udp.h",
  "load/histogram.h",
  ...Object.values(C_PROGRAMS),
];
const C_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"];
const COMPILE_MS = 60_000;
const INSTALL_MS = 180_000;
const VERSION_MS = 10_000;
/** What one call of `crypto.getRandomValues` gives at most. */
const RANDOM_BYTES_MAX = 65536;

/** A C program of this folder. */
export type CProgram = keyof typeof C_PROGRAMS;

/** A tool that is there, or why it is not. */
export type Found<T> =
  | { readonly value: T; readonly version: string }
  | { readonly value: null; readonly why: string };

/** Everything the comparison runs beside Deno. */
export interface Tools {
  /** Paths of the compiled C programs. */
  readonly c: Found<Readonly<Record<CProgram, string>>>;
  readonly bun: Found<string>;
  readonly node: Found<string>;
  readonly taskset: Found<string>;
}

/** Compiles, installs and looks up all tools; slow the first time only. */
export async function prepareTools(): Promise<Tools> {
  return {
    c: await orWhy(compile),
    bun: await orWhy(installBun),
    node: await orWhy(() => installed("node", /^v\d+/)),
    taskset: await orWhy(() => installed("taskset", /^taskset /)),
  };
}

async function compile(): Promise<Found<Record<CProgram, string>>> {
  const compiler = findProgram("cc") ?? findProgram("gcc") ?? findProgram("clang");
  if (compiler === null) throw new Error("no C compiler: none of cc, gcc and clang is in PATH");
  const version = await runForLine([compiler, "--version"], VERSION_MS);
  const folder = `${cacheFolder()}/c-${await fingerprint(version)}`;
  await Deno.mkdir(folder, { recursive: true });
  const programs = {} as Record<CProgram, string>;
  for (const [name, source] of Object.entries(C_PROGRAMS)) {
    const output = `${folder}/${name}`;
    programs[name as CProgram] = output;
    if (exists(output)) continue;
    const unfinished = `${output}.${Deno.pid}`;
    await runToEnd([compiler, ...C_FLAGS, "-o", unfinished, pathOf(source)], COMPILE_MS);
    await Deno.rename(unfinished, output);
  }
  return { value: programs, version };
}

async function installBun(): Promise<Found<string>> {
  const folder = `${cacheFolder()}/bun-${BUN_VERSION}`;
  if (bunIn(folder) === null) {
    const npm = findProgram("npm");
    if (npm === null) throw new Error("npm, which would install bun, is not in PATH");
    const unfinished = `${folder}.${Deno.pid}`;
    await Deno.mkdir(unfinished, { recursive: true });
    const quiet = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
    await runToEnd(
      [npm, "install", "--prefix", unfinished, ...quiet, `bun@${BUN_VERSION}`],
      INSTALL_MS,
    );
    await Deno.rename(unfinished, folder);
  }
  const path = bunIn(folder);
  if (path === null) throw new Error(`npm install bun@${BUN_VERSION} left no program`);
  const version = await runForLine([path, "--version"], VERSION_MS);
  if (version !== BUN_VERSION) throw new Error(`${version} instead of ${BUN_VERSION}`);
  return { value: path, version };
}

/** The native program itself, never a script that would start it under another process id. */
function bunIn(folder: string): string | null {
  const modules = `${folder}/node_modules`;
  const system = `${Deno.build.os}-${Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch}`;
  const paths = [`${modules}/@oven/bun-${system}/bin/bun`, `${modules}/bun/bin/bun.exe`];
  return paths.find((path) => exists(path)) ?? null;
}

/** Deno offers itself as `node` where there is none: what is found must say what is expected. */
async function installed(name: string, expected: RegExp): Promise<Found<string>> {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not in PATH`);
  const version = await runForLine([path, "--version"], VERSION_MS);
  if (!expected.test(version)) throw new Error(`${path} is ${version}`);
  return { value: path, version };
}

/**
 * A file of random bytes, made the first time it is asked for.
 *
 * @param bytes its size
 * @returns its path
 */
export async function randomFile(bytes: number): Promise<string> {
  const path = `${cacheFolder()}/random-${bytes}`;
  if (exists(path)) return path;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  const unfinished = `${path}.${Deno.pid}`;
  using file = await Deno.open(unfinished, { write: true, create: true });
  for (let left = bytes; left > 0;) {
    const part = crypto.getRandomValues(new Uint8Array(Math.min(left, RANDOM_BYTES_MAX)));
    left -= await file.write(part);
  }
  await file.syncData();
  await Deno.rename(unfinished, path);
  return path;
}

async function orWhy<T>(get: () => Promise<Found<T>>): Promise<Found<T>> {
  try {
    return await get();
  } catch (error) {
    return { value: null, why: error instanceof Error ? error.message : String(error) };
  }
}

function cacheFolder(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  return `${home}/millrace-compare`;
}

/** Of the sources, the flags and the compiler: any change compiles anew. */
async function fingerprint(version: string): Promise<string> {
  const sources = await Promise.all(C_SOURCES.map((path) => Deno.readTextFile(pathOf(path))));
  const text = [version, ...C_FLAGS, ...sources].join("\0");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

/** The path of a file of this folder. */
export function pathOf(file: string): string {
  return decodeURIComponent(new URL(file, import.meta.url).pathname);
}

function findProgram(name: string): string | null {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${name}`).find((path) => exists(path)) ?? null;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
