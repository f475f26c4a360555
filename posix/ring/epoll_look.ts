/**
 * A look at the candidates of an epoll: what is there now.
 *
 * @module
 */

import type { Interest } from "./epoll.ts";
import { type Watch, WatchMode } from "./watch.ts";

/** One look at several files. */
export class EpollLook {
  readonly #found: Map<Interest, number> = new Map();
  readonly #watches: Watch[] = [];
  readonly #done: (found: Map<Interest, number>) => void;
  #left: number;

  /** @param done called once, now or later, with those that have events */
  constructor(interests: readonly Interest[], done: (found: Map<Interest, number>) => void) {
    this.#done = done;
    // One more, so that nothing is done before all are asked.
    this.#left = interests.length + 1;
    for (const interest of interests) this.#ask(interest);
    this.#count();
  }

  /** Ends it: nothing is told any more. */
  cancel(): void {
    this.#left = -1;
    for (const watch of this.#watches) watch.cancel();
  }

  #ask(interest: Interest): void {
    const sink = {
      onEvents: (events: number) => {
        if (events !== 0) this.#found.set(interest, events);
        this.#count();
      },
    };
    const watch = interest.file.watch(WatchMode.CHECK, interest.wanted, sink);
    if (watch === null) this.#count();
    else this.#watches.push(watch);
  }

  #count(): void {
    if (--this.#left === 0) this.#done(this.#found);
  }
}
