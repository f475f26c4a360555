/**
 * Capabilities for behaviours: a new one for each, or, where opening one takes long, one for all
 * that need nothing special.
 *
 * @module
 */

import type { Backend } from "./backends.ts";
import type { Behaviour } from "./behaviour.ts";
import { requestFor } from "./context.ts";
import { NetworkCapability } from "../../mod.ts";

/** Opens, lends and closes capabilities. */
export class Capabilities {
  readonly #warm = new Set<Backend>();
  readonly #shared = new Map<Backend, NetworkCapability>();

  /**
   * Opens the one that is shared, and has Deno open what it keeps after the first use of a backend:
   * neither is a leak of a behaviour. Of a Worker that was terminated, for one, it keeps an epoll
   * and an eventfd until the next one is.
   */
  async warmUp(backend: Backend): Promise<void> {
    if (backend.isShared && !this.#shared.has(backend)) {
      // Of another backend's nothing is needed any more.
      await this.close();
      this.#shared.set(backend, await NetworkCapability.request(requestFor(backend)));
    }
    if (this.#warm.has(backend)) return;
    this.#warm.add(backend);
    await dispose(await NetworkCapability.request(requestFor(backend)));
  }

  /** A capability with nothing open. */
  async take(backend: Backend, { options }: Behaviour): Promise<NetworkCapability> {
    const { ring } = options;
    const shared = this.#shared.get(backend);
    if (ring === undefined && shared !== undefined) return shared;
    return await NetworkCapability.request(requestFor(backend, { ring }));
  }

  /** Takes one back; after a failure, with whatever is in flight on it. */
  async give(capability: NetworkCapability, hasFailed: boolean): Promise<void> {
    const shared = [...this.#shared].find(([, each]) => each === capability);
    if (shared !== undefined && !hasFailed) return;
    if (shared !== undefined) this.#shared.delete(shared[0]);
    // What a failure left in flight would never end.
    if (hasFailed) capability.network.reactor.cancelAll();
    await dispose(capability);
  }

  /** Closes those that are shared. */
  async close(): Promise<void> {
    const all = [...this.#shared.values()];
    this.#shared.clear();
    await Promise.all(all.map(dispose));
  }
}

async function dispose(capability: NetworkCapability): Promise<void> {
  await capability[Symbol.asyncDispose]();
}
