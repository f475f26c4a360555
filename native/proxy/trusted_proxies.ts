/**
 * Networks whose hosts are believed when they say whom they speak for.
 *
 * @module
 */

import { SocketAddress } from "../../ring/abi/address.ts";
import { inspectHost } from "../../ring/abi/ip_text.ts";

/** The entry that stands for every peer of a Unix socket. */
const UNIX = "unix:";
/** The most networks of a list: all of them are looked at for each connection. */
const NETWORKS_MAX = 4096;
/** Where the IPv4 address begins in an IPv4-mapped one. RFC 4291 section 2.5.5.2. */
const MAPPED_BYTES = 12;

interface Network {
  /** 4 or 16 bytes; the bits beyond the prefix are 0. */
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** A list of networks. */
export class TrustedProxies {
  readonly #networks: readonly Network[];
  readonly #trustsUnix: boolean;

  /**
   * @param networks such as `"10.0.0.0/8"`, `"192.0.2.7"`, `"2001:db8::/32"`; `"unix:"` for every
   * peer of a Unix socket
   * @throws {TypeError} when one is malformed, with its place in the list
   * @throws {RangeError} when there are more than 4096
   */
  constructor(networks: readonly string[]) {
    if (!Array.isArray(networks)) {
      throw new TypeError("trustedProxies must be an array of networks");
    }
    if (networks.length > NETWORKS_MAX) {
      throw new RangeError(`trustedProxies has more than ${NETWORKS_MAX} networks`);
    }
    const parsed = networks.map((text, index) => text === UNIX ? null : parseNetwork(text, index));
    this.#networks = parsed.filter((network) => network !== null);
    this.#trustsUnix = parsed.includes(null);
  }

  /** Whether the host of an address is in one of the networks. */
  has(address: SocketAddress): boolean {
    if (address.family === "unix") return this.#trustsUnix;
    const skipped = address.isIPv4Mapped ? MAPPED_BYTES : 0;
    return this.#networks.some((network) => holds(network, address, skipped));
  }
}

/** @param skipped bytes of the address that do not count: those before a mapped one */
function holds({ bytes, prefix }: Network, address: SocketAddress, skipped: number): boolean {
  if (address.byteLength - skipped !== bytes.length) return false;
  for (let index = 0; index * 8 < prefix; index++) {
    if ((address.byteAt(index + skipped) & maskByte(prefix, index)) !== bytes[index]) return false;
  }
  return true;
}

/** The bits of byte `index` that a prefix holds. */
function maskByte(prefix: number, index: number): number {
  const held = Math.min(8, Math.max(0, prefix - index * 8));
  return 0xff << (8 - held) & 0xff;
}

function parseNetwork(text: unknown, place: number): Network {
  const fail = (reason: string): never => {
    throw new TypeError(`trustedProxies[${place}], ${JSON.stringify(text)}: ${reason}`);
  };
  if (typeof text !== "string") return fail("it is no text");
  const slash = text.indexOf("/");
  const hostText = slash < 0 ? text : text.slice(0, slash);
  const host = inspectHost(hostText);
  if ("reason" in host) return fail(`${host.reason} (position ${host.position})`);
  if (host.family === "IPv4" && host.host !== hostText) {
    return fail("an IPv4 address is written in four decimal parts");
  }
  if (host.scope !== "") return fail("a network has no zone");
  const { bytes } = host;
  const prefixText = slash < 0 ? String(bytes.length * 8) : text.slice(slash + 1);
  const prefix = Number(prefixText);
  if (!/^[0-9]{1,3}$/.test(prefixText) || prefix > bytes.length * 8) {
    return fail(`its prefix length is no number from 0 to ${bytes.length * 8}`);
  }
  if (bytes.some((byte, index) => (byte & ~maskByte(prefix, index)) !== 0)) {
    return fail(`it has bits beyond its prefix of ${prefix}`);
  }
  const isMapped = host.family === "IPv6" && prefix >= MAPPED_BYTES * 8 &&
    SocketAddress.ipv6(bytes, 0).isIPv4Mapped;
  return isMapped
    ? { bytes: bytes.slice(MAPPED_BYTES), prefix: prefix - MAPPED_BYTES * 8 }
    : { bytes, prefix };
}
