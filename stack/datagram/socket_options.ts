/**
 * The options of one datagram socket, by Linux' levels and names.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import type { IpAddress, IpParameters } from "../ip/types.ts";
import type { SocketFamily } from "../types.ts";
import { fixedOption } from "../fixed_options.ts";
import { Ipv4Name, Ipv6Name, PathMtuDiscovery, SocketName } from "../option_names.ts";
import {
  bufferAsked,
  bufferForced,
  cookieBytes,
  deviceBytes,
  deviceNamed,
  INT_BYTES,
  intBytes,
  intOf,
  LINGER_BYTES,
  MINIMUM_RECEIVE_BUFFER,
  MINIMUM_SEND_BUFFER,
} from "../option_values.ts";
import type { DatagramContext } from "./context.ts";
import {
  changedDefaults,
  type Ipv6Defaults,
  isIpv6Default,
  NO_IPV6_DEFAULTS,
} from "../ipv6_defaults.ts";
import { INITIAL_VALUES, type OptionRow, optionRow, Slot } from "./option_rows.ts";
import type { ReceiveQueue } from "./receive_queue.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6 } = SockOpt;
const IP_OPTIONS_MAXIMUM = 40;
const DEFAULT_HOPS = 64;
/** Where a record of a route begins, and its least length. RFC 791 section 3.1. */
const RECORD_ROUTE = 7;
const RECORD_LEAST = 3;

/** Linux doubles what is asked for, and has it so in effect. */
const BUFFER_FACTOR = 2;
/** `SK_MEMINFO_*`: the words of `SO_MEMINFO` that are not always 0 here, and how many there are. */
const MemoryInfo = {
  RECEIVED: 0,
  RECEIVE_BUFFER: 1,
  SEND_BUFFER: 3,
  DROPPED: 8,
  WORDS: 9,
} as const;

/** How IP treats packets that are too long. */
type Fragmentation = IpParameters["fragmentation"];

const FRAGMENTATIONS: Readonly<Record<number, Fragmentation>> = {
  [PathMtuDiscovery.DONT]: "allowed",
  [PathMtuDiscovery.WANT]: "wanted",
  [PathMtuDiscovery.DO]: "forbidden",
  [PathMtuDiscovery.PROBE]: "probe",
};

/** What options need to know of their socket. */
export interface OptionHost {
  readonly family: SocketFamily;
  /** One of {@linkcode Kind}. */
  readonly kind: number;
  /** The number of its protocol. */
  readonly protocol: number;
  /** `SOCK_DGRAM` or `SOCK_RAW`. */
  readonly type: number;
  /** The interface that it is bound to, 0 for none. */
  readonly device: number;
  /** Whether it has an address already. */
  readonly isBound: boolean;
  /** What waits to be received. */
  readonly queue: ReceiveQueue;
  /** The MTU of its path, or 0 where it is not connected. */
  readonly pathMtu: number;
  /** Takes the pending error. */
  takeError(): number;
  /** Binds it to an interface. @returns 0 or `-errno` */
  bindToDevice(index: number): number;
  /** What it allows has changed. @returns 0 or `-errno` */
  onReuseChange(): number;
  /** Corks no more. */
  onUncork(): void;
  /** Forgets the errors that were kept for whoever asked for them. */
  forgetReports(): void;
}

/** What was set on one socket. */
export class SocketOptions {
  /** The values of {@linkcode OPTION_ROWS}. */
  readonly values: Int32Array = INITIAL_VALUES.slice();
  /** `SO_RCVBUF`, as it is in effect. */
  receiveBuffer: number;
  /** `SO_SNDBUF`, as it is in effect. */
  sendBuffer: number;
  /** The interface that multicast leaves by, 0 for that of the route. */
  multicastInterface = 0;
  /** The source of multicast, 0 for that of the interface. */
  multicastSource = 0;
  /** The interface that unicast leaves by, where it is bound to none. */
  unicastInterface = 0;
  /** `IPV6_MTU`, `IPV6_PKTINFO`: what holds for all datagrams of IPv6. */
  ipv6Defaults: Ipv6Defaults = NO_IPV6_DEFAULTS;
  /** `IP_OPTIONS`, which every packet of IPv4 has; null for none. */
  ipOptions: Uint8Array | null = null;
  /** 0 until somebody asks. */
  #cookie = 0;
  #linger: Uint8Array = new Uint8Array(LINGER_BYTES);
  readonly #context: DatagramContext;
  readonly #host: OptionHost;

