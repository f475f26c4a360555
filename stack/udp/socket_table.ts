/**
 * Which socket a datagram is for: the one that knows most about it.
 *
 * ```text
 *   connected to its sender  >  bound to its destination  >  bound to any address
 *         each first for its interface, then for any
 * ```
 *
 * Sockets with the same key are a group: the last one that came gets everything, unless all of
 * them share the port by `SO_REUSEPORT`; then a hash of the flow decides.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import { Slot } from "../datagram/option_rows.ts";
import { isAny } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import {
  IPV4_FLOW_WORDS,
  IPV6_FLOW_WORDS,
  KeyTable,
  setIpv4Flow,
  setIpv6Flow,
} from "../tables/mod.ts";
import { IPV6_ANY } from "../wire/addresses.ts";
import type { UdpSocket } from "./udp_socket.ts";

const NONE = -1;
const IPV4 = 1;
const IPV6 = 2;
/** All keys of a table are of one protocol, which need not be told. */
const PROTOCOL = 0;

/** What is known of a key: how much there is to look for. */
const KINDS = 6;

/** Sockets with the same key. */
class Group {
  /** The last one that came is the first one; those of IPv4 come before those that take both. */
  readonly sockets: UdpSocket[] = [];
  /** Those of them that share the port. */
  readonly sharing: UdpSocket[] = [];

  add(socket: UdpSocket, isBehind: boolean): void {
    let at = 0;
    if (isBehind) { while (at < this.sockets.length && this.sockets[at].family === "ipv4") at++; }
    this.sockets.splice(at, 0, socket);
    if (socket.options.has(Slot.REUSE_PORT)) this.sharing.push(socket);
  }

  remove(socket: UdpSocket): void {
    this.sockets.splice(this.sockets.indexOf(socket), 1);
    const at = this.sharing.indexOf(socket);
    if (at >= 0) this.sharing.splice(at, 1);
  }
}

/** A table of groups by keys. */
class GroupTable {
  readonly #table: KeyTable;
  readonly #groups: Group[] = [];
  readonly #free: number[] = [];

  constructor(capacity: number, keyWords: number, hashKey: SipKey) {
    this.#table = new KeyTable({ capacity, keyWords, hashKey });
  }

  find(key: Int32Array): Group | undefined {
    const index = this.#table.lookup(key);
    return index === NONE ? undefined : this.#groups[index];
  }

  /** There is always room: a table has as many entries as there can be sockets. */
  add(key: Int32Array, socket: UdpSocket, isBehind: boolean): void {
    const fresh = this.#free.length > 0 ? this.#free[this.#free.length - 1] : this.#groups.length;
    const index = this.#table.insert(key, fresh);
    if (index === fresh) {
      if (fresh === this.#groups.length) this.#groups.push(new Group());
      else this.#free.pop();
    }
    this.#groups[index].add(socket, isBehind);
  }

  remove(key: Int32Array, socket: UdpSocket): void {
    const index = this.#table.lookup(key);
    const group = this.#groups[index];
    group.remove(socket);
    if (group.sockets.length > 0) return;
    this.#table.remove(key);
    this.#free.push(index);
  }
}

/** All bound sockets of UDP. */
export class UdpSocketTable {
  readonly #four: GroupTable;
  readonly #six: GroupTable;
  readonly #ports: GroupTable;
  /** How many sockets there are of each kind of key, for IPv4 and IPv6. */
  readonly #counts4 = new Int32Array(KINDS);
  readonly #counts6 = new Int32Array(KINDS);
  readonly #key = new Int32Array(IPV6_FLOW_WORDS);
  readonly #flow = new Int32Array(IPV4_FLOW_WORDS);
  readonly #hashKey: SipKey;
  #size = 0;

  /**
   * Makes a table without sockets.
   *
   * @param capacity how many sockets there are at most
   */
  constructor(capacity: number, hashKey: SipKey) {
    this.#four = new GroupTable(capacity, IPV4_FLOW_WORDS, hashKey);
    this.#six = new GroupTable(capacity, IPV6_FLOW_WORDS, hashKey);
    this.#ports = new GroupTable(capacity, 1, hashKey);
    this.#hashKey = hashKey;
  }

  /** How many sockets there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a bound socket; its addresses, its scope and whether it shares its port stay the same. */
  add(socket: UdpSocket): void {
    const families = familiesOf(socket);
    const kind = kindOf(socket);
    if ((families & IPV4) !== 0) {
      // Linux: a socket of IPv4 comes before one of IPv6 that takes IPv4, too.
      this.#four.add(this.#keyOf(socket, IPV4), socket, socket.family === "ipv6");
      this.#counts4[kind]++;
    }
    if ((families & IPV6) !== 0) {
      this.#six.add(this.#keyOf(socket, IPV6), socket, false);
      this.#counts6[kind]++;
    }
    this.#ports.add(this.#portKey(socket.flow.localPort), socket, false);
    this.#size++;
  }

