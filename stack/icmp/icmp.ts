/**
 * ICMP of both families, as far as it is not about the link: echoes, timestamps, errors about what
 * we sent, redirects of IPv4. RFC 792, RFC 1122 section 3.2.2, RFC 4443. Neighbour and listener
 * discovery are handed on.
 *
 * @module
 */

import type { Interface } from "../iface/types.ts";
import type { IpContext } from "../ip/context.ts";
import { pullUp } from "../ip/chain_head.ts";
import type { PathMtuDiscovery } from "../ip/path_mtu.ts";
import type { Protocols } from "../ip/protocols.ts";
import type { Routing } from "../ip/routing.ts";
import type { IpAddress, IpOutput } from "../ip/types.ts";
import { chainLength, sumChain } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { complement, pseudoIpv6At } from "../wire/checksum.ts";
import { Fault } from "../wire/fault.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Protocol } from "../wire/numbers.ts";
import { IcmpCounter } from "./counters.ts";
import { EchoResponder } from "./echo.ts";
import { ErrorSender } from "./error_sender.ts";
import { ErrorReceiver } from "./received_errors.ts";

/** What ICMP is made of. */
export interface IcmpParts {
  readonly context: IpContext;
  readonly counters: Counters<typeof IcmpCounter>;
  readonly output: IpOutput;
  readonly protocols: Protocols;
  readonly routing: Routing;
  readonly pathMtu: PathMtuDiscovery;
}

/** ICMP of both families. */
export class Icmp {
  /** Sends errors about what was received. */
  readonly errors: ErrorSender;
  readonly #context: IpContext;
  readonly #counters: Counters<typeof IcmpCounter>;
  readonly #protocols: Protocols;
  readonly #echo: EchoResponder;
  readonly #receiver: ErrorReceiver;

  /** Has heard nothing yet. */
  constructor({ context, counters, output, protocols, routing, pathMtu }: IcmpParts) {
    this.#context = context;
    this.#counters = counters;
    this.#protocols = protocols;
    this.errors = new ErrorSender(context, counters, output);
    this.#echo = new EchoResponder(context, counters, output);
    this.#receiver = new ErrorReceiver(context, counters, protocols, routing, pathMtu);
  }

  /**
   * Takes a message of ICMPv4, and its hold.
   *
   * @param packet begins with its IP header; the packet table says where the message is
   */
  receiveIpv4(packet: number, source: number, destination: number): void {
    const context = this.#context;
    const first = this.#whole(packet);
    if (first < 0) return;
    const { arena, packets, memory } = context;
    const at = packets.transport[first];
    const offset = at - arena.start(first);
    const bytes = chainLength(arena, first) - offset;
    this.#counters.values[IcmpCounter.RECEIVED]++;
    let fault = icmpv4.check(memory, at, bytes);
    if (fault === Fault.NONE && !this.#isGood(first, offset, bytes, 0)) {
      fault = Fault.ICMPV4_CHECKSUM;
    }
    if (fault !== Fault.NONE) return this.#dropFaulty(first, fault);
    this.#dispatchIpv4(first, at, bytes, source, destination);
  }

