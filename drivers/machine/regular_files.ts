/**
 * Files of the file system: OPENAT, READ, WRITE and CLOSE on them, and DriverOp.FILE_PATH.
 *
 * `O_PATH` opens nothing here: it finds the path that a name leads to, which is all that Deno can
 * tell. Between the judgement of that path and the opening of it somebody else may exchange it.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { AT_FDCWD, Op, Open } from "../../ring/abi/opcodes.ts";
import { errnoOf } from "./errors.ts";
import { FileTable } from "./file_table.ts";
import { type Machine, uncancellable } from "./machine.ts";
import type { Operation } from "./operation.ts";
import { isWithin } from "./segments.ts";

/** Descriptors of files begin here, out of the way of those of sockets. */
export const FIRST_REGULAR = 1 << 20;

const PATH_BYTES = 4096;
const ACCESS_MODE = 3;
/** `O_DIRECTORY` and `O_NOFOLLOW` of Linux on x86-64. */
const DIRECTORY = 0o200000;
const NOFOLLOW = 0o400000;
/** A link to an open file, as native code writes it (`proc(5)`). */
const SELF_DESCRIPTOR = /^\/proc\/self\/fd\/(\d+)$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A path that was found, and the file behind it once it is opened. */
interface RegularFile {
  readonly path: string;
  readonly file: Deno.FsFile | null;
  readonly isAppending: boolean;
  /** Where the next read or write is without a seek. */
  position: number;
  /** What was asked of it last; the next operation waits for that. */
  last: Promise<unknown>;
}

/** The open files of one ring. */
export class RegularFiles {
  readonly #machine: Machine;
  readonly #table = new FileTable<RegularFile>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** OPENAT: the path at `addr`, the flags of `open(2)`; relative to what `fd` stands for. */
  openAt(operation: Operation): void {
    const path = this.#pathOf(operation);
    if (typeof path === "number") return this.#machine.complete(operation, path, 0);
    const { operationFlags: flags, length: mode } = operation;
    this.#await(operation, () => this.#open(path, flags, mode));
  }

  /** FILE_PATH: where to write the path in `addr`, the room in `len`. */
  path(operation: Operation): void {
    const found = this.#at(operation.fd);
    const machine = this.#machine;
    if (found === undefined) return machine.complete(operation, -Errno.EBADF, 0);
    const bytes = encoder.encode(found.path);
    if (bytes.length > operation.length) return machine.complete(operation, -Errno.ENAMETOOLONG, 0);
    if (!isWithin(machine.memory, operation.address, bytes.length)) {
      return machine.complete(operation, -Errno.EFAULT, 0);
    }
    machine.memory.bytes.set(bytes, operation.address);
    machine.complete(operation, bytes.length, 0);
  }

