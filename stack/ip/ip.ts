/**
 * IP of both families: what a stack is between its links and its transport protocols.
 *
 * ```text
 *   protocols   raw sockets        send()
 *       ^            ^               |
 *   delivery <-- reassembly       routing -- path MTUs
 *       ^            ^               |
 *     input ----- for us?         output ----> fragments
 *       ^            '- forwarding  |   '----> this very stack: the loop queue
 *     links ........................v links
 * ```
 *
 * @module
 */

import type { IcmpCounter } from "../icmp/counters.ts";
import { Icmp } from "../icmp/icmp.ts";
import { Redirects } from "../icmp/redirect_sender.ts";
import type { Environment } from "../environment.ts";
import type { EgressOffload, Interface, IpInput, UnreachableHandler } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import type { Fault } from "../wire/fault.ts";
import { IpContext, type IpLinks, Problem } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { Delivery } from "./delivery.ts";
import { type CachedPath, PathKind } from "./destinations.ts";
import type { PacketFilter } from "./filter.ts";
import { Forwarding } from "./forwarding.ts";
import { Input } from "./input.ts";
import { LoopQueue } from "./loop_queue.ts";
import { IP_OPTIONS, type IpOptions } from "./options.ts";
import { Output } from "./output.ts";
import { PathMtuDiscovery } from "./path_mtu.ts";
import { Protocols } from "./protocols.ts";
import { Routing } from "./routing.ts";
import type {
  EchoListener,
  Flow,
  HeaderOutput,
  IcmpErrors,
  IpOutput,
  IpParameters,
  PathFeedback,
  RawListener,
  TransportProtocol,
} from "./types.ts";

/** What IP is made of. */
export interface IpParts {
  /** Memory, time, and what else a stack has. */
  readonly environment: Environment;
  /** What it counts in. */
  readonly counters: Counters<typeof IpCounter>;
  /** What ICMP counts in. */
  readonly icmpCounters: Counters<typeof IcmpCounter>;
  /** Where bad headers are counted. */
  readonly faults: Counters<typeof Fault>;
  /** Completes checksums of what is taken apart. */
  readonly egress: EgressOffload;
  /** How it behaves; the usual options. */
  readonly options?: IpOptions;
  /** Which of several shards of a host the stack is; null, or missing, where it is all of it. */
  readonly shard?: StackShard | null;
}

