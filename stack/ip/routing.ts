/**
 * Finding the way of a flow: whether its remote address is this stack, a group, everybody, or one
 * host; by which interface and next hop it is reached; and what source packets have.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import type { Interface, RouteQuery } from "../iface/types.ts";
import { AddressState } from "../iface/types.ts";
import { randomTableKey } from "../random.ts";
import { IPV6_ANY } from "../wire/addresses.ts";
import { isAny, isIpv4, isLinkLocal, isLoopback, isMulticast } from "./addresses.ts";
import type { IpContext } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { CachedPath, type Destination, DestinationCache, PathKind } from "./destinations.ts";
import type { PathMtuDiscovery } from "./path_mtu.ts";
import type { Flow, IpAddress } from "./types.ts";

/** The longest packet of either family, header included, that this stack makes. */
export const MAX_PACKET_BYTES = 65535;

/** 127.0.0.1 and ::1. */
const IPV4_LOOPBACK = 0x7f00_0001;
const IPV6_LOOPBACK: IpAddress = [0, 0, 0, 1];

/** Finds paths. */
export class Routing {
  /** The destinations that are known. */
  readonly destinations: DestinationCache;
  readonly #context: IpContext;
  readonly #hashKey: SipKey;
  readonly #hashed: Int32Array = new Int32Array(8);
  readonly #query: RouteQuery = {
    destination: 0,
    source: 0,
    interface: 0,
    inputInterface: 0,
    mark: 0,
    typeOfService: 0,
    flowHash: 0,
  };

  /** Knows no destination yet. */
  constructor(context: IpContext, pathMtu: PathMtuDiscovery) {
    this.#context = context;
    const { environment, options, counters } = context;
    this.#hashKey = randomTableKey(environment.random);
    this.destinations = new DestinationCache(
      options.destinations,
      environment.random,
      (destination) => {
        counters.add(IpCounter.PATHS_EVICTED);
        pathMtu.forget(destination);
      },
    );
  }

  /** See {@linkcode IpOutput.route}. */
  route(flow: Flow): number {
    flow.label = -1;
    // As on Linux, the any-address means this very stack.
    if (isAny(flow.remote)) flow.remote = isIpv4(flow.remote) ? IPV4_LOOPBACK : IPV6_LOOPBACK;
    const destination = this.destinations.obtain(flow.remote, flow.scope);
    let path = destination.pathFor(flow.local, flow.mark);
    if (path === null || !path.isValid) {
      const made = this.#make(destination, flow);
      if (typeof made === "number") {
        flow.path = null;
        return made;
      }
      path = made;
      destination.keep(path);
    }
    flow.path = path;
    if (isAny(flow.local)) flow.local = path.source;
    return 0;
  }

  /** Makes a path, or says why there is none. */
  #make(destination: Destination, flow: Flow): CachedPath | number {
    const { addresses } = this.#context.links;
    const { local, remote, scope } = flow;
    if (!isAny(local)) {
      if (isIpv4(local) !== isIpv4(remote)) return -Errno.EINVAL;
      const where = isLinkLocal(local) ? scope : 0;
      const state = addresses.stateOf(local, where);
      const isOurs = state === AddressState.PREFERRED || state === AddressState.DEPRECATED ||
        isLoopback(local);
      if (!isOurs) return -Errno.EADDRNOTAVAIL;
    }
    if (isMulticast(remote)) return this.#find(destination, flow, PathKind.GROUP);
    if (isIpv4(remote) && addresses.isBroadcast(remote, scope)) {
      return this.#find(destination, flow, PathKind.BROADCAST);
    }
    const isLocal = isLoopback(remote) ||
      addresses.isLocal(remote, isLinkLocal(remote) ? scope : 0);
    if (isLocal) return this.#makeLocal(destination, flow);
    // RFC 1122 section 3.2.1.3 (MUST): (g) what has an address of the loopback network stays here.
    if (isLoopback(local)) return -Errno.EINVAL;
    return this.#find(destination, flow, PathKind.UNICAST);
  }

  /** A path to this very stack. */
  #makeLocal(destination: Destination, flow: Flow): CachedPath | number {
    const { interfaces, addresses } = this.#context.links;
    const { local, remote } = flow;
    const owner = interfaces.get(addresses.interfaceOf(remote));
    // An address of the link means the same only where it came in by its own link.
    const link = isLinkLocal(remote)
      ? interfaces.get(flow.scope) ?? owner
      : interfaces.loopback ?? owner;
    if (link === undefined) return -Errno.ENETUNREACH;
    const parts = {
      kind: PathKind.LOCAL,
      link,
      nextHop: remote,
      source: isAny(local) ? remote : local,
      linkMtu: MAX_PACKET_BYTES,
    };
    return new CachedPath(parts, this.#context.links.topology, destination, local, flow.mark);
  }

  #find(destination: Destination, flow: Flow, kind: PathKind): CachedPath | number {
    const { interfaces, addresses, routes, topology } = this.#context.links;
    const { local, remote } = flow;
    const query = this.#query;
    query.destination = remote;
    query.source = local;
    query.interface = flow.scope;
    // RFC 1122 section 3.3.4.2: in the strong model packets leave by the interface of their source.
    if (flow.scope === 0 && this.#context.options.hostModel === "strong" && !isAny(local)) {
      query.interface = addresses.interfaceOf(local);
    }
    query.mark = flow.mark;
    query.flowHash = this.hashOf(local, remote);
    const route = routes.lookup(query);
    if (typeof route === "number") return route;
    const link = interfaces.get(route.interface);
    if (link === undefined) return -Errno.ENODEV;
    if (!link.isUp) return -Errno.ENETDOWN;
    const mtu = linkMtuOf(link, isIpv4(remote));
    const source = isAny(local)
      ? route.source ?? addresses.selectSource(remote, link.index, route.gateway, "default") ??
        nobody(remote, kind)
      : local;
    if (source === null) return -Errno.EADDRNOTAVAIL;
    const parts = {
      kind,
      link,
      nextHop: kind === PathKind.UNICAST ? route.gateway ?? remote : remote,
      source,
      linkMtu: route.mtu > 0 ? Math.min(route.mtu, mtu) : mtu,
    };
    return new CachedPath(parts, topology, destination, local, flow.mark);
  }

  /** A number that is the same for all packets between two ends: equal ways are chosen by it. */
  hashOf(source: IpAddress, destination: IpAddress): number {
    const words = this.#hashed;
    if (typeof source === "number" || typeof destination === "number") {
      words[0] = source as number;
      words[1] = destination as number;
      return hashWords(this.#hashKey, words, 2);
    }
    words.set(source, 0);
    words.set(destination, 4);
    return hashWords(this.#hashKey, words, 8);
  }
}

/** The longest packet of a family on a link. */
export function linkMtuOf(link: Interface, isIpv4Packet: boolean): number {
  return Math.min(isIpv4Packet ? link.mtu : link.ipv6Mtu, MAX_PACKET_BYTES);
}

/**
 * Who has no address yet may still talk to everybody: RFC 2131 section 4.1, RFC 4861 section 4.1.
 * RFC 1122 section 3.2.1.3 (a) forbids it else.
 */
function nobody(remote: IpAddress, kind: PathKind): IpAddress | null {
  if (kind === PathKind.UNICAST) return null;
  return isIpv4(remote) ? 0 : IPV6_ANY;
}
