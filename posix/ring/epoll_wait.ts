/**
 * `epoll_wait`: looks at what is ready, and waits for edges.
 *
 * @module
 */

import type { EpollSet } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import type { CandidateListener, Epoll, Interest } from "./epoll.ts";
import type { EpollLook } from "./epoll_look.ts";
import { afterRound } from "./round.ts";
import { Wait } from "./wait.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** A wait that is under way. */
export class EpollWait extends Wait implements CandidateListener {
  protected override keepsAlive: boolean;
  readonly #epoll: Epoll;
  readonly #into: EpollSet;
  readonly #maxevents: number;
  #look: EpollLook | null = null;
  /** Those with events, and which. */
  #found: Map<Interest, number> = new Map();
  #isLate: boolean;
  /** Whether what was ready from the start is known: looked at, and found out within a round. */
  #isLooked = false;
  #isRoundOver: boolean;

  /** @param timeoutMs milliseconds, -1 for ever */
  constructor(
    ring: BlockingRing,
    epoll: Epoll,
    into: EpollSet,
    maxevents: number,
    timeoutMs: number,
  ) {
    super(ring);
    this.#epoll = epoll;
    this.#into = into;
    this.#maxevents = maxevents;
    this.#isLate = timeoutMs === 0;
    const { isRemote } = epoll;
    this.keepsAlive = isRemote || timeoutMs >= 0;
    this.#isRoundOver = !isRemote;
    epoll.followers.add(this);
    if (isRemote) {
      afterRound(ring, () => {
        this.#isRoundOver = true;
        this.#check();
      });
    }
    this.#look = epoll.look((found) => this.#looked(found));
    if (timeoutMs > 0) this.limit(timeoutMs);
  }

  /** {@inheritDoc CandidateListener.onCandidate} */
  onCandidate(interest: Interest, events: number): void {
    this.#found.set(interest, events);
    this.#check();
  }

  /** {@inheritDoc CandidateListener.onEnd} */
  onEnd(): void {
    this.interrupt(Errno.EBADF);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    this.settle(-errno);
  }

  protected override expire(): void {
    this.#isLate = true;
    this.#check();
  }

  protected override settle(result: number): void {
    this.#epoll.followers.delete(this);
    this.#look?.cancel();
    super.settle(result);
  }

  #looked(found: Map<Interest, number>): void {
    this.#look = null;
    this.#isLooked = true;
    const { candidates } = this.#epoll;
    for (const interest of [...candidates]) {
      const events = found.get(interest) ?? this.#found.get(interest);
      if (events !== undefined) this.#found.set(interest, events);
      // What it told is over; its watch tells of what comes.
      else candidates.delete(interest);
    }
    this.#check();
  }

  #check(): void {
    if (!this.#isLooked || !this.#isRoundOver || this.isDone) return;
    const count = this.#report();
    if (count > 0 || this.#isLate) this.settle(count);
  }

  #report(): number {
    const { candidates } = this.#epoll;
    let count = 0;
    for (const interest of [...candidates]) {
      if (count === this.#maxevents) break;
      const events = (this.#found.get(interest) ?? 0) & interest.wanted;
      if (events === 0) continue;
      this.#into.events[count] = events;
      this.#into.data[count] = interest.data;
      count++;
      this.#epoll.report(interest);
    }
    return count;
  }
}