  /** Nothing is set. */
  constructor(context: DatagramContext, host: OptionHost) {
    this.#context = context;
    this.#host = host;
    // Linux: sockets of IPv6 begin without what is about groups of IPv4.
    if (host.family === "ipv6") this.values[Slot.MULTICAST_ALL] = 0;
    this.receiveBuffer = context.options.receiveBufferBytes;
    this.sendBuffer = context.options.sendBufferBytes;
  }

  /** Whether a flag is set. */
  has(slot: number): boolean {
    return this.values[slot] !== 0;
  }

  /** The hops of packets to an address; 0 for the default, -1 for none. */
  hopsTo(address: IpAddress, isGroup: boolean): number {
    const { values } = this;
    if (typeof address === "number") {
      return isGroup ? values[Slot.MULTICAST_TTL] || -1 : values[Slot.TIME_TO_LIVE];
    }
    const hops = values[isGroup ? Slot.MULTICAST_HOPS : Slot.UNICAST_HOPS];
    // What was asked for is sent, none too; 0 here stands for what the link recommends.
    return hops === 0 ? -1 : Math.max(0, hops);
  }

  /** What becomes of packets to an address that are too long. */
  fragmentationTo(address: IpAddress): Fragmentation {
    const isIpv6 = typeof address !== "number";
    if (isIpv6 && this.has(Slot.DONT_FRAGMENT)) return "forbidden";
    const value = this.values[isIpv6 ? Slot.MTU_DISCOVERY_6 : Slot.MTU_DISCOVERY];
    return FRAGMENTATIONS[value] ?? "allowed";
  }

  /** Whether an error that says how long packets may be concerns whoever is connected. */
  reportsPathMtu(isIpv6: boolean): boolean {
    const value = this.values[isIpv6 ? Slot.MTU_DISCOVERY_6 : Slot.MTU_DISCOVERY];
    return value !== PathMtuDiscovery.DONT && value < PathMtuDiscovery.INTERFACE;
  }

