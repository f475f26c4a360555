/**
 * `sendfile` and `splice` between descriptors of the kernel.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import { mustWait, type WaitContext } from "./readiness_wait.ts";
import type { DescriptorState } from "./descriptor_state.ts";
import type { Transfers } from "./transfers.ts";
import {
  F_GETFL,
  F_GETPIPE_SZ,
  F_SETFL,
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  POLLIN,
  POLLOUT,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOL_SOCKET,
  SPLICE_F_NONBLOCK,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

type Bytes = Uint8Array<ArrayBufferLike>;

const POLLFD_BYTES = 8;
/** What stays in the processor's cache on its way. */
const PIECE_BYTES = 256 * 1024;
const SEEK_CUR = 1;
/** `PATH_MAX` of `limits.h`. */
const PATH_MAX = 4096;
/** `O_PATH` of `open(2)`. */
const O_PATH = 0o10000000;

/** Moves bytes between descriptors. */
export class Files {
  readonly #context: WaitContext;
  readonly #state: DescriptorState;
  readonly #transfers: Transfers;
  readonly #option = new Uint8Array(new ArrayBuffer(16));

  constructor(context: WaitContext, state: DescriptorState, transfers: Transfers) {
    this.#context = context;
    this.#state = state;
    this.#transfers = transfers;
  }

