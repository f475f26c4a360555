/**
 * A host of a simulation: a name, addresses, and a capability for the programs that run on it.
 *
 * @module
 */

import type { StackOptions, WorldHost, WorldPipe } from "../../drivers/mod.ts";
import type { NetworkCapability } from "../capability.ts";

/** What a host asks of its simulation. */
export interface HostOwner {
  /** The capability of a host's programs. @throws {SimulationError} STATE before it has begun */
  capabilityOf(host: WorldHost): NetworkCapability;
}

/** A host or a router. */
export class SimulatedHost {
  /** Its name, by which other hosts find it. */
  readonly name: string;
  readonly #owner: HostOwner;
  readonly #host: WorldHost;

  /** @ignore */
  constructor(owner: HostOwner, host: WorldHost) {
    this.name = host.name;
    this.#owner = owner;
    this.#host = host;
  }

  /**
   * What programs on it use the network with.
   *
   * @throws {SimulationError} STATE before the simulation has begun, and after it was closed
   */
  get capability(): NetworkCapability {
    return this.#owner.capabilityOf(this.#host);
  }

  /**
   * Its addresses without the lengths of their prefixes, those of its first link first, IPv4 before
   * IPv6; empty until the simulation has begun.
   */
  get addresses(): readonly string[] {
    return this.#host.addresses.map((address) => address.slice(0, address.indexOf("/")));
  }

  /**
   * Its first address of IPv4.
   *
   * @throws {SimulationError} STATE before the simulation has begun
   */
  get address(): string {
    // Only a simulation that has begun has capabilities, and addresses.
    if (this.#host.addresses.length === 0) this.#owner.capabilityOf(this.#host);
    return this.addresses[0] ?? "127.0.0.1";
  }
}

/** A place in the network for a stack in another thread: a simulation in real time. */
export class SimulatedPipe {
  /** Its name, by which hosts find it. */
  readonly name: string;
  readonly #pipe: WorldPipe;
  readonly #onEarly: () => never;

  /** @ignore */
  constructor(pipe: WorldPipe, onEarly: () => never) {
    this.name = pipe.name;
    this.#pipe = pipe;
    this.#onEarly = onEarly;
  }

  /**
   * What the stack is set up with: pipes, addresses, routes and names. It can be posted to a Worker,
   * which requests a capability with it: `{ backend: "stack", stack: options }`.
   *
   * @throws {SimulationError} STATE before the simulation has begun
   */
  get options(): StackOptions {
    return this.#pipe.options ?? this.#onEarly();
  }
}