  /** READ and WRITE: bytes at `addr`, as many as `len` says, from `off` on. */
  transfer(operation: Operation): void {
    const { address, length, offset, opcode, fd } = operation;
    const machine = this.#machine;
    const found = this.#at(fd);
    if (found === undefined || found.file === null) {
      return machine.complete(operation, -Errno.EBADF, 0);
    }
    if (!isWithin(machine.memory, address, length)) {
      return machine.complete(operation, -Errno.EFAULT, 0);
    }
    operation.total = length;
    const bytes = machine.memory.bytes.subarray(address, address + length);
    const isRead = opcode === Op.READ;
    this.#await(operation, () => {
      const moved = found.last.then(() => move(found, bytes, offset, isRead));
      found.last = moved.catch(() => {});
      return moved;
    });
  }

  /** CLOSE. */
  close(operation: Operation): void {
    const found = this.#at(operation.fd);
    if (found !== undefined) {
      this.#table.delete(operation.fd - FIRST_REGULAR);
      // What was asked of it before goes on, as in Linux.
      found.last.then(() => found.file?.close());
    }
    this.#machine.complete(operation, found === undefined ? -Errno.EBADF : 0, 0);
  }

  /** Closes everything: nothing may be in flight. */
  closeAll(): void {
    this.#table.forEach(({ file }) => file?.close());
  }

  #at(fd: number): RegularFile | undefined {
    return this.#table.get(fd - FIRST_REGULAR);
  }

  #pathOf(operation: Operation): string | number {
    const { bytes } = this.#machine.memory;
    const { address, fd } = operation;
    if (!isWithin(this.#machine.memory, address, 1)) return -Errno.EFAULT;
    const end = bytes.subarray(address, address + PATH_BYTES).indexOf(0);
    if (end < 0) return -Errno.ENAMETOOLONG;
    const path = decoder.decode(bytes.slice(address, address + end));
    const link = SELF_DESCRIPTOR.exec(path);
    if (link !== null) return this.#at(Number(link[1]))?.path ?? -Errno.ENOENT;
    if (fd === AT_FDCWD || path.startsWith("/")) return path;
    const directory = this.#at(fd)?.path;
    return directory === undefined ? -Errno.EBADF : `${directory}/${path}`;
  }

  async #open(path: string, flags: number, mode: number): Promise<number> {
    const isPath = (flags & Open.PATH) !== 0;
    if (!mayUse(path, flags)) return -Errno.EACCES;
    const refusal = await refusalOf(path, flags);
    if (refusal !== 0) return refusal;
    const file = isPath ? null : await Deno.open(path, openOptions(flags, mode));
    const found = {
      path: isPath ? await Deno.realPath(path) : path,
      file,
      isAppending: (flags & Open.APPEND) !== 0,
      position: 0,
      last: Promise.resolve(),
    };
    const free = this.#table.lowest();
    if (free < 0) {
      file?.close();
      return -Errno.EMFILE;
    }
    this.#table.set(free, found);
    return free + FIRST_REGULAR;
  }

  /** Completes an operation with what `run` comes to. */
  #await(operation: Operation, run: () => Promise<number>): void {
    const machine = this.#machine;
    // Reads and writes run on threads of Deno's and cannot be taken back.
    machine.park(operation, uncancellable);
    machine.outstanding++;
    const settle = (result: number): void => {
      machine.outstanding--;
      machine.complete(operation, result, 0);
    };
    run().then(settle, (error) => settle(-errnoOf(error)));
  }
}

function mayUse(path: string, flags: number): boolean {
  const { read, write } = openOptions(flags, 0);
  const isGranted = (name: "read" | "write"): boolean =>
    Deno.permissions.querySync({ name, path }).state === "granted";
  return (read !== true || isGranted("read")) && (write !== true || isGranted("write"));
}

/** What Linux says of a path that is no folder, or a link, where the flags ask for another. */
async function refusalOf(path: string, flags: number): Promise<number> {
  const isUnfollowed = (flags & NOFOLLOW) !== 0;
  const isFolder = (flags & DIRECTORY) !== 0;
  if (!isUnfollowed && !isFolder) return 0;
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return -Errno.EACCES;
  const found = await (isUnfollowed ? Deno.lstat(path) : Deno.stat(path));
  if (found.isSymlink) return isFolder ? -Errno.ENOTDIR : -Errno.ELOOP;
  return isFolder && !found.isDirectory ? -Errno.ENOTDIR : 0;
}

function openOptions(flags: number, mode: number): Deno.OpenOptions {
  const access = flags & ACCESS_MODE;
  const isNew = (flags & (Open.EXCL | Open.CREAT)) === (Open.EXCL | Open.CREAT);
  const mayCreate = (flags & Open.CREAT) !== 0;
  return {
    read: access !== Open.WRONLY,
    write: access !== Open.RDONLY,
    create: mayCreate && !isNew,
    createNew: isNew,
    truncate: (flags & Open.TRUNC) !== 0,
    append: (flags & Open.APPEND) !== 0 && access !== Open.RDONLY,
    ...(mayCreate ? { mode } : {}),
  };
}

async function move(
  found: RegularFile,
  bytes: Uint8Array,
  offset: number,
  isRead: boolean,
): Promise<number> {
  const file = found.file!;
  if (!found.isAppending && found.position !== offset) {
    await file.seek(offset, Deno.SeekMode.Start);
    found.position = offset;
  }
  const moved = isRead ? await file.read(bytes) : await file.write(bytes);
  found.position += moved ?? 0;
  return moved ?? 0;
}
