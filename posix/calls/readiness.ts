/**
 * Waiting for readiness: `poll`, `select` and `epoll`.
 *
 * @module
 */

import { Kind } from "../authority.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  FD_SETSIZE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from "../constants/mod.ts";
import type { Core, Step } from "../core.ts";
import { andThen, type EpollSet, type Outcome, type PollSet } from "../engine.ts";
import type { FdSet } from "../fd_set.ts";
import type { EpollEvent, Pollfd, Timespec, Timeval } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { isTimespec } from "./messages.ts";

/** What makes a bit of each set of `select`. Source: select(2), "Correspondence". */
const READ_EVENTS = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
const WRITE_EVENTS = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
const EXCEPT_EVENTS = POLLPRI;
/** Events of one call, at most; what the kernel would take beyond is not of use. */
const EVENTS_MAX = 65536;

/** `poll(2)`. */
export function poll(core: Core, fds: Pollfd[], timeout: number): Step<number> {
  return pollFor(core, "poll", fds, timeout < 0 ? -1 : timeout);
}

/** `ppoll(2)`. */
export function ppoll(core: Core, fds: Pollfd[], timeout: Timespec | null): Step<number> {
  if (timeout !== null && !isTimespec(timeout)) core.fail("ppoll", Errno.EINVAL);
  const timeoutMs = timeout === null ? -1 : timeout.sec * 1000 + timeout.nsec / 1e6;
  return pollFor(core, "ppoll", fds, timeoutMs);
}

function pollFor(core: Core, call: string, fds: Pollfd[], timeoutMs: number): Step<number> {
  if (fds.length > core.descriptors.maximum + 3) core.fail(call, Errno.EINVAL);
  const asked = new Asked(core, fds.length);
  for (const { fd, events } of fds) asked.add(fd, events);
  return core.step(call, -1, asked.poll(timeoutMs), () => {
    for (let index = 0; index < fds.length; index++) fds[index].revents = asked.result(index);
    return asked.ready;
  });
}

/** `select(2)`. */
export function select(
  core: Core,
  nfds: number,
  readfds: FdSet | null,
  writefds: FdSet | null,
  exceptfds: FdSet | null,
  timeout: Timeval | null = null,
): Step<number> {
  if (!Number.isInteger(nfds) || nfds < 0) core.fail("select", Errno.EINVAL);
  if (timeout !== null && (timeout.sec < 0 || timeout.usec < 0)) core.fail("select", Errno.EINVAL);
  const end = Math.min(nfds, FD_SETSIZE);
  const fds: number[] = [];
  const asked = new Asked(core, end);
  for (let fd = 0; fd < end; fd++) {
    const events = (readfds?.has(fd) ? READ_EVENTS : 0) | (writefds?.has(fd) ? WRITE_EVENTS : 0) |
      (exceptfds?.has(fd) ? EXCEPT_EVENTS : 0);
    if (events === 0) continue;
    if (core.descriptors.handle(fd) < 0) core.fail("select", Errno.EBADF);
    fds.push(fd);
    asked.add(fd, events);
  }
  const began = performance.now();
  const timeoutMs = timeout === null ? -1 : timeout.sec * 1000 + timeout.usec / 1000;
  return core.step("select", -1, asked.poll(timeoutMs), () => {
    if (timeout !== null) keepRemaining(timeout, timeoutMs - (performance.now() - began));
    let bits = 0;
    for (let index = 0; index < fds.length; index++) {
      const events = asked.result(index);
      bits += keepBit(readfds, fds[index], (events & READ_EVENTS) !== 0);
      bits += keepBit(writefds, fds[index], (events & WRITE_EVENTS) !== 0);
      bits += keepBit(exceptfds, fds[index], (events & EXCEPT_EVENTS) !== 0);
    }
    return bits;
  });
}

/** `epoll_ctl(2)`. */
export function epollControl(
  core: Core,
  epfd: number,
  operation: number,
  fd: number,
  event: EpollEvent | null = null,
): Step<void> {
  const call = "epoll_ctl";
  const isRemoval = operation === EPOLL_CTL_DEL;
  if (event === null && !isRemoval) core.fail(call, Errno.EFAULT);
  const epoll = core.handle(call, epfd);
  const handle = core.handle(call, fd);
  const isKnown = isRemoval || operation === EPOLL_CTL_ADD || operation === EPOLL_CTL_MOD;
  if (epfd === fd || core.descriptors.kind(epfd) !== Kind.EPOLL || !isKnown) {
    core.fail(call, Errno.EINVAL);
  }
  const data = event?.data ?? 0;
  if (!Number.isSafeInteger(data) || data < 0) core.fail(call, Errno.EINVAL);
  const events = (event?.events ?? 0) >>> 0;
  const outcome = core.engine.epollControl(epoll, operation, handle, events, data);
  return core.step(call, -1, outcome, () => {});
}

