/**
 * Files of the file system, and `open`.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { Cursor } from "./cursor.ts";
import type { FileTable } from "./file_table.ts";
import { type Bytes, OpenFile } from "./open_file.ts";
import { EntryCall, type Steps, StepsCall } from "./wait.ts";
import { type Watch, WatchMode, type WatchSink } from "./watch.ts";
import {
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_TRUNC,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "../constants/mod.ts";
import { W_ADDRESS, W_LENGTH, W_OFFSET, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { AT_FDCWD, DriverOp, Op, Open } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
const PIECE_BYTES = 256 * 1024;
const PATH_BYTES = 4096;
/** `O_LARGEFILE` of Linux on x86-64, which `F_GETFL` tells of every file. */
const O_LARGEFILE = 0o100000;
const MODE_BITS = 0o7777;
/** What `F_GETFL` does not tell. */
const CREATION_FLAGS: number = O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC;
/** As poll(2) has it, they are always ready. */
const ALWAYS_READY: number = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

/** A file on the ring's other side. */
export class RegularFile extends OpenFile {
  /** {@inheritDoc OpenFile.isPollable} */
  override readonly isPollable = false;
  /** Where the next call without an offset begins. */
  position = 0;
  readonly #ring: BlockingRing;
  readonly #descriptor: number;

  constructor(ring: BlockingRing, descriptor: number, flags: number) {
    super(flags | O_LARGEFILE);
    this.#ring = ring;
    this.#descriptor = descriptor;
  }

  /** {@inheritDoc OpenFile.watch} */
  watch(mode: WatchMode, events: number, sink: WatchSink): Watch {
    const held = ALWAYS_READY & events;
    if (held !== 0 || mode === WatchMode.CHECK) sink.onEvents(held);
    return { cancel: () => {} };
  }

  /** {@inheritDoc OpenFile.read} */
  override read(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    if (!this.isReadable) return -Errno.EBADF;
    return this.#move(Op.READ, new Cursor(iov), null);
  }

  /** {@inheritDoc OpenFile.write} */
  override write(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    if (!this.isWritable) return -Errno.EBADF;
    return this.#move(Op.WRITE, new Cursor(iov), null);
  }

  /** `pread(2)`. */
  readAt(iov: readonly Bytes[], offset: number): Outcome {
    return this.isReadable ? this.#move(Op.READ, new Cursor(iov), offset) : -Errno.EBADF;
  }

  /** `pwrite(2)`. */
  writeAt(iov: readonly Bytes[], offset: number): Outcome {
    return this.isWritable ? this.#move(Op.WRITE, new Cursor(iov), offset) : -Errno.EBADF;
  }

  #move(opcode: number, cursor: Cursor, offset: number | null): Outcome {
    return new StepsCall(this.#ring, (call) => this.#steps(call, opcode, cursor, offset)).outcome;
  }

  *#steps(call: StepsCall, opcode: number, cursor: Cursor, offset: number | null): Steps {
    let total = 0;
    do {
      const from = offset === null ? this.position : offset + total;
      const asked = Math.min(PIECE_BYTES, cursor.left);
      const moved = yield this.#piece(opcode, cursor, asked, from);
      if (moved < 0) return total > 0 ? total : moved;
      total += moved;
      if (offset === null) this.position += moved;
      if (moved < asked) return total;
    } while (cursor.left > 0 && call.errno === 0);
    return total;
  }

  #piece(opcode: number, cursor: Cursor, asked: number, from: number): Outcome {
    const ring = this.#ring;
    const { reactor } = ring;
    const block = ring.takePiece(asked);
    if (block < 0) return -Errno.ENOMEM;
    const bytes = Math.min(asked, ring.pieceBytes);
    const { memory } = reactor;
    if (opcode === Op.WRITE) cursor.take(memory.bytes, block, bytes);
    return new EntryCall(ring, opcode, this.#descriptor, (at) => {
      reactor.setLong(at + W_ADDRESS, memory.base + block);
      reactor.entries[at + W_LENGTH] = bytes;
      reactor.setLong(at + W_OFFSET, from);
    }, {
      finish: (result) => {
        if (opcode === Op.READ && result > 0) cursor.put(memory.bytes, block, result);
        reactor.giveArena(block);
        return result;
      },
    }).outcome;
  }

  protected override end(): Outcome {
    return new EntryCall(this.#ring, Op.CLOSE, this.#descriptor).outcome;
  }
}

