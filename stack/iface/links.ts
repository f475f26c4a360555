/**
 * Everything of a stack below IP: interfaces with their addresses, neighbours, routes and groups,
 * and the protocols that look after them. The control API is a thin layer above this.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import { FrameQueue } from "../frame_queue.ts";
import { makeGroupProtocols } from "../group/group_protocols.ts";
import type { GroupTable } from "../group/group_table.ts";
import type { IgmpProtocol } from "../group/igmp.ts";
import type { MldProtocol } from "../group/mld.ts";
import type { IpAddress } from "../ip/types.ts";
import { orderByWays } from "../route/destination_order.ts";
import { Routes } from "../route/route_table.ts";
import {
  IPV4_ALL_HOSTS,
  IPV4_ALL_ROUTERS,
  IPV6_ALL_NODES,
  IPV6_ALL_ROUTERS,
  ipv6Of,
  isGroupMac,
  type MacAddress,
  macHigh,
  macLow,
} from "../wire/addresses.ts";
import { Autoconfiguration } from "./autoconfiguration.ts";
import { AddressAssignment } from "./address_assignment.ts";
import { Addresses } from "./address_table.ts";
import { LinkCounter } from "./counters.ts";
import { NO_EVENTS, type StackEvents } from "./events.ts";
import type { LinkCounters } from "./link_counters.ts";
import type { LinkHooks } from "./link_hooks.ts";
import { LinkInterface } from "./link_interface.ts";
import { LinkProtocols } from "./link_protocol.ts";
import type { NdpProtocol } from "./ndp_protocol.ts";
import type { NeighbourDescription } from "./neighbour_cache.ts";
import { NeighbourReactions } from "./neighbour_reactions.ts";
import type { NeighbourCache } from "./neighbour_cache.ts";
import { makeNeighbourProtocols, type NeighbourProtocols } from "./neighbour_protocols.ts";
import { DEFAULT_LINK_OPTIONS, type LinkOptions } from "./options.ts";
import type { AdvertisementOptions } from "./router_advertiser.ts";
import { TopologyChanges } from "./topology.ts";
import {
  type AddressOptions,
  describeInterface,
  type InterfaceOptions,
  isMtu,
  type LinksParts,
  type LinkUsers,
  unattachedHooks,
} from "./links_parts.ts";
import { AddressState, type FrameTap, type InterfaceTable, type Neighbours } from "./types.ts";

const LOOPBACK_IPV4 = 0x7f00_0001;
const LOOPBACK_IPV6 = ipv6Of("::1");

/** Everything of a stack below IP. */
export class Links implements InterfaceTable, Neighbours {
  readonly addresses: Addresses;
  readonly routes: Routes;
  /** Routers, prefixes and servers that were found. */
  readonly autoconfiguration: Autoconfiguration;
  readonly groups: GroupTable;
  readonly ndp: NdpProtocol;
  readonly igmp: IgmpProtocol;
  readonly mld: MldProtocol;
  /** Takes messages of all protocols of links. */
  readonly protocol: LinkProtocols;
  /** What makes paths stale. */
  readonly topology: TopologyChanges = new TopologyChanges();
  readonly #environment: Environment;
  readonly #counters: LinkCounters;
  readonly #options: LinkOptions;
  readonly #events: StackEvents;
  readonly #hooks: LinkHooks;
  readonly #looped: FrameQueue;
  readonly #protocols: NeighbourProtocols;
  readonly #reactions: NeighbourReactions = new NeighbourReactions();
  readonly #assignment: AddressAssignment;
  /** By index; the first one is nobody's. */
  readonly #interfaces: (LinkInterface | undefined)[] = [undefined];
  #list: readonly LinkInterface[] = [];

