/**
 * Where TCP finds what a segment is for: connections, half-open ones, and those in TIME-WAIT, by
 * their two ends. Each has a slot, and a timer with the slot's number.
 *
 * @module
 */

import type { SipKey } from "../../ring/abi/sip_hash.ts";
import type { Environment } from "../environment.ts";
import type { Flow, IcmpError, IpAddress } from "../ip/types.ts";
import { randomTableKey } from "../random.ts";
import {
  IPV4_FLOW_WORDS,
  IPV6_FLOW_WORDS,
  KeyTable,
  setIpv4Flow,
  setIpv6Flow,
} from "../tables/mod.ts";
import { Protocol } from "../wire/numbers.ts";
import type { Configuration } from "./configuration.ts";
import type { Segment } from "./types.ts";

/** Something that segments are for. */
export interface Entry {
  /** Its slot, or -1 while it is not in the table. */
  slot: number;
  /** Its two ends. */
  readonly flow: Flow;
  /** What its socket's options say; null where they do not count any more. */
  readonly configuration: Configuration | null;
  /** A segment arrived; its packet remains the caller's. */
  onSegment(segment: Segment): void;
  /** Its timer fired. */
  onTimer(): void;
  /** Whether a number is that of something that was sent and not acknowledged. */
  isInFlight(sequence: number): boolean;
  /** An error about a segment that is on its way was reported. */
  onIcmp(error: IcmpError): void;
}

const NONE = -1;

/** All that segments can be for, but listeners. */
export class EntryTable {
  /** How many entries there may be. */
  readonly capacity: number;
  readonly #environment: Environment;
  /** Made with the first entry of each family: many stacks have but one. */
  #ipv4: KeyTable | null = null;
  #ipv6: KeyTable | null = null;
  readonly #entries: (Entry | null)[];
  readonly #timers: Int32Array;
  /** When the timer of each slot is going to fire; Infinity for those that will not. */
  readonly #armed: Float64Array;
  readonly #owner: number;
  readonly #keys: readonly [SipKey, SipKey];
  readonly #key4 = new Int32Array(IPV4_FLOW_WORDS);
  readonly #key6 = new Int32Array(IPV6_FLOW_WORDS);
  #free: number[] = [];
  #slots = 0;

  /**
   * Makes a table without entries.
   *
   * @param environment whose timers it takes
   * @param capacity how many entries it may have
   */
  constructor(environment: Environment, capacity: number) {
    this.#environment = environment;
    this.capacity = capacity;
    const { random, timers } = environment;
    this.#keys = [randomTableKey(random), randomTableKey(random)];
    this.#entries = [];
    this.#timers = new Int32Array(capacity).fill(NONE);
    this.#armed = new Float64Array(capacity).fill(Infinity);
    this.#owner = timers.register((slot) => this.#onTimer(slot));
  }