/** IP of both families. */
export class Ip
  implements IpOutput, HeaderOutput, IpInput, IcmpErrors, PathFeedback, UnreachableHandler {
  readonly #context: IpContext;
  readonly #routing: Routing;
  readonly #pathMtu: PathMtuDiscovery;
  readonly #protocols: Protocols = new Protocols();
  readonly #loop: LoopQueue;
  readonly #output: Output;
  readonly #input: Input;
  readonly #icmp: Icmp;

  /** Makes IP without links: {@linkcode attach} gives it some. */
  constructor(parts: IpParts) {
    const { environment, counters, icmpCounters, faults, egress, options = IP_OPTIONS } = parts;
    const context = new IpContext(environment, options, counters, faults, egress);
    context.shard = parts.shard ?? null;
    const pathMtu = new PathMtuDiscovery(environment, counters, options.pathMtu);
    const routing = new Routing(context, pathMtu);
    const loop = new LoopQueue(context);
    const output = new Output(context, routing, loop);
    const protocols = this.#protocols;
    const icmp = new Icmp({ context, counters: icmpCounters, output, protocols, routing, pathMtu });
    context.problems = icmp.errors;
    const redirects = new Redirects(context, icmpCounters, output, icmp.errors);
    const delivery = new Delivery(context, protocols, icmp);
    const forwarding = new Forwarding(context, routing, redirects);
    this.#context = context;
    this.#pathMtu = pathMtu;
    this.#routing = routing;
    this.#loop = loop;
    this.#output = output;
    this.#icmp = icmp;
    this.#input = new Input(context, delivery, forwarding);
  }

  /** Gives it its links, before the first packet. */
  attach(links: IpLinks): void {
    this.#context.links = links;
  }

  /** Judges packets; null where all may pass. */
  get filter(): PacketFilter | null {
    return this.#context.filter;
  }

  set filter(filter: PacketFilter | null) {
    this.#context.filter = filter;
  }

  /** Registers a protocol. @throws {RangeError} when its number is none, or another one's */
  register(protocol: TransportProtocol): void {
    this.#protocols.register(protocol);
  }

  /** Forgets a protocol. @returns whether it was known */
  unregister(protocol: number): boolean {
    return this.#protocols.unregister(protocol);
  }

  /** Who looks at packets before their protocols do: raw sockets. */
  set rawListener(listener: RawListener | null) {
    this.#protocols.raw = listener;
  }

  /** Who takes answers to echoes: sockets of `ping`. */
  set echoListener(listener: EchoListener | null) {
    this.#protocols.echo = listener;
  }

  /** See {@linkcode IpInput.receiveIpv4}. */
  receiveIpv4(packet: number, link: Interface): void {
    this.#input.receiveIpv4(packet, link);
  }

  /** See {@linkcode IpInput.receiveIpv6}. */
  receiveIpv6(packet: number, link: Interface): void {
    this.#input.receiveIpv6(packet, link);
  }

  /** See {@linkcode IpOutput.route}. */
  route(flow: Flow): number {
    return this.#routing.route(flow);
  }

  /** See {@linkcode IpOutput.send}. */
  send(flow: Flow, packet: number, protocol: number, parameters: IpParameters): number {
    return this.#output.send(flow, packet, protocol, parameters);
  }

  /** See {@linkcode HeaderOutput.sendWithHeader}. */
  sendWithHeader(flow: Flow, packet: number, parameters: IpParameters): number {
    return this.#output.sendWithHeader(flow, packet, parameters);
  }

  /** See {@linkcode IcmpErrors.portUnreachable}. */
  portUnreachable(packet: number): void {
    this.#icmp.errors.portUnreachable(packet);
  }

  /** See {@linkcode UnreachableHandler.onUnreachable}. */
  onUnreachable(packet: number, _link: Interface): void {
    const { packets } = this.#context;
    // Who sent it is this very stack, unless it was on its way through: the error comes back to us
    // as any other one, later in the step.
    const isForwarded = (packets.flags[packet] & PacketFlag.FORWARDED) !== 0;
    if (!isForwarded) packets.flags[packet] |= PacketFlag.LOOPED;
    this.#context.problems.report(packet, Problem.HOST, 0);
    this.#context.drop(packet, IpCounter.DROPPED_NEIGHBOUR);
  }

  /** See {@linkcode PathFeedback.reportProbe}. */
  reportProbe(flow: Flow, bytes: number, isAcknowledged: boolean): void {
    const path = flow.path as CachedPath | null;
    if (path !== null) this.#pathMtu.report(path, bytes, isAcknowledged);
  }

  /** See {@linkcode PathFeedback.probeBytes}. */
  probeBytes(flow: Flow): number {
    const path = flow.path as CachedPath | null;
    return path === null ? 0 : this.#pathMtu.probeBytes(path);
  }

  /** See {@linkcode PathFeedback.confirm}. */
  confirm(flow: Flow): void {
    const path = flow.path as CachedPath | null;
    if (path === null || path.kind !== PathKind.UNICAST) return;
    this.#context.links.neighbours.confirm(path.interface, path.nextHop);
  }

  /** How many packets to this very stack wait to be delivered. */
  get loopedCount(): number {
    return this.#loop.size;
  }

  /**
   * Delivers packets of this stack to itself, those too that are sent meanwhile.
   *
   * @param limit how many, at most: what two sockets say to each other may never end
   * @returns how many were delivered
   */
  deliverLooped(limit: number): number {
    const { packets, memory, arena, links } = this.#context;
    let count = 0;
    for (; count < limit; count++) {
      const packet = this.#loop.shift();
      if (packet < 0) break;
      const link = links.interfaces.get(packets.interface[packet]);
      // The interface has gone meanwhile.
      if (link === undefined) this.#context.drop(packet, IpCounter.DROPPED_DESTINATION);
      else if (memory.view.getUint8(arena.start(packet)) >> 4 === 4) {
        this.#input.receiveIpv4(packet, link);
      } else this.#input.receiveIpv6(packet, link);
    }
    return count;
  }

  /**
   * Takes what another shard of the host sent by an interface to a group, or to everybody, and its
   * hold; it is delivered later.
   */
  loopBack(interfaceIndex: number, packet: number): void {
    if (!this.#loop.push(interfaceIndex, packet)) this.#context.arena.release(packet);
  }

  /** What waits for more fragments: packets, fragments, bytes. */
  get reassembling(): { readonly packets: number; readonly fragments: number; bytes: number } {
    const { size, fragments, bytes } = this.#input.reassembler;
    return { packets: size, fragments, bytes };
  }

  /** Releases every packet that it holds: the stack ends. */
  clear(): void {
    this.#loop.clear();
    this.#input.reassembler.clear();
  }
}
