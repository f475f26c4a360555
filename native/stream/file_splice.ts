/**
 * Files without copies: linked SPLICE from the file into a pipe and from the pipe into the socket,
 * which then holds the pages of the file itself, `splice(2)`.
 *
 * ```text
 *  the pipe is empty:   SPLICE file -> pipe --link--> SPLICE pipe -> socket
 *  it is not:           POLL for room       --link--> SPLICE pipe -> socket
 * ```
 *
 * The socket does not block meanwhile: the kernel's thread that splices would wait for the peer
 * otherwise, one thread for each slow peer.
 *
 * @module
 */

import { netError } from "../errors.ts";
import type { FileCarrier, FileProgress } from "./file_progress.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { DriverOp, Fcntl, Op, Open, Poll, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Bytes of the pipe: what an unprivileged process may have, `/proc/sys/fs/pipe-max-size`. */
const PIPE_BYTES = 1024 * 1024;
/** What a pipe has anyway, `pipe(7)`. */
const PIPE_BYTES_LEAST = 65536;
const LINK = SqeFlag.IO_LINK << 8;
const TAG_IN = 0;
const TAG_OUT = 1;
const TAG_POLL = 2;
const NONE = -1;

/** Splices one file into one stream. */
export class FileSplicer implements FileCarrier, CompletionTarget {
  readonly #progress: FileProgress;
  readonly #readEnd: number;
  readonly #writeEnd: number;
  readonly #pipeBytes: number;
  /** The file status flags of the socket, to be restored. */
  readonly #flags: number;
  /** Bytes in the pipe. */
  #waiting = 0;
  #first = NONE;
  #second = NONE;
  #wake: (() => void) | null = null;

  private constructor(
    progress: FileProgress,
    ends: [number, number],
    bytes: number,
    flags: number,
  ) {
    this.#progress = progress;
    [this.#readEnd, this.#writeEnd] = ends;
    this.#pipeBytes = bytes;
    this.#flags = flags;
  }

  /** Whether the backend can splice. */
  static isSupported({ network }: FileProgress): boolean {
    const { supported } = network.reactor.driver;
    return supported[Op.SPLICE] === 1 && supported[DriverOp.PIPE] === 1;
  }

  /** Opens a pipe, and has the socket not block. */
  static async open(progress: FileProgress): Promise<FileSplicer> {
    const { network, socket } = progress;
    const ends = await openPipe(progress);
    const size = await control(progress, ends[1], Fcntl.SETPIPE_SZ, PIPE_BYTES);
    const flags = await control(progress, socket.descriptor, Fcntl.GETFL, 0);
    if (flags >= 0) {
      await control(progress, socket.descriptor, Fcntl.SETFL, flags | Open.NONBLOCK);
    }
    network.opened(ends[0]);
    network.opened(ends[1]);
    return new FileSplicer(progress, ends, size > 0 ? size : PIPE_BYTES_LEAST, flags);
  }

  /** Whether everything that was read has left. */
  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  /** {@inheritDoc FileCarrier.step} */
  async step(): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    if (!this.#submit()) return;
    await woken;
    this.#wake = null;
  }

  /** {@inheritDoc FileCarrier.cancel} */
  cancel(): void {
    const { reactor } = this.#progress.network;
    if (this.#first >= 0) reactor.cancel(this.#first);
    if (this.#second >= 0) reactor.cancel(this.#second);
    if (this.#first < 0 && this.#second < 0) this.#wake?.();
  }

  /** {@inheritDoc FileCarrier.close} */
  async close(): Promise<void> {
    const { network, socket } = this.#progress;
    if (this.#flags >= 0) {
      await control(this.#progress, socket.descriptor, Fcntl.SETFL, this.#flags);
    }
    await network.close(this.#readEnd);
    await network.close(this.#writeEnd);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    const progress = this.#progress;
    if (tag === TAG_OUT) {
      this.#second = NONE;
      progress.moved(result);
      if (result > 0) this.#waiting -= result;
    } else {
      this.#first = NONE;
      if (result < 0) progress.failed(result);
      else if (tag === TAG_IN) {
        progress.read(result);
        this.#waiting += result;
      }
    }
    if (this.#first < 0 && this.#second < 0) this.#wake?.();
  }

  #submit(): boolean {
    const progress = this.#progress;
    const { network, socket } = progress;
    const { slots } = network.reactor;
    const tag = this.#waiting === 0 ? TAG_IN : TAG_POLL;
    const first = slots.takeBare(this, tag);
    const second = first < 0 ? NONE : slots.takeBare(this, TAG_OUT);
    if (second < 0) {
      if (first >= 0) slots.abandon(first);
      progress.failure = network.inFlightExceeded("sendFile");
      return false;
    }
    this.#first = first;
    this.#second = second;
    let bytes = this.#waiting;
    if (tag === TAG_IN) {
      bytes = Math.min(progress.left, this.#pipeBytes);
      this.#splice(LINK, first, progress.fd, progress.offset, this.#writeEnd, bytes);
    } else {
      const at = network.reactor.entry(Op.POLL_ADD | LINK, socket.descriptor, first);
      network.reactor.entries[at + W_OPERATION_FLAGS] = Poll.OUT;
    }
    this.#splice(0, second, this.#readEnd, NONE, socket.descriptor, bytes);
    return true;
  }

  #splice(
    flags: number,
    slot: number,
    from: number,
    offset: number,
    to: number,
    bytes: number,
  ): void {
    const { reactor } = this.#progress.network;
    const at = reactor.entry(Op.SPLICE | flags, to, slot);
    reactor.setLong(at + W_ADDRESS, offset);
    reactor.setLong(at + W_OFFSET, NONE);
    reactor.entries[at + W_LENGTH] = bytes;
    reactor.entries[at + W_FILE_INDEX] = from;
  }
}

async function openPipe({ network, socket }: FileProgress): Promise<[number, number]> {
  const ends: [number, number] = [NONE, NONE];
  const { reactor } = network;
  const result = await network.run(DriverOp.PIPE, -1, (_reactor, at, slot) => {
    reactor.setLong(at + W_ADDRESS, reactor.scratchOf(slot));
    reactor.entries[at + W_OPERATION_FLAGS] = Open.CLOEXEC;
  }, (slot) => {
    const first = reactor.scratchOf(slot) >> 2;
    ends[0] = reactor.memory.words[first];
    ends[1] = reactor.memory.words[first + 1];
  }, "sendFile");
  if (result < 0) throw netError(result, { operation: "sendFile", ...network.namesOf(socket) });
  return ends;
}

/** `fcntl(2)`. */
function control(
  { network }: FileProgress,
  fd: number,
  command: number,
  argument: number,
): Promise<number> {
  return network.run(
    DriverOp.FCNTL,
    fd,
    (reactor, at) => {
      reactor.entries[at + W_OPERATION_FLAGS] = command;
      reactor.entries[at + W_LENGTH] = argument;
    },
    undefined,
    "sendFile",
  );
}
