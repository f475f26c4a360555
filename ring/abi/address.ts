/**
 * Socket addresses as values: parsed once, canonical, and never a name.
 *
 * Rules of authority are judged on these values, so every spelling that some libc or kernel would
 * accept for an address has to arrive here at the same bytes: `127.1`, `0x7f.1` and `2130706433`
 * are all 127.0.0.1. Whatever ends in a number and is not such a spelling is an error, never a
 * name: a resolver further down might read it as an address that no rule has seen.
 *
 * @module
 */

import { classify, isMapped } from "./address_class.ts";
import { hostNameProblem, normalizeHostName } from "./host_name.ts";
import {
  endsInNumber,
  formatIpv4,
  formatIpv6,
  type HostProblem,
  readIpv4,
  readIpv6,
  readZone,
} from "./ip_text.ts";
import { describe, quote } from "./quote.ts";

/** The kinds of addresses a socket can have. */
export type AddressFamily = "IPv4" | "IPv6" | "unix";

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

/** A DNS name and a port: an address that is still to be resolved. */
export interface HostPort {
  /** The name in lower case, without a trailing dot. */
  readonly name: string;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** A numeric host without a port, as {@linkcode canonicalizeHost} finds it. */
export interface CanonicalHost {
  /** Whether the bytes are an IPv4 or an IPv6 address. */
  readonly family: "IPv4" | "IPv6";
  /** The 4 or 16 bytes of the address in network order. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The canonical text without the zone, as RFC 5952 section 4 writes it. */
  readonly host: string;
  /** The zone of an IPv6 address, `""` when it has none. */
  readonly scope: string;
}

/** The longest path of a unix socket in bytes: `sun_path` less its NUL. Source: unix(7). */
export const UNIX_PATH_MAX = 107;

const PORT_MAX = 65535;

/** Only the class itself may skip the checks: this token never leaves the module. */
const CHECKED: unique symbol = Symbol("checked");

/**
 * The address of a socket: an immutable value with a canonical text.
 *
 * The getters that classify an address judge an IPv4-mapped IPv6 address as the IPv4 address in it.
 *
 * @example
 * ```ts
 * import { SocketAddress } from "./address.ts";
 * const address = SocketAddress.parse("[2001:DB8:0:0::1]:443");
 * if (address.toString() !== "[2001:db8::1]:443") throw new Error("unreachable");
 * if (SocketAddress.parse("127.1:80").host !== "127.0.0.1") throw new Error("unreachable");
 * ```
 */
export class SocketAddress {
  /** The kind of address. */
  readonly family: AddressFamily;
  /** The canonical text: RFC 5952 for IPv6; `/path` or `@abstract` for unix, `""` if unnamed. */
  readonly host: string;
  /** The port, 0 to 65535; 0 for unix. */
  readonly port: number;
  /** The IPv6 zone, an interface name or number; `""` when there is none. */
  readonly scope: string;
  /**
   * Private, so that nobody can change an address between its check and its use; and a plain array,
   * because a typed array of 4 bytes takes over 600 ns to make and this one 14.
   */
  readonly #bytes: readonly number[];

  private constructor(
    token: typeof CHECKED,
    family: AddressFamily,
    host: string,
    port: number,
    scope: string,
    bytes: readonly number[],
  ) {
    if (token !== CHECKED) throw new TypeError("SocketAddress is made by its static methods");
    this.family = family;
    this.host = host;
    this.port = port;
    this.scope = scope;
    this.#bytes = bytes;
  }

  /**
   * Parses the text of a numeric or unix address.
   *
   * @param text Such as `"127.0.0.1:80"`, `"[fe80::1%eth0]:80"`, `"unix:/run/x"`, `"unix:@name"`.
   * @returns The address; the odd forms of inet_aton(3) give the same value as the plain one.
   * @throws {TypeError} When the text is no such address; it names the text and the position.
   * @throws {RangeError} When the port is larger than 65535 or a unix path is too long.
   */
  static parse(text: string): SocketAddress {
    const parsed = parseText(text);
    if (parsed instanceof SocketAddress) return parsed;
    fail(text, 0, "a name must be resolved first, only numeric addresses can be parsed");
  }

