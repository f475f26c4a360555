/**
 * What one capability answers for: its authority, its limits, and the sockets made under it.
 *
 * @module
 */

import type { Owned, SocketOwner } from "./socket.ts";
import { limitExceeded } from "./errors.ts";
import { type Placed, PlaceList } from "./place_list.ts";
import { type Authority, LimitCounter, type Limits, RateGate } from "../ring/authority/mod.ts";
import type { CountedLimit } from "../ring/authority/mod.ts";
import { Errno } from "../ring/abi/errno.ts";

/** What is about to make a socket, and how to abort it. */
interface Attempt extends Placed {
  readonly promise: Promise<unknown>;
  readonly controller: AbortController | null;
}

/** The books of one capability; a derived one's count in its parent's too. */
export class Scope implements SocketOwner {
  readonly authority: Authority;
  /** Whether operations and bytes are counted: only where a limit asks for it. */
  readonly isCounted: boolean;
  /** How fast connections are accepted, null without a limit. */
  readonly acceptGate: RateGate | null;
  /** How fast bytes are sent, null without a limit. */
  readonly sendGate: RateGate | null;
  /** Sockets made, and descriptors received, under this capability itself, not derived ones. */
  readonly sockets: PlaceList<Owned> = new PlaceList();
  readonly #parent: Scope | null;
  /** Derived scopes that have something to end; idle ones are held by their users alone. */
  readonly #busyChildren: Set<Scope> = new Set();
  #revokedBy: Error | null = null;
  readonly #attempts: PlaceList<Attempt> = new PlaceList();
  readonly #counter: LimitCounter;
  readonly #accepts: RateGate;
  readonly #sends: RateGate;

  /** @param parent the scope this one was derived from */
  constructor(authority: Authority, parent?: Scope) {
    this.authority = authority;
    const { limits } = authority;
    const own: Limits = authority.rights.limits ?? {};
    this.#counter = new LimitCounter(own, parent === undefined ? undefined : parent.#counter);
    const above = parent === undefined ? {} : { accepts: parent.#accepts, sends: parent.#sends };
    this.#accepts = new RateGate(own.acceptsPerSecond, { parent: above.accepts });
    this.#sends = new RateGate(own.sendBytesPerSecond, { parent: above.sends });
    this.isCounted = limits.inFlight !== undefined || limits.bufferBytes !== undefined;
    this.acceptGate = limits.acceptsPerSecond === undefined ? null : this.#accepts;
    this.sendGate = limits.sendBytesPerSecond === undefined ? null : this.#sends;
    this.#parent = parent ?? null;
  }

  /** Why nothing new may begin, here or above; null while it may. */
  get revokedBy(): Error | null {
    return this.#revokedBy ?? (this.#parent === null ? null : this.#parent.revokedBy);
  }

  /** Lets nothing new begin, here or in derived scopes. */
  revoke(reason: Error): void {
    this.#revokedBy ??= reason;
  }

  /**
   * Takes some of a limited resource.
   *
   * @returns null, or the error that names the limit
   */
  acquire(limit: CountedLimit, amount: number, operation: string): Error | null {
    const reached = this.#counter.acquire(limit, amount);
    if (reached === null) return null;
    const errno = limit === "sockets" ? Errno.EMFILE : Errno.ENOBUFS;
    return limitExceeded(reached.limit, reached.maximum, errno, operation);
  }

  /** Gives it back. */
  release(limit: CountedLimit, amount: number): void {
    this.#counter.release(limit, amount);
  }

  /** {@inheritDoc SocketOwner.adopt} */
  adopt(socket: Owned): void {
    this.sockets.add(socket);
    this.#enrol();
  }

  /** {@inheritDoc SocketOwner.forget} */
  forget(socket: Owned): void {
    if (!this.sockets.remove(socket)) return;
    this.#counter.release("sockets", 1);
    this.#retire();
  }

  /** Awaits what makes a socket; who withdraws the authority meanwhile aborts and awaits it too. */
  async track<Made>(promise: Promise<Made>, controller: AbortController | null): Promise<Made> {
    const attempt: Attempt = { place: -1, promise, controller };
    this.#attempts.add(attempt);
    this.#enrol();
    try {
      return await promise;
    } finally {
      this.#attempts.remove(attempt);
      this.#retire();
    }
  }

  /** Aborts what is about to make a socket. @returns when none of it is left */
  async abortAttempts(reason: Error): Promise<void> {
    const attempts = [...this.#attempts];
    for (const { controller } of attempts) controller?.abort(reason);
    const children = [...this.#busyChildren].map((child) => child.abortAttempts(reason));
    await Promise.allSettled([...attempts.map(({ promise }) => promise), ...children]);
  }

  /** Every socket of this scope and of those derived from it. */
  *allSockets(): Generator<Owned> {
    yield* this.sockets;
    for (const child of this.#busyChildren) yield* child.allSockets();
  }

  /** Makes itself known above, as it has something to end. */
  #enrol(): void {
    if (this.#parent === null || this.#parent.#busyChildren.has(this)) return;
    this.#parent.#busyChildren.add(this);
    this.#parent.#enrol();
  }

  /** Lets those above forget it once nothing is left. */
  #retire(): void {
    if (this.#parent === null) return;
    if (this.sockets.size + this.#attempts.size + this.#busyChildren.size > 0) return;
    this.#parent.#busyChildren.delete(this);
    this.#parent.#retire();
  }
}
