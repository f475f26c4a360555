/**
 * The names that a stack knows by itself: its hosts, its own name, and that of loopback.
 *
 * @module
 */

import { formatAddress } from "../../stack/iface/ip_address.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { ipv4Of, ipv6Of } from "../../stack/wire/addresses.ts";

/** RFC 6761 section 6.3: these names are loopback, whoever is asked. */
const LOCALHOST = "localhost";
const LOOPBACK: readonly IpAddress[] = [[0, 0, 0, 1], 0x7f00_0001];

/** Reads the text of an address. @returns it, or null for what is none */
export function parseAddress(text: string): IpAddress | null {
  try {
    return text.includes(":") ? ipv6Of(text) : ipv4Of(text);
  } catch {
    return null;
  }
}

/** Names and addresses of a stack's configuration. */
export class Directory {
  readonly #addresses = new Map<string, IpAddress[]>();
  /** The first name that an address was listed under, by the address's text. */
  readonly #names = new Map<string, string>();
  readonly #hostname: string;
  readonly #ownAddresses: () => readonly IpAddress[];

  /**
   * @param hosts addresses by name
   * @param hostname the stack's own name, "" for none
   * @param ownAddresses the addresses that it has now
   * @throws {TypeError} when an address is none, naming it
   */
  constructor(
    hosts: Readonly<Record<string, string | readonly string[]>>,
    hostname: string,
    ownAddresses: () => readonly IpAddress[],
  ) {
    this.#hostname = normalize(hostname);
    this.#ownAddresses = ownAddresses;
    for (const [name, texts] of Object.entries(hosts)) {
      for (const text of [texts].flat()) this.#add(normalize(name), text);
    }
  }

  /** The addresses of a name; null where it is not known here. */
  find(name: string): readonly IpAddress[] | null {
    const literal = parseAddress(name);
    if (literal !== null) return [literal];
    const wanted = normalize(name);
    const listed = this.#addresses.get(wanted);
    if (listed !== undefined) return listed;
    if (wanted === LOCALHOST || wanted.endsWith(`.${LOCALHOST}`)) return LOOPBACK;
    return wanted === this.#hostname && wanted !== "" ? this.#ownAddresses() : null;
  }

  /** The name of an address; null where it is not known here. */
  nameOf(address: IpAddress): string | null {
    const text = formatAddress(address);
    const listed = this.#names.get(text);
    if (listed !== undefined) return listed;
    if (LOOPBACK.some((other) => formatAddress(other) === text)) return LOCALHOST;
    const isOwn = this.#ownAddresses().some((other) => formatAddress(other) === text);
    return isOwn && this.#hostname !== "" ? this.#hostname : null;
  }

  #add(name: string, text: string): void {
    const address = parseAddress(text);
    if (address === null) throw new TypeError(`stack.hosts: ${name}: ${text} is no address`);
    const listed = this.#addresses.get(name);
    if (listed === undefined) this.#addresses.set(name, [address]);
    else listed.push(address);
    const canonical = formatAddress(address);
    if (!this.#names.has(canonical)) this.#names.set(canonical, name);
  }
}

/** Names are compared without regard to case and to the dot of the root. RFC 1035 section 2.3.3. */
function normalize(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}
