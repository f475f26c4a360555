/**
 * Multicast groups that an endpoint is a member of. Sources: ip(7), ipv6(7), RFC 3678.
 *
 * @module
 */

import { netError, notCapable, unsupported } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import type { Socket } from "../socket.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_ADDRESS3, W_FILE_INDEX, W_LENGTH } from "../../ring/abi/layout.ts";
import { DriverOp, SockOpt } from "../../ring/abi/opcodes.ts";
import { encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { Counter } from "../../ring/counters.ts";

/** How a group is joined. */
export interface JoinOptions {
  /**
   * The interface to join on: its index, its name, or an IPv4 address of it; the system's choice
   * when it is left out.
   */
  readonly interface?: string | number;
  /** The only sender to hear (RFC 4607), such as `"192.0.2.1"`; everybody when it is left out. */
  readonly source?: string;
}

const KEYS: readonly string[] = ["interface", "source"];
const { SOL_IP, IPPROTO_IPV6 } = SockOpt;
const INDEX_MAX = 0x7fff_ffff;
/** `IFNAMSIZ` with its NUL. */
const INTERFACE_NAME_BYTES_MAX = 16;
/** `struct sockaddr_storage`. */
const STORAGE_BYTES = 128;
/** Where `gr_group` is in `struct group_req`; a source follows. */
const GROUP_AT = 8;
const SOURCE_AT = GROUP_AT + STORAGE_BYTES;
const GROUP_SOURCE_BYTES = SOURCE_AT + STORAGE_BYTES;

/** What one membership is to the system. */
interface Place {
  readonly group: SocketAddress;
  readonly source: SocketAddress | null;
  /** Of the interface; 0 for the system's choice. */
  readonly index: number;
  /** The bytes of an IPv4 address of the interface, all zero when it has an index. */
  readonly address: Uint8Array;
}

/** A multicast group that an endpoint has joined. */
export class Membership implements AsyncDisposable {
  /** The group, such as `"239.1.2.3"`. */
  readonly group: string;
  /** The only sender that is heard, `""` for everybody. */
  readonly source: string;
  readonly #socket: Socket;
  readonly #place: Place;
  #leaving: Promise<void> | null = null;

  /** @ignore Made by {@linkcode joinGroup}. */
  constructor(socket: Socket, place: Place) {
    this.#socket = socket;
    this.#place = place;
    this.group = place.group.host;
    this.source = place.source === null ? "" : place.source.host;
  }

  /** Leaves the group; once more is a no-op. A closed endpoint has left all of its groups. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Leaves the group. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  async #leave(): Promise<void> {
    try {
      this.#socket.requireOpen("leave");
    } catch {
      return;
    }
    const result = await change(this.#socket, this.#place, true);
    // It may have been closed meanwhile.
    if (result < 0 && result !== -Errno.EBADF) {
      throw failed(this.#socket, this.#place, result, "leave");
    }
  }
}

/** Joins a group: see `UdpEndpoint.join`. */
export async function joinGroup(
  socket: Socket,
  group: string,
  port: number,
  options: JoinOptions,
): Promise<Membership> {
  socket.requireOpen("join");
  checkKeys("join", options, KEYS);
  const address = hostOf("group", group);
  const source = options.source === undefined ? null : hostOf("source", options.source);
  if (source !== null && source.family !== address.family) {
    throw new TypeError(`join: source ${source.host} is not of the family of ${address.host}`);
  }
  const listened = address.family === "IPv4"
    ? SocketAddress.ipv4(address.bytes, port)
    : SocketAddress.ipv6(address.bytes, port);
  const denial = socket.owner.authority.check("udp", "listen", listened);
  if (denial !== null) {
    socket.network.reactor.counters.add(Counter.denied, 1);
    throw notCapable(denial, "join");
  }
  const through = options.interface ?? (address.scope === "" ? 0 : zoneOf(address.scope));
  const place = { group: address, source, ...await interfaceOf(socket, through) };
  // Without it the endpoint would hear whatever group anybody on this host has joined.
  const isIPv4 = address.family === "IPv4";
  await socket.network.setOption(
    socket.descriptor,
    isIPv4 ? SOL_IP : IPPROTO_IPV6,
    isIPv4 ? SockOpt.IP_MULTICAST_ALL : SockOpt.IPV6_MULTICAST_ALL,
    new Int32Array(1),
  );
  const result = await change(socket, place, false);
  if (result < 0) throw failed(socket, place, result, "join");
  return new Membership(socket, place);
}

function hostOf(what: string, text: string): SocketAddress {
  const host = typeof text === "string" ? canonicalizeHost(text) : undefined;
  if (host === undefined) {
    throw new TypeError(`join: ${what} must be a numeric address, not ${JSON.stringify(text)}`);
  }
  return host.family === "IPv4"
    ? SocketAddress.ipv4(host.bytes, 0)
    : SocketAddress.ipv6(host.bytes, 0, host.scope);
}

function zoneOf(scope: string): string | number {
  return /^[0-9]+$/.test(scope) ? Number(scope) : scope;
}

async function interfaceOf(
  socket: Socket,
  through: string | number,
): Promise<{ index: number; address: Uint8Array }> {
  const nowhere = new Uint8Array(4);
  if (typeof through === "number") {
    if (!Number.isInteger(through) || through < 0 || through > INDEX_MAX) {
      throw new RangeError(
        `join: interface must be an index from 0 to ${INDEX_MAX}, not ${through}`,
      );
    }
    return { index: through, address: nowhere };
  }
  if (typeof through !== "string" || through === "") {
    throw new TypeError(`join: interface must be an index, a name or an address, not ${through}`);
  }
  const host = canonicalizeHost(through);
  if (host?.family === "IPv4") return { index: 0, address: host.bytes };
  return { index: await indexOf(socket, through), address: nowhere };
}

/** The index of an interface. @throws {NetError} ENODEV when there is none of that name */
async function indexOf(socket: Socket, name: string): Promise<number> {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length >= INTERFACE_NAME_BYTES_MAX) {
    throw new RangeError(`join: ${JSON.stringify(name)} is longer than an interface's name`);
  }
  const { network } = socket;
  const result = await network.run(
    DriverOp.INTERFACE,
    -1,
    (reactor, at, slot) => {
      const offset = reactor.scratchOf(slot);
      reactor.memory.bytes.set(bytes, offset);
      reactor.setLong(at + W_ADDRESS, offset);
      reactor.entries[at + W_LENGTH] = bytes.length;
    },
    undefined,
    "join",
  );
  if (result > 0) return result;
  if (result === -Errno.ENOTSUP || result === -Errno.EINVAL) {
    throw unsupported(network.kind, "interfaces by name; say its index or its address", "join");
  }
  const detail = `there is no interface ${JSON.stringify(name)}`;
  throw netError(Errno.ENODEV, { operation: "join", local: socket.localName, detail });
}

/** Joins or leaves. @returns 0 or `-errno` */
function change(socket: Socket, place: Place, isLeaving: boolean): Promise<number> {
  const { group, source, index, address } = place;
  const isIPv4 = group.family === "IPv4";
  if (source !== null && (!isIPv4 || index > 0)) {
    const name = isLeaving ? SockOpt.MCAST_LEAVE_SOURCE_GROUP : SockOpt.MCAST_JOIN_SOURCE_GROUP;
    return set(socket, isIPv4 ? SOL_IP : IPPROTO_IPV6, name, groupSource(group, source, index));
  }
  if (!isIPv4) {
    const name = isLeaving ? SockOpt.IPV6_DROP_MEMBERSHIP : SockOpt.IPV6_ADD_MEMBERSHIP;
    return set(socket, IPPROTO_IPV6, name, bytesOf(group.bytes, numberBytes(index)));
  }
  if (source !== null) {
    const name = isLeaving ? SockOpt.IP_DROP_SOURCE_MEMBERSHIP : SockOpt.IP_ADD_SOURCE_MEMBERSHIP;
    return set(socket, SOL_IP, name, bytesOf(group.bytes, address, source.bytes));
  }
  const name = isLeaving ? SockOpt.IP_DROP_MEMBERSHIP : SockOpt.IP_ADD_MEMBERSHIP;
  return set(socket, SOL_IP, name, bytesOf(group.bytes, address, numberBytes(index)));
}

/** `struct group_source_req`. */
function groupSource(group: SocketAddress, source: SocketAddress, index: number): Uint8Array {
  const bytes = new Uint8Array(GROUP_SOURCE_BYTES);
  bytes.set(numberBytes(index));
  const isIPv4 = group.family === "IPv4";
  const bare = isIPv4 ? group : SocketAddress.ipv6(group.bytes, 0);
  encodeSockaddr(bare, bytes, GROUP_AT);
  encodeSockaddr(isIPv4 ? source : SocketAddress.ipv6(source.bytes, 0), bytes, SOURCE_AT);
  return bytes;
}

/** A number in the machine's order. */
function numberBytes(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}

function bytesOf(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** `setsockopt(2)` with a structure that may be larger than scratch bytes are. */
async function set(
  socket: Socket,
  level: number,
  name: number,
  value: Uint8Array,
): Promise<number> {
  const { network, descriptor } = socket;
  const { reactor } = network;
  const block = reactor.arena.take(value.length);
  if (block < 0) return -Errno.ENOBUFS;
  try {
    return await network.run(
      DriverOp.SETSOCKOPT,
      descriptor,
      (_reactor, at) => {
        reactor.memory.bytes.set(value, block);
        reactor.entries[at + W_ADDRESS] = level;
        reactor.entries[at + W_ADDRESS + 1] = name;
        reactor.entries[at + W_FILE_INDEX] = value.length;
        reactor.setLong(at + W_ADDRESS3, block);
      },
      undefined,
      "join",
    );
  } finally {
    reactor.giveArena(block);
  }
}

function failed(socket: Socket, { group }: Place, result: number, operation: string): Error {
  if (result === -Errno.ENOTSUP || result === -Errno.ENOPROTOOPT) {
    return unsupported(socket.network.kind, "such a membership", operation);
  }
  const detail = result === -Errno.EADDRINUSE
    ? `the group ${group.host} is joined already`
    : undefined;
  return netError(result, { operation, local: socket.localName, remote: group.host, detail });
}
