/**
 * Socket addresses as values: parsed once, canonical, and never a name.
 *
 * Rules of authority are judged on these values, so every spelling that some libc or kernel would
 * accept for an address has to arrive here at the same bytes: `127.1`, `0x7f.1` and `2130706433`
 * are all 127.0.0.1.
 *
 * @module
 */

import { classify, isMapped } from "./address_class.ts";
import { type NumericParts, readResolvedAddress, type UnixParts } from "./address_text.ts";
import { formatIpv4, formatIpv6, readZone } from "./ip_text.ts";
import { assertPort } from "./port.ts";
import { describe, quote } from "./quote.ts";

/** The kinds of addresses a socket can have. */
export type AddressFamily = "IPv4" | "IPv6" | "unix";

/** The longest path of a unix socket in bytes: `sun_path` less its NUL. Source: unix(7). */
export const UNIX_PATH_MAX = 107;

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
    return addressOf(readResolvedAddress(text));
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
 * Makes the address that a text was found to name.
 *
 * @param read What the text says.
 * @returns The address.
 * @throws {TypeError} When a unix path has a NUL in it or is no well-formed text.
 * @throws {RangeError} When a unix path is too long.
 */
export function addressOf(read: NumericParts | UnixParts): SocketAddress {
  if ("path" in read) return SocketAddress.unix(read.path);
  const { host, port } = read;
  if (host.family === "IPv4") return SocketAddress.ipv4(host.bytes, port);
  return SocketAddress.ipv6(host.bytes, port, host.scope);
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