  /**
   * Sets an option.
   *
   * @param value as setsockopt(2) takes it
   * @returns 0 or `-errno`
   */
  set(level: number, name: number, value: Uint8Array): number {
    const row = this.#row(level, name);
    if (row !== undefined) return this.#setInteger(row, value);
    if (level === SOL_SOCKET) return this.#setSocket(name, value);
    if (level === SOL_IP && name === Ipv4Name.OPTIONS) return this.#setIpOptions(value);
    if (this.#isUnicastInterface(level, name)) return this.#setUnicastInterface(value);
    if (level === IPPROTO_IPV6 && this.#host.family === "ipv6" && isIpv6Default(name)) {
      return this.#setIpv6Default(name, value);
    }
    return -this.#unknown(level);
  }

  /**
   * Reads an option.
   *
   * @returns the value as getsockopt(2) gives it, or `-errno`
   */
  get(level: number, name: number): Uint8Array | number {
    const row = this.#row(level, name);
    if (row !== undefined) return intBytes(this.#shown(row));
    if (level === IPPROTO_IPV6 && this.#host.family === "ipv4") return -Errno.EOPNOTSUPP;
    const fixed = fixedOption(level, name, false);
    if (fixed !== undefined) return fixed;
    if (level === SOL_SOCKET) return this.#getSocket(name);
    if (level === SOL_IP && name === Ipv4Name.OPTIONS) return this.ipOptions ?? new Uint8Array(0);
    if (
      level === SOL_IP && name === Ipv4Name.MTU || level === IPPROTO_IPV6 && name === Ipv6Name.MTU
    ) {
      const { pathMtu } = this.#host;
      return pathMtu === 0 ? -Errno.ENOTCONN : intBytes(pathMtu);
    }
    if (this.#isUnicastInterface(level, name)) {
      return intBytes(swapped(this.unicastInterface));
    }
    return -Errno.ENOPROTOOPT;
  }

  #row(level: number, name: number): OptionRow | undefined {
    const isOther = level === IPPROTO_IPV6 && this.#host.family === "ipv4";
    return isOther ? undefined : optionRow(level, name, this.#host.kind);
  }

  #unknown(level: number): number {
    const isOther = level === IPPROTO_IPV6 && this.#host.family === "ipv4";
    return isOther ? Errno.EOPNOTSUPP : Errno.ENOPROTOOPT;
  }

  /** What getsockopt(2) shows instead of the default. */
  #shown({ slot }: OptionRow): number {
    const value = this.values[slot];
    if (slot === Slot.UNICAST_HOPS) return value < 0 ? DEFAULT_HOPS : value;
    return slot === Slot.TIME_TO_LIVE && value === 0 ? DEFAULT_HOPS : value;
  }

  #setInteger(row: OptionRow, value: Uint8Array): number {
    if (isTooShort(row, value.length)) return -Errno.EINVAL;
    const isIpv6 = row.level === IPPROTO_IPV6;
    let number = value.length >= INT_BYTES ? intOf(value) : isIpv6 ? 0 : value[0] ?? 0;
    if (row.isFlag) number = Number(number !== 0);
    if (number < row.minimum || number > row.maximum) return -Errno.EINVAL;
    const { slot } = row;
    if (slot === Slot.TYPE_OF_SERVICE) number &= 0xff;
    if (slot === Slot.IPV6_ONLY && this.#host.isBound) return -Errno.EINVAL;
    if (slot === Slot.TIME_TO_LIVE && number === 0) return -Errno.EINVAL;
    if (slot === Slot.MULTICAST_TTL || slot === Slot.MULTICAST_HOPS) {
      number = number < 0 ? 1 : number;
    } // 0 is the default here, where nobody can ask for packets that do not leave.
    else if (number < 0 && row.minimum === -1 && slot !== Slot.UNICAST_HOPS) number = 0;
    this.values[slot] = number;
    if (slot === Slot.REUSE_ADDRESS || slot === Slot.REUSE_PORT) return this.#host.onReuseChange();
    const isReports = slot === Slot.RECEIVE_ERRORS || slot === Slot.RECEIVE_ERRORS_6;
    if (isReports && number === 0) this.#host.forgetReports();
    if (slot === Slot.CORK && number === 0) this.#host.onUncork();
    return 0;
  }

  #setSocket(name: number, value: Uint8Array): number {
    if (name === SockOpt.SO_BINDTODEVICE) return this.#bindToName(value);
    if (value.length < INT_BYTES) return -Errno.EINVAL;
    const number = intOf(value);
    const { options } = this.#context;
    switch (name) {
      case SockOpt.SO_RCVBUF:
        this.receiveBuffer = BUFFER_FACTOR *
          bufferAsked(number, MINIMUM_RECEIVE_BUFFER, options.maximumReceiveBufferBytes);
        return 0;
      case SockOpt.SO_SNDBUF:
        this.sendBuffer = BUFFER_FACTOR *
          bufferAsked(number, MINIMUM_SEND_BUFFER, options.maximumSendBufferBytes);
        return 0;
      case SocketName.RECEIVE_BUFFER_FORCE:
        this.receiveBuffer = BUFFER_FACTOR * bufferForced(number, MINIMUM_RECEIVE_BUFFER);
        return 0;
      case SocketName.SEND_BUFFER_FORCE:
        this.sendBuffer = BUFFER_FACTOR * bufferForced(number, MINIMUM_SEND_BUFFER);
        return 0;
      case SockOpt.SO_LINGER:
        if (value.length < LINGER_BYTES) return -Errno.EINVAL;
        this.#linger = value.slice(0, LINGER_BYTES);
        return 0;
      case SocketName.BIND_TO_INTERFACE:
        return this.#bindToIndex(number);
      default:
        return -Errno.ENOPROTOOPT;
    }
  }