  /**
   * Makes an IPv4 address.
   *
   * @param bytes The 4 bytes of the address in network order; they are copied.
   * @param port The port, 0 to 65535.
   * @returns The address.
   * @throws {RangeError} When there are not 4 bytes, or the port is out of range.
   */
  static ipv4(bytes: ArrayLike<number>, port: number): SocketAddress {
    assertBytes(bytes, 4, "IPv4");
    assertPort(port);
    const own = copyOf(bytes);
    return new SocketAddress(CHECKED, "IPv4", formatIpv4(own, 0), port, "", own);
  }

  /**
   * Makes an IPv6 address.
   *
   * @param bytes The 16 bytes of the address in network order; they are copied.
   * @param port The port, 0 to 65535.
   * @param scope The zone: an interface name or number, `""` (or `"0"`) for none.
   * @returns The address.
   * @throws {RangeError} When there are not 16 bytes, or the port is out of range.
   * @throws {TypeError} When the zone cannot be the name or number of an interface.
   */
  static ipv6(bytes: ArrayLike<number>, port: number, scope = ""): SocketAddress {
    assertBytes(bytes, 16, "IPv6");
    assertPort(port);
    const zone = scope === "" ? "" : readZone(scope);
    if (typeof zone !== "string") {
      throw new TypeError(`zone ${quote(scope)}: ${zone.reason} (position ${zone.position})`);
    }
    const own = copyOf(bytes);
    return new SocketAddress(CHECKED, "IPv6", formatIpv6(own), port, zone, own);
  }

  /**
   * Makes the address of a unix socket.
   *
   * @param path A path of at most 107 bytes, `@name` for an abstract socket (write `./@name` for a
   * file that starts with an at sign), or `""` for an unnamed socket.
   * @returns The address; its bytes are those of `sun_path`, an abstract name after its NUL.
   * @throws {TypeError} When the path has a NUL in it or is no well-formed text.
   * @throws {RangeError} When the path is longer than 107 bytes.
   */
  static unix(path: string): SocketAddress {
    if (typeof path !== "string") {
      throw new TypeError(`a unix path must be a string, not ${describe(path)}`);
    }
    const nul = path.indexOf("\0");
    if (nul >= 0) {
      const hint = nul === 0 ? "; an abstract name is written @name" : "";
      throw new TypeError(`unix path ${quote(path)}: it has a NUL at position ${nul}${hint}`);
    }
    if (!path.isWellFormed()) {
      throw new TypeError(`unix path ${quote(path)}: it has half of a surrogate pair`);
    }
    const bytes = new TextEncoder().encode(path);
    const abstract = path.startsWith("@");
    const length = abstract ? bytes.length - 1 : bytes.length;
    if (length > UNIX_PATH_MAX) {
      throw new RangeError(
        `unix path ${quote(path)}: it has ${length} bytes, the most is ${UNIX_PATH_MAX}`,
      );
    }
    // Linux tells an abstract name from a path by a leading NUL, unix(7).
    if (abstract) bytes[0] = 0;
    return new SocketAddress(CHECKED, "unix", path, 0, "", copyOf(bytes));
  }

  /**
   * Makes the address of a unix socket from the bytes of `sun_path`, as the kernel hands them out.
   *
   * @param bytes At most 108 bytes: a path without its NUL, a NUL and an abstract name, or none.
   * A path of 108 bytes, which no NUL follows, is taken here because Linux binds it.
   * @returns The address; bytes that are no UTF-8 show as U+FFFD in its text only.
   * @throws {RangeError} When there are more bytes than `sun_path` holds.
   */
  static unixFromBytes(bytes: ArrayLike<number>): SocketAddress {
    if (bytes.length > UNIX_PATH_MAX + 1) {
      throw new RangeError(`sun_path has ${UNIX_PATH_MAX + 1} bytes, not ${bytes.length}`);
    }
    const abstract = bytes.length > 0 && bytes[0] === 0;
    const own = new Uint8Array(bytes);
    // ignoreBOM keeps a leading byte order mark: it is part of the name.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const host = abstract ? "@" + decoder.decode(own.subarray(1)) : decoder.decode(own);
    return new SocketAddress(CHECKED, "unix", host, 0, "", copyOf(own));
  }