  #dispatchIpv4(
    packet: number,
    at: number,
    bytes: number,
    source: number,
    destination: number,
  ): void {
    const { arena, memory } = this.#context;
    switch (icmpv4.type(memory, at)) {
      case icmpv4.Type.ECHO:
        this.#echo.answer(packet, at, bytes, source, destination);
        break;
      case icmpv4.Type.ECHO_REPLY:
        return this.#receiveReply(packet, at, source, destination);
      case icmpv4.Type.TIMESTAMP:
        this.#echo.answerTimestamp(packet, at, source, destination);
        break;
      case icmpv4.Type.TIMESTAMP_REPLY:
        // Nobody here asks for it.
        this.#counters.add(IcmpCounter.DROPPED_TIMESTAMP);
        break;
      case icmpv4.Type.REDIRECT:
        this.#redirect(packet, at, source);
        break;
      default:
        // RFC 9293 section 3.9.2.2 (MUST-55): source quench is silently discarded.
        // RFC 6633 section 3 (MUST): source quench is silently discarded, as it means nothing here.
        this.#receiver.receiveIpv4(packet, at, bytes, source);
    }
    arena.release(packet);
  }

  /** As {@linkcode receiveIpv4}, for ICMPv6. */
  receiveIpv6(
    packet: number,
    link: Interface,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const first = this.#whole(packet);
    if (first < 0) return;
    const { arena, packets, memory, links } = this.#context;
    const at = packets.transport[first];
    const offset = at - arena.start(first);
    const bytes = chainLength(arena, first) - offset;
    this.#counters.values[IcmpCounter.RECEIVED]++;
    let fault = icmpv6.check(memory, at, bytes);
    if (fault === Fault.NONE) {
      const pseudo = pseudoIpv6At(memory, arena.start(first), Protocol.ICMPV6, bytes);
      // RFC 4443 section 2.3 (MUST): the checksum is verified, with the pseudo header.
      if (!this.#isGood(first, offset, bytes, pseudo)) fault = Fault.ICMPV6_CHECKSUM;
    }
    if (fault !== Fault.NONE) return this.#dropFaulty(first, fault);
    const type = icmpv6.type(memory, at);
    if (type === icmpv6.Type.ECHO_REQUEST) {
      this.#echo.answer(first, at, bytes, source, destination);
    } else if (type === icmpv6.Type.ECHO_REPLY) {
      return this.#receiveReply(first, at, source, destination);
    } else if (icmpv6.isError(memory, at)) {
      this.#receiver.receiveIpv6(first, at, bytes, source);
    } else {
      // What check() lets pass is neighbour or listener discovery.
      const protocol = icmpv6.isNeighborDiscovery(type) ? links.ndp : links.mld;
      return protocol.receive(first, link, source, destination);
    }
    arena.release(first);
  }

  /** Brings a message into one segment; an echo's data may stay where they are. */
  #whole(packet: number): number {
    const { arena, packets } = this.#context;
    if (arena.next(packet) < 0) return packet;
    const first = pullUp(arena, packets, packet, chainLength(arena, packet));
    if (first < 0) this.#counters.add(IcmpCounter.DROPPED_MEMORY);
    return first;
  }

  #isGood(packet: number, offset: number, bytes: number, pseudo: number): boolean {
    const { arena, packets } = this.#context;
    if ((packets.flags[packet] & PacketFlag.CHECKSUM_GOOD) !== 0) return true;
    return complement(sumChain(arena, packet, offset, bytes) + pseudo) === 0;
  }

  #dropFaulty(packet: number, fault: Fault): void {
    this.#context.faults.add(fault);
    this.#counters.add(IcmpCounter.DROPPED_MESSAGE);
    this.#context.arena.release(packet);
  }

  #receiveReply(packet: number, at: number, source: IpAddress, destination: IpAddress): void {
    const { memory, arena } = this.#context;
    this.#counters.add(IcmpCounter.ECHO_REPLIES_RECEIVED);
    const { echo } = this.#protocols;
    if (echo === null) {
      this.#counters.add(IcmpCounter.DROPPED_ECHO_REPLY);
      return arena.release(packet);
    }
    // RFC 1122 section 3.2.2.6 (MUST): replies go to whoever asked.
    // RFC 4443 section 4.2 (MUST): the same.
    echo.onEchoReply(packet, icmpv4.echoIdentifier(memory, at), source, destination);
  }

  /** RFC 1122 section 3.2.2.2. */
  #redirect(packet: number, at: number, from: number): void {
    const { memory, packets, links, options } = this.#context;
    const quoteAt = icmpv4.quoteAt(at);
    const gateway = icmpv4.gateway(memory, at);
    // What routers have to say to hosts is nothing to routers: RFC 1812 section 5.2.7.2.
    const link = links.interfaces.get(packets.interface[packet]);
    // RFC 1122 section 3.2.2.2 (MUST): a redirect changes the route, that for a network only for
    // the host that it quotes.
    const isBelieved = options.acceptsRedirects && link !== undefined && !link.isForwarding &&
      links.addresses.isLocal(ipv4.source(memory, quoteAt), 0) &&
      // RFC 1122 section 3.2.2.2 (SHOULD): the new gateway is on the network that it came by, and
      // it comes from the gateway that is used: the routes look at the latter.
      links.addresses.isOnLink(gateway, link.index) &&
      links.routes.redirect(ipv4.destination(memory, quoteAt), gateway, from, link.index);
    this.#counters.add(isBelieved ? IcmpCounter.REDIRECTS_TAKEN : IcmpCounter.DROPPED_REDIRECT);
  }
}
