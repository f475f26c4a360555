/**
 * The one TIMEOUT that a ring keeps for all of its deadlines: due no later than the earliest of
 * them, and updated in place when an earlier one is armed.
 *
 * @module
 */

import type { Reactor } from "./reactor.ts";
import { type CompletionTarget, IGNORED_SLOT, Scratch } from "./slots.ts";
import { W_ADDRESS, W_LENGTH, W_OFFSET, W_OPERATION_FLAGS } from "./abi/layout.ts";
import { Op, TimeoutFlag } from "./abi/opcodes.ts";
import { writeTimespec } from "./abi/timespec.ts";

/** A ring's timer. */
export class RingTimeout implements CompletionTarget {
  readonly #reactor: Reactor;
  /** The slot of the TIMEOUT in the ring, -1 when there is none. */
  #slot = -1;
  #dueAt = Infinity;
  #isStopped = false;

  /** @param reactor whose entries and time it takes */
  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /** Whether a TIMEOUT is in the ring. */
  get isArmed(): boolean {
    return this.#slot >= 0;
  }

  /**
   * Has a TIMEOUT complete no later than `at`. When no slot is free for one, the next call tries
   * again.
   *
   * @param at in milliseconds on the driver's clock; Infinity asks for nothing
   */
  dueBy(at: number): void {
    if (at >= this.#dueAt || this.#isStopped) return;
    const reactor = this.#reactor;
    const delayMs = Math.max(0, at - reactor.driver.now());
    if (this.#slot >= 0) {
      this.#dueAt = at;
      this.#update(this.#writeTimespec(delayMs));
      return;
    }
    const slot = reactor.slots.takeReserved(this, 0);
    if (slot < 0) return;
    this.#slot = slot;
    this.#dueAt = at;
    this.#submit(this.#writeTimespec(delayMs));
  }

  /** Arms no more: the ring is closing. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Asks for the cancellation of the TIMEOUT in the ring, if there is one. */
  cancel(): void {
    if (this.#slot >= 0) this.#reactor.cancel(this.#slot);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(): void {
    this.#slot = -1;
    this.#dueAt = Infinity;
  }

  /** Writes the delay into the slot's scratch bytes. @returns their address */
  #writeTimespec(delayMs: number): number {
    const { memory } = this.#reactor;
    const offset = this.#reactor.scratchOf(this.#slot) + Scratch.TIMESPEC;
    writeTimespec(memory.words, offset, delayMs);
    return memory.base + offset;
  }

  #submit(timespec: number): void {
    const at = this.#reactor.entry(Op.TIMEOUT, -1, this.#slot);
    this.#reactor.setLong(at + W_ADDRESS, timespec);
    this.#reactor.entries[at + W_LENGTH] = 1;
  }

  #update(timespec: number): void {
    const reactor = this.#reactor;
    const generation = reactor.slots.generation(this.#slot);
    const at = reactor.entry(Op.TIMEOUT_REMOVE, -1, IGNORED_SLOT);
    reactor.entries[at + W_ADDRESS] = this.#slot;
    reactor.entries[at + W_ADDRESS + 1] = generation;
    reactor.setLong(at + W_OFFSET, timespec);
    reactor.entries[at + W_OPERATION_FLAGS] = TimeoutFlag.UPDATE;
  }
}
