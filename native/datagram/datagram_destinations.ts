/**
 * Where datagrams go: each address that a program names is parsed, judged and laid out once, and
 * found again by the object or the text that named it.
 *
 * @module
 */

import { netError, notCapable } from "../errors.ts";
import type { Socket } from "../socket.ts";
import { type AddressFamily, canonicalize, SocketAddress } from "../../ring/abi/address.ts";
import {
  type AddressInput,
  isHostPort,
  type NetAddressObject,
  parseAddress,
  type UnixAddressObject,
} from "../../ring/abi/address_input.ts";
import type { HostPort } from "../../ring/abi/address_text.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";
import type { Denial } from "../../ring/authority/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { encodeSockaddr, SOCKADDR_MAX } from "../../ring/abi/sockaddr.ts";
import { Counter } from "../../ring/counters.ts";

/** Addresses that are kept; beyond, all are forgotten and parsed again when they are needed. */
const DESTINATIONS_MOST = 4096;
/** A datagram of IPv4 has a length of 16 bits, which counts both headers. RFC 791, RFC 768. */
const IPV4_BYTES_MAX = 65535 - 20 - 8;
/** The length of IPv6 leaves its own header out; Linux counts it nevertheless. RFC 8200. */
const IPV6_BYTES_MAX = 65535 - 40 - 8;

/** What leaves may begin with a header of its own, which counts; the system knows how much fits. */
const RAW_BYTES_MAX = 65535;

/** An address to send to. */
export class Destination {
  /** The address, null for the peer that the socket is connected to. */
  readonly address: SocketAddress | null;
  /** Its sockaddr, padded with zeros to words. */
  readonly words: Int32Array;
  /** Bytes of it, 0 for a connected socket. */
  readonly length: number;
  /** What is missing to send there, null when nothing is. */
  readonly denial: Denial | null;
  /** The most bytes of a datagram there. */
  readonly bytesMax: number;
  /** The most bytes of each datagram when several leave joined; it shrinks with what fails. */
  joinedBytesMax: number;
  /** The arrangement that met it last, and the last of its items there. */
  stamp = 0;
  /** See {@linkcode Destination.stamp}. */
  last = 0;

  constructor(
    address: SocketAddress | null,
    sockaddr: Uint8Array<ArrayBuffer>,
    length: number,
    denial: Denial | null,
    bytesMax: number,
  ) {
    this.address = address;
    this.words = new Int32Array(sockaddr.buffer, 0, (length + 3) >> 2);
    this.length = length;
    this.denial = denial;
    this.bytesMax = bytesMax;
    this.joinedBytesMax = address?.family === "unix" ? 0 : bytesMax;
  }

  /** The address as text, "" for a connected socket. */
  get text(): string {
    return this.address === null ? "" : this.address.toString();
  }
}

/** Thrown for a name where only addresses can be used. */
export class UnresolvedName extends TypeError {
  readonly target: HostPort;

  constructor(target: HostPort) {
    super(`"${target.name}" is a name: resolve() it first, and send to its address`);
    this.target = target;
  }
}

/** The destinations of one endpoint. */
export class Destinations {
  readonly #socket: Socket;
  readonly #family: AddressFamily;
  readonly #transport: "udp" | "raw";
  readonly #known: Map<unknown, Destination> = new Map();
  #last: Destination | null = null;
  #lastInput: AddressInput | undefined = undefined;
  #connected: Destination | null = null;

  /**
   * @param family of the socket, which a destination's must fit
   * @param transport by whose rules destinations are judged; those of Unix sockets by their own
   */
  constructor(socket: Socket, family: AddressFamily, transport: "udp" | "raw") {
    this.#socket = socket;
    this.#family = family;
    this.#transport = transport;
  }

  /** The peer that the socket is connected to, null while it is not. */
  get connected(): Destination | null {
    return this.#connected;
  }

  /** Notes that the socket was connected to an address. */
  connect(address: SocketAddress): void {
    const bytesMax = this.#bytesMaxOf(address);
    this.#connected = new Destination(null, new Uint8Array(4), 0, null, bytesMax);
    if (address.family === "unix") this.#connected.joinedBytesMax = 0;
  }

