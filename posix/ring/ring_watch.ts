/**
 * Watches of sockets that live on the ring's other side: each is a POLL_ADD.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { ALWAYS, type Watch, WatchMode, type WatchSink } from "./watch.ts";
import { POLLNVAL } from "../constants/mod.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { CqeFlag, Op, PollFlag } from "../../ring/abi/opcodes.ts";

/** What this side knows of a socket and the other does not. */
export interface Watched {
  /** Descriptor on the other side. */
  readonly descriptor: number;
  /** Events that hold whatever the other side says. */
  readonly ownEvents: number;
}

/** One poll in flight. */
export class RingWatch implements Watch, CompletionTarget {
  readonly #ring: BlockingRing;
  readonly #file: Watched;
  readonly #mode: WatchMode;
  readonly #wanted: number;
  #sink: WatchSink | null;
  #slot: number;

  private constructor(
    ring: BlockingRing,
    file: Watched,
    mode: WatchMode,
    events: number,
    sink: WatchSink,
  ) {
    this.#ring = ring;
    this.#file = file;
    this.#mode = mode;
    this.#wanted = events | ALWAYS;
    this.#sink = sink;
    this.#slot = ring.submit(this, 0, Op.POLL_ADD, file.descriptor);
    if (this.#slot < 0) return;
    const { entries } = ring.reactor;
    entries[ring.at + W_OPERATION_FLAGS] = events;
    if (mode === WatchMode.EDGES) entries[ring.at + W_LENGTH] = PollFlag.ADD_MULTI;
    // What is known to be there completes it before this is read.
    if (mode === WatchMode.CHECK) ring.reactor.cancel(this.#slot);
  }

  /** Begins to watch. @returns null when as much is in flight as may be */
  static begin(
    ring: BlockingRing,
    file: Watched,
    mode: WatchMode,
    events: number,
    sink: WatchSink,
  ): RingWatch | null {
    const watch = new RingWatch(ring, file, mode, events, sink);
    return watch.#slot < 0 ? null : watch;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number): void {
    if ((flags & CqeFlag.MORE) === 0) this.#slot = -1;
    const sink = this.#sink;
    if (sink === null) return;
    if (this.#slot < 0) this.#sink = null;
    // A check is cancelled where nothing is there; what else ends so was closed meanwhile.
    const isClosed = result < 0 && this.#mode === WatchMode.ONCE;
    const told = isClosed ? POLLNVAL : Math.max(0, result);
    const held = (told | this.#file.ownEvents) & this.#wanted;
    if (held !== 0 || this.#mode === WatchMode.CHECK) sink.onEvents(held);
  }

  /** {@inheritDoc Watch.cancel} */
  cancel(): void {
    this.#sink = null;
    if (this.#slot >= 0) this.#ring.reactor.cancel(this.#slot);
  }
}
