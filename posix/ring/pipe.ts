/**
 * Pipes, between the calls of one engine.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { bytesOf, Cursor } from "./cursor.ts";
import { LocalFile } from "./local_file.ts";
import { LocalTransfer } from "./local_transfer.ts";
import type { Bytes } from "./open_file.ts";
import { PageQueue, PIPE_PAGE_BYTES } from "./page_queue.ts";
import {
  F_GETPIPE_SZ,
  F_SETPIPE_SZ,
  FIONREAD,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
/** `/proc/sys/fs/pipe-max-size` as it is from the start. */
const PIPE_BYTES_MAX = 1 << 20;
const READABLE: number = POLLIN | POLLRDNORM;
const WRITABLE: number = POLLOUT | POLLWRNORM;

/** What both ends share. */
export class Pipe {
  readonly queue: PageQueue = new PageQueue();
  readonly reader: PipeEnd;
  readonly writer: PipeEnd;

  /** @param flags `O_NONBLOCK`, `O_DIRECT` */
  constructor(ring: BlockingRing, flags: number) {
    // Packets are the writer's to make.
    this.reader = new PipeEnd(ring, this, O_RDONLY | (flags & O_NONBLOCK));
    this.writer = new PipeEnd(ring, this, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
  }
}

/** One end of a pipe. */
export class PipeEnd extends LocalFile {
  readonly pipe: Pipe;
  /** Whether it is closed. */
  isClosed = false;
  readonly #ring: BlockingRing;
  readonly #waiting: Set<LocalTransfer> = new Set();

  constructor(ring: BlockingRing, pipe: Pipe, flags: number) {
    super(flags);
    this.#ring = ring;
    this.pipe = pipe;
  }

  /** {@inheritDoc LocalFile.events} */
  get events(): number {
    const { queue, reader, writer } = this.pipe;
    if (this.isReadable) {
      return (queue.bytes > 0 ? READABLE : 0) | (writer.isClosed ? POLLHUP : 0);
    }
    return (queue.isFull ? 0 : WRITABLE) | (reader.isClosed ? POLLERR : 0);
  }

  /** {@inheritDoc OpenFile.read} */
  override read(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    if (!this.isReadable) return -Errno.EBADF;
    return this.#readSome(iov, this.isNonBlocking);
  }

  /** Reads without waiting for bytes, whatever the end says. */
  readNow(iov: readonly Bytes[]): Outcome {
    return this.#readSome(iov, true);
  }

  #readSome(iov: readonly Bytes[], isHasty: boolean): Outcome {
    const cursor = new Cursor(iov);
    if (cursor.left === 0) return 0;
    const options = { isHasty, timeoutMs: Infinity };
    return new LocalTransfer(this.#ring, this.#waiting, () => this.#read(cursor), options).outcome;
  }

  /** {@inheritDoc OpenFile.write} */
  override write(iov: readonly Bytes[]): Outcome {
    if (iov.length > IOV_MAX) return -Errno.EINVAL;
    if (!this.isWritable) return -Errno.EBADF;
    if (bytesOf(iov) === 0) return 0;
    return this.#writeAll(iov, this.isNonBlocking);
  }

  /** Writes without waiting for room, whatever the end says. */
  writeNow(iov: readonly Bytes[]): Outcome {
    return bytesOf(iov) === 0 ? 0 : this.#writeAll(iov, true);
  }

  #writeAll(iov: readonly Bytes[], isHasty: boolean): Outcome {
    const cursor = new Cursor(iov);
    let total = 0;
    const step = (): number => {
      const { queue, reader } = this.pipe;
      if (reader.isClosed) return total > 0 ? total : -Errno.EPIPE;
      const count = queue.write(cursor, (this.flags & O_DIRECT) !== 0);
      total += count;
      if (count > 0) reader.advance(READABLE);
      return cursor.left === 0 ? total : -Errno.EAGAIN;
    };
    const options = { isHasty, timeoutMs: Infinity, partial: () => total };
    return new LocalTransfer(this.#ring, this.#waiting, step, options).outcome;
  }

  #read(cursor: Cursor): number {
    const { queue, writer } = this.pipe;
    if (queue.bytes === 0) return writer.isClosed ? 0 : -Errno.EAGAIN;
    const wasFull = queue.isFull;
    const count = queue.read(cursor);
    if (wasFull && !queue.isFull) writer.advance(WRITABLE);
    return count;
  }

  /** Takes bytes that were peeked at out of the queue. */
  consume(count: number): void {
    this.#read(new Cursor([new Uint8Array(count)]));
  }

  /** Goes on with whoever waits at this end: `events` have come. */
  advance(events: number): void {
    for (const transfer of [...this.#waiting]) transfer.advance();
    this.wake(events);
  }

  /** Waits until something holds that changes with the pipe; for whoever moves bytes on. */
  whenReady(isReady: () => boolean, isHasty: boolean): Outcome {
    const step = (): number => isReady() ? 0 : -Errno.EAGAIN;
    const options = { isHasty, timeoutMs: Infinity };
    return new LocalTransfer(this.#ring, this.#waiting, step, options).outcome;
  }

  protected override end(): Outcome {
    this.isClosed = true;
    this.endWatches();
    const other = this.isReadable ? this.pipe.writer : this.pipe.reader;
    other.advance(READABLE | WRITABLE | POLLERR | POLLHUP);
    return 0;
  }

  /** {@inheritDoc OpenFile.control} */
  override control(command: number, argument: number): Outcome {
    const { queue } = this.pipe;
    switch (command) {
      case F_GETPIPE_SZ:
        return queue.capacity * PIPE_PAGE_BYTES;
      case F_SETPIPE_SZ:
        return this.#resize(argument);
      default:
        return super.control(command, argument);
    }
  }

  #resize(bytes: number): number {
    if (bytes < 0) return -Errno.EINVAL;
    let size = PIPE_PAGE_BYTES;
    while (size < bytes) size *= 2;
    if (size > PIPE_BYTES_MAX) return -Errno.EPERM;
    const { queue, writer } = this.pipe;
    const wasFull = queue.isFull;
    if (!queue.resize(size / PIPE_PAGE_BYTES)) return -Errno.EBUSY;
    if (wasFull) writer.advance(WRITABLE);
    return size;
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    return request === FIONREAD ? this.pipe.queue.bytes : super.ioctl(request, argument);
  }
}
