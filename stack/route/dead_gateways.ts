/**
 * First hops that did not answer lately: others are preferred to them. RFC 1122 section 3.3.1.4,
 * RFC 816.
 *
 * @module
 */

import { type Environment, MINUTE } from "../environment.ts";
import { Agenda, type AgendaItem } from "../iface/agenda.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";

/** So long a first hop is passed over, unless it is heard of before. */
const RETRY_AFTER: number = MINUTE;

interface DeadGateway extends AgendaItem {
  readonly interface: number;
  readonly gateway: IpAddress;
}

/** A list with a fixed length; those that find no room count as alive. */
export class DeadGateways {
  readonly #environment: Environment;
  readonly #capacity: number;
  readonly #agenda: Agenda<DeadGateway>;

  /**
   * Makes an empty list.
   *
   * @param onRevived is told that one is to be tried again
   */
  constructor(environment: Environment, capacity: number, onRevived: () => void) {
    this.#environment = environment;
    this.#capacity = capacity;
    this.#agenda = new Agenda(environment, (gateway) => {
      this.#agenda.remove(gateway);
      onRevived();
    });
  }

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#agenda.items.length === 0;
  }

  /** Whether a first hop did not answer lately. */
  has(interfaceIndex: number, gateway: IpAddress): boolean {
    return this.#find(interfaceIndex, gateway) !== undefined;
  }

  #find(interfaceIndex: number, gateway: IpAddress): DeadGateway | undefined {
    return this.#agenda.items.find((known) =>
      known.interface === interfaceIndex && isSame(known.gateway, gateway)
    );
  }

  /** One does not answer. @returns whether that is new */
  add(interfaceIndex: number, gateway: IpAddress): boolean {
    const deadline = this.#environment.now + RETRY_AFTER;
    const known = this.#find(interfaceIndex, gateway);
    if (known !== undefined) {
      known.deadline = deadline;
      this.#agenda.rearm();
      return false;
    }
    if (this.#agenda.items.length >= this.#capacity) return false;
    this.#agenda.add({ interface: interfaceIndex, gateway, deadline });
    return true;
  }

  /** One answers. @returns whether that is new */
  remove(interfaceIndex: number, gateway: IpAddress): boolean {
    const known = this.#find(interfaceIndex, gateway);
    if (known === undefined) return false;
    this.#agenda.remove(known);
    return true;
  }

  /** Forgets those of an interface. */
  removeInterface(interfaceIndex: number): void {
    const gone = this.#agenda.items.filter((known) => known.interface === interfaceIndex);
    for (const gateway of gone) this.#agenda.remove(gateway);
  }
}
