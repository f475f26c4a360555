/**
 * Waiting for the other side of a packet ring without blocking.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import type { Bell } from "../../ring/packet_ring.ts";

/** A bell that says it rang although nothing is there is looked at again after this time. */
const FALSE_ALARM_MS = 1;
/** Calls that need not wait before one goes through the event loop. */
const IMMEDIATE_MOST = 256;
/** Of those, one in this many goes by a timer: after an immediate Deno does not poll its I/O. */
const POLL_INTERVAL = 16;

/**
 * Calls back when the bell rings, and every 100 ms: a wake-up may come late, and a thread that was
 * terminated rings no bell. The timer for that is also what keeps the process alive.
 */
export class PacketWatch {
  readonly #bell: Bell;
  readonly #look: () => void;
  readonly #onBell = (): void => {
    this.#isParked = false;
    this.#nulls = 0;
    if (this.#isWatching) this.#look();
  };
  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#isWatching) this.#look();
  };
  readonly #onNull = (): void => {
    if (this.#isWatching) this.#look();
  };
  #isWatching = false;
  /** A park outlives its watch: the next watch uses it, or two would compete for one call. */
  #isParked = false;
  /** Times in a row that the bell had rung before anybody could wait for it. */
  #nulls = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReferenced = true;

  /** @param look finds out whether there is something; it calls `watch` again, or `stop` */
  constructor(bell: Bell, look: () => void) {
    this.#bell = bell;
    this.#look = look;
  }

  /**
   * Watches on. The bell is set already, and there was nothing after it was set.
   *
   * @param dueAt when to look at the latest, in milliseconds of `performance.now()`
   */
  watch(dueAt: number): void {
    this.#isWatching = true;
    clearTimeout(this.#timer);
    const leftMs = dueAt === Infinity ? MAXIMUM_PARK_MS : dueAt - performance.now();
    let delayMs = Math.max(0, Math.min(leftMs, MAXIMUM_PARK_MS));
    if (!this.#isParked) {
      const parked = this.#bell.parkAsync();
      if (parked !== null) {
        this.#isParked = true;
        parked.then(this.#onBell);
      } else if (this.#nulls++ === 0) {
        queueMicrotask(this.#onNull);
      } else {
        // Whoever rings for nothing must not keep this thread from everything else.
        delayMs = Math.min(delayMs, FALSE_ALARM_MS);
      }
    }
    this.#timer = setTimeout(this.#onTimer, delayMs);
    if (!this.#isReferenced) Deno.unrefTimer(this.#timer);
  }

  /** Ends the watch. */
  stop(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#nulls = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#bell.clear();
  }

  /** Says whether waiting keeps the process alive. */
  reference(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    if (this.#timer === undefined) return;
    if (isReferenced) Deno.refTimer(this.#timer);
    else Deno.unrefTimer(this.#timer);
  }
}

/** Lets everything else of the program have its turn, however much there is to do. */
export class Breather {
  #calls = 0;
  #breaths = 0;

  /** Whether the call that comes now shall go through the event loop, although it need not wait. */
  get isDue(): boolean {
    if (++this.#calls < IMMEDIATE_MOST) return false;
    this.#calls = 0;
    return true;
  }

  /** Notes that a call went through the event loop anyway. */
  waited(): void {
    this.#calls = 0;
  }

  /** Goes through the event loop. */
  breathe(): Promise<void> {
    const isPoll = ++this.#breaths % POLL_INTERVAL === 0;
    return new Promise((resolve) => {
      if (isPoll) setTimeout(resolve, 0);
      else setImmediate(resolve);
    });
  }
}
