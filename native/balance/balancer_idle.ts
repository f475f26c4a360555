/**
 * Ends sessions over which nothing moves, in either direction.
 *
 * A deadline for each message would cost more than the message. Instead all sessions are looked at
 * now and then: who has not done anything since `idleTimeoutMs` is ended, so that a session lives
 * for up to half of that time longer.
 *
 * @module
 */

import type { Session } from "./balancer_session.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** Looks in each idle time. */
const LOOKS = 4;
/** Milliseconds between looks, at most: who waits for hours is seen in time all the same. */
const LOOK_MAX_MS = 5000;

/** Watches the sessions of one balancer. */
export class IdleWatch implements DeadlineTarget {
  readonly #reactor: Reactor;
  readonly #idleTimeoutMs: number;
  readonly #sessions = new Set<Session>();
  #deadline: Deadline | null = null;

  /** @param idleTimeoutMs more than 0 */
  constructor(reactor: Reactor, idleTimeoutMs: number) {
    this.#reactor = reactor;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Watches a session until it is forgotten. */
  add(session: Session): void {
    session.activeAtMs = this.#reactor.now;
    this.#sessions.add(session);
    if (this.#deadline === null) this.#arm();
  }

  /** Forgets a session. */
  delete(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0 || this.#deadline === null) return;
    this.#reactor.disarmDeadline(this.#deadline);
    this.#deadline = null;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#deadline = null;
    const { now } = this.#reactor;
    for (const session of this.#sessions) {
      const { activity } = session;
      if (session.activitySeen !== activity) {
        session.activitySeen = activity;
        session.activeAtMs = now;
      } else if (now - session.activeAtMs >= this.#idleTimeoutMs) {
        session.cut("idle");
      }
    }
    if (this.#sessions.size > 0) this.#arm();
  }

  #arm(): void {
    const periodMs = Math.min(this.#idleTimeoutMs / LOOKS, LOOK_MAX_MS);
    this.#deadline = this.#reactor.armDeadline(periodMs, this, 0);
  }
}
