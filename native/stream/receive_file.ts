/**
 * Files written with what a stream receives: each lease is written from where its bytes are.
 *
 * @module
 */

import { netError } from "../errors.ts";
import { openToReceive, pathOf, type WriteMode } from "./file.ts";
import type { BufferLease } from "../lease.ts";
import { checkRange } from "./send_file.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import type { ReceiveSide } from "./stream_receive.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_LENGTH, W_OFFSET } from "../../ring/abi/layout.ts";
import { Op } from "../../ring/abi/opcodes.ts";

/** What `receiveFile` takes; `timeoutMs` is the deadline for all of it. */
export interface ReceiveFileOptions extends OpOptions {
  /** Bytes to receive; to the end of the stream unless said otherwise. */
  readonly length?: number;
  /** What becomes of a file that is there: "replace" unless said otherwise. */
  readonly mode?: WriteMode;
}

/** The keys of {@linkcode ReceiveFileOptions}. */
export const RECEIVE_FILE_KEYS: readonly string[] = ["length", "mode", "signal", "timeoutMs"];

const MODES: readonly string[] = ["replace", "new", "append"];
/** Bytes of a lease that is no view of the ring's memory, written at a time. */
const COPY_BYTES = 16384;

/** Receives into a file: see `StreamSocket.receiveFile`. */
export async function receiveFile(
  socket: Socket,
  receiving: ReceiveSide,
  file: string | URL,
  options: ReceiveFileOptions,
): Promise<number> {
  const { network, owner } = socket;
  const path = pathOf("receiveFile", file);
  const { length = Infinity, mode = "replace", signal, timeoutMs } = options;
  if (length !== Infinity) checkRange("receiveFile", "length", length);
  if (!MODES.includes(mode)) {
    throw new TypeError(`receiveFile: mode must be one of ${MODES.join(", ")}, not ${mode}`);
  }
  signal?.throwIfAborted();
  const { driver } = network.reactor;
  const dueAt = timeoutMs === undefined ? Infinity : driver.now() + timeoutMs;
  const fd = await openToReceive(network, owner.authority, path, mode);
  const writer = new FileWriter(socket, fd);
  try {
    while (writer.written < length) {
      const leftMs = dueAt === Infinity ? undefined : Math.max(0, dueAt - driver.now());
      const lease = await receiving.take({ signal, timeoutMs: leftMs });
      if (lease === null) break;
      await writeLease(writer, receiving, lease, length - writer.written);
    }
    return writer.written;
  } finally {
    await network.close(fd);
  }
}

/** Writes as much of a lease as is wanted; the rest of it waits for the next reader. */
async function writeLease(
  writer: FileWriter,
  receiving: ReceiveSide,
  lease: BufferLease,
  wanted: number,
): Promise<void> {
  const before = writer.written;
  try {
    await writer.write(lease, Math.min(wanted, lease.size));
  } finally {
    receiving.putBack(lease, writer.written - before);
  }
}

/** Appends to one open file. */
class FileWriter {
  /** Bytes written. */
  written = 0;
  readonly #socket: Socket;
  readonly #fd: number;

  constructor(socket: Socket, fd: number) {
    this.#socket = socket;
    this.#fd = fd;
  }

  /** Writes the first `count` bytes of a lease. */
  async write(lease: BufferLease, count: number): Promise<void> {
    if (lease.isInPlace) return await this.#writeRange(lease.start, count);
    const { reactor } = this.#socket.network;
    const block = reactor.arena.take(COPY_BYTES);
    if (block < 0) throw this.#error(Errno.ENOBUFS);
    try {
      for (let done = 0; done < count;) {
        const bytes = lease.bytes.subarray(done, Math.min(count, done + COPY_BYTES));
        reactor.memory.bytes.set(bytes, block);
        await this.#writeRange(block, bytes.length);
        done += bytes.length;
      }
    } finally {
      reactor.giveArena(block);
    }
  }

  async #writeRange(start: number, count: number): Promise<void> {
    const { network } = this.#socket;
    for (let done = 0; done < count;) {
      const result = await network.run(
        Op.WRITE,
        this.#fd,
        (reactor, at) => {
          reactor.setLong(at + W_ADDRESS, reactor.memory.base + start + done);
          reactor.entries[at + W_LENGTH] = count - done;
          // A file opened to append takes no notice of it.
          reactor.setLong(at + W_OFFSET, this.written);
        },
        undefined,
        "receiveFile",
      );
      if (result === -Errno.EINTR || result === -Errno.EAGAIN) continue;
      if (result <= 0) throw this.#error(result === 0 ? Errno.EIO : -result);
      done += result;
      this.written += result;
    }
  }

  #error(errno: number): Error {
    const names = this.#socket.network.namesOf(this.#socket);
    return netError(errno, { operation: "receiveFile", ...names });
  }
}