/** `epoll_wait(2)`. */
export function epollWait(
  core: Core,
  epfd: number,
  events: EpollEvent[],
  maxevents: number,
  timeout: number,
): Step<number> {
  const call = "epoll_wait";
  const isCount = Number.isInteger(maxevents) && maxevents > 0;
  if (!isCount) core.fail(call, Errno.EINVAL);
  const epoll = core.handle(call, epfd);
  if (core.descriptors.kind(epfd) !== Kind.EPOLL) core.fail(call, Errno.EINVAL);
  const most = Math.min(maxevents, EVENTS_MAX);
  const into = takeSet(most);
  const outcome = core.engine.epollWait(epoll, into, most, timeout < 0 ? -1 : timeout);
  if (typeof outcome === "number") {
    const count = core.check(call, outcome);
    writeEvents(into, events, count);
    spareSet = into;
    return count;
  }
  return finishWait(core, epfd, outcome, into, events);
}

/** A function of its own: what closures use is allocated where a function begins. */
function finishWait(
  core: Core,
  epfd: number,
  outcome: Outcome,
  into: EpollSet,
  events: EpollEvent[],
): Step<number> {
  return core.step("epoll_wait", epfd, outcome, (count) => {
    writeEvents(into, events, count);
    spareSet = into;
    return count;
  });
}

/** One that no call of this thread uses now. */
let spareSet: EpollSet | null = null;

function takeSet(most: number): EpollSet {
  const spare = spareSet;
  if (spare !== null && spare.data.length >= most) {
    spareSet = null;
    return spare;
  }
  return { events: new Uint32Array(most), data: new Float64Array(most) };
}

function writeEvents(from: EpollSet, events: EpollEvent[], count: number): void {
  for (let index = 0; index < count; index++) {
    const event = events[index];
    if (event === undefined) {
      events[index] = { events: from.events[index], data: from.data[index] };
    } else {
      event.events = from.events[index];
      event.data = from.data[index];
    }
  }
}

/** What is asked for several descriptors; those that are not open are known to be `POLLNVAL`. */
class Asked implements PollSet {
  count = 0;
  ready = 0;
  readonly handles: Int32Array<ArrayBuffer>;
  readonly events: Uint16Array<ArrayBuffer>;
  readonly results: Uint16Array<ArrayBuffer>;
  readonly #core: Core;
  readonly #invalid: boolean[] = [];
  #invalidCount = 0;

  constructor(core: Core, most: number) {
    this.#core = core;
    this.handles = new Int32Array(most);
    this.events = new Uint16Array(most);
    this.results = new Uint16Array(most);
  }

  add(fd: number, events: number): void {
    const handle = fd < 0 ? -1 : this.#core.descriptors.handle(fd);
    const isInvalid = fd >= 0 && handle < 0;
    this.#invalid.push(isInvalid);
    if (isInvalid) this.#invalidCount++;
    this.handles[this.count] = handle;
    this.events[this.count++] = events;
  }

  /** What a descriptor's turn brought. */
  result(index: number): number {
    return this.#invalid[index] ? POLLNVAL : this.handles[index] < 0 ? 0 : this.results[index];
  }

  /** Waits; an invalid descriptor is an event, so that nothing is waited for then. */
  poll(timeoutMs: number): Outcome {
    const waitMs = this.#invalidCount > 0 ? 0 : timeoutMs;
    return andThen(this.#core.engine.poll(this, waitMs), (found) => {
      if (found >= 0) this.ready = found + this.#invalidCount;
      return found;
    });
  }
}

function keepBit(set: FdSet | null, fd: number, isReady: boolean): number {
  if (set === null || !set.has(fd)) return 0;
  if (isReady) return 1;
  set.clear(fd);
  return 0;
}

function keepRemaining(timeout: Timeval, remainingMs: number): void {
  const microseconds = Math.max(0, Math.floor(remainingMs * 1000));
  timeout.sec = Math.floor(microseconds / 1e6);
  timeout.usec = microseconds % 1e6;
}
