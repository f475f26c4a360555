/**
 * Socket files: binding to a path, with a mode of its own, in place of a file that nobody serves,
 * and removing the file at the end.
 *
 * A file whose socket is closed stays, and keeps others from binding. Whether it is such a one is
 * asked by connecting a datagram socket, which is never a connection to a listener: ECONNREFUSED
 * means that no socket is bound to the file, EPROTOTYPE that one is. (`unix_find_bsd` in af_unix.c)
 *
 * Whoever replaces such a file locks its folder meanwhile (`flock(2)`), so that several that start
 * at once do so one after the other. For those that know of no lock, the file is first moved aside
 * and then asked once more: who bound to the path meanwhile, and was moved by mistake, is put back.
 *
 * @module
 */

import { requireInteger, requireSuccess } from "../authorization.ts";
import { netError, unsupported } from "../errors.ts";
import type { Network } from "../network.ts";
import {
  changeMode,
  lockFolder,
  patiently,
  pause,
  relocate,
  statFile,
  unlink,
} from "./unix_files.ts";
import { SocketAddress, UNIX_PATH_MAX } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, Op, Sock } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";

/** What becomes of the path of a Unix socket. */
export interface UnixPathOptions {
  /** Permission bits of the file, 0 to 0o777, whatever the umask; 0o777 less the umask. */
  readonly mode?: number;
  /** Bind although a file is there, when it is a socket that nobody has bound; false. */
  readonly replaceStale?: boolean;
  /** Remove the file when the endpoint is closed; true. */
  readonly removeAtClose?: boolean;
}

/** The keys of {@linkcode UnixPathOptions}. */
export const UNIX_PATH_KEYS: readonly (keyof UnixPathOptions)[] = [
  "mode",
  "replaceStale",
  "removeAtClose",
];

const MODE_MAX = 0o777;
const RENAME_NOREPLACE = 1;

const encoder = new TextEncoder();

/** Checks the options. @throws {TypeError} or RangeError naming the one that does not fit */
export function checkPathOptions(options: UnixPathOptions): void {
  for (const name of ["replaceStale", "removeAtClose"] as const) {
    const value = options[name];
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(`${name} must be a boolean, not ${String(value)}`);
  }
  if (options.mode !== undefined) requireInteger("mode", options.mode, 0, MODE_MAX);
}

/** A path that an endpoint is bound to. */
export class SocketFile {
  /** Whether the file is removed at the end. */
  isRemoved: boolean;
  readonly #network: Network;
  readonly #path: string;
  readonly #identity: string;

  constructor(network: Network, path: string, identity: string, isRemoved: boolean) {
    this.#network = network;
    this.#path = path;
    this.#identity = identity;
    this.isRemoved = isRemoved;
  }

