/**
 * Addresses as {@linkcode Socket} takes and shows them: text, or what the calls themselves take.
 *
 * @module
 */

import { AF_INET, AF_INET6, AF_UNIX } from "./constants/mod.ts";
import type { Posix } from "./posix.ts";
import type { Sockaddr } from "./types.ts";
import { SocketAddress } from "../ring/abi/address.ts";

/** `"127.0.0.1:80"`, `"[fe80::1%eth0]:80"`, `"unix:/run/x"`, `"unix:@name"`, or an object. */
export type SocketAddressInput = string | Sockaddr;

/**
 * Reads an address.
 *
 * @param posix is asked for the index of an interface that is given by name
 * @returns the address as the calls take it
 * @throws {TypeError} for text that is no numeric address or has no port, naming the position
 * @throws {RangeError} when the port is larger than 65535 or a path is too long
 * @throws {PosixError} EAI_NONAME for an interface that is not there
 */
export function toSockaddr(address: SocketAddressInput, posix: Posix): Sockaddr {
  if (typeof address !== "string") return address;
  const { family, host, port, scope } = SocketAddress.parse(address);
  if (family === "unix") {
    return { family: AF_UNIX, path: host.startsWith("@") ? `\0${host.slice(1)}` : host };
  }
  if (family === "IPv4") return { family: AF_INET, address: host, port };
  if (scope === "") return { family: AF_INET6, address: host, port };
  if (/^\d+$/.test(scope)) return { family: AF_INET6, address: host, port, scopeId: Number(scope) };
  const flags = posix.AI_NUMERICHOST | posix.AI_NUMERICSERV;
  const hints = { family: AF_INET6, socktype: posix.SOCK_STREAM, flags };
  return posix.getaddrinfo(`${host}%${scope}`, String(port), hints)[0].addr;
}

/**
 * Shows an address as text.
 *
 * @returns what {@linkcode toSockaddr} reads; `"unix:"` for an unnamed Unix socket, and
 * `"family 17"` and the like for families that have no text
 *
 * @example
 * ```ts
 * import { formatSockaddr } from "./socket_address.ts";
 * console.log(formatSockaddr({ family: 2, address: "127.0.0.1", port: 80 })); // 127.0.0.1:80
 * ```
 */
export function formatSockaddr(sockaddr: Sockaddr): string {
  const { family, address, port, path, scopeId } = sockaddr;
  if (family === AF_INET && address !== undefined) return `${address}:${port ?? 0}`;
  if (family === AF_INET6 && address !== undefined) {
    const zone = scopeId ? `%${scopeId}` : "";
    return `[${address}${zone}]:${port ?? 0}`;
  }
  if (family === AF_UNIX) return `unix:${(path ?? "").replace(/^\0/, "@")}`;
  return `family ${family}`;
}
