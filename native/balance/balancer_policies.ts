/**
 * Policies: who is next, among those that can be used.
 *
 * @module
 */

import { Maglev } from "./maglev.ts";

/** The names of the policies. */
export type BalancerPolicy = "round-robin" | "least-connections" | "maglev";

/** What a policy has to know of a backend. */
export interface Candidate {
  readonly name: string;
  /** Its share in proportion to the others'. */
  readonly weight: number;
  /** Connections it has now. */
  readonly active: number;
}

/** Chooses among backends. */
export interface Policy<B extends Candidate> {
  /** Takes note of who is there; what it knows of those that stay, it keeps. */
  update(backends: readonly B[]): void;
  /** @returns the next one, undefined when none can be used */
  pick(key: string | Uint8Array | undefined, isUsable: (backend: B) => boolean): B | undefined;
}

/** Makes the policy of a name. */
export function makePolicy<B extends Candidate>(
  name: BalancerPolicy,
  tableSize: number | undefined,
): Policy<B> {
  if (name === "round-robin") return new RoundRobin<B>();
  return name === "maglev" ? new Consistent<B>(tableSize) : new LeastConnections<B>();
}

/**
 * Round robin, smooth where weights differ: with weights 5, 1 and 1 the order is a a b a c a a, and
 * not a a a a a b c. Each turn everybody gains its weight; who has most is chosen and pays the sum.
 */
class RoundRobin<B extends Candidate> implements Policy<B> {
  #entries: { readonly backend: B; credit: number }[] = [];

  update(backends: readonly B[]): void {
    const known = new Map(this.#entries.map((entry) => [entry.backend, entry]));
    this.#entries = backends.map((backend) => known.get(backend) ?? { backend, credit: 0 });
  }

  pick(_key: unknown, isUsable: (backend: B) => boolean): B | undefined {
    let best: { readonly backend: B; credit: number } | undefined;
    let sum = 0;
    for (const entry of this.#entries) {
      if (!isUsable(entry.backend)) continue;
      entry.credit += entry.backend.weight;
      sum += entry.backend.weight;
      if (best === undefined || entry.credit > best.credit) best = entry;
    }
    if (best !== undefined) best.credit -= sum;
    return best?.backend;
  }
}

/**
 * Least connections for its weight, by a look at all of them. It is done once for a connection,
 * whose making costs more than a look at a thousand backends; a heap would have to be kept in order
 * at the end of each connection too, and two at random balance worse where counts are exact. Who
 * is equal comes in turn, so that an idle balancer does not send everything to the first.
 */
class LeastConnections<B extends Candidate> implements Policy<B> {
  #backends: readonly B[] = [];
  #turn = 0;

  update(backends: readonly B[]): void {
    this.#backends = backends;
  }

  pick(_key: unknown, isUsable: (backend: B) => boolean): B | undefined {
    const count = this.#backends.length;
    let best: B | undefined;
    let least = Infinity;
    let chosen = 0;
    for (let step = 0; step < count; step++) {
      const index = (this.#turn + step) % count;
      const backend = this.#backends[index];
      // With the connection that it is about to get.
      const load = (backend.active + 1) / backend.weight;
      if (load >= least || !isUsable(backend)) continue;
      best = backend;
      least = load;
      chosen = index;
    }
    if (best !== undefined) this.#turn = (chosen + 1) % count;
    return best;
  }
}

/** Consistent hashing; the keys of who cannot be used go to the others until it can. */
class Consistent<B extends Candidate> implements Policy<B> {
  readonly #tableSize: number | undefined;
  #maglev: Maglev<B> | null = null;

  constructor(tableSize: number | undefined) {
    this.#tableSize = tableSize;
  }

  update(backends: readonly B[]): void {
    this.#maglev = backends.length === 0 ? null : new Maglev(backends, this.#tableSize);
  }

  pick(key: string | Uint8Array | undefined, isUsable: (backend: B) => boolean): B | undefined {
    if (key === undefined) throw new TypeError('pick: the policy "maglev" needs a key');
    return this.#maglev?.lookup(key, isUsable);
  }
}
