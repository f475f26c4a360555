/**
 * Limits of a capability: how they are checked, counted and, for rates, spread over time.
 *
 * @module
 */

/** How much of each resource a capability may use; what is left out is not limited. */
export interface Limits {
  /** Open sockets; reaching it answers EMFILE. */
  readonly sockets?: number;
  /** Operations under way; reaching it answers ENOBUFS. */
  readonly inFlight?: number;
  /** Bytes of buffers held by operations and leases; reaching it answers ENOBUFS. */
  readonly bufferBytes?: number;
  /** Connections accepted in a second; reaching it is backpressure. */
  readonly acceptsPerSecond?: number;
  /** Bytes sent in a second; reaching it is backpressure. */
  readonly sendBytesPerSecond?: number;
}

/** The limits that count what is held now, as opposed to rates. */
export type CountedLimit = "sockets" | "inFlight" | "bufferBytes";

/** Which limit was reached, and how high it is. */
export interface LimitReached {
  /** The name of the limit. */
  readonly limit: CountedLimit;
  /** The most that the limit allows. */
  readonly maximum: number;
}

const LIMIT_NAMES = [
  "sockets",
  "inFlight",
  "bufferBytes",
  "acceptsPerSecond",
  "sendBytesPerSecond",
] as const;

const COUNTED = ["sockets", "inFlight", "bufferBytes"] as const;

/**
 * Checks an object of limits and makes a frozen copy of it.
 *
 * @param limits The limits as the user wrote them.
 * @returns A frozen copy without the limits that are undefined.
 * @throws {TypeError} When it is no object, or has a key that is no limit.
 * @throws {RangeError} When a limit is no integer from 0 on.
 */
export function parseLimits(limits: Limits): Limits {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new TypeError("limits must be an object");
  }
  const checked: { -readonly [name in keyof Limits]: number } = {};
  for (const [key, value] of Object.entries(limits) as [keyof Limits, unknown][]) {
    if (!LIMIT_NAMES.includes(key)) {
      throw new TypeError(`limits has no key ${JSON.stringify(key)}`);
    }
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`limits.${key} is ${String(value)}, not a whole number from 0 on`);
    }
    checked[key] = value;
  }
  return Object.freeze(checked);
}

/**
 * Combines the limits of two layers.
 *
 * @param outer The limits that hold already.
 * @param inner The limits that are added.
 * @returns For each limit the smaller of both.
 */
export function tightestLimits(outer: Limits, inner: Limits): Limits {
  const tightest: { -readonly [name in keyof Limits]: number } = {};
  for (const name of LIMIT_NAMES) {
    const least = Math.min(outer[name] ?? Infinity, inner[name] ?? Infinity);
    if (least !== Infinity) tightest[name] = least;
  }
  return Object.freeze(tightest);
}

/**
 * Counts what a capability holds; whatever is counted here counts in every parent as well.
 *
 * @example
 * ```ts
 * import { LimitCounter } from "./limits.ts";
 * const parent = new LimitCounter({ sockets: 2 });
 * const child = new LimitCounter({ sockets: 5 }, parent);
 * if (child.acquire("sockets", 2) !== null) throw new Error("unreachable");
 * if (child.acquire("sockets", 1)?.maximum !== 2) throw new Error("unreachable");
 * child.release("sockets", 2);
 * ```
 */
export class LimitCounter {
  readonly #maximum: Readonly<Record<CountedLimit, number>>;
  readonly #used: Record<CountedLimit, number> = { sockets: 0, inFlight: 0, bufferBytes: 0 };
  readonly #parent: LimitCounter | undefined;

  /**
   * Makes a counter that has counted nothing.
   *
   * @param limits The limits of this layer; what is left out is not limited.
   * @param parent The counter of the layer below, in which everything counts too.
   * @throws {TypeError} When the limits have a key that is no limit.
   * @throws {RangeError} When a limit is no integer from 0 on.
   */
  constructor(limits: Limits, parent?: LimitCounter) {
    const checked = parseLimits(limits);
    this.#maximum = {
      sockets: checked.sockets ?? Infinity,
      inFlight: checked.inFlight ?? Infinity,
      bufferBytes: checked.bufferBytes ?? Infinity,
    };
    this.#parent = parent;
  }

  /**
   * Takes some of a limited resource, in this layer and in every parent, or in none of them.
   *
   * @param limit Which limit.
   * @param n How many sockets or operations, or how many bytes.
   * @returns `null` when it was taken, else the nearest limit that stands against it.
   * @throws {RangeError} When `n` is no integer from 0 on.
   */
  acquire(limit: CountedLimit, n: number): LimitReached | null {
    assertAmount(limit, n);
    for (let layer = this.#self(); layer !== undefined; layer = layer.#parent) {
      if (layer.#used[limit] + n > layer.#maximum[limit]) {
        return { limit, maximum: layer.#maximum[limit] };
      }
    }
    for (let layer = this.#self(); layer !== undefined; layer = layer.#parent) {
      layer.#used[limit] += n;
    }
    return null;
  }

  /**
   * Gives back what was taken.
   *
   * @param limit Which limit.
   * @param n How much of it.
   * @throws {RangeError} When `n` is no integer from 0 on.
   * @throws {Error} When more is given back than was taken: a bug of the caller.
   */
  release(limit: CountedLimit, n: number): void {
    assertAmount(limit, n);
    for (let layer = this.#self(); layer !== undefined; layer = layer.#parent) {
      if (layer.#used[limit] < n) {
        throw new Error(`${n} of ${limit} released, but only ${layer.#used[limit]} are in use`);
      }
    }
    for (let layer = this.#self(); layer !== undefined; layer = layer.#parent) {
      layer.#used[limit] -= n;
    }
  }

  /**
   * Tells how much is in use.
   *
   * @param limit Which limit.
   * @returns What this layer and those derived from it hold now.
   */
  used(limit: CountedLimit): number {
    assertAmount(limit, 0);
    return this.#used[limit];
  }

  /** The start of a walk towards the root. */
  #self(): LimitCounter | undefined {
    return this;
  }
}

