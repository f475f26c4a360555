/**
 * `sendfile`, `splice` and `vmsplice`: bytes from one file to another.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { Epoll } from "./epoll.ts";
import type { Bytes, OpenFile } from "./open_file.ts";
import { PipeEnd } from "./pipe.ts";
import { PIPE_PAGE_BYTES } from "./page_queue.ts";
import { RegularFile } from "./regular_file.ts";
import { type Steps, StepsCall } from "./wait.ts";
import {
  O_APPEND,
  SPLICE_F_GIFT,
  SPLICE_F_MORE,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const PIECE_BYTES = 65536;
const KNOWN_FLAGS: number = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

/** `sendfile(2)`. */
export function sendFile(
  ring: BlockingRing,
  out: OpenFile,
  input: OpenFile,
  offset: number | null,
  count: number,
): Outcome {
  if (!input.isReadable) return -Errno.EBADF;
  const isFile = input instanceof RegularFile;
  if (offset !== null && !isFile) return -Errno.ESPIPE;
  if (!out.isWritable) return -Errno.EBADF;
  if (input instanceof Epoll && count === 0) return 0;
  if (out instanceof PipeEnd && !isFile && !(input instanceof PipeEnd)) {
    const flags = out.isNonBlocking ? SPLICE_F_NONBLOCK : 0;
    return splice(ring, input, null, out, null, count, flags);
  }
  const isPipes = input instanceof PipeEnd && out instanceof PipeEnd;
  if (isPipes && count === 0) return 0;
  if (!isFile || (out.flags & O_APPEND) !== 0) return -Errno.EINVAL;
  if (count === 0) return 0;
  return new StepsCall(ring, function* (call): Steps {
    let total = 0;
    while (total < count && call.errno === 0) {
      const at = (offset ?? input.position) + (offset === null ? 0 : total);
      const piece = new Uint8Array(Math.min(PIECE_BYTES, count - total));
      const length = yield input.readAt([piece], at);
      if (length <= 0) return total > 0 ? total : length;
      const sent = yield out.write([piece.subarray(0, length)]);
      if (sent < 0) return total > 0 ? total : sent;
      total += sent;
      if (offset === null) input.position += sent;
      if (sent < length) break;
    }
    return total > 0 ? total : -call.errno;
  }).outcome;
}

/** `splice(2)`. */
export function splice(
  ring: BlockingRing,
  input: OpenFile,
  inOffset: number | null,
  out: OpenFile,
  outOffset: number | null,
  length: number,
  flags: number,
): Outcome {
  if ((flags & ~KNOWN_FLAGS) !== 0) return -Errno.EINVAL;
  if (!input.isReadable || !out.isWritable) return -Errno.EBADF;
  const isFrom = input instanceof PipeEnd;
  const isTo = out instanceof PipeEnd;
  if ((isFrom && inOffset !== null) || (isTo && outOffset !== null)) return -Errno.ESPIPE;
  if (!isFrom && !isTo) return -Errno.EINVAL;
  if (input instanceof Epoll || out instanceof Epoll) return -Errno.EINVAL;
  // Sockets have no offsets either.
  const isPlaced = (file: OpenFile, at: number | null): boolean =>
    at === null || file instanceof RegularFile;
  if (!isPlaced(input, inOffset) || !isPlaced(out, outOffset)) return -Errno.EINVAL;
  if (isFrom && isTo && input.pipe === out.pipe) return -Errno.EINVAL;
  if ((out.flags & O_APPEND) !== 0) return -Errno.EINVAL;
  const isHasty = (flags & SPLICE_F_NONBLOCK) !== 0;
  return new StepsCall(ring, function* (): Steps {
    if (isFrom) {
      const ready = yield untilReadable(input, isHasty);
      if (ready < 0) return ready;
    }
    if (isTo) {
      const ready = yield untilWritable(out, isHasty);
      if (ready < 0) return ready;
    }
    return isFrom
      ? yield* fromPipe(input, out, outOffset, length)
      : yield* toPipe(input, inOffset, out as PipeEnd, length);
  }).outcome;
}

/** `vmsplice(2)`; the bytes are copied. */
export function vmsplice(file: OpenFile, iov: readonly Bytes[], flags: number): Outcome {
  if (!(file instanceof PipeEnd)) return -Errno.EBADF;
  if ((flags & ~KNOWN_FLAGS) !== 0) return -Errno.EINVAL;
  const isHasty = (flags & SPLICE_F_NONBLOCK) !== 0;
  if (file.isReadable) return isHasty ? file.readNow(iov) : file.read(iov);
  return isHasty ? file.writeNow(iov) : file.write(iov);
}

function untilReadable(input: PipeEnd, isHasty: boolean): Outcome {
  const { queue, writer } = input.pipe;
  const isReady = (): boolean => queue.bytes > 0 || writer.isClosed;
  return input.whenReady(isReady, isHasty || input.isNonBlocking);
}

function untilWritable(out: PipeEnd, isHasty: boolean): Outcome {
  const { queue, reader } = out.pipe;
  const isReady = (): boolean => !queue.isFull || reader.isClosed;
  return out.whenReady(isReady, isHasty || out.isNonBlocking);
}

/** What the other side does not take stays in the pipe. */
function* fromPipe(
  input: PipeEnd,
  out: OpenFile,
  offset: number | null,
  length: number,
): Steps {
  const bytes = input.pipe.queue.peek(Math.min(length, PIECE_BYTES));
  if (bytes.length === 0) return 0;
  const moved = offset !== null && out instanceof RegularFile
    ? yield out.writeAt([bytes], offset)
    : yield out instanceof PipeEnd ? out.writeNow([bytes]) : out.write([bytes]);
  if (moved > 0) input.consume(moved);
  return moved;
}

function* toPipe(
  input: OpenFile,
  offset: number | null,
  out: PipeEnd,
  length: number,
): Steps {
  const { queue, reader } = out.pipe;
  if (reader.isClosed) return -Errno.EPIPE;
  const room = queue.free * PIPE_PAGE_BYTES;
  const bytes = new Uint8Array(Math.min(length, room, PIECE_BYTES));
  const count = offset !== null && input instanceof RegularFile
    ? yield input.readAt([bytes], offset)
    : yield input.read([bytes]);
  return count <= 0 ? count : yield out.writeNow([bytes.subarray(0, count)]);
}
