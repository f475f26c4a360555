/**
 * The options that join and leave multicast groups and say where multicast leaves by: the
 * structures of ip(7) and ipv6(7).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, IN6_ADDRESS, IN_ADDRESS } from "../../ring/abi/sockaddr.ts";
import type { FilterMode, GroupMember } from "../iface/types.ts";
import { Flow, type IpAddress } from "../ip/types.ts";
import { isMulticast } from "../ip/addresses.ts";
import type { SocketFamily } from "../types.ts";
import type { DatagramContext } from "./context.ts";
import { Ipv4Name } from "../option_names.ts";
import { intBytes, intOf } from "../option_values.ts";
import type { SocketOptions } from "./socket_options.ts";

const { SOL_IP, IPPROTO_IPV6 } = SockOpt;

/** `struct ip_mreq`, `ip_mreqn`, `ip_mreq_source`, `ipv6_mreq`: sizes in bytes. */
const IP_MREQ = 8;
const IP_MREQN = 12;
const IP_MREQ_SOURCE = 12;
const IPV6_MREQ = 20;
/** `struct group_req` and `group_source_req`: the interface, then `sockaddr_storage`s. */
const STORAGE_BYTES = 128;
const GROUP_AT = 8;
const GROUP_REQ = GROUP_AT + STORAGE_BYTES;
const GROUP_SOURCE_REQ = GROUP_REQ + STORAGE_BYTES;
/** `struct ip_msfilter` and `group_filter` before their sources. */
const IP_MSFILTER = 16;
const GROUP_FILTER = GROUP_AT + STORAGE_BYTES + 8;
/** RFC 3678 section 4.1.3: `MCAST_EXCLUDE` and `MCAST_INCLUDE`. */
const MODES: readonly FilterMode[] = ["exclude", "include"];

/** What is done with a group, or with a source in it. */
type Action = "join" | "leave" | "joinSource" | "leaveSource" | "blockSource" | "unblockSource";

const GROUP_ACTIONS: Readonly<Record<number, Action>> = {
  [SockOpt.MCAST_JOIN_GROUP]: "join",
  [SockOpt.MCAST_LEAVE_GROUP]: "leave",
  [SockOpt.MCAST_JOIN_SOURCE_GROUP]: "joinSource",
  [SockOpt.MCAST_LEAVE_SOURCE_GROUP]: "leaveSource",
  [Ipv4Name.GROUP_BLOCK_SOURCE]: "blockSource",
  [Ipv4Name.GROUP_UNBLOCK_SOURCE]: "unblockSource",
};

const IPV4_ACTIONS: Readonly<Record<number, Action>> = {
  [SockOpt.IP_ADD_MEMBERSHIP]: "join",
  [SockOpt.IP_DROP_MEMBERSHIP]: "leave",
  [SockOpt.IP_ADD_SOURCE_MEMBERSHIP]: "joinSource",
  [SockOpt.IP_DROP_SOURCE_MEMBERSHIP]: "leaveSource",
  [Ipv4Name.BLOCK_SOURCE]: "blockSource",
  [Ipv4Name.UNBLOCK_SOURCE]: "unblockSource",
};

const IPV6_ACTIONS: Readonly<Record<number, Action>> = {
  [SockOpt.IPV6_ADD_MEMBERSHIP]: "join",
  [SockOpt.IPV6_DROP_MEMBERSHIP]: "leave",
};

/** Whether an option is one of these. @param family that of the socket */
export function isMembershipOption(level: number, name: number, family: SocketFamily): boolean {
  if (level === IPPROTO_IPV6 && family === "ipv4") return false;
  if (level === SOL_IP) {
    return name in GROUP_ACTIONS || name in IPV4_ACTIONS || name === SockOpt.IP_MULTICAST_IF ||
      name === Ipv4Name.SOURCE_FILTER || name === Ipv4Name.GROUP_SOURCE_FILTER;
  }
  return level === IPPROTO_IPV6 &&
    (name in GROUP_ACTIONS || name in IPV6_ACTIONS || name === SockOpt.IPV6_MULTICAST_IF ||
      name === Ipv4Name.GROUP_SOURCE_FILTER);
}

/** The groups of one socket. */
export class SocketMemberships {
  /** Null until it joins something. */
  member: GroupMember | null = null;
  readonly #context: DatagramContext;
  readonly #options: SocketOptions;

