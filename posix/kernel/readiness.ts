/**
 * `poll` and `epoll` of the kernel, in slices.
 *
 * @module
 */

import type { EpollSet, Guard, Outcome, PollSet, Waiting } from "../engine.ts";
import { ReadinessWait, SLICE_MS, type WaitContext } from "./readiness_wait.ts";
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, POLLIN } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const POLLFD_BYTES = 8;
/** `struct epoll_event` is packed on x86-64 only. Source: `linux/eventpoll.h`. */
const EVENT_DATA: number = Deno.build.arch === "x86_64" ? 4 : 8;
const EVENT_BYTES: number = EVENT_DATA + 8;
const HIGH = 4294967296;

/** Waits for readiness of several descriptors. */
export class Readiness {
  readonly #context: WaitContext;
  readonly #event = new DataView(new ArrayBuffer(16));
  readonly #eventBytes = new Uint8Array(this.#event.buffer);
  #events = new DataView(new ArrayBuffer(64 * EVENT_BYTES));
  #eventsBytes = new Uint8Array(this.#events.buffer);

  constructor(context: WaitContext) {
    this.#context = context;
  }

  /** `poll(2)`. */
  poll(set: PollSet, timeoutMs: number): Outcome {
    const look = new PollLook(this.#context, set);
    const count = look.once(0);
    if (count !== 0 || timeoutMs === 0) return count;
    return new PollWait(this.#context, look, set, timeoutMs < 0 ? Infinity : timeoutMs);
  }

  /** `epoll_create1(2)`. */
  create(): Outcome {
    return this.#context.calls.epoll_create1(EPOLL_CLOEXEC);
  }

  /** `epoll_ctl(2)`. */
  control(epoll: number, operation: number, fd: number, events: number, data: number): Outcome {
    const event = this.#event;
    event.setUint32(0, events, true);
    event.setUint32(EVENT_DATA, data % HIGH, true);
    event.setUint32(EVENT_DATA + 4, Math.floor(data / HIGH), true);
    return this.#context.calls.epoll_ctl(epoll, operation, fd, this.#eventBytes);
  }

  /** `epoll_wait(2)`. */
  wait(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): Outcome {
    const count = this.#take(epoll, into, maxevents, 0);
    if (count !== 0 || timeoutMs === 0) return count;
    return this.#waitOn(epoll, into, maxevents, timeoutMs);
  }

  /** A method of its own: what closures use is allocated where a function begins. */
  #waitOn(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): Outcome {
    const attemptWithin = (sliceMs: number): number => {
      const found = this.#take(epoll, into, maxevents, sliceMs);
      return found === 0 ? -Errno.EAGAIN : found;
    };
    return new ReadinessWait(this.#context, {
      fd: epoll,
      events: POLLIN,
      timeoutMs: timeoutMs < 0 ? Infinity : timeoutMs,
      isInterruptible: true,
      attempt: () => attemptWithin(0),
      attemptWithin,
      ended: (errno) => errno === Errno.EAGAIN ? 0 : -errno,
    });
  }

  #take(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): number {
    if (maxevents * EVENT_BYTES > this.#events.byteLength && maxevents > 0) this.#grow(maxevents);
    const { calls } = this.#context;
    const count = calls.epoll_wait(epoll, this.#eventsBytes, maxevents, timeoutMs);
    const events = this.#events;
    for (let index = 0, at = 0; index < count; index++, at += EVENT_BYTES) {
      into.events[index] = events.getUint32(at, true);
      const low = events.getUint32(at + EVENT_DATA, true);
      into.data[index] = low + events.getUint32(at + EVENT_DATA + 4, true) * HIGH;
    }
    return count;
  }

  #grow(maxevents: number): void {
    this.#events = new DataView(new ArrayBuffer(maxevents * EVENT_BYTES));
    this.#eventsBytes = new Uint8Array(this.#events.buffer);
  }
}

/** The `struct pollfd`s of one call. */
class PollLook {
  readonly #context: WaitContext;
  readonly #set: PollSet;
  readonly #view: DataView<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(context: WaitContext, set: PollSet) {
    this.#context = context;
    this.#set = set;
    this.#view = new DataView(new ArrayBuffer(Math.max(1, set.count) * POLLFD_BYTES));
    this.#bytes = new Uint8Array(this.#view.buffer);
    for (let index = 0; index < set.count; index++) {
      this.#view.setInt32(index * POLLFD_BYTES, set.handles[index], true);
      this.#view.setUint16(index * POLLFD_BYTES + 4, set.events[index], true);
    }
  }

  /** Looks, and waits no longer than said. @returns descriptors with events, or `-errno` */
  once(timeoutMs: number): number {
    const set = this.#set;
    const count = this.#context.calls.poll(this.#bytes, set.count, timeoutMs);
    for (let index = 0; count >= 0 && index < set.count; index++) {
      set.results[index] = this.#view.getUint16(index * POLLFD_BYTES + 6, true);
    }
    return count;
  }
}

class PollWait implements Waiting {
  /** {@inheritDoc Waiting.guard} */
  guard: Guard | null = null;
  readonly #context: WaitContext;
  readonly #look: PollLook;
  readonly #set: PollSet;
  readonly #until: number;

  constructor(context: WaitContext, look: PollLook, set: PollSet, timeoutMs: number) {
    this.#context = context;
    this.#look = look;
    this.#set = set;
    this.#until = timeoutMs === Infinity ? Infinity : context.now() + timeoutMs;
  }

  /** {@inheritDoc Waiting.block} */
  block(): number {
    while (true) {
      const remainingMs = this.#until === Infinity ? SLICE_MS : this.#until - this.#context.now();
      if (remainingMs <= 0) return this.#look.once(0);
      const count = this.#look.once(Math.ceil(Math.min(SLICE_MS, remainingMs)));
      if (count !== 0) return count;
    }
  }

  /** {@inheritDoc Waiting.later} */
  async later(): Promise<number> {
    const { calls } = this.#context;
    const epoll = calls.epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return epoll;
    try {
      const failed = this.#watch(epoll);
      if (failed < 0) return failed;
      const wait = new ReadinessWait(this.#context, {
        fd: epoll,
        events: POLLIN,
        timeoutMs: this.#until === Infinity ? Infinity : this.#until - this.#context.now(),
        attempt: () => {
          const count = this.#look.once(0);
          return count === 0 ? -Errno.EAGAIN : count;
        },
        ended: (errno) => errno === Errno.EAGAIN ? this.#look.once(0) : -errno,
      });
      wait.guard = this.guard;
      return await wait.later();
    } finally {
      calls.close(epoll);
    }
  }

  /** One descriptor stands for all: an epoll of them, in which each may be only once. */
  #watch(epoll: number): number {
    const { count, handles, events } = this.#set;
    const wanted = new Map<number, number>();
    for (let index = 0; index < count; index++) {
      const fd = handles[index];
      if (fd >= 0) wanted.set(fd, (wanted.get(fd) ?? 0) | events[index]);
    }
    const event = new DataView(new ArrayBuffer(16));
    for (const [fd, mask] of wanted) {
      event.setUint32(0, mask, true);
      const bytes = new Uint8Array(event.buffer);
      const result = this.#context.calls.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, bytes);
      if (result < 0) return result;
    }
    return 0;
  }
}