  /** Removes a socket, as it was when it was added. */
  remove(socket: UdpSocket): void {
    const families = familiesOf(socket);
    const kind = kindOf(socket);
    if ((families & IPV4) !== 0) {
      this.#four.remove(this.#keyOf(socket, IPV4), socket);
      this.#counts4[kind]--;
    }
    if ((families & IPV6) !== 0) {
      this.#six.remove(this.#keyOf(socket, IPV6), socket);
      this.#counts6[kind]--;
    }
    this.#ports.remove(this.#portKey(socket.flow.localPort), socket);
    this.#size--;
  }

  /**
   * Finds the socket for a datagram.
   *
   * @param local where it is for
   * @param remote who sent it
   * @param scope the interface that it came in by
   */
  find(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    scope: number,
  ): UdpSocket | undefined {
    const group = typeof local === "number"
      ? this.#find4(local, localPort, remote as number, remotePort, scope)
      : this.#find6(local, localPort, remote, remotePort, scope);
    if (group === undefined) return undefined;
    if (group.sharing.length < 2) return group.sockets[0];
    const hash = this.#hash(local, localPort, remote, remotePort);
    // The upper bits of a product are as even as a remainder, and need no division.
    const at = Math.floor((hash >>> 0) * group.sharing.length / 2 ** 32);
    return group.sharing[at];
  }

  /** All sockets at a port. */
  at(port: number): readonly UdpSocket[] {
    return this.#ports.find(this.#portKey(port))?.sockets ?? [];
  }

  #find4(
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
    scope: number,
  ): Group | undefined {
    const key = this.#key;
    const counts = this.#counts4;
    for (let kind = 0; kind < KINDS; kind++) {
      if (counts[kind] === 0) continue;
      const [isScoped, level] = [(kind & 1) === 0, kind >> 1];
      const device = isScoped ? scope : 0;
      const near = level === 2 ? 0 : local;
      if (level > 0) setIpv4Flow(key, near, 0, localPort << 16, PROTOCOL, device);
      else setIpv4Flow(key, near, remote, localPort << 16 | remotePort, PROTOCOL, device);
      const group = this.#four.find(key);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  #find6(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    scope: number,
  ): Group | undefined {
    const counts = this.#counts6;
    for (let kind = 0; kind < KINDS; kind++) {
      if (counts[kind] === 0) continue;
      const [isScoped, level] = [(kind & 1) === 0, kind >> 1];
      const isConnected = level === 0;
      this.#setKey6(
        level === 2 ? null : local,
        localPort,
        isConnected ? remote : null,
        isConnected ? remotePort : 0,
        isScoped ? scope : 0,
      );
      const group = this.#six.find(this.#key);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  #setKey6(
    local: IpAddress | null,
    localPort: number,
    remote: IpAddress | null,
    remotePort: number,
    scope: number,
  ): void {
    const near = (local ?? IPV6_ANY) as readonly number[];
    const far = (remote ?? IPV6_ANY) as readonly number[];
    setIpv6Flow(this.#key, near, far, localPort << 16 | remotePort, PROTOCOL, scope);
  }

  #keyOf(socket: UdpSocket, family: number): Int32Array {
    const { local, localPort, remote, remotePort, scope } = socket.flow;
    const isBound = !isAny(local);
    if (family === IPV6) {
      const far = socket.isConnected ? remote : null;
      this.#setKey6(isBound ? local : null, localPort, far, far === null ? 0 : remotePort, scope);
      return this.#key;
    }
    const near = isBound ? local as number : 0;
    const far = socket.isConnected ? remote as number : 0;
    const ports = localPort << 16 | (socket.isConnected ? remotePort : 0);
    setIpv4Flow(this.#key, near, far, ports, PROTOCOL, scope);
    return this.#key;
  }

  #portKey(port: number): Int32Array {
    this.#key[0] = port;
    return this.#key;
  }

  #hash(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    const words = this.#flow;
    words[0] = foldOf(local);
    words[1] = foldOf(remote);
    words[2] = localPort << 16 | remotePort;
    words[3] = 0;
    return hashWords(this.#hashKey, words, IPV4_FLOW_WORDS);
  }
}

/** Which families a socket receives. */
function familiesOf(socket: UdpSocket): number {
  if (socket.family === "ipv4" || typeof socket.flow.local === "number") return IPV4;
  return isAny(socket.flow.local) && !socket.isIpv6Only ? IPV4 | IPV6 : IPV6;
}

/** What a socket is known by, in the order in which they are looked for. */
function kindOf(socket: UdpSocket): number {
  const isUnscoped = socket.flow.scope === 0 ? 1 : 0;
  if (socket.isConnected) return isUnscoped;
  return (isAny(socket.flow.local) ? 4 : 2) | isUnscoped;
}

/** An address of IPv6 as one word, for the choice among sockets only. */
function foldOf(address: IpAddress): number {
  if (typeof address === "number") return address;
  return address[0] ^ Math.imul(address[1], 0x9e3779b1) ^ Math.imul(address[2], 0x85ebca6b) ^
    Math.imul(address[3], 0xc2b2ae35);
}
