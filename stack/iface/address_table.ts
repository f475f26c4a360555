/**
 * The addresses of a stack, with their states and lifetimes.
 *
 * Those of IPv4 and IPv6 are looked up by hash for each packet; everything else about them happens
 * so rarely that it is a plain list.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import { isAny, isMulticast } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { randomTableKey } from "../random.ts";
import { selectSource } from "../route/source_selection.ts";
import { KeyTable } from "../tables/mod.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import type { StackEvents } from "./events.ts";
import { addressBits, broadcastOf, isInPrefix, putWords } from "./ip_address.ts";
import type { LinkOptions } from "./options.ts";
import type { TopologyChanges } from "./topology.ts";
import { type AddressPreference, AddressState, type AddressTable } from "./types.ts";

/** The first byte of addresses of IPv4 that never leave a host. RFC 1122 section 3.2.1.3. */
const LOOPBACK_NETWORK = 127;

/** Where an address comes from. */
export type AddressOrigin = "static" | "link-local" | "autoconfigured" | "temporary";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly interface: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly origin: AddressOrigin;
  /** What it can be used for. */
  readonly state: AddressState;
  /** Until when it is preferred, in microseconds; Infinity for ever. */
  readonly preferredUntil: number;
  /** Until when it is valid. */
  readonly validUntil: number;
  /** The router that advertised its prefix, null where none did. RFC 6724 rule 5.5. */
  readonly router: Ipv6Address | null;
  /** When it was made. */
  readonly createdAt: number;
}

/** What an address is to be. */
export interface AddressParameters {
  readonly origin?: AddressOrigin;
  readonly state?: AddressState;
  readonly preferredUntil?: number;
  readonly validUntil?: number;
  readonly router?: Ipv6Address | null;
}

/** What of an address can change. */
export type AddressChange = Partial<
  Pick<InterfaceAddress, "state" | "preferredUntil" | "validUntil" | "router">
>;

/** Is told when an address begins or ceases to be ours. */
export interface AddressWatcher {
  /** It was added, in whatever state. */
  onAddressAdded(address: InterfaceAddress): void;
  /** It was removed. */
  onAddressRemoved(address: InterfaceAddress): void;
}

interface Entry extends InterfaceAddress {
  state: AddressState;
  preferredUntil: number;
  validUntil: number;
  router: Ipv6Address | null;
  /** The same address of another interface. */
  same: Entry | null;
}

/** What a table of addresses is made of. */
export interface AddressTableParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly changes: TopologyChanges;
  readonly events: StackEvents;
}

/** Whether packets may be sent from, and received for, an address of a state. */
export function isUsable(state: AddressState): boolean {
  return state === AddressState.PREFERRED || state === AddressState.DEPRECATED;
}

/** All addresses of one stack. */
export class Addresses implements AddressTable {
  /** Who is told of addresses that come and go: routes, groups, detection of duplicates. */
  readonly watchers: AddressWatcher[] = [];
  readonly #parts: AddressTableParts;
  readonly #entries: Entry[] = [];
  readonly #slots: (Entry | null)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #ipv4: KeyTable;
  readonly #ipv6: KeyTable;
  readonly #words = new Int32Array(4);
  /** The interface that has an address of 127.0.0.0/8, 0 for none. */
  #loopback = 0;

  /** Makes a table without addresses. */
  constructor(parts: AddressTableParts) {
    this.#parts = parts;
    const capacity = parts.options.addresses;
    const hashKey = randomTableKey(parts.environment.random);
    this.#ipv4 = new KeyTable({ capacity, keyWords: 1, hashKey });
    this.#ipv6 = new KeyTable({ capacity, keyWords: 4, hashKey });
  }

  /** All addresses, in the order in which they were added. @param interfaceIndex 0 for all */
  list(interfaceIndex: number = 0): readonly InterfaceAddress[] {
    if (interfaceIndex === 0) return this.#entries;
    return this.#entries.filter((entry) => entry.interface === interfaceIndex);
  }