/**
 * `open(2)`: what a path leads to is looked at first, and judged by the path that it turns out to
 * have; then that is opened.
 */
export function open(
  ring: BlockingRing,
  files: FileTable,
  path: string,
  flags: number,
  mode: number,
  judge: (path: string) => number,
): Outcome {
  if (path === "") return -Errno.ENOENT;
  if (path.includes("\0")) return -Errno.EINVAL;
  if ((flags & O_ACCMODE) === O_ACCMODE) return -Errno.EINVAL;
  return new StepsCall(ring, function* (): Steps {
    const found = yield* resolve(ring, path, flags & (O_NOFOLLOW | O_DIRECTORY));
    let target = found;
    const mayCreate = (flags & O_CREAT) !== 0;
    if (found === -Errno.ENOENT && mayCreate) target = yield* resolveParent(ring, path);
    else if (typeof found === "string" && mayCreate && (flags & O_EXCL) !== 0) {
      const verdict = judge(found);
      return verdict < 0 ? verdict : -Errno.EEXIST;
    }
    if (typeof target === "number") return target;
    const verdict = judge(target);
    if (verdict < 0) return verdict;
    const descriptor = yield openAt(ring, target, flags, mode & MODE_BITS);
    if (descriptor < 0) return descriptor;
    const file = new RegularFile(ring, descriptor, flags & ~CREATION_FLAGS);
    const handle = files.add(file);
    if (handle < 0) yield file.release();
    return handle;
  }).outcome;
}

/** The path that a name leads to, with no link left in it, or `-errno`. */
export function* resolve(
  ring: BlockingRing,
  path: string,
  flags: number,
): Generator<Outcome, string | number, number> {
  const descriptor = yield openAt(ring, path, Open.PATH | flags, 0);
  if (descriptor < 0) return descriptor;
  const found: string[] = [];
  const length = yield pathOf(ring, descriptor, found);
  yield new EntryCall(ring, Op.CLOSE, descriptor).outcome;
  return length < 0 ? length : found[0];
}

/** The path that a new file would have, or `-errno`. */
function* resolveParent(
  ring: BlockingRing,
  path: string,
): Generator<Outcome, string | number, number> {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  if (name === "") return -Errno.EISDIR;
  const folder = slash < 0 ? "." : path.slice(0, slash + 1);
  const found = yield* resolve(ring, folder, O_DIRECTORY);
  return typeof found === "number" ? found : `${found === "/" ? "" : found}/${name}`;
}

function openAt(ring: BlockingRing, path: string, flags: number, mode: number): Outcome {
  const bytes = new TextEncoder().encode(`${path}\0`);
  if (bytes.length > PATH_BYTES) return -Errno.ENAMETOOLONG;
  const { reactor } = ring;
  const block = reactor.arena.take(bytes.length);
  if (block < 0) return -Errno.ENOMEM;
  reactor.memory.bytes.set(bytes, block);
  return new EntryCall(ring, Op.OPENAT, AT_FDCWD, (at) => {
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + block);
    reactor.entries[at + W_OPERATION_FLAGS] = flags;
    reactor.entries[at + W_LENGTH] = mode;
  }, {
    finish: (result) => {
      reactor.giveArena(block);
      return result;
    },
  }).outcome;
}

function pathOf(ring: BlockingRing, descriptor: number, found: string[]): Outcome {
  const { reactor } = ring;
  const block = reactor.arena.take(PATH_BYTES);
  if (block < 0) return -Errno.ENOMEM;
  return new EntryCall(ring, DriverOp.FILE_PATH, descriptor, (at) => {
    reactor.setLong(at + W_ADDRESS, block);
    reactor.entries[at + W_LENGTH] = PATH_BYTES;
  }, {
    finish: (result) => {
      if (result >= 0) {
        found.push(new TextDecoder().decode(reactor.memory.bytes.slice(block, block + result)));
      }
      reactor.giveArena(block);
      return result;
    },
  }).outcome;
}
