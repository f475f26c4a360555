/**
 * Ends addresses whose lifetimes are over, and deprecates those that are not to be preferred any
 * more: RFC 4862 section 5.5.4.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Addresses, AddressWatcher, InterfaceAddress } from "./address_table.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { AddressState } from "./types.ts";

interface Lifetime extends AgendaItem {
  readonly address: InterfaceAddress;
}

/** Watches over the lifetimes of all addresses. */
export class AddressLifetimes implements AddressWatcher {
  readonly #environment: Environment;
  readonly #addresses: Addresses;
  readonly #agenda: Agenda<Lifetime>;

  /** Watches from now on. */
  constructor(environment: Environment, addresses: Addresses) {
    this.#environment = environment;
    this.#addresses = addresses;
    this.#agenda = new Agenda(environment, (lifetime, due) => this.#onDue(lifetime, due));
    addresses.watchers.push(this);
  }

  /** See {@linkcode AddressWatcher.onAddressAdded}. */
  onAddressAdded(address: InterfaceAddress): void {
    this.#agenda.add({ address, deadline: this.#nextOf(address) });
  }

  /** See {@linkcode AddressWatcher.onAddressRemoved}. */
  onAddressRemoved(address: InterfaceAddress): void {
    const known = this.#agenda.items.find((lifetime) => lifetime.address === address);
    if (known !== undefined) this.#agenda.remove(known);
  }

  /**
   * Changes the lifetimes of an address, which may revive it.
   *
   * @param preferredUntil in microseconds
   * @param validUntil in microseconds
   */
  set(address: InterfaceAddress, preferredUntil: number, validUntil: number): void {
    const { interface: link, address: words } = address;
    this.#addresses.update(link, words, { preferredUntil, validUntil });
    const isRevived = address.state === AddressState.DEPRECATED &&
      preferredUntil > this.#environment.now;
    if (isRevived) this.#addresses.update(link, words, { state: AddressState.PREFERRED });
    const known = this.#agenda.items.find((lifetime) => lifetime.address === address);
    if (known === undefined) return;
    known.deadline = this.#nextOf(address);
    this.#agenda.rearm();
  }

  #nextOf({ state, preferredUntil, validUntil }: InterfaceAddress): number {
    return state === AddressState.DEPRECATED ? validUntil : Math.min(preferredUntil, validUntil);
  }

  #onDue(lifetime: Lifetime, due: number): void {
    const { address } = lifetime;
    if (address.validUntil <= due) {
      // RFC 4862 section 5.5.4 (MUST): an address whose valid lifetime is over is not assigned.
      this.#addresses.remove(address.interface, address.address);
      return;
    }
    if (address.preferredUntil <= due && address.state === AddressState.PREFERRED) {
      // RFC 4862 section 5.5.4 (SHOULD): then it serves what uses it already, and nothing new.
      const change = { state: AddressState.DEPRECATED };
      this.#addresses.update(address.interface, address.address, change);
    }
    // A tentative address is deprecated at once when it proves to be unique.
    lifetime.deadline = address.validUntil;
  }
}
