/**
 * Files for `sendFile` and `receiveFile`: opened by ring operations, judged by the path that they
 * turn out to have.
 *
 * A file is first opened without access to its contents (`O_PATH`), which has no side effects; the
 * path of what was found, with every symbolic link followed, is judged; then that very file is
 * opened. Whoever exchanges a link meanwhile gains nothing by it. (`open(2)`, `proc(5)`)
 *
 * @module
 */

import { netError, notCapable } from "../errors.ts";
import type { Network } from "../network.ts";
import { type Authority, isDenial } from "../../ring/authority/mod.ts";
import { Counter } from "../../ring/counters.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { AT_FDCWD, DriverOp, Op, Open } from "../../ring/abi/opcodes.ts";

/** `PATH_MAX` of `limits.h`, its NUL among it. */
const PATH_BYTES = 4096;
/** `rw-rw-rw-`, less what the process's umask takes away. */
const MODE = 0o666;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What becomes of a file that is there already. */
export type WriteMode = "replace" | "new" | "append";

/** A path as it is given, for errors. */
interface Wanted {
  readonly path: string;
  readonly operation: string;
  readonly right: "files" | "writableFiles";
}

/** Takes a path or a `file:` URL. @throws {TypeError} when it is neither */
export function pathOf(operation: string, file: unknown): string {
  const path = file instanceof URL && file.protocol === "file:"
    ? decodeURIComponent(file.pathname)
    : file;
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(
      `${operation}: the file must be a path or a file: URL, not ${String(file)}`,
    );
  }
  return path;
}

/**
 * Opens a file to send it.
 *
 * @returns its descriptor
 * @throws {Deno.errors.NotCapable} when no rule in `files` admits the resolved path
 * @throws {NetError} ENOENT, EACCES, EISDIR ...
 */
export async function openToSend(
  network: Network,
  authority: Authority,
  path: string,
): Promise<number> {
  const wanted: Wanted = { path, operation: "sendFile", right: "files" };
  return await openExisting(network, authority, wanted, Open.RDONLY);
}

/**
 * Opens a file to write what is received.
 *
 * @returns its descriptor
 * @throws {Deno.errors.NotCapable} when no rule in `writableFiles` admits the resolved path
 * @throws {NetError} EEXIST where it must be new; ENOENT without its directory, EACCES ...
 */