  /** A fresh copy of the 4 or 16 network bytes; for unix those of `sun_path`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes);
  }

  /** How many bytes the address itself has: 4, 16, or the length of the unix path. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /**
   * Reads one byte of the address without copying it.
   *
   * @param index Which byte, from 0.
   * @returns The byte, 0 to 255, or 0 past the end.
   */
  byteAt(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  /**
   * Writes the bytes of the address somewhere else, without allocating.
   *
   * @param into Where to write.
   * @param offset The first byte to write to.
   * @returns How many bytes were written.
   * @throws {RangeError} When they do not fit.
   */
  copyBytes(into: Uint8Array, offset: number): number {
    const length = this.#bytes.length;
    if (!Number.isInteger(offset) || offset < 0 || offset + length > into.length) {
      throw new RangeError(`${length} bytes do not fit at offset ${offset} of ${into.length}`);
    }
    for (let i = 0; i < length; i++) into[offset + i] = this.#bytes[i];
    return length;
  }

  /** Whether this is an abstract unix address. */
  get isAbstract(): boolean {
    return this.family === "unix" && this.#bytes.length > 0 && this.#bytes[0] === 0;
  }

  /** Whether this is an IPv6 address that stands for an IPv4 one. RFC 4291 section 2.5.5.2. */
  get isIPv4Mapped(): boolean {
    return this.family === "IPv6" && isMapped(this.#bytes);
  }

  /** Whether the address is 127.0.0.0/8 or ::1; false for unix. RFC 1122 3.2.1.3, RFC 4291. */
  get isLoopback(): boolean {
    return classify(this.family, this.#bytes) === "loopback";
  }

  /** Whether the address is 0.0.0.0 or ::. RFC 4291 section 2.5.2. */
  get isUnspecified(): boolean {
    return classify(this.family, this.#bytes) === "unspecified";
  }

  /** Whether the address belongs to a private network. RFC 1918, RFC 4193. */
  get isPrivate(): boolean {
    return classify(this.family, this.#bytes) === "private";
  }

  /** Whether the address is a multicast group. RFC 5771, RFC 4291 section 2.7. */
  get isMulticast(): boolean {
    return classify(this.family, this.#bytes) === "multicast";
  }

  /** Whether the address is link-local. RFC 3927, RFC 4291 section 2.5.6. */
  get isLinkLocal(): boolean {
    return classify(this.family, this.#bytes) === "link-local";
  }

  /**
   * Whether the address is a globally reachable unicast one: none of IANA's special-purpose
   * addresses (RFC 6890), nor one that carries such an IPv4 address inside (NAT64, 6to4).
   */
  get isPublic(): boolean {
    return classify(this.family, this.#bytes) === "public";
  }

  /**
   * Compares two addresses.
   *
   * @param other The other address.
   * @returns Whether family, bytes, port and zone are the same.
   */
  equals(other: SocketAddress): boolean {
    if (this === other) return true;
    if (this.family !== other.family || this.port !== other.port) return false;
    if (this.scope !== other.scope || this.#bytes.length !== other.#bytes.length) return false;
    for (let i = 0; i < this.#bytes.length; i++) {
      if (this.#bytes[i] !== other.#bytes[i]) return false;
    }
    return true;
  }

  /**
   * Gives the address as Deno writes it.
   *
   * @param transport What to call the transport of an address of the internet.
   * @returns An object like `Deno.NetAddr` or `Deno.UnixAddr`; a zone follows the host as `%zone`.
   */
  toDenoAddr(
    transport: "tcp" | "udp" = "tcp",
  ): { transport: "tcp" | "udp"; hostname: string; port: number } | {
    transport: "unix";
    path: string;
  } {
    if (this.family === "unix") return { transport: "unix", path: this.host };
    const hostname = this.scope === "" ? this.host : `${this.host}%${this.scope}`;
    return { transport, hostname, port: this.port };
  }

  /**
   * Gives the canonical text, which {@linkcode SocketAddress.parse} reads back.
   *
   * @returns Such as `"127.0.0.1:80"`, `"[fe80::1%eth0]:80"`, `"unix:/run/x"`, `"unix:@name"`.
   */
  toString(): string {
    if (this.family === "IPv4") return `${this.host}:${this.port}`;
    if (this.family === "unix") return `unix:${this.host}`;
    return `[${this.scope === "" ? this.host : `${this.host}%${this.scope}`}]:${this.port}`;
  }

  /**
   * Gives the canonical text to JSON.
   *
   * @returns The same as {@linkcode SocketAddress.toString}.
   */
  toJSON(): string {
    return this.toString();
  }
}

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
 * import { isHostPort, parseAddress } from "./address.ts";
 * const site = parseAddress("Example.COM.:443");
 * if (!isHostPort(site) || site.name !== "example.com") throw new Error("unreachable");
 * ```
 */
export function parseAddress(input: AddressInput): SocketAddress | HostPort {
  if (typeof input === "string") return parseText(input);
  if (input instanceof SocketAddress) return input;
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
    return SocketAddress.unix(path);
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
  return parseHost(hostname, from, to, bracketed || hostname.includes(":"), port);
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

/**
 * Reads a numeric host in any legal spelling.
 *
 * IPv4 is read as inet_aton(3) does (one to four parts, decimal, octal or hexadecimal), IPv6 as
 * RFC 4291 section 2.2 and RFC 4007 section 11 write it. The family stays as written: an
 * IPv4-mapped address is turned into IPv4 by {@linkcode canonicalize}.
 *
 * @param text The host without port or brackets, such as `"0x7f.1"` or `"fe80::1%eth0"`.
 * @returns The bytes and canonical text, or `undefined` when the text is no numeric host.
 */
export function canonicalizeHost(text: string): CanonicalHost | undefined {
  const host = inspectHost(text);
  return "reason" in host ? undefined : host;
}

/**
 * Reads a numeric host in any legal spelling, and says what is wrong with one that is not.
 *
 * @param text The host without port or brackets.
 * @returns The bytes and canonical text, or the problem and its position.
 */
export function inspectHost(text: string): CanonicalHost | HostProblem {
  if (!text.includes(":")) {
    const bytes = readIpv4(text);
    if ("reason" in bytes) return bytes;
    return { family: "IPv4", bytes, host: formatIpv4(bytes, 0), scope: "" };
  }
  const percent = text.indexOf("%");
  const bytes = readIpv6(percent < 0 ? text : text.slice(0, percent));
  if ("reason" in bytes) return bytes;
  const zone = percent < 0 ? "" : readZone(text.slice(percent + 1));
  if (typeof zone !== "string") {
    return { position: zone.position + percent + 1, reason: zone.reason };
  }
  return { family: "IPv6", bytes, host: formatIpv6(bytes), scope: zone };
}

/**
 * Turns an address into the one the kernel will use, which is the one that rules are judged on.
 *
 * An IPv4-mapped IPv6 address becomes the IPv4 address. Linux connects 0.0.0.0 and [::] to
 * loopback, so as a destination they become that; to listen on them means every interface and
 * stays as it is. Source: ipv6(7), ip(7).
 *
 * @param address The address.
 * @param use Whether it is listened on (or bound to) or sent and connected to.
 * @returns The canonical address; the same object when nothing changes.
 */
export function canonicalize(
  address: SocketAddress,
  use: "listen" | "destination",
): SocketAddress {
  if (address.family === "unix") return address;
  if (use === "destination" && address.isUnspecified) {
    const loopback = address.family === "IPv4" || address.isIPv4Mapped
      ? SocketAddress.ipv4([127, 0, 0, 1], address.port)
      : SocketAddress.ipv6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], address.port);
    return loopback;
  }
  if (address.isIPv4Mapped) {
    const bytes = [12, 13, 14, 15].map((index) => address.byteAt(index));
    return SocketAddress.ipv4(bytes, address.port);
  }
  return address;
}

function parseText(text: string): SocketAddress | HostPort {
  if (typeof text !== "string") {
    throw new TypeError(`an address must be a string, not ${describe(text)}`);
  }
  if (text.startsWith("unix:")) {
    if (text.length === 5) fail(text, 5, "the path is empty");
    return SocketAddress.unix(text.slice(5));
  }
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close < 0) fail(text, text.length, 'a closing "]" is missing');
    if (text[close + 1] !== ":") {
      fail(text, close + 1, 'a port is missing, write ":" and a number after "]"');
    }
    return parseHost(text, 1, close, true, readPort(text, close + 2));
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) fail(text, text.length, 'a port is missing, write ":" and a number');
  if (colon === 0 && /^:\d+$/.test(text)) {
    fail(text, 0, `a host is missing, write "0.0.0.0${text}" for every interface`);
  }
  if (text.indexOf(":") !== colon) {
    fail(text, text.indexOf(":"), "an IPv6 address is written in brackets, as in [::1]:80");
  }
  return parseHost(text, 0, colon, false, readPort(text, colon + 1));
}

/** Reads text[from, to) as a host: a numeric one if it can be, else a name. */
function parseHost(
  text: string,
  from: number,
  to: number,
  ipv6: boolean,
  port: number,
): SocketAddress | HostPort {
  const part = text.slice(from, to);
  if (part === "") fail(text, from, "the host is empty");
  if (ipv6) {
    const host = part.includes(":")
      ? inspectHost(part)
      : { position: 0, reason: "brackets are for IPv6 addresses only" };
    if ("reason" in host) fail(text, from + host.position, host.reason);
    return SocketAddress.ipv6(host.bytes, port, host.scope);
  }
  const host = inspectHost(part);
  if (!("reason" in host)) return SocketAddress.ipv4(host.bytes, port);
  if (part === "*") fail(text, from, 'write "0.0.0.0" or "[::]" for every interface');
  // For 1.2.3.256 the complaint of the IPv4 reader is the useful one.
  if (endsInNumber(part) && /^[0-9][0-9a-fA-FxX.]*$/.test(part)) {
    fail(text, from + host.position, host.reason);
  }
  const problem = hostNameProblem(part);
  if (problem !== undefined) fail(text, from + problem.position, problem.reason);
  return { name: normalizeHostName(part), port };
}

function readPort(text: string, from: number): number {
  const digits = text.slice(from);
  if (digits === "") fail(text, from, "the port is empty");
  const strange = digits.search(/[^0-9]/);
  if (strange >= 0) {
    fail(text, from + strange, `a port is a number, not ${quote(digits)}`);
  }
  const port = Number(digits);
  if (port > PORT_MAX) {
    throw new RangeError(
      `address ${quote(text)}: the port is larger than ${PORT_MAX} (position ${from})`,
    );
  }
  return port;
}

function assertPort(port: number): void {
  if (typeof port !== "number") {
    throw new TypeError(`port must be a number, not ${describe(port)}`);
  }
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new RangeError(`port ${port} is not a whole number from 0 to ${PORT_MAX}`);
  }
}

function assertBytes(bytes: ArrayLike<number>, length: number, family: string): void {
  if (bytes.length !== length) {
    throw new RangeError(`an ${family} address has ${length} bytes, not ${bytes.length}`);
  }
  if (bytes instanceof Uint8Array) return;
  for (let i = 0; i < length; i++) {
    if (!Number.isInteger(bytes[i]) || bytes[i] < 0 || bytes[i] > 255) {
      throw new RangeError(`byte ${i} of an ${family} address is ${bytes[i]}, not 0 to 255`);
    }
  }
}

function copyOf(bytes: ArrayLike<number>): number[] {
  const copy: number[] = [];
  for (let i = 0; i < bytes.length; i++) copy.push(bytes[i]);
  return copy;
}

function fail(text: string, position: number, reason: string): never {
  throw new TypeError(`address ${quote(text)}: ${reason} (position ${position})`);
}
