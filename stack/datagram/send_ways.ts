/**
 * Where the datagrams of one socket go: the path of each, found once as long as one after the other
 * goes the same way.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { isAny, isMulticast, isSame } from "../ip/addresses.ts";
import { Flow, type IpAddress, type Path } from "../ip/types.ts";
import type { DatagramParameters } from "../socket.ts";
import type { SocketFamily } from "../types.ts";
import { ANY_6, canonical, destinationOf, isScopeGood, judgeFamily } from "../address_rules.ts";
import type { DatagramContext } from "./context.ts";
import { type Ipv6Defaults, NO_IPV6_DEFAULTS } from "../ipv6_defaults.ts";
import { Slot } from "./option_rows.ts";
import type { SocketOptions } from "./socket_options.ts";

/** Whose datagrams they are. */
export interface WayHost {
  readonly family: SocketFamily;
  readonly flow: Flow;
  readonly options: SocketOptions;
  readonly isConnected: boolean;
  readonly isIpv6Only: boolean;
  /** The address that it was bound to, the any-address for none. */
  readonly bound: IpAddress;
}

/** The ways of one socket. */
export class SendWays {
  readonly #context: DatagramContext;
  readonly #host: WayHost;
  /** The way of the last datagram that named its destination. */
  #last: Flow | null = null;
  #lastSource: IpAddress | null = null;
  #lastScope = 0;
  /** The interface, and the source of groups, that were chosen for it by options. */
  #lastChosen = 0;
  #lastGroupSource = 0;
  #lastDefaults: Ipv6Defaults = NO_IPV6_DEFAULTS;

  /** Nothing was sent yet. */
  constructor(context: DatagramContext, host: WayHost) {
    this.#context = context;
    this.#host = host;
  }

  /** What ways are made of has changed. */
  forget(): void {
    this.#last = null;
  }

  /**
   * Finds the way to an address.
   *
   * @param way is filled in
   * @param source who it is to be from, null for what the socket is bound to
   * @param scope the interface, 0 for the one that the socket is bound to
   * @returns 0 or `-errno`
   */
  find(way: Flow, remote: IpAddress, source: IpAddress | null, scope: number): number {
    const { flow, options } = this.#host;
    const toGroup = isMulticast(remote);
    way.remote = remote;
    // RFC 3542 section 6.7: what comes with a datagram, then what holds for all of the socket's,
    // then what is chosen for groups.
    const defaults = this.#defaultsTo(remote);
    const given = source ?? defaults.source;
    // RFC 1122 section 4.1.3.5 (MUST): programs may name a datagram's source, or leave it open.
    way.local = given ?? this.#sourceOf(remote, toGroup);
    way.scope = scope || flow.scope || defaults.interface || this.#chosenFor(toGroup);
    way.localPort = flow.localPort;
    way.mark = options.values[Slot.MARK];
    way.path = null;
    const failed = this.#context.output.route(way);
    // RFC 1122 section 4.1.3.6 (MUST): the source is an address of this host. Linux: what is not is
    // no argument where it is given with a datagram.
    if (failed === -Errno.EADDRNOTAVAIL && given !== null) return -Errno.EINVAL;
    return failed < 0 ? failed : this.#judgeEverybody(remote, way.path);
  }

