/**
 * Watching an epoll itself: it is readable when a wait on it would report something.
 *
 * @module
 */

import type { CandidateListener, Epoll, Interest } from "./epoll.ts";
import type { EpollLook } from "./epoll_look.ts";
import { type Watch, WatchMode, type WatchSink } from "./watch.ts";
import { EPOLLIN, EPOLLRDNORM, POLLNVAL } from "../constants/mod.ts";

const READABLE: number = EPOLLIN | EPOLLRDNORM;

/** A watch on an epoll. */
export class EpollWatch implements Watch, CandidateListener {
  readonly #epoll: Epoll;
  readonly #mode: WatchMode;
  readonly #held: number;
  #sink: WatchSink | null;
  #look: EpollLook | null = null;

  constructor(epoll: Epoll, mode: WatchMode, events: number, sink: WatchSink) {
    this.#epoll = epoll;
    this.#mode = mode;
    this.#held = READABLE & events;
    this.#sink = sink;
    if (mode !== WatchMode.CHECK && this.#held !== 0) epoll.followers.add(this);
    this.#look = epoll.look((found) => this.#looked(found));
  }

  /** {@inheritDoc Watch.cancel} */
  cancel(): void {
    this.#sink = null;
    this.#epoll.followers.delete(this);
    this.#look?.cancel();
    this.#look = null;
  }

  /** {@inheritDoc CandidateListener.onCandidate} */
  onCandidate(_interest: Interest, _events: number): void {
    this.#tell();
  }

  /** {@inheritDoc CandidateListener.onEnd} */
  onEnd(): void {
    const sink = this.#sink;
    this.cancel();
    if (this.#mode === WatchMode.ONCE) sink?.onEvents(POLLNVAL);
  }

  #looked(found: Map<Interest, number>): void {
    this.#look = null;
    const isReady = found.size > 0 && this.#held !== 0;
    if (isReady) this.#tell();
    else if (this.#mode === WatchMode.CHECK) this.#sink?.onEvents(0);
  }

  #tell(): void {
    const sink = this.#sink;
    if (this.#mode !== WatchMode.EDGES) this.cancel();
    sink?.onEvents(this.#held);
  }
}