export async function openToReceive(
  network: Network,
  authority: Authority,
  path: string,
  mode: WriteMode,
): Promise<number> {
  const wanted: Wanted = { path, operation: "receiveFile", right: "writableFiles" };
  // A loop: the file may come and go between the two attempts, a few times.
  for (let round = 0; round < 3; round++) {
    const created = await create(network, authority, wanted);
    if (created !== -Errno.EEXIST) return created;
    if (mode === "new") throw fileError(Errno.EEXIST, wanted);
    const flags = Open.WRONLY | (mode === "append" ? Open.APPEND : Open.TRUNC);
    try {
      return await openExisting(network, authority, wanted, flags);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
  throw fileError(Errno.ENOENT, wanted);
}

async function openExisting(
  network: Network,
  authority: Authority,
  wanted: Wanted,
  flags: number,
): Promise<number> {
  const found = await openPath(network, AT_FDCWD, wanted.path, Open.PATH, wanted);
  if (found < 0) throw await missing(network, authority, wanted, -found);
  try {
    await judge(network, authority, found, "", wanted);
    const fd = await openPath(network, AT_FDCWD, `/proc/self/fd/${found}`, flags, wanted);
    if (fd < 0) throw fileError(-fd, wanted);
    return fd;
  } finally {
    await network.close(found);
  }
}

/** Makes a file that is not there yet. @returns its descriptor, or `-EEXIST` */
async function create(network: Network, authority: Authority, wanted: Wanted): Promise<number> {
  const { directory, name } = split(wanted);
  const found = await openPath(network, AT_FDCWD, directory, Open.PATH, wanted);
  if (found < 0) throw await missing(network, authority, wanted, -found);
  try {
    await judge(network, authority, found, name, wanted);
    // O_EXCL follows no link, so that the file is where the rules say.
    const flags = Open.WRONLY | Open.CREAT | Open.EXCL;
    const fd = await openPath(network, found, name, flags, wanted);
    if (fd < 0 && fd !== -Errno.EEXIST) throw fileError(-fd, wanted);
    return fd;
  } finally {
    await network.close(found);
  }
}

function split(wanted: Wanted): { directory: string; name: string } {
  const { path } = wanted;
  const cut = path.lastIndexOf("/");
  const name = path.slice(cut + 1);
  if (name === "" || name === "." || name === "..") throw fileError(Errno.EISDIR, wanted);
  return { directory: cut < 0 ? "." : path.slice(0, cut) || "/", name };
}

/** Proves that rules admit what a descriptor stands for, or what has `name` in that directory. */
async function judge(
  network: Network,
  authority: Authority,
  fd: number,
  name: string,
  wanted: Wanted,
): Promise<void> {
  const path = await resolvedPath(network, fd, wanted);
  const full = name === "" ? path : `${path === "/" ? "" : path}/${name}`;
  const denial = authority.checkFile(full, wanted.right);
  // An existing file is judged by its own path: a link is no place of its own.
  if (isDenial(denial)) throw denied(network, denial, wanted);
}

/** What is missing is told only to those who might have it: else errors would tell of files. */
async function missing(
  network: Network,
  authority: Authority,
  wanted: Wanted,
  errno: number,
): Promise<Error> {
  const here = wanted.path.startsWith("/") ? "" : await workingDirectory(network, wanted);
  const denial = authority.checkFile(`${here}${wanted.path}`, wanted.right);
  return isDenial(denial) ? denied(network, denial, wanted) : fileError(errno, wanted);
}

async function workingDirectory(network: Network, wanted: Wanted): Promise<string> {
  const fd = await openPath(network, AT_FDCWD, ".", Open.PATH, wanted);
  if (fd < 0) return "/";
  try {
    return `${await resolvedPath(network, fd, wanted)}/`;
  } finally {
    await network.close(fd);
  }
}

async function resolvedPath(network: Network, fd: number, wanted: Wanted): Promise<string> {
  const { reactor } = network;
  const block = takeBlock(network, wanted);
  try {
    const length = await network.run(DriverOp.FILE_PATH, fd, (reactor, at) => {
      reactor.setLong(at + W_ADDRESS, block);
      reactor.entries[at + W_LENGTH] = PATH_BYTES;
    });
    if (length < 0) throw fileError(-length, wanted);
    return decoder.decode(reactor.memory.bytes.slice(block, block + length));
  } finally {
    reactor.giveArena(block);
  }
}

/** OPENAT. @returns a descriptor or `-errno` */
async function openPath(
  network: Network,
  directory: number,
  path: string,
  flags: number,
  wanted: Wanted,
): Promise<number> {
  const { reactor } = network;
  const bytes = encoder.encode(path);
  if (bytes.length >= PATH_BYTES) throw fileError(Errno.ENAMETOOLONG, wanted);
  const block = takeBlock(network, wanted);
  try {
    reactor.memory.bytes.set(bytes, block);
    reactor.memory.bytes[block + bytes.length] = 0;
    return await network.run(Op.OPENAT, directory, (reactor, at, slot) => {
      reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.OPENAT) + block);
      reactor.entries[at + W_LENGTH] = MODE;
      reactor.entries[at + W_OPERATION_FLAGS] = flags | Open.CLOEXEC | Open.NONBLOCK;
      reactor.expectDescriptors(slot);
    }, (_slot, fd) => {
      if (fd >= 0) network.opened(fd);
    }, wanted.operation);
  } finally {
    reactor.giveArena(block);
  }
}

function takeBlock(network: Network, wanted: Wanted): number {
  const block = network.reactor.arena.take(PATH_BYTES);
  if (block < 0) throw fileError(Errno.ENOBUFS, wanted);
  return block;
}

function denied(
  network: Network,
  denial: { readonly right: string; readonly address: string },
  wanted: Wanted,
): Error {
  network.reactor.counters.add(Counter.denied, 1);
  return notCapable(denial, wanted.operation);
}

function fileError(errno: number, wanted: Wanted): Error {
  return netError(errno, { operation: wanted.operation, detail: `the file ${wanted.path}` });
}