  /** It is a member of nothing. */
  constructor(context: DatagramContext, options: SocketOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Leaves everything. */
  close(): void {
    this.member?.close();
    this.member = null;
  }

  /**
   * Whether a packet to a group is for this socket. Like on Linux, a socket that has not joined the
   * group gets what others have joined for, unless it said that it does not want that.
   */
  admits(interfaceIndex: number, group: IpAddress, source: IpAddress, takesAll: boolean): boolean {
    const { member } = this;
    if (member === null || !member.hasJoined(interfaceIndex, group)) return takesAll;
    return member.admits(interfaceIndex, group, source);
  }

  /** Sets one of the options. @returns 0 or `-errno` */
  set(level: number, name: number, value: Uint8Array): number {
    if (level === SOL_IP) {
      if (name === SockOpt.IP_MULTICAST_IF) return this.#setInterface(value);
      if (name in IPV4_ACTIONS) return this.#changeIpv4(name, value);
      if (name === Ipv4Name.SOURCE_FILTER) return this.#setFilter(value);
    } else {
      if (name === SockOpt.IPV6_MULTICAST_IF) return this.#setInterface6(value);
      if (name in IPV6_ACTIONS) return this.#changeIpv6(name, value);
    }
    return name === Ipv4Name.GROUP_SOURCE_FILTER
      ? this.#setGroupFilter(level, value)
      : this.#changeAny(level, name, value);
  }

  /** Reads one of the options. @returns its value or `-errno` */
  get(level: number, name: number): Uint8Array | number {
    const { multicastInterface, multicastSource } = this.#options;
    if (level === SOL_IP && name === SockOpt.IP_MULTICAST_IF) {
      return intBytes(multicastSource).reverse();
    }
    if (level === IPPROTO_IPV6 && name === SockOpt.IPV6_MULTICAST_IF) {
      return intBytes(multicastInterface);
    }
    return -Errno.ENOPROTOOPT;
  }

  /** `struct ip_mreqn`, `ip_mreq` or an address. */
  #setInterface(value: Uint8Array): number {
    if (value.length < 4) return -Errno.EINVAL;
    const address = addressOf(value, value.length >= IP_MREQ ? 4 : 0);
    const index = value.length >= IP_MREQN ? intOf(value, 8) : 0;
    if (index === 0 && address === 0) return this.#choose(0, 0);
    const chosen = index !== 0 ? index : this.#context.addresses.interfaceOf(address);
    if (chosen === 0 || this.#context.interfaces.get(chosen) === undefined) {
      return -Errno.EADDRNOTAVAIL;
    }
    return this.#choose(chosen, address);
  }

  #setInterface6(value: Uint8Array): number {
    if (value.length < 4) return -Errno.EINVAL;
    const index = intOf(value);
    if (index !== 0 && this.#context.interfaces.get(index) === undefined) return -Errno.ENODEV;
    return this.#choose(index, this.#options.multicastSource);
  }

