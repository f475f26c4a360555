/**
 * How one group of provided buffers reaches the consumer again and again, and who waits for a
 * buffer of it to come back.
 *
 * @module
 */

import type { ProvidedBuffers } from "./buffers.ts";
import type { Reactor, Starved } from "./reactor.ts";
import { IGNORED_SLOT } from "./slots.ts";
import { W_ADDRESS, W_BUFFER_GROUP, W_LENGTH, W_OFFSET } from "./abi/layout.ts";
import { Op, SqeFlag } from "./abi/opcodes.ts";

/** Provides the buffers of one group to a ring's consumer. */
export class BufferProvider {
  readonly #reactor: Reactor;
  readonly #buffers: ProvidedBuffers;
  readonly #waiting: Starved[] = [];
  // A program may give a buffer back while the ring sleeps.
  readonly #onReturn = (): void => this.#reactor.kick();

  /**
   * @param reactor whose entries provide buffers where the consumer has no ring for them
   * @param buffers the group
   */
  constructor(reactor: Reactor, buffers: ProvidedBuffers) {
    this.#reactor = reactor;
    this.#buffers = buffers;
    if (!buffers.isRing && buffers.count > 0) this.#provide(0, buffers.count);
  }

  /** Gives the consumer what came back. */
  publish(): void {
    const buffers = this.#buffers;
    if (buffers.isRing) {
      buffers.publish();
      return;
    }
    for (let id = buffers.returned.pop(); id !== undefined; id = buffers.returned.pop()) {
      this.#provide(id, 1);
    }
  }

  /** Has `starved` resumed when a buffer comes back. */
  await(starved: Starved): void {
    this.#waiting.push(starved);
    this.#buffers.onReturn = this.#onReturn;
    if (this.#buffers.available > 0) this.#reactor.kick();
  }

  /** Resumes those who wait, in order, one for each buffer that nobody holds. */
  resume(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const buffers = this.#buffers;
    let tries = Math.min(waiting.length, buffers.available);
    if (tries > 0) this.publish();
    while (tries-- > 0) waiting.shift()!.resume();
    if (waiting.length === 0) buffers.onReturn = null;
    // Some may have given up meanwhile: those behind them are owed a turn.
    else if (buffers.available > 0) this.#reactor.kick();
  }

  #provide(id: number, count: number): void {
    const reactor = this.#reactor;
    const buffers = this.#buffers;
    const head = Op.PROVIDE_BUFFERS | (SqeFlag.CQE_SKIP_SUCCESS << 8);
    const at = reactor.entry(head, count, IGNORED_SLOT);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + buffers.offsetOf(id));
    reactor.entries[at + W_LENGTH] = buffers.bytes;
    reactor.entries[at + W_OFFSET] = id;
    reactor.entries[at + W_BUFFER_GROUP] = buffers.group;
  }
}
