/**
 * Accepting and connecting without waiting on descriptors that block: the kernel has no flag for
 * that in `accept4(2)` and `connect(2)`, and to set `O_NONBLOCK` for a moment would show on every
 * other thread and process that has the same file open. io_uring has one; where it is too old, the
 * operation is begun and cancelled.
 *
 * The ring is opened by the first call that needs it. Nothing is in flight between calls.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";
import { lastErrno, SYS_IO_URING_ENTER } from "./libc.ts";
import { BEST_ATTEMPTS, type KernelRing, locate, startRing } from "./setup.ts";
import { WAKE_PLAN } from "../options.ts";
import { CompletionQueue } from "../../ring/completion.ts";
import { RingMemory } from "../../ring/memory.ts";
import { SubmissionQueue } from "../../ring/submission.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_FD,
  W_OFFSET,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { EnterFlag, IoPrio, Op } from "../../ring/abi/opcodes.ts";

/** User data of the operation, and of its cancellation. */
const OPERATION = 1;
const CANCELLATION = 2;
const NAME_ROOM = 128;

type Bytes = Uint8Array<ArrayBufferLike>;

/** A ring of its own whose operations end within the call that makes them. */
export class InstantRing {
  /** The length of the name that {@linkcode InstantRing.accept} was told. */
  nameLength = 0;
  readonly #descriptors: Descriptors;
  readonly #mayDontWait: boolean;
  #parts: Parts | null = null;
  #result = 0;
  #pending = 0;

  /** @param features `hasDontWait`: false to do without what Linux 6.10 has */
  constructor(descriptors: Descriptors, features: { readonly hasDontWait?: boolean } = {}) {
    this.#descriptors = descriptors;
    this.#mayDontWait = features.hasDontWait ?? true;
  }

  /** `accept4(2)` that never waits. @returns a descriptor, or `-errno`: EAGAIN for "none is there" */
  accept(fd: number, name: Bytes | null, room: number, flags: number): number {
    const parts = this.#open();
    if (typeof parts === "number") return parts;
    const { memory, submissions } = parts;
    const at = submissions.acquire();
    const words = submissions.entries;
    const priority = parts.hasDontWait ? IoPrio.ACCEPT_DONTWAIT : 0;
    words[at] = Op.ACCEPT | (priority << 16);
    words[at + W_FD] = fd;
    words[at + W_OPERATION_FLAGS] = flags;
    words[at + W_USER_DATA] = OPERATION;
    const offset = memory.at.arena;
    if (name !== null) {
      setLong(words, at + W_ADDRESS, memory.base + offset);
      setLong(words, at + W_OFFSET, memory.base + offset + NAME_ROOM);
      memory.words[(offset + NAME_ROOM) >> 2] = Math.min(room, NAME_ROOM);
    }
    const result = this.#run(parts, -Errno.EAGAIN);
    if (result >= 0 && name !== null) {
      this.nameLength = memory.words[(offset + NAME_ROOM) >> 2];
      const length = Math.min(this.nameLength, room, NAME_ROOM);
      for (let index = 0; index < length; index++) name[index] = memory.bytes[offset + index];
    }
    return result;
  }

  /** `connect(2)` that never waits. @returns 0 or `-errno`: EINPROGRESS where it goes on by itself */
  connect(fd: number, name: Bytes, length: number): number {
    const parts = this.#open();
    if (typeof parts === "number") return parts;
    const { memory, submissions } = parts;
    if (length < 0 || length > NAME_ROOM) return -Errno.EINVAL;
    const at = submissions.acquire();
    const words = submissions.entries;
    words[at] = Op.CONNECT;
    words[at + W_FD] = fd;
    words[at + W_USER_DATA] = OPERATION;
    for (let index = 0; index < length; index++) {
      memory.bytes[memory.at.arena + index] = name[index];
    }
    setLong(words, at + W_ADDRESS, memory.base + memory.at.arena);
    words[at + W_OFFSET] = length;
    return this.#run(parts, -Errno.EINPROGRESS);
  }

  /** Closes the ring, if there is one. */
  close(): void {
    const parts = this.#parts;
    this.#parts = null;
    if (parts === null) return;
    this.#descriptors.close(parts.ring.fd);
    parts.ring.unmap();
  }

  /** Submits what was prepared; what does not end at once is cancelled. */
  #run(parts: Parts, cancelled: number): number {
    this.#result = -Errno.ECANCELED;
    this.#pending = 1;
    this.#enter(parts, 0);
    if (this.#pending === 0) return this.#result;
    const { submissions } = parts;
    const at = submissions.acquire();
    const words = submissions.entries;
    words[at] = Op.ASYNC_CANCEL;
    words[at + W_FD] = -1;
    words[at + W_ADDRESS] = OPERATION;
    words[at + W_USER_DATA] = CANCELLATION;
    this.#pending = 2;
    // The target's own completion tells the outcome, and a cancelled one's is not far behind.
    while (this.#pending > 0) this.#enter(parts, this.#pending);
    const result = this.#result;
    return result === -Errno.ECANCELED || result === -Errno.EINTR ? cancelled : result;
  }

  #enter(parts: Parts, wait: number): void {
    const { completions, ring, submissions } = parts;
    const { libc } = this.#descriptors;
    const pending = submissions.publish();
    const entered = libc.enter(
      SYS_IO_URING_ENTER,
      ring.fd,
      pending,
      wait,
      EnterFlag.GETEVENTS,
      null,
    );
    if (entered < 0) {
      const errno = lastErrno();
      if (errno !== Errno.EINTR) throw new Error(`the ring cannot be entered: errno ${errno}`);
    }
    completions.drain(this, 8);
  }

  /** {@inheritDoc CompletionSink.complete} */
  complete(userData: number, _high: number, result: number): void {
    this.#pending--;
    if (userData === OPERATION) this.#result = result;
  }

  /** @returns the ring, or why there is none as `-errno` */
  #open(): Parts | number {
    if (this.#parts !== null) return this.#parts;
    const { libc, table } = this.#descriptors;
    const memory = RingMemory.create(WAKE_PLAN, locate);
    // In memory of the kernel's: a Worker that is terminated takes its own memory with it.
    const ring = startRing(libc, memory, BEST_ATTEMPTS, { noMmap: true });
    if (typeof ring === "number") return ring;
    table?.note(ring.fd);
    const parts: Parts = {
      memory,
      ring,
      submissions: new SubmissionQueue(ring.geometry),
      completions: new CompletionQueue(ring.geometry),
      hasDontWait: this.#mayDontWait,
    };
    this.#parts = parts;
    // An unknown flag is found before the descriptor is looked at.
    if (this.#mayDontWait) parts.hasDontWait = this.accept(-1, null, 0, 0) === -Errno.EBADF;
    return parts;
  }
}

interface Parts {
  readonly memory: RingMemory;
  readonly ring: KernelRing;
  readonly submissions: SubmissionQueue;
  readonly completions: CompletionQueue;
  /** `IORING_ACCEPT_DONTWAIT`, Linux 6.10. */
  hasDontWait: boolean;
}
