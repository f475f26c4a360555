/**
 * `accept`: an entry that brings a descriptor and a name.
 *
 * @module
 */

import type { Name } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { takeName } from "./socket_names.ts";
import { Wait } from "./wait.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from "../constants/mod.ts";
import { type CompletionTarget, Scratch } from "../../ring/slots.ts";
import { W_ADDRESS, W_OFFSET } from "../../ring/abi/layout.ts";
import { IoPrio, Op } from "../../ring/abi/opcodes.ts";
import { SOCKADDR_MAX } from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** How to accept. */
export interface AcceptPlan {
  /** Descriptor of the listener on the other side. */
  readonly descriptor: number;
  /** `SOCK_NONBLOCK`, `SOCK_CLOEXEC`. */
  readonly flags: number;
  /** Whether to take only a connection that is there. */
  readonly isHasty: boolean;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
  /** Makes a handle of a descriptor of the other side. @returns it, or `-errno` */
  readonly install: (descriptor: number) => number;
}

/** An accept that is under way. */
export class Accept extends Wait implements CompletionTarget {
  readonly #plan: AcceptPlan;
  readonly #name: Name;
  #slot = -1;
  #errno = 0;

  /** @param name where to write the peer's */
  constructor(ring: BlockingRing, plan: AcceptPlan, name: Name) {
    super(ring);
    this.#plan = plan;
    this.#name = name;
    const isKnown = (plan.flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) === 0;
    const slot = isKnown ? this.#submit() : -Errno.EINVAL;
    if (slot < 0) this.settle(slot);
    else if (!plan.isHasty) this.limit(plan.timeoutMs);
  }

  #submit(): number {
    const { ring } = this;
    const { descriptor, isHasty } = this.#plan;
    const priority = isHasty ? IoPrio.ACCEPT_DONTWAIT << 16 : 0;
    const slot = ring.submit(this, 0, Op.ACCEPT | priority, descriptor);
    if (slot < 0) return slot;
    this.#slot = slot;
    const { reactor, at } = ring;
    const scratch = reactor.scratchOf(slot);
    const { base, words } = reactor.memory;
    words[(scratch + Scratch.SOCKADDR_LENGTH) >> 2] = SOCKADDR_MAX;
    reactor.setLong(at + W_ADDRESS, base + scratch + Scratch.SOCKADDR);
    reactor.setLong(at + W_OFFSET, base + scratch + Scratch.SOCKADDR_LENGTH);
    return slot;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, _flags: number, slot: number): void {
    this.#slot = -1;
    if (result >= 0) {
      const { reactor } = this.ring;
      const scratch = reactor.scratchOf(slot);
      const length = reactor.memory.words[(scratch + Scratch.SOCKADDR_LENGTH) >> 2];
      takeName(this.ring, scratch + Scratch.SOCKADDR, length, this.#name);
      return this.settle(this.#plan.install(result));
    }
    const isInterrupted = this.#errno !== 0 && result === -Errno.ECANCELED;
    this.settle(isInterrupted ? -this.#errno : result);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    if (this.#errno !== 0 || this.#slot < 0) return;
    this.#errno = errno;
    this.ring.reactor.cancel(this.#slot);
  }
}
