/**
 * Files and pipes: opening, and moving bytes without looking at them.
 *
 * @module
 */

import { Kind } from "../authority.ts";
import {
  FD_CLOEXEC,
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  SPLICE_F_GIFT,
  SPLICE_F_MORE,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
} from "../constants/mod.ts";
import type { Core, Step } from "../core.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { made } from "./sockets.ts";

/** The most that one call moves. Source: write(2), `MAX_RW_COUNT`. */
const COUNT_MAX = 0x7ffff000;
/** `SPLICE_F_ALL` of Linux. */
const SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

/** `open(2)`. */
export function open(core: Core, path: string, flags: number, mode = 0): Step<number> {
  core.authority.requireLive("open");
  const access = flags & O_ACCMODE;
  const isRead = access !== O_WRONLY;
  const isWritten = access !== O_RDONLY || (flags & (O_CREAT | O_TRUNC)) !== 0;
  let denied: unknown;
  const judge = (resolved: string): number => {
    try {
      core.authority.requireFile("open", resolved, isWritten, isRead);
      return 0;
    } catch (error) {
      denied = error;
      return -Errno.EACCES;
    }
  };
  core.reserve("open");
  const own = (flags & O_CLOEXEC) === 0 ? 0 : FD_CLOEXEC;
  try {
    return made(core, "open", core.engine.open(path, flags, mode, judge), (handle) => {
      return core.install("open", handle, own, Kind.OTHER);
    });
  } catch (error) {
    throw denied ?? error;
  }
}

/** `sendfile(2)`. */
export function sendfile(
  core: Core,
  outfd: number,
  infd: number,
  offset: number | null,
  count: number,
): Step<number> {
  const input = core.handle("sendfile", infd);
  const out = core.handle("sendfile", outfd);
  const most = countOf(core, "sendfile", count);
  if (offset !== null && offset < 0) core.fail("sendfile", Errno.EINVAL);
  return core.count("sendfile", outfd, core.engine.sendFile(out, input, offset, most));
}

/** `splice(2)`. */
export function splice(
  core: Core,
  infd: number,
  inOffset: number | null,
  outfd: number,
  outOffset: number | null,
  length: number,
  flags = 0,
): Step<number> {
  if (length === 0) return 0;
  if ((flags & ~SPLICE_FLAGS) !== 0) core.fail("splice", Errno.EINVAL);
  const input = core.handle("splice", infd);
  const out = core.handle("splice", outfd);
  const most = countOf(core, "splice", length);
  const outcome = core.engine.splice(input, inOffset, out, outOffset, most, flags);
  return core.count("splice", infd, outcome);
}

/** `vmsplice(2)`. */
export function vmsplice(
  core: Core,
  fd: number,
  iov: readonly Uint8Array[],
  flags = 0,
): Step<number> {
  if ((flags & ~SPLICE_FLAGS) !== 0) core.fail("vmsplice", Errno.EINVAL);
  const handle = core.handle("vmsplice", fd);
  return core.count("vmsplice", fd, core.engine.vmsplice(handle, iov, flags));
}

function countOf(core: Core, call: string, count: number): number {
  if (!Number.isInteger(count) || count < 0) core.fail(call, Errno.EINVAL);
  return Math.min(count, COUNT_MAX);
}
