/**
 * Waiting until a full queue has room again: the socket's own or, over Unix sockets, the peer's.
 *
 * Sends are not left to wait in the ring. Several of them that wait there are woken in any order; and
 * over Unix sockets Linux up to 6.18 has a trap: a send that finds the peer's queue full has taken
 * its bytes already, and io_uring, when it tries again, sends an empty datagram in their place. They
 * are therefore told EAGAIN, and begin anew. When there may be room again is told by a poll; only for
 * a peer that the socket is not connected to there is no such call, and time has to do.
 *
 * @module
 */

import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Op, Poll } from "../../ring/abi/opcodes.ts";

/** Milliseconds until the first look, and at most between two of them. */
const FIRST_DELAY_MS = 0.05;
const DELAY_MOST_MS = 4;

/** Waits for one socket. */
export class RoomWaiter implements CompletionTarget, DeadlineTarget {
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #resumed: () => void;
  #slot = -1;
  #deadline: Deadline | null = null;
  #delayMs = FIRST_DELAY_MS;
  #idle: (() => void) | null = null;

  /** @param resumed called when it is time to try again */
  constructor(socket: Socket, resumed: () => void) {
    this.#socket = socket;
    this.#network = socket.network;
    this.#resumed = resumed;
  }

  /** Whether it waits. */
  get isWaiting(): boolean {
    return this.#slot >= 0 || this.#deadline !== null;
  }

  /** Notes that something was sent: the next wait is a short one. */
  progressed(): void {
    this.#delayMs = FIRST_DELAY_MS;
  }

  /** Waits. @param canPoll whether a poll of the socket tells of that queue */
  wait(canPoll: boolean): void {
    if (this.isWaiting) return;
    const { reactor } = this.#network;
    const slot = canPoll ? reactor.slots.takeBare(this, 0) : -1;
    if (slot >= 0) {
      this.#slot = slot;
      const at = reactor.entry(Op.POLL_ADD, this.#socket.descriptor, slot);
      reactor.entries[at + W_OPERATION_FLAGS] = Poll.OUT;
      return;
    }
    this.#deadline = reactor.armDeadline(this.#delayMs, this, 0);
    this.#delayMs = Math.min(this.#delayMs * 2, DELAY_MOST_MS);
  }

  /** Stops waiting. @returns when nothing of it is in flight, null when nothing is now */
  close(): Promise<void> | null {
    const { reactor } = this.#network;
    if (this.#deadline !== null) reactor.disarmDeadline(this.#deadline);
    this.#deadline = null;
    if (this.#slot < 0) return null;
    reactor.cancel(this.#slot);
    return new Promise((resolve) => this.#idle = resolve);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(): void {
    this.#slot = -1;
    this.#idle?.();
    if (this.#idle === null) this.#resumed();
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#deadline = null;
    this.#resumed();
  }
}
