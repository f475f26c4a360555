/**
 * Routers: packets that are neither from here nor for here. RFC 1812 sections 5.2 and 5.3, RFC
 * 8200 section 3, RFC 3704 (reverse paths), RFC 4861 section 8 (redirects).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Interface, Route, RouteQuery, SegmentSink } from "../iface/types.ts";
import { chainLength } from "../memory/mod.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { IPV4_ANY, IPV6_ANY, isIpv6Any } from "../wire/addresses.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { Ipv4Options } from "../wire/ipv4_options.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { isIpv4Loopback, isIpv4Reserved, isLinkLocal } from "./addresses.ts";
import { ownHead } from "./chain_head.ts";
import { type IpContext, Problem } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { FilterPoint } from "./filter.ts";
import { Fragmenter, type PartSink } from "./fragmentation.ts";
import { linkMtuOf, type Routing } from "./routing.ts";
import type { IpAddress } from "./types.ts";
import { continueRecordRoute, continueTimestamps, otherTime } from "./way_options.ts";

/** Says to hosts that there is a better next hop. */
export interface RedirectSender {
  /**
   * Tells the sender of a packet, unless the rate is exceeded; the hold stays the caller's.
   *
   * @param target the better next hop, or the destination itself
   */
  sendRedirect(packet: number, link: Interface, target: IpAddress, destination: IpAddress): void;
}