  /**
   * Removes the file, unless it is another one by now. While the socket is open nobody takes it for
   * a stale one, so this comes before the socket is closed.
   */
  async remove(): Promise<void> {
    try {
      const facts = await statFile(this.#network, this.#path);
      if (typeof facts === "number" || facts.identity !== this.#identity) return;
      await unlink(this.#network, this.#path);
    } catch {
      // The ring is full: the file stays, as it does when a process dies.
    }
  }
}

/**
 * Binds a socket to an address.
 *
 * @returns the file that came of it, null where there is none or it is not this library's affair
 * @throws {NetError} EADDRINUSE, EACCES, ENOENT ..., ENOTSUP for options that the backend lacks
 */
export async function bindUnix(
  network: Network,
  fd: number,
  local: SocketAddress,
  options: UnixPathOptions,
): Promise<SocketFile | null> {
  const hasFile = !local.isAbstract && local.byteLength > 0;
  requireSupport(network, local, hasFile, options);
  const { mode, replaceStale, removeAtClose = true } = options;
  // Linux gives the file the mode of the socket, less the umask: it is never open to more.
  if (mode !== undefined) {
    requireSuccess(await changeMode(network, fd, null, mode), "listen", local);
  }
  const bound = replaceStale === true
    ? await bindInPlace(network, fd, local)
    : await network.bind(fd, local);
  requireSuccess(bound, "listen", local);
  if (!hasFile || network.reactor.driver.supported[DriverOp.CHMOD] !== 1) return null;
  try {
    // Nobody can connect yet, as nobody listens: the bits that the umask took come back in time.
    if (mode !== undefined) {
      const changed = await patiently(network, () => changeMode(network, fd, local.host, mode));
      requireSuccess(changed, "listen", local);
    }
    const facts = await patiently(network, () => statFile(network, local.host));
    if (typeof facts === "number") {
      throw netError(facts, { operation: "listen", local: local.toString() });
    }
    return new SocketFile(network, local.host, facts.identity, removeAtClose);
  } catch (error) {
    await unlink(network, local.host);
    throw error;
  }
}

/** Proves that what is asked for can be had. */
function requireSupport(
  network: Network,
  local: SocketAddress,
  hasFile: boolean,
  options: UnixPathOptions,
): void {
  const asked: string[] = [];
  if (options.mode !== undefined) asked.push("mode");
  if (options.replaceStale === true) asked.push("replaceStale");
  if (options.removeAtClose === false) asked.push("removeAtClose");
  if (asked.length === 0) return;
  if (!hasFile) {
    const detail = `${asked[0]} is about a file, and an abstract name has none`;
    throw netError(Errno.EINVAL, { operation: "listen", local: local.toString(), detail });
  }
  if (network.reactor.driver.supported[DriverOp.CHMOD] === 1) return;
  throw unsupported(network.kind, `the option ${asked[0]}`, "listen");
}

/** Binds, in place of a stale file if there is one. @returns 0 or `-errno` */
async function bindInPlace(network: Network, fd: number, local: SocketAddress): Promise<number> {
  const lock = await lockFolder(network, folderOf(local.host) || ".");
  try {
    // Under the lock, too: a file is there for a moment before its socket can be found by it.
    const bound = await network.bind(fd, local);
    if (bound !== -Errno.EADDRINUSE) return bound;
    await moveStaleAway(network, local);
    return await network.bind(fd, local);
  } finally {
    if (lock >= 0) await network.close(lock);
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** Makes way for a bind. @throws {NetError} EADDRINUSE when somebody uses the path */
async function moveStaleAway(network: Network, local: SocketAddress): Promise<void> {
  const path = local.host;
  await requireStale(network, path, local);
  // Somebody who knows of no lock may be about to bind.
  await pause(network);
  await requireStale(network, path, local);
  const aside = `${folderOf(path)}.${crypto.randomUUID().slice(0, 8)}`;
  if (encoder.encode(aside).length > UNIX_PATH_MAX) {
    throw inUse(local, "its directory's name leaves no room to move it aside");
  }
  const moved = await relocate(network, Op.RENAMEAT, path, aside, RENAME_NOREPLACE);
  // Somebody else made way already.
  if (moved === -Errno.ENOENT) return;
  if (moved < 0) throw inUse(local, "it cannot be moved aside", -moved);
  try {
    await requireStale(network, aside, local);
  } catch (error) {
    // A link takes no other's place, as a move back would.
    await relocate(network, Op.LINKAT, aside, path, 0);
    await unlink(network, aside);
    throw error;
  }
  await unlink(network, aside);
}

/** Proves that a file is a socket that nobody has bound. */
async function requireStale(network: Network, path: string, local: SocketAddress): Promise<void> {
  const facts = await statFile(network, path);
  if (facts === -Errno.ENOENT) return;
  if (typeof facts === "number") throw inUse(local, "it cannot be looked at", -facts);
  if (!facts.isSocket) throw inUse(local, "it is no socket");
  const answer = await ask(network, path);
  if (answer === -Errno.ECONNREFUSED || answer === -Errno.ENOENT) return;
  const isBound = answer >= 0 || answer === -Errno.EPROTOTYPE || answer === -Errno.EISCONN;
  throw inUse(local, isBound ? "somebody serves it" : "it cannot be asked", isBound ? 0 : -answer);
}

/** Connects a datagram socket. @returns 0 or `-errno` */
async function ask(network: Network, path: string): Promise<number> {
  const fd = await network.socket(AF_UNIX, Sock.DGRAM | Sock.CLOEXEC, "listen");
  if (fd < 0) return fd;
  try {
    network.reactor.reference();
    return await network.connect(fd, SocketAddress.unix(path)).done;
  } finally {
    network.reactor.dereference();
    await network.close(fd);
  }
}

function inUse(local: SocketAddress, why: string, errno = 0): Error {
  const cause = errno === 0 ? undefined : netError(errno, { operation: "listen" });
  const detail = `a file is there, and ${why}`;
  return netError(Errno.EADDRINUSE, {
    operation: "listen",
    local: local.toString(),
    detail,
    cause,
  });
}
