/**
 * The options of datagram sockets: those that Node's have, and that Deno really passes on.
 *
 * Node's sockets can be changed only once they are bound; what is set before is kept and set then.
 * Buffer sizes are not among them: Deno 2.9.6 never tells the system, and would cut datagrams off.
 * Nor are hop limits of IPv6, where its calls change nothing.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import { type Membership, Memberships, readMembership } from "./memberships.ts";
import type { DatagramPort } from "./node_datagrams.ts";

const INT_BYTES = 4;
const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6 } = SockOpt;
const LEVEL_SHIFT = 16;
/** What IPV4 multicast leaves with unless something else is set. RFC 1112. */
const MULTICAST_TTL_DEFAULT = 1;
const HOPS_MAXIMUM = 255;

/** An option whose value is an int, or the four bytes of an address. */
interface Row {
  readonly level: number;
  readonly name: number;
  /** The only family that has it, 0 for both. */
  readonly family: number;
  /** The value where none was set; undefined where only the system knows. */
  readonly initial?: number;
  readonly isValid: (value: number) => boolean;
  /** Has Node set it. @returns 0 or `-errno` */
  readonly apply: (port: DatagramPort, value: number) => number;
}

const isFlag = (): boolean => true;
const isHops = (value: number): boolean => value >= 1 && value <= HOPS_MAXIMUM;

const ROWS: readonly Row[] = [
  {
    level: SOL_SOCKET,
    name: SockOpt.SO_BROADCAST,
    family: 0,
    initial: 0,
    isValid: isFlag,
    apply: (port, value) => port.configure((socket) => socket.setBroadcast(value !== 0)),
  },
  {
    level: SOL_IP,
    name: SockOpt.IP_TTL,
    family: AF_INET,
    isValid: isHops,
    apply: (port, value) => port.configure((socket) => socket.setTTL(value)),
  },
  {
    level: SOL_IP,
    name: SockOpt.IP_MULTICAST_TTL,
    family: AF_INET,
    initial: MULTICAST_TTL_DEFAULT,
    isValid: isHops,
    apply: (port, value) => port.configure((socket) => socket.setMulticastTTL(value)),
  },
  {
    level: SOL_IP,
    name: SockOpt.IP_MULTICAST_LOOP,
    family: AF_INET,
    initial: 1,
    isValid: isFlag,
    apply: (port, value) => port.configure((socket) => socket.setMulticastLoopback(value !== 0)),
  },
  {
    level: IPPROTO_IPV6,
    name: SockOpt.IPV6_MULTICAST_LOOP,
    family: AF_INET6,
    initial: 1,
    isValid: isFlag,
    apply: (port, value) => port.configure((socket) => socket.setMulticastLoopback(value !== 0)),
  },
  {
    level: SOL_IP,
    name: SockOpt.IP_MULTICAST_IF,
    family: AF_INET,
    initial: 0,
    isValid: isFlag,
    apply: (port, value) => {
      const address = [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff);
      const set = port.configure((socket) => socket.setMulticastInterface(address.join(".")));
      return set === -Errno.EINVAL ? -Errno.EADDRNOTAVAIL : set;
    },
  },
  {
    level: IPPROTO_IPV6,
    name: SockOpt.IPV6_MULTICAST_IF,
    family: AF_INET6,
    initial: 0,
    isValid: (value) => value >= 0,
    apply: (port, value) => {
      const set = port.configure((socket) => socket.setMulticastInterface(`::%${value}`));
      return set === -Errno.EINVAL ? -Errno.ENODEV : set;
    },
  },
];

function keyOf(level: number, name: number): number {
  return (level << LEVEL_SHIFT) | name;
}

function rowOf(level: number, name: number, family: number): Row | undefined {
  return ROWS.find((row) =>
    row.level === level && row.name === name && (row.family === 0 || row.family === family)
  );
}

/** Options that hold 0 or 1, because Linux reads them back so. */
function normalized(row: Row, value: number): number {
  const isInterface = row.name === SockOpt.IP_MULTICAST_IF ||
    row.name === SockOpt.IPV6_MULTICAST_IF;
  return row.isValid === isFlag && !isInterface ? Number(value !== 0) : value;
}

/** What was set on one socket. */
export class DatagramOptions {
  /** `SO_REUSEADDR`; it counts when the socket is bound. */
  reuseAddress = false;
  /** `IPV6_V6ONLY`; it counts when the socket is bound. */
  ipv6Only = false;
  readonly #family: number;
  readonly #values = new Map<number, number>();
  readonly #memberships = new Memberships();

  /** @param family of the socket's addresses */
  constructor(family: number) {
    this.#family = family;
  }

  /** `SO_BROADCAST`. */
  get broadcast(): boolean {
    return this.get(SOL_SOCKET, SockOpt.SO_BROADCAST) === 1;
  }

  /**
   * Sets an option.
   *
   * @param port the bound socket, or null
   * @param at where its value is, of `length` bytes
   * @returns 0 or `-errno`
   */
  set(
    port: DatagramPort | null,
    level: number,
    name: number,
    memory: RingMemory,
    at: number,
    length: number,
  ): number {
    const membership = readMembership(level, name, this.#family, memory, at, length);
    if (membership !== null) return this.#change(port, membership);
    if (length < INT_BYTES) return -Errno.EINVAL;
    const value = memory.words[at >> 2];
    if (level === SOL_SOCKET && name === SockOpt.SO_REUSEPORT && value === 0) return 0;
    if (isEarly(level, name, this.#family)) return this.#setEarly(port, name, value !== 0);
    const row = rowOf(level, name, this.#family);
    if (row === undefined) return -Errno.ENOTSUP;
    if (!row.isValid(value)) return -Errno.EINVAL;
    if (port !== null) {
      const result = row.apply(port, value);
      if (result !== 0) return result;
    }
    this.#values.set(keyOf(level, name), normalized(row, value));
    return 0;
  }

  /** The value of an option, or undefined where there is none to be had. */
  get(level: number, name: number): number | undefined {
    if (isEarly(level, name, this.#family)) {
      return Number(name === SockOpt.SO_REUSEADDR ? this.reuseAddress : this.ipv6Only);
    }
    const row = rowOf(level, name, this.#family);
    return row === undefined ? undefined : this.#values.get(keyOf(level, name)) ?? row.initial;
  }

  /** Sets on a socket that was just bound what was set before. @returns 0 or `-errno` */
  applyAll(port: DatagramPort): number {
    for (const row of ROWS) {
      const value = this.#values.get(keyOf(row.level, row.name));
      const result = value === undefined ? 0 : row.apply(port, value);
      if (result !== 0) return result;
    }
    return this.#memberships.joinAll(port);
  }

  #setEarly(port: DatagramPort | null, name: number, on: boolean): number {
    const isReuse = name === SockOpt.SO_REUSEADDR;
    // Node asks for both when it makes the socket.
    if (port !== null && on !== (isReuse ? this.reuseAddress : this.ipv6Only)) {
      return -Errno.EINVAL;
    }
    if (isReuse) this.reuseAddress = on;
    else this.ipv6Only = on;
    return 0;
  }

  #change(port: DatagramPort | null, membership: Membership | number): number {
    if (typeof membership === "number") return membership;
    return this.#memberships.change(port, membership);
  }
}

/** Whether an option counts when a socket is bound. */
function isEarly(level: number, name: number, family: number): boolean {
  if (level === SOL_SOCKET) return name === SockOpt.SO_REUSEADDR;
  return level === IPPROTO_IPV6 && name === SockOpt.IPV6_V6ONLY && family === AF_INET6;
}