  /**
   * `sendfile(2)`. Where the descriptor to write to blocks, a piece of the file at a time: one call
   * for all of it would hold the thread until the peer has read.
   */
  sendFile(out: number, input: number, offset: number | null, count: number): Outcome {
    const { calls } = this.#context;
    if (count === 0 || this.#state.isNonBlocking(out)) {
      return calls.sendfile(out, input, offset, count);
    }
    // It fails as the whole would, and does nothing else.
    const checked = calls.sendfile(out, input, offset, 0);
    if (checked < 0) return checked;
    const position = calls.lseek(input, 0, SEEK_CUR);
    if (position < 0) return calls.sendfile(out, input, offset, count);
    let total = 0;
    const attempt = (): number => {
      while (total < count) {
        const room = Math.min(PIECE_BYTES, count - total);
        const at = offset === null ? null : offset + total;
        const sent = this.#withoutWaiting(out, () => calls.sendfile(out, input, at, room));
        if (sent === 0) return total;
        if (sent < 0) return mustWait(sent) || total === 0 ? sent : total;
        total += sent;
      }
      return total;
    };
    // What cannot be written to at all is never ready either.
    const first = attempt();
    if (!mustWait(first)) return first;
    const timeout = this.#isSocket(out) ? SO_SNDTIMEO : -1;
    return this.#state.wait(out, POLLOUT, timeout, attempt, (errno) => {
      return total > 0 ? total : -errno;
    });
  }

  /** `splice(2)`. */
  splice(
    input: number,
    inOffset: number | null,
    out: number,
    outOffset: number | null,
    length: number,
    flags: number,
  ): Outcome {
    const { calls } = this.#context;
    const once = (): number =>
      this.#withoutWaiting(
        input,
        () =>
          this.#withoutWaiting(out, () =>
            calls.splice(input, inOffset, out, outOffset, length, flags | SPLICE_F_NONBLOCK)),
      );
    const moved = once();
    if (!mustWait(moved)) return moved;
    // Not asked of the input: a datagram socket that is shut down is ready, and has nothing.
    const isOutReady = this.#isReady(out, POLLOUT);
    const [fd, events] = isOutReady ? [input, POLLIN] : [out, POLLOUT];
    // The flag is the pipe's; what is on its other side obeys its own O_NONBLOCK only.
    const isPipe = calls.fcntl(fd, F_GETPIPE_SZ, 0) >= 0;
    const isRefused = isPipe && (flags & SPLICE_F_NONBLOCK) !== 0;
    if (isRefused || this.#state.isNonBlocking(fd)) return moved;
    const option = isOutReady ? SO_RCVTIMEO : SO_SNDTIMEO;
    const attempt = () => isOutReady ? this.#state.orEnd(input, once()) : once();
    return this.#state.wait(fd, events, option, attempt, (errno) => -errno);
  }

  /** `vmsplice(2)`; the bytes are copied, as V8's memory cannot be given away. */
  vmsplice(fd: number, iov: readonly Bytes[], flags: number): Outcome {
    const { calls } = this.#context;
    if (calls.fcntl(fd, F_GETPIPE_SZ, 0) < 0) return -Errno.EBADF;
    const isReader = (calls.fcntl(fd, F_GETFL, 0) & O_ACCMODE) === O_RDONLY;
    const move = (): Outcome =>
      isReader ? this.#transfers.read(fd, iov) : this.#transfers.write(fd, iov);
    return (flags & SPLICE_F_NONBLOCK) === 0 ? move() : this.#withoutWaiting(fd, move);
  }

  /**
   * `open(2)` in two steps: without access to contents, which has no side effects, and, when the
   * path of what was found is admitted, that very file. Whoever exchanges a link meanwhile gains
   * nothing.
   */
  open(path: string, flags: number, mode: number, judge: (path: string) => number): number {
    const { calls } = this.#context;
    const look = O_PATH | O_CLOEXEC | (flags & (O_NOFOLLOW | O_DIRECTORY));
    const found = calls.openat(pathBytes(path), look, 0);
    if (found === -Errno.ENOENT && (flags & O_CREAT) !== 0) {
      return this.#create(path, flags, mode, judge);
    }
    if (found < 0) return found;
    try {
      const verdict = this.#judge(found, "", judge);
      if (verdict < 0) return verdict;
      if ((flags & O_EXCL) !== 0 && (flags & O_CREAT) !== 0) return -Errno.EEXIST;
      const again = (flags & ~(O_NOFOLLOW | O_CREAT)) | O_CLOEXEC;
      return calls.openat(pathBytes(`/proc/self/fd/${found}`), again, 0);
    } finally {
      calls.close(found);
    }
  }

  /** Makes a file in a folder that was looked at first. */
  #create(path: string, flags: number, mode: number, judge: (path: string) => number): number {
    const { calls } = this.#context;
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    const parent = slash < 0 ? "." : path.slice(0, slash + 1);
    const folder = calls.openat(pathBytes(parent), O_PATH | O_CLOEXEC | O_DIRECTORY, 0);
    if (folder < 0) return folder;
    try {
      const verdict = this.#judge(folder, `/${name}`, judge);
      if (verdict < 0) return verdict;
      // A link of that name that came meanwhile could lead elsewhere.
      const place = pathBytes(`/proc/self/fd/${folder}/${name}`);
      return calls.openat(place, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    } finally {
      calls.close(folder);
    }
  }

  #judge(handle: number, suffix: string, judge: (path: string) => number): number {
    const link = new Uint8Array(new ArrayBuffer(PATH_MAX));
    const length = this.#context.calls.readlink(pathBytes(`/proc/self/fd/${handle}`), link);
    if (length < 0) return length;
    return judge(new TextDecoder().decode(link.subarray(0, length)) + suffix);
  }

  /**
   * Makes a call with `O_NONBLOCK` set: `splice` and `sendfile` know no flag that holds for
   * sockets. Another thread that looks at the same open file meanwhile sees it set.
   */
  #withoutWaiting<Result>(fd: number, call: () => Result): Result {
    const { calls } = this.#context;
    const flags = calls.fcntl(fd, F_GETFL, 0);
    if (flags < 0 || (flags & O_NONBLOCK) !== 0) return call();
    calls.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    try {
      return call();
    } finally {
      calls.fcntl(fd, F_SETFL, flags);
    }
  }

  #isReady(fd: number, events: number): boolean {
    const pollfd = new DataView(new ArrayBuffer(POLLFD_BYTES));
    pollfd.setInt32(0, fd, true);
    pollfd.setInt16(4, events, true);
    return this.#context.calls.poll(new Uint8Array(pollfd.buffer), 1, 0) > 0;
  }

  #isSocket(fd: number): boolean {
    return this.#context.calls.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, this.#option, 16) >= 0;
  }
}

function pathBytes(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}
