/**
 * Files that this engine makes itself: whether they are ready is known at once.
 *
 * @module
 */

import { OpenFile } from "./open_file.ts";
import { POLLNVAL } from "../constants/mod.ts";
import { ALWAYS, type Watch, WatchMode, type WatchSink } from "./watch.ts";

/** A file whose events are known. */
export abstract class LocalFile extends OpenFile {
  readonly #watches = new Set<LocalWatch>();

  /** The events that hold now. */
  abstract get events(): number;

  /** {@inheritDoc OpenFile.watch} */
  watch(mode: WatchMode, events: number, sink: WatchSink): Watch {
    const watch = new LocalWatch(this.#watches, mode, events | ALWAYS, sink);
    const held = this.events & watch.wanted;
    if (mode === WatchMode.CHECK) {
      sink.onEvents(held);
      return watch;
    }
    this.#watches.add(watch);
    if (held !== 0) watch.tell(held);
    return watch;
  }

  /** Tells whoever watches for one of `events` what holds now. */
  protected wake(events: number): void {
    for (const watch of [...this.#watches]) {
      const held = this.events & watch.wanted;
      if ((events & watch.wanted) !== 0 && held !== 0) watch.tell(held);
    }
  }

  /** Ends the watches of those who wait: there is nothing to come any more. */
  protected endWatches(): void {
    for (const watch of [...this.#watches]) {
      if (watch.isSingle) watch.tell(POLLNVAL);
    }
  }
}

/** One watch. */
class LocalWatch implements Watch {
  readonly wanted: number;
  readonly #all: Set<LocalWatch>;
  readonly #mode: WatchMode;
  readonly #sink: WatchSink;

  constructor(all: Set<LocalWatch>, mode: WatchMode, wanted: number, sink: WatchSink) {
    this.#all = all;
    this.#mode = mode;
    this.wanted = wanted;
    this.#sink = sink;
  }

  /** Whether it tells only once. */
  get isSingle(): boolean {
    return this.#mode === WatchMode.ONCE;
  }

  tell(held: number): void {
    if (this.isSingle) this.cancel();
    this.#sink.onEvents(held);
  }

  cancel(): void {
    this.#all.delete(this);
  }
}
