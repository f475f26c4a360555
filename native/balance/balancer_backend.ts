/**
 * One backend of a balancer: where it is, how it is, and what it has served.
 *
 * @module
 */

import { type EjectionPlan, Health } from "./balancer_health.ts";
import { checkKeys } from "../options/options.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";

/** A backend, as it is given to a balancer. */
export interface BackendOptions {
  /** Where it is; a name is resolved for each connection. */
  readonly address: AddressInput;
  /** Tells it from the others; its address as text unless said otherwise. */
  readonly name?: string;
  /** Its share of connections in proportion to the others', above 0 and up to 1e6; 1. */
  readonly weight?: number;
  /** The most connections that it is given at a time, 1 or more; no limit unless said. */
  readonly maxConnections?: number;
}

/** How a backend is: it takes connections, has failed too often, or takes no new ones any more. */
export type BackendCondition = "up" | "ejected" | "draining";

/** What a backend has done. */
export interface BackendStats {
  /** Connections it has now, those that are being made among them. */
  readonly active: number;
  /** Connections that were made, ever. */
  readonly connections: number;
  /** Connections that could not be made. */
  readonly connectFailures: number;
  /** Times it was ejected. */
  readonly ejections: number;
  /** Bytes that proxied clients sent it. */
  readonly bytesIn: number;
  /** Bytes that it sent to proxied clients. */
  readonly bytesOut: number;
}

/** A backend of a balancer. */
export interface Backend {
  /** Tells it from the others. */
  readonly name: string;
  /** Where it is. */
  readonly address: AddressInput;
  /** Its share of connections in proportion to the others'. */
  readonly weight: number;
  /** How it is now. */
  readonly condition: BackendCondition;
  /** What it has done. */
  stats(): BackendStats;
}

/** A connection to a backend, which can be cut. */
export interface BackendConnection {
  /** Bytes to the backend so far; undefined where nobody counts. */
  readonly bytesToServer?: number;
  /** Bytes from the backend so far. */
  readonly bytesToClient?: number;
  /** Ends it. @returns when it is closed */
  cut(): Promise<unknown>;
}

const KEYS: readonly string[] = ["address", "name", "weight", "maxConnections"];
const WEIGHT_MAX = 1e6;

/** A backend, as the balancer sees it. */
export class BackendState implements Backend {
  /** {@inheritDoc Backend.name} */
  readonly name: string;
  /** {@inheritDoc Backend.address} */
  readonly address: AddressInput;
  /** {@inheritDoc Backend.weight} */
  readonly weight: number;
  /** The most connections at a time. */
  readonly maxConnections: number;
  /** Whether it fails. */
  readonly health: Health;
  /** Connections that are there or being made. */
  active = 0;
  connections = 0;
  connectFailures = 0;
  isDraining = false;
  /** Whether even connections that are being made are given up. */
  isCut = false;
  readonly #clock: () => number;
  readonly #open = new Set<BackendConnection>();
  #bytesIn = 0;
  #bytesOut = 0;
  #idle: (() => void)[] = [];

  /**
   * @throws {TypeError} when address, name or a key is not what it should be
   * @throws {RangeError} when a number is out of its range
   */
  constructor(
    input: AddressInput | BackendOptions,
    plan: EjectionPlan | null,
    clock: () => number,
  ) {
    const options = optionsOf(input);
    const { weight = 1, maxConnections = Infinity } = options;
    this.address = options.address;
    this.name = options.name ?? nameOf(options.address);
    if (typeof this.name !== "string" || this.name === "") {
      throw new TypeError("backend: name must be a text that is not empty");
    }
    if (typeof weight !== "number" || !(weight > 0 && weight <= WEIGHT_MAX)) {
      throw new RangeError(`backend ${this.name}: weight must be above 0 and up to ${WEIGHT_MAX}`);
    }
    const isCount = maxConnections === Infinity || Number.isInteger(maxConnections);
    if (!isCount || maxConnections < 1) {
      throw new RangeError(`backend ${this.name}: maxConnections must be an integer from 1 on`);
    }
    this.weight = weight;
    this.maxConnections = maxConnections;
    this.health = new Health(plan);
    this.#clock = clock;
  }

  /** {@inheritDoc Backend.condition} */
  get condition(): BackendCondition {
    if (this.isDraining) return "draining";
    return this.health.isEjected(this.#clock()) ? "ejected" : "up";
  }

  /** Whether it may be given one connection more. */
  get hasRoom(): boolean {
    return !this.isDraining && this.active < this.maxConnections;
  }

  /** {@inheritDoc Backend.stats} */
  stats(): BackendStats {
    let [bytesIn, bytesOut] = [this.#bytesIn, this.#bytesOut];
    for (const { bytesToServer = 0, bytesToClient = 0 } of this.#open) {
      bytesIn += bytesToServer;
      bytesOut += bytesToClient;
    }
    const { active, connections, connectFailures } = this;
    const { ejections } = this.health;
    return { active, connections, connectFailures, ejections, bytesIn, bytesOut };
  }

  /** Counts a connection that can be cut. */
  opened(connection: BackendConnection): void {
    this.#open.add(connection);
  }

  /** Forgets it, but not what it moved. */
  closed(connection: BackendConnection): void {
    if (!this.#open.delete(connection)) return;
    this.#bytesIn += connection.bytesToServer ?? 0;
    this.#bytesOut += connection.bytesToClient ?? 0;
  }

  /** Gives back a connection that was counted as active. */
  release(): void {
    this.active--;
    if (this.active > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when it has no connection. */
  whenIdle(): Promise<void> {
    if (this.active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Ends all its connections. @returns how many, when they are closed */
  async cutAll(): Promise<number> {
    this.isCut = true;
    const ending = [...this.#open].map((connection) => connection.cut());
    await Promise.all(ending);
    return ending.length;
  }
}

function optionsOf(input: AddressInput | BackendOptions): BackendOptions {
  if (typeof input !== "object" || input === null || !("address" in input)) {
    return { address: input };
  }
  checkKeys("backend", input, KEYS);
  return input;
}

function nameOf(address: AddressInput): string {
  const parsed = parseAddress(address);
  return isHostPort(parsed) ? `${parsed.name}:${parsed.port}` : parsed.toString();
}
