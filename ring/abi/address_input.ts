/**
 * What the API accepts where it wants an address: text, an address, or one of Deno's objects. All
 * of it becomes an address, or a name that is still to be resolved.
 *
 * @module
 */

import { addressOf, SocketAddress } from "./address.ts";
import {
  type HostPort,
  type NumericParts,
  readAddress,
  readHost,
  type UnixParts,
} from "./address_text.ts";
import { assertPort } from "./port.ts";
import { describe, quote } from "./quote.ts";

/** An address of the internet in the shape that Deno gives to `Deno.NetAddr`. */
export interface NetAddressObject {
  /** The transport, which plays no part in the address itself. */
  readonly transport?: "tcp" | "udp";
  /** A numeric address or a DNS name, IPv6 with or without brackets. */
  readonly hostname: string;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** An address of a unix socket in the shape that Deno gives to `Deno.UnixAddr`. */
export interface UnixAddressObject {
  /** Marks the object as a unix address. */
  readonly transport: "unix" | "unixpacket";
  /** The path in the file system, or `@name` for an abstract socket. */
  readonly path: string;
}

/** What the API accepts as an address: text, a parsed address, or one of Deno's objects. */
export type AddressInput = string | SocketAddress | NetAddressObject | UnixAddressObject;

/** What can only be the address of a Unix socket. */
export type UnixAddressInput = `unix:${string}` | UnixAddressObject;

/**
 * Reads whatever the API accepts as an address.
 *
 * @param input Text, a parsed address, or an object like `Deno.NetAddr` or `Deno.UnixAddr`.
 * @returns The address, or the name and port that have to be resolved first.
 * @throws {TypeError} When it is no address, has no port or no host; it names value and position.
 * @throws {RangeError} When the port is out of 0 to 65535, or a unix path is too long.
 *
 * @example
 * ```ts
 * import { isHostPort, parseAddress } from "./address_input.ts";
 * const site = parseAddress("Example.COM.:443");
 * if (!isHostPort(site) || site.name !== "example.com") throw new Error("unreachable");
 * ```
 */
export function parseAddress(input: AddressInput): SocketAddress | HostPort {
  if (input instanceof SocketAddress) return input;
  const read = typeof input === "string" ? readAddress(input) : readObject(input);
  return "name" in read ? read : addressOf(read);
}

/**
 * Tells a name that has to be resolved from an address.
 *
 * @param value Anything, usually the answer of {@linkcode parseAddress}.
 * @returns Whether it is a {@linkcode HostPort}.
 */
export function isHostPort(value: unknown): value is HostPort {
  if (typeof value !== "object" || value === null || value instanceof SocketAddress) return false;
  const { name, port } = value as Partial<HostPort>;
  return typeof name === "string" && typeof port === "number";
}

function readObject(
  input: NetAddressObject | UnixAddressObject,
): NumericParts | UnixParts | HostPort {
  if (typeof input !== "object" || input === null) {
    throw new TypeError(`an address must be text or an object, not ${describe(input)}`);
  }
  const unix = input.transport === "unix" || input.transport === "unixpacket";
  const known = unix ? ["transport", "path"] : ["transport", "hostname", "port"];
  for (const key of Object.keys(input)) {
    if (!known.includes(key)) throw new TypeError(`an address has no key ${quote(key)}`);
  }
  if (unix) {
    const { path } = input as UnixAddressObject;
    if (path === "") throw new TypeError("the path of a unix address is empty");
    return { path };
  }
  const { transport, hostname, port } = input as NetAddressObject;
  if (transport !== undefined && transport !== "tcp" && transport !== "udp") {
    throw new TypeError(`an address has no transport ${describe(transport)}`);
  }
  if (typeof hostname !== "string") {
    throw new TypeError(`hostname must be a string, not ${describe(hostname)}`);
  }
  assertPort(port);
  const bracketed = hostname.startsWith("[") && hostname.endsWith("]");
  const from = bracketed ? 1 : 0;
  const to = hostname.length - from;
  return readHost(hostname, from, to, bracketed || hostname.includes(":"), port);
}