/**
 * A token bucket that says how long to wait: backpressure for rates, with time as a parameter.
 *
 * A call always books its amount, if need be in advance, and tells the caller how long to wait
 * before it goes ahead. So one amount that is larger than the burst passes too, only later, and
 * callers are served in the order in which they ask.
 *
 * @example
 * ```ts
 * import { RateGate } from "./limits.ts";
 * const gate = new RateGate(1000, { burst: 500 });
 * if (gate.delayMs(0, 500) !== 0) throw new Error("unreachable");
 * if (gate.delayMs(0, 100) !== 100) throw new Error("unreachable");
 * ```
 */
export class RateGate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #parent: RateGate | undefined;
  /** Negative while amounts are booked in advance. */
  #tokens: number;
  #lastMs = -Infinity;

  /**
   * Makes a gate whose bucket is full.
   *
   * @param perSecond How much passes in a second; `undefined` is no limit, 0 lets nothing pass.
   * @param options The burst, how much may pass at once (one second's worth, at least 1, when left
   * out), and the gate of the layer below, in which everything is booked too.
   * @throws {RangeError} When the rate or the burst is no number from 0 on.
   */
  constructor(
    perSecond: number | undefined,
    options: { readonly burst?: number; readonly parent?: RateGate } = {},
  ) {
    const rate = perSecond ?? Infinity;
    const burst = options.burst ?? Math.max(1, rate);
    if (!(rate >= 0)) throw new RangeError(`a rate of ${perSecond} per second is impossible`);
    if (!(burst >= 0)) throw new RangeError(`a burst of ${options.burst} is impossible`);
    this.#perSecond = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#parent = options.parent;
  }

  /**
   * Books an amount and tells when it may pass.
   *
   * @param nowMs The time in milliseconds, on any clock; where it steps back it counts as stopped.
   * @param n The amount: connections or bytes.
   * @returns How many milliseconds to wait first; `Infinity` when it can never pass, and then
   * nothing was booked.
   * @throws {RangeError} When the time is not finite or the amount is no number from 0 on.
   */
  delayMs(nowMs: number, n: number): number {
    if (!Number.isFinite(nowMs)) throw new RangeError(`the time ${nowMs} ms is impossible`);
    if (!(n >= 0 && n < Infinity)) throw new RangeError(`an amount of ${n} is impossible`);
    if (n === 0) return 0;
    for (let gate = this.#self(); gate !== undefined; gate = gate.#parent) {
      if (gate.#perSecond === 0) return Infinity;
    }
    let delayMs = 0;
    for (let gate = this.#self(); gate !== undefined; gate = gate.#parent) {
      delayMs = Math.max(delayMs, gate.#book(nowMs, n));
    }
    return delayMs;
  }

  /**
   * Gives back an amount that was booked and then not used, because its operation was cancelled.
   *
   * @param n The amount.
   * @throws {RangeError} When the amount is no number from 0 on.
   */
  refund(n: number): void {
    if (!(n >= 0 && n < Infinity)) throw new RangeError(`an amount of ${n} is impossible`);
    for (let gate = this.#self(); gate !== undefined; gate = gate.#parent) {
      gate.#tokens = Math.min(gate.#burst, gate.#tokens + n);
    }
  }

  #book(nowMs: number, n: number): number {
    if (this.#perSecond === Infinity) return 0;
    // The bucket starts full, so the first call has nothing to add: its clock starts there.
    const elapsedMs = this.#lastMs === -Infinity ? 0 : Math.max(0, nowMs - this.#lastMs);
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    const refilled = this.#tokens + elapsedMs * this.#perSecond / 1000;
    this.#tokens = Math.min(this.#burst, refilled) - n;
    return this.#tokens >= 0 ? 0 : -this.#tokens * 1000 / this.#perSecond;
  }

  /** The start of a walk towards the root. */
  #self(): RateGate | undefined {
    return this;
  }
}

function assertAmount(limit: CountedLimit, n: number): void {
  if (!COUNTED.includes(limit)) throw new RangeError(`${String(limit)} is no limit that counts`);
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new RangeError(`an amount of ${n} ${limit} is not a whole number from 0 on`);
  }
}