  /**
   * Adds an address to an interface.
   *
   * @returns 0 or `-errno`: EEXIST, EINVAL for one that nobody can have, ENOBUFS
   */
  add(
    interfaceIndex: number,
    address: IpAddress,
    prefixLength: number,
    parameters: AddressParameters = {},
  ): number {
    if (!(prefixLength >= 0 && prefixLength <= addressBits(address))) return -Errno.EINVAL;
    if (isAny(address) || isMulticast(address) || address === -1) return -Errno.EINVAL;
    const first = this.#firstOf(address);
    if (findOn(first, interfaceIndex) !== null) return -Errno.EEXIST;
    const entry: Entry = {
      interface: interfaceIndex,
      address,
      prefixLength,
      origin: parameters.origin ?? "static",
      state: parameters.state ?? AddressState.PREFERRED,
      preferredUntil: parameters.preferredUntil ?? Infinity,
      validUntil: parameters.validUntil ?? Infinity,
      router: parameters.router ?? null,
      createdAt: this.#parts.environment.now,
      same: null,
    };
    if (!this.#place(entry, first)) return -Errno.ENOBUFS;
    this.#entries.push(entry);
    this.#findLoopback();
    this.#parts.changes.change();
    this.#tell("address-added", entry);
    for (const watcher of this.watchers) watcher.onAddressAdded(entry);
    return 0;
  }

  /** Puts an entry where its address is looked up. @returns false when there is no room */
  #place(entry: Entry, first: Entry | null): boolean {
    if (this.#entries.length >= this.#parts.options.addresses) return false;
    if (first !== null) {
      while (first.same !== null) first = first.same;
      first.same = entry;
      return true;
    }
    const slot = this.#freeSlots.pop() ?? this.#slots.push(null) - 1;
    putWords(this.#words, 0, entry.address);
    this.#slots[slot] = entry;
    return this.#tableOf(entry.address).insert(this.#words, slot) === slot;
  }

  /** Removes an address. @returns 0 or `-errno`: EADDRNOTAVAIL */
  remove(interfaceIndex: number, address: IpAddress): number {
    const first = this.#firstOf(address);
    const entry = findOn(first, interfaceIndex);
    if (entry === null || first === null) return -Errno.EADDRNOTAVAIL;
    if (entry !== first) {
      let before = first;
      while (before.same !== null && before.same !== entry) before = before.same;
      before.same = entry.same;
    } else {
      const slot = this.#tableOf(address).lookup(this.#words);
      this.#slots[slot] = entry.same;
      if (entry.same === null) {
        this.#tableOf(address).remove(this.#words);
        this.#freeSlots.push(slot);
      }
    }
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#findLoopback();
    this.#parts.changes.change();
    this.#tell("address-removed", entry);
    for (const watcher of this.watchers) watcher.onAddressRemoved(entry);
    return 0;
  }

  /** Changes an address's state or lifetimes. @returns false when there is no such address */
  update(interfaceIndex: number, address: IpAddress, change: AddressChange): boolean {
    const entry = findOn(this.#firstOf(address), interfaceIndex);
    if (entry === null) return false;
    const before = entry.state;
    Object.assign(entry, change);
    if (entry.state !== before) {
      this.#parts.changes.change();
      this.#tell("address-changed", entry);
    }
    return true;
  }

  /** An address of an interface; undefined where it has not got it. @param interfaceIndex 0: any */
  find(address: IpAddress, interfaceIndex: number): InterfaceAddress | undefined {
    return findOn(this.#firstOf(address), interfaceIndex) ?? undefined;
  }

  #tell(event: "address-added" | "address-removed" | "address-changed", entry: Entry): void {
    const { address, prefixLength, state } = entry;
    const changed = { event, interface: entry.interface, address, prefixLength, state };
    this.#parts.events.onEvent(changed);
  }

  #findLoopback(): void {
    const found = this.#entries.find(({ address }) =>
      typeof address === "number" && address >>> 24 === LOOPBACK_NETWORK
    );
    this.#loopback = found?.interface ?? 0;
  }

  #tableOf(address: IpAddress): KeyTable {
    return typeof address === "number" ? this.#ipv4 : this.#ipv6;
  }

  /** The first entry of an address; its words are left behind in the key. */
  #firstOf(address: IpAddress): Entry | null {
    putWords(this.#words, 0, address);
    const slot = this.#tableOf(address).lookup(this.#words);
    return slot < 0 ? null : this.#slots[slot];
  }

  /** See {@linkcode AddressTable.isLocal}. */
  isLocal(address: IpAddress, interfaceIndex: number): boolean {
    for (let entry = this.#firstOf(address); entry !== null; entry = entry.same) {
      const isThere = interfaceIndex === 0 || entry.interface === interfaceIndex;
      if (isThere && isUsable(entry.state)) return true;
    }
    return this.#isLoopback(address, interfaceIndex);
  }

  /** All of 127.0.0.0/8 is ours, once one address of it is. */
  #isLoopback(address: IpAddress, interfaceIndex: number): boolean {
    return typeof address === "number" && address >>> 24 === LOOPBACK_NETWORK &&
      this.#loopback !== 0 && (interfaceIndex === 0 || interfaceIndex === this.#loopback);
  }

  /** See {@linkcode AddressTable.stateOf}. */
  stateOf(address: IpAddress, interfaceIndex: number): AddressState {
    const entry = findOn(this.#firstOf(address), interfaceIndex);
    if (entry !== null) return entry.state;
    const isLoopback = this.#isLoopback(address, interfaceIndex);
    return isLoopback ? AddressState.PREFERRED : AddressState.NONE;
  }

  /** See {@linkcode AddressTable.interfaceOf}. */
  interfaceOf(address: IpAddress): number {
    for (let entry = this.#firstOf(address); entry !== null; entry = entry.same) {
      if (isUsable(entry.state)) return entry.interface;
    }
    return this.#isLoopback(address, 0) ? this.#loopback : 0;
  }

  /** See {@linkcode AddressTable.isBroadcast}. */
  isBroadcast(address: number, interfaceIndex: number): boolean {
    if (address === -1) return true;
    for (const entry of this.#entries) {
      if (typeof entry.address !== "number") continue;
      if (interfaceIndex !== 0 && entry.interface !== interfaceIndex) continue;
      // RFC 3021: links between two have no broadcasts of their own.
      if (entry.prefixLength >= 31) continue;
      if (broadcastOf(entry.address, entry.prefixLength) === address) return true;
    }
    return false;
  }

  /** See {@linkcode AddressTable.selectSource}. */
  selectSource(
    destination: IpAddress,
    interfaceIndex: number,
    nextHop: IpAddress | null,
    preference: AddressPreference,
  ): IpAddress | null {
    return selectSource(this.#entries, { destination, interfaceIndex, nextHop, preference });
  }

  /** See {@linkcode AddressTable.isOnLink}. */
  isOnLink(address: IpAddress, interfaceIndex: number): boolean {
    return this.#entries.some((entry) =>
      (interfaceIndex === 0 || entry.interface === interfaceIndex) &&
      isInPrefix(address, entry.address, entry.prefixLength)
    );
  }
}

/** The entry of an interface among those of one address. @param interfaceIndex 0 for the first */
function findOn(first: Entry | null, interfaceIndex: number): Entry | null {
  for (let entry = first; entry !== null; entry = entry.same) {
    if (interfaceIndex === 0 || entry.interface === interfaceIndex) return entry;
  }
  return null;
}