  #choose(index: number, source: number): number {
    this.#options.multicastInterface = index;
    this.#options.multicastSource = source;
    return 0;
  }

  #changeIpv4(name: number, value: Uint8Array): number {
    const action = IPV4_ACTIONS[name];
    if (action !== "join" && action !== "leave") {
      if (value.length < IP_MREQ_SOURCE) return -Errno.EINVAL;
      const link = this.#interfaceOf(addressOf(value, 4), 0);
      return this.#change(action, link, addressOf(value, 0), addressOf(value, 8));
    }
    if (value.length < IP_MREQ) return -Errno.EINVAL;
    const index = value.length >= IP_MREQN ? intOf(value, 8) : 0;
    const link = index !== 0 ? index : this.#interfaceOf(addressOf(value, 4), 0);
    return this.#change(action, link, addressOf(value, 0), 0);
  }

  #changeIpv6(name: number, value: Uint8Array): number {
    if (value.length < IPV6_MREQ) return -Errno.EINVAL;
    const group = address6Of(value, 0);
    return this.#change(IPV6_ACTIONS[name], intOf(value, 16), group, 0);
  }

  #changeAny(level: number, name: number, value: Uint8Array): number {
    const action = GROUP_ACTIONS[name];
    const isPlain = action === "join" || action === "leave";
    if (value.length < (isPlain ? GROUP_REQ : GROUP_SOURCE_REQ)) return -Errno.EINVAL;
    const group = sockaddrAt(value, GROUP_AT);
    const source = isPlain ? group : sockaddrAt(value, GROUP_REQ);
    // Linux: of an address of no family it is seen first that it is no group.
    if (group === null) return isPlain ? -Errno.EINVAL : -Errno.EADDRNOTAVAIL;
    if (source === null) return -Errno.EADDRNOTAVAIL;
    const isIpv4 = typeof group === "number";
    if (isIpv4 !== (level === SOL_IP) || isIpv4 !== (typeof source === "number")) {
      return -Errno.EADDRNOTAVAIL;
    }
    return this.#change(action, intOf(value, 0), group, source);
  }

  /** `struct ip_msfilter`: all sources at once. RFC 3678 section 4.2. */
  #setFilter(value: Uint8Array): number {
    const count = value.length < IP_MSFILTER ? 0 : intOf(value, 12);
    if (value.length < IP_MSFILTER || count < 0 || value.length < IP_MSFILTER + 4 * count) {
      return -Errno.EINVAL;
    }
    const sources = Array.from(
      { length: count },
      (_, at) => addressOf(value, IP_MSFILTER + 4 * at),
    );
    const link = this.#interfaceOf(addressOf(value, 4), 0);
    return this.#filter(link, addressOf(value, 0), intOf(value, 8), sources);
  }

  /** `struct group_filter`. RFC 3678 section 5.2. */
  #setGroupFilter(level: number, value: Uint8Array): number {
    if (value.length < GROUP_FILTER) return -Errno.EINVAL;
    const count = intOf(value, GROUP_FILTER - 4);
    if (count < 0 || value.length < GROUP_FILTER + STORAGE_BYTES * count) return -Errno.EINVAL;
    const group = sockaddrAt(value, GROUP_AT);
    const sources: IpAddress[] = [];
    for (let at = 0; at < count; at++) {
      const source = sockaddrAt(value, GROUP_FILTER + STORAGE_BYTES * at);
      if (source === null || typeof source !== typeof group) return -Errno.EADDRNOTAVAIL;
      sources.push(source);
    }
    if (group === null || (typeof group === "number") !== (level === SOL_IP)) return -Errno.EINVAL;
    return this.#filter(intOf(value, 0), group, intOf(value, GROUP_FILTER - 8), sources);
  }

  #filter(
    link: number,
    group: IpAddress,
    mode: number,
    sources: readonly IpAddress[],
  ): number {
    const index = this.#judge(link, group);
    if (index < 0) return index;
    if (MODES[mode] === undefined) return -Errno.EINVAL;
    return this.#memberOf().setFilter(index, group, MODES[mode], sources);
  }

  /** The interface that has an address, or 0. */
  #interfaceOf(address: number, otherwise: number): number {
    return address === 0 ? otherwise : this.#context.addresses.interfaceOf(address) || -1;
  }

  #change(action: Action, link: number, group: IpAddress, source: IpAddress): number {
    const index = this.#judge(link, group);
    if (index < 0) return index;
    const member = this.#memberOf();
    if (action === "join" || action === "leave") return member[action](index, group);
    return member[action](index, group, source);
  }

  /** The interface that is meant for a group, or `-errno`. */
  #judge(link: number, group: IpAddress): number {
    if (!isMulticast(group)) return -Errno.EINVAL;
    const index = link === 0 ? this.#defaultInterface(group) : link;
    const isKnown = index > 0 && this.#context.interfaces.get(index) !== undefined;
    return isKnown ? index : -Errno.ENODEV;
  }

  #memberOf(): GroupMember {
    this.member ??= this.#context.groups.newMember();
    return this.member;
  }

  /** Where packets to the group would leave by. */
  #defaultInterface(group: IpAddress): number {
    const { multicastInterface } = this.#options;
    if (multicastInterface !== 0) return multicastInterface;
    const flow = new Flow();
    flow.local = typeof group === "number" ? 0 : [0, 0, 0, 0];
    flow.remote = group;
    return this.#context.output.route(flow) === 0 && flow.path !== null ? flow.path.interface : 0;
  }
}

function addressOf(value: Uint8Array, at: number): number {
  return value[at] << 24 | value[at + 1] << 16 | value[at + 2] << 8 | value[at + 3];
}

function address6Of(value: Uint8Array, at: number): IpAddress {
  return [
    addressOf(value, at),
    addressOf(value, at + 4),
    addressOf(value, at + 8),
    addressOf(value, at + 12),
  ];
}

/** The address of a sockaddr; null for one of another family. */
function sockaddrAt(value: Uint8Array, at: number): IpAddress | null {
  const family = value[at] | value[at + 1] << 8;
  if (family === AF_INET) return addressOf(value, at + IN_ADDRESS);
  return family === AF_INET6 ? address6Of(value, at + IN6_ADDRESS) : null;
}
