/**
 * How a stream comes to be connected: an attempt that goes on by itself, whoever waits for it.
 *
 * ```text
 *            connect            done                   connect again
 *   IDLE ------------> UNDER_WAY ----> DONE or FAILED ----------------> IDLE
 * ```
 *
 * What came of an attempt that nobody waited for is told by the next `connect`, and once by
 * `SO_ERROR`, a send or a receive, whichever comes first. Source: connect(2), `inet_stream_connect`.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { Wait } from "./wait.ts";
import { POLLERR, POLLHUP, POLLIN, POLLRDHUP, POLLRDNORM } from "../constants/mod.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Where an attempt is. */
export const Attempt = { IDLE: 0, UNDER_WAY: 1, DONE: 2, FAILED: 3 } as const;
/** One of {@linkcode Attempt}. */
export type Attempt = typeof Attempt[keyof typeof Attempt];

/** The attempts of one socket to connect. */
export class Connecting implements CompletionTarget {
  state: Attempt = Attempt.IDLE;
  /** Whether there is a connection, or was one: it stays so when the peer goes. */
  isConnected = false;
  /** Why the last one failed, 0 once that was told. */
  #error = 0;
  #waits: ConnectWait[] = [];

  /** Whether an attempt is under way. */
  get isUnderWay(): boolean {
    return this.state === Attempt.UNDER_WAY;
  }

  /** Whether one has failed and `connect` has not told so. */
  get hasFailed(): boolean {
    return this.state === Attempt.FAILED;
  }

  /** What Linux has a socket in that state be ready for, beside being writable. */
  get events(): number {
    if (!this.hasFailed) return 0;
    return POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | (this.#error !== 0 ? POLLERR : 0);
  }

  /** Why it failed, told once. */
  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  /** Notes that an attempt began. */
  begin(): void {
    this.state = Attempt.UNDER_WAY;
  }

  /** Forgets what came of the attempt. @returns 0 or `-errno`, as `connect` tells it */
  collect(): number {
    const hasFailed = this.hasFailed;
    this.state = Attempt.IDLE;
    if (!hasFailed) return 0;
    const error = this.takeError();
    return -(error !== 0 ? error : Errno.ECONNABORTED);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.state = result < 0 ? Attempt.FAILED : Attempt.DONE;
    this.isConnected = result === 0;
    this.#error = Math.max(0, -result);
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.onAttempt();
  }

  /** Has a wait told when the attempt under way is over. */
  join(wait: ConnectWait): void {
    this.#waits.push(wait);
  }

  /** Takes that back. */
  leave(wait: ConnectWait): void {
    this.#waits = this.#waits.filter((other) => other !== wait);
  }
}

/** Somebody who waits for an attempt to end. */
export class ConnectWait extends Wait {
  readonly #connecting: Connecting;
  readonly #late: number;
  readonly #finish: () => number;

  /**
   * @param late the errno when the time is over first
   * @param finish what it comes to when the attempt is over
   */
  constructor(
    ring: BlockingRing,
    connecting: Connecting,
    timeoutMs: number,
    late: number,
    finish: () => number,
  ) {
    super(ring);
    this.#connecting = connecting;
    this.#late = late;
    this.#finish = finish;
    connecting.join(this);
    this.limit(timeoutMs);
  }

  /** Called when the attempt is over. */
  onAttempt(): void {
    this.settle(this.#finish());
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    this.#connecting.leave(this);
    this.settle(-errno);
  }

  protected override expire(): void {
    this.interrupt(this.#late);
  }
}