  #getSocket(name: number): Uint8Array | number {
    const host = this.#host;
    switch (name) {
      case SockOpt.SO_RCVBUF:
        return intBytes(this.receiveBuffer);
      case SockOpt.SO_SNDBUF:
        return intBytes(this.sendBuffer);
      case SockOpt.SO_LINGER:
        return this.#linger.slice();
      case SockOpt.SO_TYPE:
        return intBytes(host.type);
      case SockOpt.SO_ERROR:
        return intBytes(host.takeError());
      case SockOpt.SO_ACCEPTCONN:
        return intBytes(0);
      case SockOpt.SO_PROTOCOL:
        return intBytes(host.protocol);
      case SockOpt.SO_DOMAIN:
        return intBytes(host.family === "ipv4" ? AF_INET : AF_INET6);
      case SockOpt.SO_BINDTODEVICE:
        return deviceBytes(this.#context.interfaces, host.device);
      case SocketName.COOKIE:
        return cookieBytes(this.#cookie ||= this.#context.nextCookie());
      case SocketName.MEMORY_INFO:
        return this.#memoryInfo();
      case SocketName.BIND_TO_INTERFACE:
        return intBytes(host.device);
      default:
        return -Errno.ENOPROTOOPT;
    }
  }

  /** `SO_MEMINFO`; what was sent is kept by nobody. */
  #memoryInfo(): Uint8Array {
    const { charged, dropped } = this.#host.queue;
    const words = new Uint32Array(MemoryInfo.WORDS);
    words[MemoryInfo.RECEIVED] = charged;
    words[MemoryInfo.RECEIVE_BUFFER] = this.receiveBuffer;
    words[MemoryInfo.SEND_BUFFER] = this.sendBuffer;
    words[MemoryInfo.DROPPED] = dropped;
    return new Uint8Array(words.buffer);
  }

  #bindToName(value: Uint8Array): number {
    const index = deviceNamed(this.#context.interfaces, value);
    return index < 0 ? index : this.#host.bindToDevice(index);
  }

  #bindToIndex(index: number): number {
    if (index < 0) return -Errno.EINVAL;
    if (index !== 0 && this.#context.interfaces.get(index) === undefined) return -Errno.ENODEV;
    return this.#host.bindToDevice(index);
  }

  #setIpOptions(value: Uint8Array): number {
    if (value.length > IP_OPTIONS_MAXIMUM || !areOptions(value)) return -Errno.EINVAL;
    const padded = new Uint8Array((value.length + 3) & ~3);
    padded.set(value);
    this.ipOptions = padded.length === 0 ? null : padded;
    return 0;
  }

  #setIpv6Default(name: number, value: Uint8Array): number {
    const changed = changedDefaults(this.ipv6Defaults, name, value, this.#host.device);
    if (typeof changed === "number") return changed;
    this.ipv6Defaults = changed;
    return 0;
  }

  #isUnicastInterface(level: number, name: number): boolean {
    if (level === SOL_IP) return name === Ipv4Name.UNICAST_INTERFACE;
    return level === IPPROTO_IPV6 && name === Ipv6Name.UNICAST_INTERFACE &&
      this.#host.family === "ipv6";
  }

  #setUnicastInterface(value: Uint8Array): number {
    if (value.length !== INT_BYTES) return -Errno.EINVAL;
    const index = swapped(intOf(value));
    if (index !== 0 && this.#context.interfaces.get(index) === undefined) {
      return -Errno.EADDRNOTAVAIL;
    }
    this.unicastInterface = index;
    return 0;
  }
}

/** Options of IPv4 that are an int or a byte; of the others, no bytes at all are a 0. */
const NEEDS_A_BYTE: readonly number[] = [
  Slot.TIME_TO_LIVE,
  Slot.MINIMUM_TIME_TO_LIVE,
  Slot.MULTICAST_TTL,
  Slot.MULTICAST_LOOP,
  Slot.MULTICAST_ALL,
  Slot.FREE_BIND,
];

/** Linux: options of IPv4 may be a byte, and what may go without its value differs. */
function isTooShort({ level, slot }: OptionRow, length: number): boolean {
  if (level === SOL_IP) return length === 0 && NEEDS_A_BYTE.includes(slot);
  return length < INT_BYTES && slot !== Slot.DONT_FRAGMENT;
}

/** RFC 791 section 3.1: whether options have lengths that fit, as far as they are looked into. */
function areOptions(value: Uint8Array): boolean {
  for (let at = 0; at < value.length && value[at] !== 0;) {
    const isSingle = value[at] === 1;
    const length = isSingle ? 1 : value[at + 1] ?? 0;
    const least = isSingle ? 1 : value[at] === RECORD_ROUTE ? RECORD_LEAST : 2;
    if (length < least || at + length > value.length) return false;
    at += length;
  }
  return true;
}

/** Changes a word between the machine's order and the network's. */
function swapped(word: number): number {
  return (word & 0xff) << 24 | (word >> 8 & 0xff) << 16 | (word >> 16 & 0xff) << 8 | word >>> 24;
}