  /** Makes links without interfaces; {@linkcode attach} comes before the first packet. */
  constructor(parts: LinksParts) {
    const { environment, counters, events = NO_EVENTS, options = DEFAULT_LINK_OPTIONS } = parts;
    this.#environment = environment;
    this.#counters = counters;
    this.#options = options;
    this.#events = events;
    this.#looped = new FrameQueue(options.loopedPackets);
    this.#hooks = unattachedHooks(environment, parts.sink, this.#looped);
    const transmits = parts.detectionTransmits ?? 1;
    const changes = this.topology;
    const interfaceOf = (index: number) => this.#interfaces[index];
    this.addresses = new Addresses({ environment, options, changes, events });
    const shard = parts.shard ?? null;
    const common = { environment, options, events, addresses: this.addresses, interfaceOf, shard };
    this.#protocols = makeNeighbourProtocols({
      ...{ ...common, counters, hooks: this.#hooks, watcher: this.#reactions, transmits },
    });
    this.ndp = this.#protocols.ndp;
    this.routes = new Routes({
      ...{ ...common, changes, counters: counters.route, interfaces: this },
      isMultipath: parts.isMultipath ?? false,
    });
    this.autoconfiguration = new Autoconfiguration({
      ...{ ...common, counters: counters.ndp, routes: this.routes },
      times: this.ipv6Neighbours.times,
      secret: parts.addressSecret ?? shard?.addressSecret ?? null,
      add: (link, address, length, wanted) => this.addAddress(link.index, address, length, wanted),
    });
    this.ndp.routers = this.autoconfiguration;
    this.#reactions.routes = this.routes;
    this.#reactions.routers = this.autoconfiguration.routers;
    this.#protocols.detection.watcher = this.autoconfiguration;
    const { groups, igmp, mld } = makeGroupProtocols({
      ...{
        ...common,
        igmpCounters: counters.igmp,
        mldCounters: counters.mld,
        faults: counters.faults,
      },
    });
    this.groups = groups;
    this.igmp = igmp;
    this.mld = mld;
    this.protocol = new LinkProtocols(environment, this.ndp, mld, igmp);
    this.#assignment = new AddressAssignment({
      ...{ ...common, groups, ndp: this.ndp, isDetecting: transmits > 0 },
      ...{ conflicts: this.#protocols.conflicts, detection: this.#protocols.detection },
    });
  }

  /** All interfaces, as IP sees them. */
  get interfaces(): InterfaceTable {
    return this;
  }

  /** Who is told that neighbours were reached. */
  get neighbours(): Neighbours {
    return this;
  }

  /** Says who takes packets, and who helps on the way out. */
  attach({ ip, unreachable, egress }: LinkUsers): void {
    this.#hooks.ip = ip;
    this.#hooks.unreachable = unreachable;
    this.#hooks.egress = egress;
  }

  /** Sees all frames from now on; null for nobody. */
  set tap(tap: FrameTap | null) {
    this.#hooks.tap = tap;
  }

  /** See {@linkcode InterfaceTable.size}. */
  get size(): number {
    return this.#list.length;
  }

  /** See {@linkcode InterfaceTable.get}. */
  get(index: number): LinkInterface | undefined {
    return this.#interfaces[index];
  }

  /** See {@linkcode InterfaceTable.named}. */
  named(name: string): LinkInterface | undefined {
    return this.#list.find((link) => link.name === name);
  }

  /** See {@linkcode InterfaceTable.list}. */
  list(): readonly LinkInterface[] {
    return this.#list;
  }

  /** See {@linkcode InterfaceTable.loopback}. */
  get loopback(): LinkInterface | undefined {
    return this.#list.find(({ kind }) => kind === "loopback");
  }

  /** The neighbours of IPv4. */
  get ipv4Neighbours(): NeighbourCache {
    return this.#protocols.ipv4Neighbours;
  }

  /** The neighbours of IPv6. */
  get ipv6Neighbours(): NeighbourCache {
    return this.#protocols.ipv6Neighbours;
  }

  /**
   * Adds an interface, which is down.
   *
   * @returns it, or `-errno`: EEXIST for the name, EINVAL, ENOBUFS
   */
  addInterface(options: InterfaceOptions): LinkInterface | number {
    const index = this.#freeIndex();
    if (index > this.#options.interfaces) return -Errno.ENOBUFS;
    if (this.named(options.name) !== undefined) return -Errno.EEXIST;
    const { kind } = options;
    if (kind === "loopback" && this.loopback !== undefined) return -Errno.EEXIST;
    const described = describeInterface(options, index, this.#options.macGroups);
    if (typeof described === "number") return described;
    const link = new LinkInterface({
      environment: this.#environment,
      counters: this.#counters.link,
      faults: this.#counters.faults,
      hooks: this.#hooks,
      changes: this.topology,
    }, described);
    this.#interfaces[index] = link;
    this.#list = this.#interfaces.filter((known) => known !== undefined);
    this.#events.onEvent({ event: "interface-added", interface: index });
    this.#joinOwnGroups(link);
    if (kind === "ethernet") {
      const mode = link.isForwarding ? "link-local" : "full";
      this.autoconfiguration.configure(link, options.autoconfiguration ?? { mode });
    }
    return link;
  }

  #freeIndex(): number {
    let index = 1;
    while (this.#interfaces[index] !== undefined) index++;
    return index;
  }

  #joinOwnGroups(link: LinkInterface): void {
    // RFC 1112 section 4 (MUST): every host listens to 224.0.0.1.
    this.groups.join(link.index, IPV4_ALL_HOSTS, link);
    // RFC 4291 section 2.8 (MUST): every node listens to ff02::1.
    this.groups.join(link.index, IPV6_ALL_NODES, link);
    if (link.isForwarding) this.setForwarding(link.index, true);
  }

  /**
   * Adds the loopback interface `lo`, up, with 127.0.0.1/8 and ::1.
   *
   * @returns it, or `-errno`: EEXIST
   */
  addLoopback(): LinkInterface | number {
    const link = this.addInterface({ name: "lo", kind: "loopback" });
    if (typeof link === "number") return link;
    this.setUp(link.index, true);
    this.addAddress(link.index, LOOPBACK_IPV4, 8);
    this.addAddress(link.index, LOOPBACK_IPV6, 128);
    return link;
  }

  /** Removes an interface with all that belongs to it. @returns 0 or `-errno`: ENODEV */
  removeInterface(index: number): number {
    const link = this.#interfaces[index];
    if (link === undefined) return -Errno.ENODEV;
    if (link.isUp) this.setUp(index, false);
    for (const { address } of [...this.addresses.list(index)]) this.removeAddress(index, address);
    this.autoconfiguration.remove(link);
    this.routes.removeInterface(index);
    this.ipv4Neighbours.flush(index, true);
    this.ipv6Neighbours.flush(index, true);
    this.ipv4Neighbours.times.reset(index);
    this.ipv6Neighbours.times.reset(index);
    this.groups.removeInterface(link);
    this.#interfaces[index] = undefined;
    this.#list = this.#interfaces.filter((known) => known !== undefined);
    this.topology.change();
    this.#events.onEvent({ event: "interface-removed", interface: index });
    return 0;
  }

  /** Sets an interface up or down. @returns 0 or `-errno`: ENODEV */
  setUp(index: number, isUp: boolean): number {
    const link = this.#interfaces[index];
    if (link === undefined) return -Errno.ENODEV;
    if (link.isUp === isUp) return 0;
    link.setUp(isUp);
    this.#events.onEvent({ event: isUp ? "link-up" : "link-down", interface: index });
    if (!isUp) {
      this.autoconfiguration.end(link);
      this.ipv4Neighbours.flush(index, false);
      this.ipv6Neighbours.flush(index, false);
      return 0;
    }
    this.groups.restart(link);
    this.#assignment.restart(link);
    this.autoconfiguration.begin(link);
    return 0;
  }

  /** Changes the MTU of an interface. @returns 0 or `-errno`: ENODEV, EINVAL */
  setMtu(index: number, mtu: number): number {
    const link = this.#interfaces[index];
    if (link === undefined) return -Errno.ENODEV;
    if (!isMtu(mtu)) return -Errno.EINVAL;
    link.setMtu(mtu);
    return 0;
  }

  /** Makes an interface a router's, or a host's. @returns 0 or `-errno`: ENODEV */
  setForwarding(index: number, isForwarding: boolean): number {
    const link = this.#interfaces[index];
    if (link === undefined) return -Errno.ENODEV;
    // RFC 4861 section 6.2.5 (SHOULD): who ceases to forward ceases to be advertised.
    if (!isForwarding) this.autoconfiguration.advertiser.end(link);
    link.isForwarding = isForwarding;
    for (const group of [IPV4_ALL_ROUTERS, IPV6_ALL_ROUTERS]) {
      // RFC 4291 section 2.8 (MUST): routers listen to their groups as well; RFC 1812 section
      // 2.2.6.
      if (isForwarding) this.groups.join(index, group, link);
      else this.groups.leave(index, group, link);
    }
    this.topology.change();
    return 0;
  }

  /**
   * Advertises this stack as a router on an interface that forwards; null ends that.
   *
   * @returns 0 or `-errno`: ENODEV, EINVAL where it does not forward
   */
  advertise(index: number, said: AdvertisementOptions | null): number {
    const link = this.#interfaces[index];
    const { advertiser } = this.autoconfiguration;
    if (link === undefined) return -Errno.ENODEV;
    // RFC 4861 section 6.2.2 (MUST): only interfaces that are told to advertise do so.
    if (said === null) advertiser.end(link);
    else if (link.isForwarding) advertiser.begin(link, said);
    else return -Errno.EINVAL;
    return 0;
  }

  /**
   * Adds an address to an interface, and asks others for it where that is wanted.
   *
   * @returns 0 or `-errno`: ENODEV, EEXIST, EINVAL, ENOBUFS
   */
  addAddress(
    index: number,
    address: IpAddress,
    prefixLength: number,
    options: AddressOptions = {},
  ): number {
    const link = this.#interfaces[index];
    if (link === undefined) return -Errno.ENODEV;
    return this.#assignment.add(link, address, prefixLength, options);
  }

  /** Removes an address. @returns 0 or `-errno`: EADDRNOTAVAIL */
  removeAddress(index: number, address: IpAddress): number {
    return this.addresses.remove(index, address);
  }

  /** Gives up an address that somebody else has, as another shard of the host found out. */
  concede(index: number, address: IpAddress): void {
    const known = this.addresses.find(address, index);
    const link = this.#interfaces[index];
    if (link === undefined || known === undefined) return;
    if (known.state === AddressState.DUPLICATED) return;
    if (typeof address === "number") this.#protocols.conflicts.concede(link, address);
    else this.#protocols.detection.concede(link, address);
  }

  /** Tells everybody on a link of our addresses, unasked: RFC 5227 section 2.3, RFC 4861 7.2.6. */
  announce(index: number): void {
    const link = this.#interfaces[index];
    if (link !== undefined) this.#assignment.announce(link);
  }

  /** Brings the addresses of a name into the order in which they are tried: RFC 6724 section 6. */
  orderDestinations(destinations: readonly IpAddress[]): readonly IpAddress[] {
    return orderByWays(destinations, this.addresses, this.routes);
  }

  /** Enters a neighbour for good. @returns 0 or `-errno`: ENODEV, EINVAL, ENOBUFS */
  addNeighbour(index: number, address: IpAddress, mac: MacAddress): number {
    if (this.#interfaces[index] === undefined) return -Errno.ENODEV;
    if (isGroupMac(mac)) return -Errno.EINVAL;
    return this.#cacheOf(address).setPermanent(index, address, macHigh(mac), macLow(mac));
  }

  /** Forgets a neighbour. @returns 0 or `-errno`: ENOENT */
  removeNeighbour(index: number, address: IpAddress): number {
    return this.#cacheOf(address).remove(index, address);
  }

  /** All neighbours. */
  listNeighbours(): NeighbourDescription[] {
    return [...this.ipv4Neighbours.list(), ...this.ipv6Neighbours.list()];
  }

  #cacheOf(address: IpAddress): NeighbourCache {
    return typeof address === "number" ? this.ipv4Neighbours : this.ipv6Neighbours;
  }

  /** See {@linkcode Neighbours.confirm}. */
  confirm(interfaceIndex: number, nextHop: IpAddress): void {
    this.#cacheOf(nextHop).confirm(interfaceIndex, nextHop);
  }

  /** Takes a frame that a port received; takes over the hold. */
  receive(interfaceIndex: number, packet: number): void {
    const link = this.#interfaces[interfaceIndex];
    if (link !== undefined) return link.receive(packet);
    this.#counters.link.add(LinkCounter.DROPPED_NO_INTERFACE);
    this.#environment.arena.release(packet);
  }

  /** How many packets wait that the loopback interface sent. */
  get loopedCount(): number {
    return this.#looped.size;
  }

  /**
   * Delivers packets that the loopback interface sent: those that wait now, not those that come
   * about meanwhile.
   *
   * @returns how many
   */
  deliverLooped(): number {
    const count = this.#looped.size;
    for (let left = count; left > 0; left--) {
      const index = this.#looped.interface;
      this.receive(index, this.#looped.shift());
    }
    return count;
  }
}
