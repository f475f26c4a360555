/**
 * What all receivers of a stack share.
 *
 * @module
 */

import type { PacketArena } from "../../memory/mod.ts";
import type { ReceiverCounters } from "./counters.ts";
import { checkReceiverOptions, DEFAULT_RECEIVER_OPTIONS, type ReceiverOptions } from "./options.ts";
import { PayloadQueue } from "./payload_queue.ts";
import { PayloadStore } from "./payload_store.ts";

/** What all receivers of a stack share: made once. */
export class ReceiverSettings {
  /** Sizes and delays. */
  readonly options: ReceiverOptions;
  /** What is counted. */
  readonly counters: ReceiverCounters;
  /** Where payload is kept. */
  readonly store: PayloadStore;
  /** Queues of connections that have nothing unread. */
  readonly #queues: PayloadQueue[] = [];

  /** @throws {RangeError} when an option cannot be obeyed */
  constructor(
    arena: PacketArena,
    counters: ReceiverCounters,
    options: Partial<ReceiverOptions> = {},
  ) {
    this.options = { ...DEFAULT_RECEIVER_OPTIONS, ...options };
    checkReceiverOptions(this.options);
    this.counters = counters;
    this.store = new PayloadStore(arena);
  }

  /** Takes a queue, which is empty. */
  takeQueue(): PayloadQueue {
    return this.#queues.pop() ?? new PayloadQueue();
  }

  /** Gives an empty queue back. There are never more than there were in use at once. */
  giveQueue(queue: PayloadQueue): void {
    this.#queues.push(queue);
  }
}
