/**
 * Files without copies: SPLICE from the file into a pipe and from the pipe into the socket, which
 * then holds the pages of the file itself, `splice(2)`.
 *
 * A step is a chain of links:
 *
 * ```text
 *  the pipe is not empty:  POLL for room --> SPLICE pipe -> socket --> as below
 *  it is:                  SPLICE file -> pipe --> SPLICE pipe -> socket --> the same again
 * ```
 *
 * One that moves less than it was asked for breaks the chain, and what is behind it does nothing. In
 * either case there is one completion, of the last one that did something (`CQE_SKIP_SUCCESS`): the
 * program is not woken for every pipe full.
 *
 * The socket must not block meanwhile: the kernel's thread that splices would wait for the peer
 * otherwise, one thread for each slow peer.
 *
 * @module
 */

import { netError } from "../errors.ts";
import type { FileCarrier, FileProgress } from "./file_progress.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
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
/** Where pages of a file begin; an element of a pipe holds one at most. */
const PAGE_BYTES = 4096;
/** Pipes full in one chain: the fewer chains, the less is done besides moving bytes. */
const CHAIN_PAIRS = 8;
const QUIET_LINK = (SqeFlag.IO_LINK | SqeFlag.CQE_SKIP_SUCCESS) << 8;
const TAG_IN = 0;
const TAG_OUT = 1;
const TAG_POLL = 2;
const NONE = -1;

/** One entry of a chain. */
interface Link {
  readonly slot: number;
  readonly tag: number;
  /** Bytes it is to move. */
  readonly bytes: number;
}

/** Splices one file into one stream. */
export class FileSplicer implements FileCarrier, CompletionTarget {
  readonly #progress: FileProgress;
  readonly #readEnd: number;
  readonly #writeEnd: number;
  readonly #pipeBytes: number;
  /** Whether the file cannot be spliced: those that programs make as they are read, `proc(5)`. */
  isRefused = false;
  /** Bytes in the pipe. */
  #waiting = 0;
  /** The chain under way. */
  #chain: Link[] = [];
  #wake: (() => void) | null = null;

