/**
 * What the ring does with the files of Unix sockets, path by path. Results are `-errno` where they
 * are negative.
 *
 * @module
 */

import { endsWithin } from "../deadline_wait.ts";
import type { Network } from "../network.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { STATX, W_ADDRESS, W_LENGTH, W_OFFSET, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { AT_FDCWD, DriverOp, Op, Open } from "../../ring/abi/opcodes.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
/** `STATX_TYPE`, `STATX_MODE`, `STATX_INO` and `STATX_BTIME`. */
const STATX_WANTED = 0x1 | 0x2 | 0x100 | 0x800;
const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
const LOCK_EX = 2;
/** How long is waited between two looks, and how often it is looked. */
const WAIT_MS = 5;
const LOCK_ROUNDS = 400;
const LOOK_ROUNDS = 100;
/** Room for a path, or for what `statx` tells. */
const PATH_ROOM = 256;

const encoder = new TextEncoder();

/** A file as it was found. */
export interface FileFacts {
  readonly isSocket: boolean;
  /** What no other file has: device, inode and birth. */
  readonly identity: string;
}

/** `statx(2)` of what is at a path itself, be it a link. @returns `-errno` when it fails */
export async function statFile(network: Network, path: string): Promise<FileFacts | number> {
  const { reactor } = network;
  let facts: FileFacts | null = null;
  const result = await withPaths(
    network,
    [path, ""],
    (offsets) =>
      network.run(Op.STATX, AT_FDCWD, (_reactor, at) => {
        const base = reactor.baseOf(Op.STATX);
        reactor.setLong(at + W_ADDRESS, base + offsets[0]);
        reactor.setLong(at + W_OFFSET, base + offsets[1]);
        reactor.entries[at + W_LENGTH] = STATX_WANTED;
        reactor.entries[at + W_OPERATION_FLAGS] = AT_SYMLINK_NOFOLLOW;
      }, (_slot, done) => {
        if (done >= 0) facts = readFacts(network, offsets[1]);
      }),
  );
  return facts ?? result;
}

function readFacts(network: Network, offset: number): FileFacts {
  const { words, halves } = network.reactor.memory;
  const fields = [
    STATX.DEVICE_MAJOR,
    STATX.DEVICE_MINOR,
    STATX.INODE,
    STATX.INODE + 4,
    STATX.BIRTH_SECONDS,
    STATX.BIRTH_NANOSECONDS,
  ];
  return {
    isSocket: (halves[(offset + STATX.MODE) >> 1] & S_IFMT) === S_IFSOCK,
    identity: fields.map((field) => words[(offset + field) >> 2]).join(":"),
  };
}

/** `unlink(2)`. */
export function unlink(network: Network, path: string): Promise<number> {
  return withPaths(
    network,
    [path],
    ([offset]) =>
      network.run(Op.UNLINKAT, AT_FDCWD, (reactor, at) => {
        reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.UNLINKAT) + offset);
      }),
  );
}

/** `renameat2(2)` or `linkat(2)`. */
export function relocate(
  network: Network,
  opcode: typeof Op.RENAMEAT | typeof Op.LINKAT,
  from: string,
  to: string,
  flags: number,
): Promise<number> {
  return withPaths(
    network,
    [from, to],
    (offsets) =>
      network.run(opcode, AT_FDCWD, (reactor, at) => {
        const base = reactor.baseOf(opcode);
        reactor.setLong(at + W_ADDRESS, base + offsets[0]);
        reactor.setLong(at + W_OFFSET, base + offsets[1]);
        reactor.entries[at + W_LENGTH] = AT_FDCWD;
        reactor.entries[at + W_OPERATION_FLAGS] = flags;
      }),
  );
}

/** `fchmod(2)` of a socket that is not bound yet, and of the path where one is given. */
export function changeMode(
  network: Network,
  fd: number,
  path: string | null,
  mode: number,
): Promise<number> {
  const paths = path === null ? [] : [path];
  return withPaths(network, paths, (offsets) =>
    network.run(DriverOp.CHMOD, fd, (reactor, at) => {
      reactor.setLong(at + W_ADDRESS, offsets[0] ?? 0);
      reactor.entries[at + W_LENGTH] = mode;
    }));
}

/**
 * Locks a folder, until its descriptor is closed. Who may not read it, or finds that somebody holds
 * the lock for long, goes on without: a lock that anybody may take must not keep a service down.
 *
 * @returns the descriptor, negative without a lock
 */
export async function lockFolder(network: Network, folder: string): Promise<number> {
  const fd = await withPaths(
    network,
    [folder],
    ([offset]) =>
      network.run(Op.OPENAT, AT_FDCWD, (reactor, at, slot) => {
        reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.OPENAT) + offset);
        reactor.entries[at + W_OPERATION_FLAGS] = Open.RDONLY | Open.CLOEXEC | Open.NONBLOCK;
        reactor.expectDescriptors(slot);
      }, (_slot, opened) => {
        if (opened >= 0) network.opened(opened);
      }),
  );
  if (fd < 0) return fd;
  for (let round = 0; round < LOCK_ROUNDS; round++) {
    const locked = await network.run(DriverOp.FLOCK, fd, (reactor, at) => {
      reactor.entries[at + W_OPERATION_FLAGS] = LOCK_EX;
    });
    if (locked >= 0) return fd;
    if (locked !== -Errno.EAGAIN) break;
    await pause(network);
  }
  await network.close(fd);
  return -Errno.EAGAIN;
}

/**
 * Looks again, for a while, where nothing is found: whoever replaces a stale file at the same time
 * may have moved this one aside, for a moment. So it does where ring memory is short.
 */
export async function patiently<Found>(
  network: Network,
  look: () => Promise<Found | number>,
): Promise<Found | number> {
  for (let round = 0;; round++) {
    const found = await look();
    const isWorthwhile = found === -Errno.ENOENT || found === -Errno.ENOBUFS;
    if (!isWorthwhile || round === LOOK_ROUNDS) return found;
    await pause(network);
  }
}

/** Waits a moment. */
export async function pause(network: Network): Promise<void> {
  await endsWithin(network, new Promise(() => {}), WAIT_MS);
}

/** Has paths in ring memory while `body` runs, each with room for 256 bytes. */
async function withPaths(
  network: Network,
  paths: readonly string[],
  body: (offsets: readonly number[]) => Promise<number>,
): Promise<number> {
  if (paths.length === 0) return await body([]);
  const { arena, memory } = network.reactor;
  const block = arena.take(paths.length * PATH_ROOM);
  if (block < 0) return -Errno.ENOBUFS;
  try {
    const offsets = paths.map((path, index) => {
      const offset = block + index * PATH_ROOM;
      const bytes = encoder.encode(path);
      memory.bytes.fill(0, offset, offset + PATH_ROOM);
      memory.bytes.set(bytes, offset);
      return offset;
    });
    return await body(offsets);
  } finally {
    network.reactor.giveArena(block);
  }
}
