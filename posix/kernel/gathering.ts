/**
 * Receives that gather: `MSG_WAITALL`.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import type { DescriptorState } from "./descriptor_state.ts";
import { mustWait, ReadinessWait, type WaitContext } from "./readiness_wait.ts";
import { MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_WAITALL } from "../constants/mod.ts";
import { AF_UNIX, POLLIN, POLLPRI, SIOCATMARK, SOCK_STREAM } from "../constants/mod.ts";
import { SO_DOMAIN, SO_RCVTIMEO, SO_TYPE } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Whether a receive waits for more, and how. */
export class Gathering {
  readonly #context: WaitContext;
  readonly #state: DescriptorState;

  constructor(context: WaitContext, state: DescriptorState) {
    this.#context = context;
    this.#state = state;
  }

  /** Whether a receive that did not wait is all there is to it. */
  isDone(fd: number, count: number, length: number, flags: number): boolean {
    if (count < 0 && !mustWait(count)) return true;
    const isPart = count < 0 || ((flags & MSG_WAITALL) !== 0 && count > 0 && count < length);
    return !isPart || !this.#mayWait(fd, flags);
  }

  /** Whether `MSG_WAITALL` means something: Linux waits for no more than is there to be looked at. */
  isMeant(fd: number, flags: number): boolean {
    const state = this.#state;
    if ((flags & MSG_WAITALL) === 0) return false;
    if (state.option(fd, SO_TYPE) !== SOCK_STREAM) return false;
    return (flags & MSG_PEEK) === 0 || state.option(fd, SO_DOMAIN) !== AF_UNIX;
  }

  /**
   * Until everything is there, or the urgent mark or the end is reached, or there is
   * an error, or the time is over.
   */
  receive(
    fd: number,
    length: number,
    flags: number,
    first: number,
    once: (total: number) => number,
  ): Outcome {
    const isPeek = (flags & MSG_PEEK) !== 0;
    let total = Math.max(0, first);
    if (total > 0 && this.#stopsAtMark(fd, isPeek)) return total;
    return new ReadinessWait(this.#context, {
      fd,
      // The mark may be the next thing that comes, and makes nothing readable.
      get events() {
        return total > 0 ? POLLIN | POLLPRI : POLLIN;
      },
      timeoutMs: this.#state.timeoutOf(fd, SO_RCVTIMEO),
      attempt: () => {
        if (total > 0 && this.#stopsAtMark(fd, isPeek)) return total;
        const count = once(isPeek ? 0 : total);
        if (count < 0) return mustWait(count) || total === 0 ? count : total;
        total = isPeek ? count : total + count;
        const isEnd = count === 0 || (isPeek && this.#state.hasEnded(fd));
        return total >= length || isEnd || this.#stopsAtMark(fd, isPeek) ? total : -Errno.EAGAIN;
      },
      ended: (errno) => total > 0 ? total : -errno,
    });
  }

  /** Errors and urgent data are there or not, for sockets that know them; others wait for data. */
  #mayWait(fd: number, flags: number): boolean {
    const state = this.#state;
    if ((flags & MSG_DONTWAIT) !== 0) return false;
    if ((flags & MSG_OOB) !== 0 && state.option(fd, SO_TYPE) === SOCK_STREAM) return false;
    if ((flags & MSG_ERRQUEUE) !== 0 && state.option(fd, SO_DOMAIN) !== AF_UNIX) return false;
    return !state.isNonBlocking(fd);
  }

  /**
   * Whether what was received ends at the urgent mark, which no call reads across. What was looked at
   * is still there: it begins at the mark where that was passed over.
   */
  #stopsAtMark(fd: number, isPeek: boolean): boolean {
    const { calls } = this.#context;
    calls.words.length = 0;
    if (calls.ioctl(fd, SIOCATMARK) < 0) return false;
    const isAtMark = calls.words.length !== 0;
    return isPeek ? !isAtMark && this.#state.ready(fd, POLLPRI) !== 0 : isAtMark;
  }
}