  /** The interface that options choose for groups, and for everything else; 0 for none. */
  #chosenFor(toGroup: boolean): number {
    const { multicastInterface, unicastInterface } = this.#host.options;
    return toGroup ? multicastInterface : unicastInterface;
  }

  /** What holds for all datagrams to an address. */
  #defaultsTo(remote: IpAddress): Ipv6Defaults {
    return typeof remote === "number" ? NO_IPV6_DEFAULTS : this.#host.options.ipv6Defaults;
  }

  #judgeEverybody(remote: IpAddress, path: Path | null): number {
    const isEverybody = typeof remote === "number" && path !== null &&
      this.#context.addresses.isBroadcast(remote, path.interface);
    // socket(7), SO_BROADCAST: nothing goes to everybody unless that was asked for.
    return isEverybody && !this.#host.options.has(Slot.BROADCAST) ? -Errno.EACCES : 0;
  }

  /** The source that the socket was bound to, or the any-address. */
  #sourceOf(remote: IpAddress, toGroup: boolean): IpAddress {
    const { bound, options } = this.#host;
    const isOwn = typeof bound === typeof remote && !isAny(bound) && !isMulticast(bound) &&
      !(typeof bound === "number" && this.#context.addresses.isBroadcast(bound, 0));
    if (isOwn) return bound;
    if (typeof remote !== "number") return ANY_6;
    return toGroup ? options.multicastSource : 0;
  }

  /**
   * Finds the way of a datagram. What goes where the one before went is not looked up again.
   *
   * @returns a flow whose path is valid, or `-errno`
   */
  flowTo(parameters: DatagramParameters): Flow | number {
    const host = this.#host;
    const { address, source } = parameters;
    if (address === null && !host.isConnected) return -Errno.EDESTADDRREQ;
    const remote = address === null ? host.flow.remote : destinationOf(canonical(address));
    const defaults = this.#defaultsTo(remote);
    const isChosen = source !== null || defaults.source !== null ||
      parameters.scope !== 0 || defaults.interface !== 0;
    if (address === null && !isChosen) return this.#revalidate(host.flow);
    const judged = judgeFamily(host.family, remote, host.isIpv6Only);
    if (judged < 0) return judged;
    if (!isAny(host.bound) && typeof host.bound !== typeof remote) return -Errno.ENETUNREACH;
    const { scope } = parameters;
    if (!isScopeGood(remote, scope, host.flow.scope || defaults.interface)) return -Errno.EINVAL;
    const port = address === null ? host.flow.remotePort : parameters.port;
    // Linux: who is connected keeps its source, whichever way a datagram takes.
    const isKept = address === null && source === null && defaults.source === null;
    return this.#wayTo(remote, port, isKept ? host.flow.local : source, scope);
  }

  #wayTo(remote: IpAddress, port: number, source: IpAddress | null, scope: number): Flow | number {
    let way = this.#last;
    if (way === null || !this.#isSameWay(way, remote, source, scope)) {
      this.#last = null;
      way ??= new Flow();
      const failed = this.find(way, remote, source === null ? null : canonical(source), scope);
      if (failed < 0) return failed;
      this.#last = way;
      this.#lastSource = source;
      this.#lastScope = scope;
      this.#lastChosen = this.#chosenFor(isMulticast(remote));
      this.#lastGroupSource = this.#host.options.multicastSource;
      this.#lastDefaults = this.#defaultsTo(remote);
    }
    // RFC 6437 section 3 (SHOULD): each flow has a label of its own; the port is a part of the flow.
    if (way.remotePort !== port) way.label = -1;
    way.remotePort = port;
    way.localPort = this.#host.flow.localPort;
    return way;
  }

  #isSameWay(last: Flow, remote: IpAddress, source: IpAddress | null, scope: number): boolean {
    if (last.path === null || !last.path.isValid || this.#lastScope !== scope) return false;
    if (last.mark !== this.#host.options.values[Slot.MARK]) return false;
    if (!isSame(last.remote, remote)) return false;
    if (this.#lastDefaults !== this.#defaultsTo(remote)) return false;
    const toGroup = isMulticast(remote);
    if (this.#lastChosen !== this.#chosenFor(toGroup)) return false;
    if (toGroup && this.#lastGroupSource !== this.#host.options.multicastSource) return false;
    const before = this.#lastSource;
    return source === null || before === null ? source === before : isSame(source, before);
  }

  /** Finds the way to whom the socket is connected, once more if need be. */
  #revalidate(flow: Flow): Flow | number {
    const hasSameMark = flow.mark === this.#host.options.values[Slot.MARK];
    if (hasSameMark && flow.path !== null && flow.path.isValid) return flow;
    const way = new Flow();
    const failed = this.find(way, flow.remote, flow.local, 0);
    if (failed < 0) return failed;
    flow.mark = way.mark;
    flow.label = -1;
    flow.path = way.path;
    return flow;
  }
}