/** Forwards packets. */
export class Forwarding implements PartSink, SegmentSink {
  readonly #context: IpContext;
  readonly #routing: Routing;
  readonly #redirects: RedirectSender;
  readonly #fragmenter: Fragmenter;
  readonly #query: RouteQuery = {
    destination: 0,
    source: 0,
    interface: 0,
    inputInterface: 0,
    mark: 0,
    typeOfService: 0,
    flowHash: 0,
  };
  #partLink: Interface | null = null;
  #partHop: IpAddress = 0;
  #partMtu = 0;

  /** Has forwarded nothing yet. */
  constructor(context: IpContext, routing: Routing, redirects: RedirectSender) {
    this.#context = context;
    this.#routing = routing;
    this.#redirects = redirects;
    this.#fragmenter = new Fragmenter(context);
  }

  /**
   * Forwards a packet of IPv4 that came in by a link, and takes over its hold.
   *
   * @param options what its check found of the header's options, null where it has none
   */
  forwardIpv4(packet: number, link: Interface, options: Ipv4Options | null): void {
    const context = this.#context;
    const { arena, memory } = context;
    const at = arena.start(packet);
    const source = ipv4.source(memory, at);
    const destination = ipv4.destination(memory, at);
    // RFC 1812 section 5.3.7 (SHOULD): martians are not forwarded.
    // RFC 3927 section 2.7 (MUST): neither is what is from or for an address of the link.
    if (
      isIpv4Reserved(source) || isIpv4Loopback(source) || isIpv4Reserved(destination) ||
      isLinkLocal(source) || isLinkLocal(destination)
    ) return context.drop(packet, IpCounter.DROPPED_FORWARD_SCOPE);
    const hops = ipv4.timeToLive(memory, at);
    const service = ipv4.typeOfService(memory, at);
    const route = this.#admit(packet, link, source, destination, service, hops);
    if (route === null) return;
    const out = context.links.interfaces.get(route.interface)!;
    // RFC 2644 section 3 (MUST): what is for everybody of another link is not forwarded.
    if (route.gateway === null && context.links.addresses.isBroadcast(destination, out.index)) {
      return context.drop(packet, IpCounter.DROPPED_FORWARD_SCOPE);
    }
    const nextHop = route.gateway ?? destination;
    this.#redirect(packet, link, out, source, nextHop, destination);
    const mtu = this.#mtuOf(route, out, true);
    const isTooLong = this.#isTooLong(packet, ipv4.headerBytes(memory, at), mtu);
    if (isTooLong && ipv4.dontFragment(memory, at)) {
      // RFC 1191 section 4 (MUST): the sender learns the next hop's MTU.
      context.problems.report(packet, Problem.TOO_BIG, mtu);
      return context.drop(packet, IpCounter.DROPPED_TOO_BIG);
    }
    const first = this.#own(packet, ipv4.headerBytes(memory, at));
    if (first < 0) return;
    if (options !== null) this.#continueOptions(first, at, out, options);
    // RFC 1812 section 5.3.1 (MUST): the time to live is less by one.
    ipv4.decrementTimeToLive(memory, arena.start(first));
    if (!isTooLong) return this.#send(first, out, nextHop);
    this.#partLink = out;
    this.#partHop = nextHop;
    this.#partMtu = mtu;
    const isWhole = context.packets.segmentation[first] === Segmentation.NONE;
    // What stands for several packets becomes these first.
    const result = isWhole
      ? this.#fragmenter.fragmentIpv4(first, mtu, this)
      : context.egress.segment(first, this);
    if (result < 0) context.counters.add(IpCounter.DROPPED_OUTPUT);
  }

  /** See {@linkcode SegmentSink.takeSegment}. */
  takeSegment(packet: number): void {
    const { counters } = this.#context;
    const result = this.#fragmenter.fragmentIpv4(packet, this.#partMtu, this);
    if (result < 0) counters.add(IpCounter.DROPPED_OUTPUT);
  }

  /** Writes down that a packet came by, where its options ask for it. */
  #continueOptions(packet: number, from: number, out: Interface, options: Ipv4Options): void {
    const { recordRouteAt, timestampAt } = options;
    if (recordRouteAt < 0 && timestampAt < 0) return;
    const { arena, memory, links: { addresses }, environment: { now } } = this.#context;
    const { icmp: { timeOfDay } } = this.#context.options;
    const at = arena.start(packet);
    const destination = ipv4.destination(memory, at);
    const address = addresses.selectSource(destination, out.index, null, "default");
    if (typeof address !== "number") return;
    if (recordRouteAt >= 0) {
      // RFC 1812 section 5.3.13.4 (MUST): the way of a packet that asks for it is recorded.
      continueRecordRoute(memory, at + recordRouteAt - from, address);
    }
    if (timestampAt >= 0) {
      const time = timeOfDay === null ? otherTime(now) : timeOfDay(now);
      const isOurs = (asked: number): boolean => addresses.isLocal(asked, 0);
      // RFC 1812 section 5.3.13.5 (MUST): so are the times.
      continueTimestamps(memory, at + timestampAt - from, address, time, isOurs);
    }
    ipv4.seal(memory, at);
  }

  /** Forwards a packet of IPv6 that came in by a link, and takes over its hold. */
  forwardIpv6(packet: number, link: Interface): void {
    const context = this.#context;
    const { arena, memory, ipv6Addresses } = context;
    const at = arena.start(packet);
    const source = ipv6Addresses.at(memory, ipv6.sourceAt(at));
    const destination = ipv6Addresses.at(memory, ipv6.destinationAt(at));
    // RFC 4291 section 2.5.2 (MUST): what is from nobody is not forwarded.
    // RFC 4291 section 2.5.6 (MUST): what is for an address of the link is not forwarded.
    if (isIpv6Any(source) || isLinkLocal(destination)) {
      return context.drop(packet, IpCounter.DROPPED_FORWARD_SCOPE);
    }
    const hops = ipv6.hopLimit(memory, at);
    const service = ipv6.trafficClass(memory, at);
    const route = this.#admit(packet, link, source, destination, service, hops);
    if (route === null) return;
    const out = context.links.interfaces.get(route.interface)!;
    if (isLinkLocal(source) && out !== link) {
      // RFC 4443 section 3.1: beyond the scope of the source address.
      context.problems.report(packet, Problem.SCOPE, 0);
      return context.drop(packet, IpCounter.DROPPED_FORWARD_SCOPE);
    }
    const nextHop = route.gateway ?? destination;
    this.#redirect(packet, link, out, source, nextHop, destination);
    const mtu = this.#mtuOf(route, out, false);
    if (this.#isTooLong(packet, ipv6.HEADER_BYTES, mtu)) {
      // RFC 4443 section 3.2 (MUST): routers take nothing apart: its sender learns the MTU.
      context.problems.report(packet, Problem.TOO_BIG, mtu);
      return context.drop(packet, IpCounter.DROPPED_TOO_BIG);
    }
    const first = this.#own(packet, ipv6.HEADER_BYTES);
    if (first < 0) return;
    ipv6.decrementHopLimit(memory, arena.start(first));
    this.#send(first, out, nextHop);
  }

  /** Finds a route for a packet that has hops left. @returns null when it is gone */
  #admit(
    packet: number,
    link: Interface,
    source: IpAddress,
    destination: IpAddress,
    service: number,
    hops: number,
  ): Route | null {
    const context = this.#context;
    if (!this.#isReversePath(source, link)) {
      context.drop(packet, IpCounter.DROPPED_REVERSE_PATH);
      return null;
    }
    if (hops <= 1) {
      // RFC 1812 section 5.3.1 (MUST): what has no hops left is discarded.
      // RFC 4443 section 3.3 (MUST): its sender is told: traceroute asks for nothing else.
      context.problems.report(packet, Problem.HOPS, 0);
      context.drop(packet, IpCounter.DROPPED_HOPS);
      return null;
    }
    const query = this.#query;
    query.destination = destination;
    query.source = source;
    query.interface = 0;
    query.inputInterface = link.index;
    query.typeOfService = service;
    query.flowHash = this.#routing.hashOf(source, destination);
    const route = context.links.routes.lookup(query);
    if (typeof route === "number") {
      this.#reportNoRoute(packet, route);
      return null;
    }
    const out = context.links.interfaces.get(route.interface);
    if (out === undefined || !out.isUp || out.kind === "loopback") {
      this.#reportNoRoute(packet, -Errno.ENETUNREACH);
      return null;
    }
    if (
      context.filter !== null &&
      !context.admits(FilterPoint.FORWARD, packet, out, IpCounter.DROPPED_FILTER_FORWARD)
    ) return null;
    return route;
  }

  #reportNoRoute(packet: number, result: number): void {
    const context = this.#context;
    // A route may say that packets are to vanish: EINVAL.
    if (result === -Errno.EACCES) context.problems.report(packet, Problem.PROHIBITED, 0);
    else if (result === -Errno.EHOSTUNREACH) context.problems.report(packet, Problem.HOST, 0);
    else if (result !== -Errno.EINVAL) context.problems.report(packet, Problem.NO_ROUTE, 0);
    context.drop(packet, IpCounter.DROPPED_FORWARD_ROUTE);
  }

  /** Whether answers to a source would leave by the link that its packet came in by. RFC 3704. */
  #isReversePath(source: IpAddress, link: Interface): boolean {
    const { options: { reversePath }, links } = this.#context;
    if (reversePath === "off") return true;
    const query = this.#query;
    query.destination = source;
    query.source = typeof source === "number" ? IPV4_ANY : IPV6_ANY;
    query.interface = typeof source !== "number" && isLinkLocal(source) ? link.index : 0;
    query.inputInterface = 0;
    query.typeOfService = 0;
    query.flowHash = 0;
    const route = links.routes.lookup(query);
    if (typeof route === "number") return false;
    return reversePath === "loose" || route.interface === link.index;
  }

  #mtuOf(route: Route, out: Interface, isIpv4Packet: boolean): number {
    const mtu = linkMtuOf(out, isIpv4Packet);
    return route.mtu > 0 ? Math.min(mtu, route.mtu) : mtu;
  }

  #isTooLong(packet: number, headerBytes: number, mtu: number): boolean {
    const { arena, packets, memory } = this.#context;
    const kind = packets.segmentation[packet];
    if (kind !== Segmentation.NONE) {
      // Of what stands for several packets, these have to fit.
      const at = arena.start(packet) + headerBytes;
      packets.transport[packet] = at;
      const isWhole = arena.length(packet) >= headerBytes + tcp.HEADER_BYTES;
      const isTcp = (kind & ~Segmentation.ECN) !== Segmentation.UDP && isWhole;
      const transportBytes = isTcp ? tcp.headerBytes(memory, at) : udp.HEADER_BYTES;
      return headerBytes + transportBytes + packets.segmentBytes[packet] > mtu;
    }
    const length = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    return length > mtu;
  }

  /** Tells a host on the same link that it need not go through us. */
  #redirect(
    packet: number,
    link: Interface,
    out: Interface,
    source: IpAddress,
    nextHop: IpAddress,
    destination: IpAddress,
  ): void {
    const { options, links } = this.#context;
    // RFC 4861 section 8.2 (SHOULD): the packet goes back to the link that it came from, and its
    // sender is on that link, as the better next hop is; RFC 1812 section 5.2.7.2 says the same.
    if (out !== link || !options.sendsRedirects || link.kind !== "ethernet") return;
    const isNeighbour = isLinkLocal(source) || links.addresses.isOnLink(source, link.index);
    if (isNeighbour) this.#redirects.sendRedirect(packet, link, nextHop, destination);
  }

  /** Makes the header ours to write. @returns -1 when the packet is gone */
  #own(packet: number, headerBytes: number): number {
    const { arena, packets, counters } = this.#context;
    const first = ownHead(arena, packets, packet, headerBytes);
    if (first < 0) counters.add(IpCounter.DROPPED_MEMORY);
    return first;
  }

  #send(packet: number, out: Interface, nextHop: IpAddress): void {
    const { packets, counters } = this.#context;
    packets.flags[packet] |= PacketFlag.FORWARDED;
    packets.interface[packet] = out.index;
    counters.values[IpCounter.FORWARDED]++;
    if (out.output(packet, nextHop) < 0) counters.values[IpCounter.DROPPED_OUTPUT]++;
  }

  /** See {@linkcode PartSink.takePart}. */
  takePart(part: number): number {
    const { packets, counters } = this.#context;
    const out = this.#partLink!;
    packets.flags[part] |= PacketFlag.FORWARDED;
    packets.interface[part] = out.index;
    counters.values[IpCounter.FORWARDED]++;
    return out.output(part, this.#partHop);
  }
}
