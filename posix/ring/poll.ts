/**
 * `poll`: one watch for each file, and the first that has something to tell ends all of them.
 *
 * Sockets of the other side are asked by polls in the ring, which complete when they find out. What
 * is there already is found out within one round, so nothing ends before that: as with Linux, a poll
 * tells of everything that is ready, and one without a timeout is right.
 *
 * @module
 */

import type { Outcome, PollSet } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import type { FileTable } from "./file_table.ts";
import { afterRound } from "./round.ts";
import { Wait } from "./wait.ts";
import { ALWAYS, type Watch, WatchMode, type WatchSink } from "./watch.ts";
import { POLLNVAL } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** `poll(2)`. */
export function poll(
  ring: BlockingRing,
  files: FileTable,
  set: PollSet,
  timeoutMs: number,
): Outcome {
  return new Poll(ring, files, set, timeoutMs < 0 ? Infinity : timeoutMs).outcome;
}

/** A poll that is under way. */
class Poll extends Wait {
  protected override keepsAlive: boolean;
  readonly #set: PollSet;
  readonly #watches: Watch[] = [];
  #ready = 0;
  #isLate: boolean;
  #isRemote = false;
  /** Whether what was ready from the start is known. */
  #isComplete = false;

  constructor(ring: BlockingRing, files: FileTable, set: PollSet, timeoutMs: number) {
    super(ring);
    this.#set = set;
    this.#isLate = timeoutMs === 0;
    const failure = this.#watchAll(files);
    const isRemote = this.#isRemote;
    this.keepsAlive = isRemote || timeoutMs < Infinity;
    if (failure !== 0) {
      this.#end(failure);
    } else if (isRemote) {
      afterRound(ring, () => this.#complete());
    } else {
      this.#complete();
    }
    if (!this.#isLate) this.limit(timeoutMs);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    this.#end(-errno);
  }

  protected override expire(): void {
    this.#isLate = true;
    this.#check();
  }

  #watchAll(files: FileTable): number {
    const { count, handles, events, results } = this.#set;
    for (let index = 0; index < count; index++) {
      results[index] = 0;
      const handle = handles[index];
      if (handle < 0) continue;
      const file = files.get(handle);
      if (file === undefined) {
        this.#note(index, POLLNVAL);
        continue;
      }
      if (file.isRemote) this.#isRemote = true;
      const wanted = events[index];
      const sink: WatchSink = { onEvents: (held) => this.#note(index, held) };
      const watch = file.watch(WatchMode.ONCE, wanted & ~ALWAYS, sink);
      if (watch === null) return -Errno.ENOMEM;
      this.#watches.push(watch);
    }
    return 0;
  }

  #note(index: number, events: number): void {
    const { results } = this.#set;
    if (results[index] === 0) this.#ready++;
    results[index] |= events;
    this.#check();
  }

  #complete(): void {
    this.#isComplete = true;
    this.#check();
  }

  #check(): void {
    if (this.#isComplete && (this.#ready > 0 || this.#isLate)) this.#end(this.#ready);
  }

  #end(result: number): void {
    if (this.isDone) return;
    // Their completions come behind those that have come: whatever was ready has told so.
    for (const watch of this.#watches) watch.cancel();
    this.settle(result);
  }
}