  /** How many entries there are. */
  get size(): number {
    return (this.#ipv4?.size ?? 0) + (this.#ipv6?.size ?? 0);
  }

  /**
   * Finds the entry for a flow of IPv4.
   *
   * @param ports the local one in the upper half
   */
  find4(local: number, remote: number, ports: number): Entry | null {
    if (this.#ipv4 === null) return null;
    const key = this.#key4;
    setIpv4Flow(key, local, remote, ports, Protocol.TCP, 0);
    const slot = this.#ipv4.lookup(key);
    return slot === NONE ? null : this.#entries[slot];
  }

  /**
   * Finds the entry for a flow of IPv6.
   *
   * @param scope the interface, where an address is of the link only, else 0
   */
  find6(
    local: readonly number[],
    remote: readonly number[],
    ports: number,
    scope: number,
  ): Entry | null {
    if (this.#ipv6 === null) return null;
    const key = this.#key6;
    setIpv6Flow(key, local, remote, ports, Protocol.TCP, scope);
    const slot = this.#ipv6.lookup(key);
    return slot === NONE ? null : this.#entries[slot];
  }

  /** Finds the entry of a flow. */
  find(flow: Flow): Entry | null {
    const ports = flow.localPort << 16 | flow.remotePort;
    const { local, remote } = flow;
    if (typeof remote === "number") return this.find4(local as number, remote, ports);
    return this.find6(local as readonly number[], remote, ports, scopeOf(flow));
  }

  /**
   * Puts an entry in, and gives it a slot and a timer.
   *
   * @returns false when its flow has an entry, or there is no room
   */
  add(entry: Entry): boolean {
    const slot = this.#free.pop() ?? (this.#slots < this.capacity ? this.#slots++ : NONE);
    if (slot === NONE) return false;
    const timer = this.#environment.timers.take(this.#owner, slot);
    if (timer < 0 || !this.#insert(entry.flow, slot)) {
      if (timer >= 0) this.#environment.timers.release(timer);
      this.#free.push(slot);
      return false;
    }
    this.#timers[slot] = timer;
    this.#armed[slot] = Infinity;
    this.#entries[slot] = entry;
    entry.slot = slot;
    return true;
  }

  /** Takes an entry out. */
  remove(entry: Entry): void {
    const { slot } = entry;
    this.#withdraw(entry.flow);
    this.#environment.timers.release(this.#timers[slot]);
    this.#timers[slot] = NONE;
    this.#entries[slot] = null;
    this.#free.push(slot);
    entry.slot = NONE;
  }

  /** Puts an entry in the place of another one of the same flow. */
  replace(entry: Entry, by: Entry): void {
    const { slot } = entry;
    this.#entries[slot] = by;
    by.slot = slot;
    entry.slot = NONE;
    this.schedule(slot, Infinity);
  }

  /**
   * Says when the timer of a slot is to fire. It may fire earlier, since a timer that is armed is
   * left alone when its deadline moves away, as most do with each acknowledgment.
   *
   * @param deadline in microseconds; Infinity for never
   */
  schedule(slot: number, deadline: number): void {
    if (deadline >= this.#armed[slot]) return;
    this.#armed[slot] = deadline;
    this.#environment.timers.arm(this.#timers[slot], deadline);
  }

  /** All entries, by slot. For whoever ends them all, and for tests. */
  all(): Entry[] {
    return this.#entries.filter((entry) => entry !== null);
  }

  #onTimer(slot: number): void {
    this.#armed[slot] = Infinity;
    this.#entries[slot]?.onTimer();
  }

  #insert(flow: Flow, slot: number): boolean {
    const { table, key } = this.#locate(flow);
    return table.insert(key, slot) === slot;
  }

  #withdraw(flow: Flow): void {
    const { table, key } = this.#locate(flow);
    table.remove(key);
  }

  #locate(flow: Flow): { table: KeyTable; key: Int32Array } {
    const ports = flow.localPort << 16 | flow.remotePort;
    const { local, remote } = flow;
    if (typeof remote !== "number") {
      const key = this.#key6;
      setIpv6Flow(key, local as readonly number[], remote, ports, Protocol.TCP, scopeOf(flow));
      return { table: this.#ipv6 ??= this.#table(IPV6_FLOW_WORDS, this.#keys[1]), key };
    }
    const key = this.#key4;
    setIpv4Flow(key, local as number, remote, ports, Protocol.TCP, 0);
    return { table: this.#ipv4 ??= this.#table(IPV4_FLOW_WORDS, this.#keys[0]), key };
  }

  #table(keyWords: number, hashKey: SipKey): KeyTable {
    return new KeyTable({ capacity: this.capacity, keyWords, hashKey });
  }
}

/** The interface that a flow's addresses belong to: 0 but for those of the link (RFC 4007). */
function scopeOf(flow: Flow): number {
  return isLinkLocal(flow.remote) || isLinkLocal(flow.local) ? flow.scope : 0;
}

/** Whether an address is of the link only, so that it means nothing without an interface. */
export function isLinkLocal(address: IpAddress): boolean {
  return typeof address !== "number" && address[0] >>> 22 === 0xfe80 >>> 6;
}