  /**
   * Finds what an address stands for.
   *
   * @returns the destination; its `denial` says whether anything may be sent there
   * @throws {TypeError} when it is malformed, {@linkcode UnresolvedName} when it is a name
   * @throws {NetError} EDESTADDRREQ without an address on a socket that is not connected,
   * EAFNOSUPPORT for an address of another family
   */
  of(input: AddressInput | undefined): Destination {
    // An object of the program's own may have been changed since.
    if (input === this.#lastInput && this.#last !== null && isImmutable(input)) return this.#last;
    if (input === undefined) return this.#requireConnected();
    const found = this.#known.get(input);
    if (found !== undefined && (isImmutable(input) || isSame(input, found))) {
      this.#lastInput = input;
      this.#last = found;
      return found;
    }
    const target = parseAddress(this.#transport === "raw" ? withoutPort(input) : input);
    if (isHostPort(target)) throw new UnresolvedName(target);
    if (this.#known.size >= DESTINATIONS_MOST) this.#known.clear();
    const address = canonicalize(target, "destination");
    // However it is written, an address is one destination: what goes there can leave joined.
    const text = address.toString();
    const made = this.#known.get(text) ?? this.#make(address, true);
    this.#known.set(text, made);
    this.#known.set(input, made);
    this.#lastInput = input;
    this.#last = made;
    return made;
  }

  /** The same, null where it throws. */
  find(input: AddressInput | undefined): Destination | null {
    try {
      return this.of(input);
    } catch {
      return null;
    }
  }

  /** The destination of an address that was judged already. */
  admitted(address: SocketAddress): Destination {
    return this.#make(address, false);
  }

  /** Counts a request that is not allowed. @returns its error */
  denied(denial: Denial, operation = "send"): Error {
    this.#socket.network.reactor.counters.add(Counter.denied, 1);
    return notCapable(denial, operation);
  }

  #requireConnected(): Destination {
    if (this.#connected !== null) return this.#connected;
    const detail = "the endpoint is not connected: say where to";
    const local = this.#socket.localName;
    throw netError(Errno.EDESTADDRREQ, { operation: "send", local, detail });
  }

  #make(address: SocketAddress, isJudged: boolean): Destination {
    const sockaddr = new Uint8Array(SOCKADDR_MAX);
    const fitting = this.fit(address);
    const length = encodeSockaddr(fitting, sockaddr, 0);
    const transport = address.family === "unix" ? "unix" : this.#transport;
    const { authority } = this.#socket.owner;
    const denial = isJudged ? authority.check(transport, "connect", address) : null;
    return new Destination(fitting, sockaddr, length, denial, this.#bytesMaxOf(fitting));
  }

  /** The address as a socket of this family writes it. @throws {NetError} EAFNOSUPPORT */
  fit(address: SocketAddress): SocketAddress {
    if (address.family === this.#family) return address;
    if (this.#family === "IPv6" && address.family === "IPv4") {
      const { bytes } = address;
      return SocketAddress.ipv6([...MAPPED, ...bytes], address.port);
    }
    const detail = `a socket of ${this.#family} cannot send there`;
    const context = { operation: "send", local: this.#socket.localName };
    throw netError(Errno.EAFNOSUPPORT, { ...context, remote: address.toString(), detail });
  }

  #bytesMaxOf(address: SocketAddress): number {
    if (address.family === "unix") return Infinity;
    if (this.#transport === "raw") return RAW_BYTES_MAX;
    return address.family === "IPv4" || address.isIPv4Mapped ? IPV4_BYTES_MAX : IPV6_BYTES_MAX;
  }
}

/** `::ffff:0:0/96`. RFC 4291 section 2.5.5.2. */
const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Protocols without ports have addresses without ports. */
function withoutPort(input: AddressInput): AddressInput {
  const host = typeof input === "string" ? canonicalizeHost(input) : undefined;
  if (host === undefined) return input;
  return host.family === "IPv4"
    ? SocketAddress.ipv4(host.bytes, 0)
    : SocketAddress.ipv6(host.bytes, 0, host.scope);
}

function isImmutable(input: AddressInput | undefined): boolean {
  return typeof input === "string" || input instanceof SocketAddress || Object.isFrozen(input);
}

/** Whether an object still says what it said. */
function isSame(input: AddressInput, { address }: Destination): boolean {
  if (address === null) return false;
  if (address.family === "unix") return (input as UnixAddressObject).path === address.host;
  const { hostname, port } = input as NetAddressObject;
  return port === address.port && hostname === address.host;
}