  private constructor(progress: FileProgress, ends: [number, number], bytes: number) {
    this.#progress = progress;
    [this.#readEnd, this.#writeEnd] = ends;
    this.#pipeBytes = bytes;
  }

  /** Whether the backend can splice. */
  static isSupported({ network }: FileProgress): boolean {
    const { supported } = network.reactor.driver;
    return supported[Op.SPLICE] === 1 && supported[DriverOp.PIPE] === 1;
  }

  /** Opens a pipe. */
  static async open(progress: FileProgress): Promise<FileSplicer> {
    const { network } = progress;
    const ends = await openPipe(progress);
    const size = await network.control(ends[1], Fcntl.SETPIPE_SZ, PIPE_BYTES, "sendFile")
      // A pipe of whatever size will do.
      .catch(() => 0);
    return new FileSplicer(progress, ends, size > 0 ? size : PIPE_BYTES_LEAST);
  }

  /** Whether everything that was read has left. */
  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  /** {@inheritDoc FileCarrier.step} */
  step(): Promise<void> {
    if (!this.#submit()) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** {@inheritDoc FileCarrier.cancel} */
  cancel(): void {
    // The one that runs is found; those behind it end with it.
    const { reactor } = this.#progress.network;
    for (const { slot } of this.#chain) reactor.cancel(slot);
  }

  /** {@inheritDoc FileCarrier.close} */
  async close(): Promise<void> {
    const { network } = this.#progress;
    await network.close(this.#readEnd);
    await network.close(this.#writeEnd);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, _flags: number, slot: number): void {
    const { slots } = this.#progress.network.reactor;
    const chain = this.#chain;
    this.#chain = [];
    let isBefore = true;
    for (const link of chain) {
      if (link.slot === slot) {
        isBefore = false;
        this.#ended(link.tag, result);
        continue;
      }
      slots.abandon(link.slot);
      if (isBefore) this.#ended(link.tag, link.bytes);
    }
    this.#wake?.();
  }

  #ended(tag: number, result: number): void {
    const progress = this.#progress;
    if (tag === TAG_OUT) {
      progress.moved(result);
      if (result > 0) this.#waiting -= result;
    } else if (tag === TAG_IN && result === -Errno.EINVAL) {
      this.isRefused = true;
    } else if (result < 0) {
      progress.failed(result);
    } else if (tag === TAG_IN) {
      progress.read(result);
      this.#waiting += result;
    }
  }

  /** Puts a chain into the ring. @returns whether there were slots for one */
  #submit(): boolean {
    const progress = this.#progress;
    const { network: { reactor }, socket, fd } = progress;
    const pairs = this.#takePairs(this.#plan());
    if (pairs.length === 0) {
      progress.failure = progress.network.inFlightExceeded("sendFile");
      return false;
    }
    this.#chain = pairs.flat();
    let { offset } = progress;
    for (const [before, out] of pairs) {
      if (before.tag === TAG_POLL) {
        const at = reactor.entry(Op.POLL_ADD | QUIET_LINK, socket.descriptor, before.slot);
        reactor.entries[at + W_OPERATION_FLAGS] = Poll.OUT;
      } else {
        this.#splice(QUIET_LINK, before, fd, offset, this.#writeEnd);
        offset += before.bytes;
      }
      const isLast = out === this.#chain.at(-1);
      this.#splice(isLast ? 0 : QUIET_LINK, out, this.#readEnd, NONE, socket.descriptor);
    }
    return true;
  }

  /** How many bytes each pair of links is to move: what is in the pipe, then pipes full. */
  #plan(): number[] {
    const { left, offset, network } = this.#progress;
    const plan: number[] = [];
    if (this.#waiting > 0) plan.push(this.#waiting);
    // Up to where a page begins, so that those behind it fill the pipe whole.
    let most = this.#pipeBytes - offset % PAGE_BYTES;
    for (let planned = 0; planned < left && plan.length < CHAIN_PAIRS; most = this.#pipeBytes) {
      plan.push(Math.min(left - planned, most));
      planned += plan.at(-1)!;
    }
    // A chain that a full queue cuts is two, which would run beside one another.
    return plan.slice(0, Math.max(1, network.reactor.room >> 1));
  }

  /** Takes slots for what was planned, or for as much of it as there are slots. */
  #takePairs(plan: readonly number[]): [Link, Link][] {
    const { slots } = this.#progress.network.reactor;
    const pairs: [Link, Link][] = [];
    for (const bytes of plan) {
      const tag = pairs.length === 0 && this.#waiting > 0 ? TAG_POLL : TAG_IN;
      const before = slots.takeBare(this, tag);
      const out = before < 0 ? NONE : slots.takeBare(this, TAG_OUT);
      if (out >= 0) {
        pairs.push([{ slot: before, tag, bytes }, { slot: out, tag: TAG_OUT, bytes }]);
        continue;
      }
      if (before >= 0) slots.abandon(before);
      break;
    }
    return pairs;
  }

  #splice(flags: number, link: Link, from: number, offset: number, to: number): void {
    const { reactor } = this.#progress.network;
    const at = reactor.entry(Op.SPLICE | flags, to, link.slot);
    reactor.setLong(at + W_ADDRESS, offset);
    reactor.setLong(at + W_OFFSET, NONE);
    reactor.entries[at + W_LENGTH] = link.bytes;
    reactor.entries[at + W_FILE_INDEX] = from;
  }
}

async function openPipe({ network, socket }: FileProgress): Promise<[number, number]> {
  const ends: [number, number] = [NONE, NONE];
  const { reactor } = network;
  const result = await network.run(DriverOp.PIPE, -1, (_reactor, at, slot) => {
    reactor.setLong(at + W_ADDRESS, reactor.scratchOf(slot));
    reactor.entries[at + W_OPERATION_FLAGS] = Open.CLOEXEC;
  }, (slot, result) => {
    if (result < 0) return;
    const first = reactor.scratchOf(slot) >> 2;
    ends[0] = reactor.memory.words[first];
    ends[1] = reactor.memory.words[first + 1];
    for (const end of ends) network.opened(end);
  }, "sendFile");
  if (result < 0) throw netError(result, { operation: "sendFile", ...network.namesOf(socket) });
  return ends;
}
