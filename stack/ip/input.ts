/**
 * Receiving: what the headers say, whom packets are for, and what is to become of those that are
 * for others. RFC 791, RFC 1122 section 3.2, RFC 8200 sections 3 and 4.
 *
 * @module
 */

import type { Interface, IpInput } from "../iface/types.ts";
import { chainLength } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import { Fault } from "../wire/fault.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { checkOptions, Ipv4Options } from "../wire/ipv4_options.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Chain, walk } from "../wire/ipv6_chain.ts";
import { Protocol } from "../wire/numbers.ts";
import { cutBack, pullUp } from "./chain_head.ts";
import { type IpContext, Problem } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { type Delivery, IPV4_PROTOCOL_AT } from "./delivery.ts";
import type { Forwarding } from "./forwarding.ts";
import { Reassembler } from "./reassembly.ts";
import { Receivers, Whose } from "./receivers.ts";

/** The bytes of headers that are brought into the first segment of a chain, if they span more. */
const HEADERS_BYTES = 256;

/** Receives packets of both families. */
export class Input implements IpInput {
  /** What waits for more fragments. */
  readonly reassembler: Reassembler;
  readonly #context: IpContext;
  readonly #receivers: Receivers;
  readonly #delivery: Delivery;
  readonly #forwarding: Forwarding;
  readonly #options: Ipv4Options = new Ipv4Options();
  readonly #chain: Ipv6Chain = new Ipv6Chain();

  /** Has received nothing yet. */
  constructor(context: IpContext, delivery: Delivery, forwarding: Forwarding) {
    this.#context = context;
    this.#delivery = delivery;
    this.#forwarding = forwarding;
    this.#receivers = new Receivers(context);
    const { environment, counters, options } = context;
    this.reassembler = new Reassembler(environment, counters, options.reassembly, (packet) => {
      context.problems.report(packet, Problem.REASSEMBLY, 0);
      environment.arena.release(packet);
    });
  }

  /** See {@linkcode IpInput.receiveIpv4}. */
  receiveIpv4(packet: number, link: Interface): void {
    const context = this.#context;
    const { arena, packets, memory, counters } = context;
    counters.values[IpCounter.IPV4_RECEIVED]++;
    let first = packet;
    let length = arena.length(packet);
    if (arena.next(packet) >= 0) {
      length = chainLength(arena, packet);
      first = this.#pullUp(packet, length);
      if (first < 0) return;
    }
    const at = arena.start(first);
    let fault = ipv4.check(memory, at, length);
    if (fault === Fault.NONE && (packets.flags[first] & PacketFlag.LOOPED) === 0) {
      // RFC 1122 section 3.2.1.2 (MUST): the checksum of every datagram is verified.
      fault = ipv4.verify(memory, at);
    }
    // RFC 1122 section 3.2.1.1 (MUST): a datagram of another version is silently discarded, as any
    // other one is whose header is bad.
    if (fault !== Fault.NONE) {
      context.countFault(fault);
      return arena.release(first);
    }
    const total = ipv4.totalLength(memory, at);
    if (total < length) {
      first = cutBack(arena, packets, first, total);
      if (first < 0) return counters.add(IpCounter.DROPPED_MEMORY);
    }
    const headerBytes = ipv4.headerBytes(memory, at);
    if (headerBytes > ipv4.HEADER_BYTES && !this.#admitsOptions(first, headerBytes)) return;
    packets.network[first] = at;
    this.#dispatchIpv4(first, at, link, headerBytes);
  }

  #pullUp(packet: number, length: number): number {
    const { arena, packets, counters } = this.#context;
    const first = pullUp(arena, packets, packet, Math.min(length, HEADERS_BYTES));
    if (first < 0) counters.add(IpCounter.DROPPED_MEMORY);
    return first;
  }

  /** Judges options. @returns false when the packet is gone */
  #admitsOptions(packet: number, headerBytes: number): boolean {
    const context = this.#context;
    const at = context.arena.start(packet);
    const options = this.#options;
    const fault = checkOptions(context.memory, at, headerBytes, options);
    if (fault !== Fault.NONE) {
      // RFC 1122 section 3.2.2.5 (SHOULD): the sender is told of a parameter problem.
      context.problems.report(packet, Problem.FIELD, options.problemAt);
      context.countFault(fault);
      context.arena.release(packet);
      return false;
    }
    if (options.sourceRouteAt >= 0) {
      // RFC 7126 section 4.3 (SHOULD): packets with source routes are dropped, at hosts and
      // at routers: they lead around filters. RFC 1122 section 3.3.5 lets hosts refuse them.
      context.drop(packet, IpCounter.DROPPED_SOURCE_ROUTE);
      return false;
    }
    return true;
  }

  #dispatchIpv4(packet: number, at: number, link: Interface, headerBytes: number): void {
    const context = this.#context;
    const { packets, memory } = context;
    const source = ipv4.source(memory, at);
    const destination = ipv4.destination(memory, at);
    const flags = packets.flags[packet];
    const whose = this.#receivers.ofIpv4(source, destination, link, flags);
    // RFC 1122 section 3.2.1.7 (MUST): what is ours is not discarded for its time to live: only
    // what is forwarded has it looked at.
    if (whose !== Whose.OURS) {
      if (whose === Whose.OTHERS) return this.#forwardIpv4(packet, link, headerBytes);
      return context.drop(packet, COUNTERS[whose]);
    }
    let whole = packet;
    if (ipv4.isFragment(memory, at)) {
      whole = this.reassembler.addIpv4(packet);
      if (whole < 0 || context.shard !== null && !this.#isOwn(whole)) return;
      // All fragments count as received by the interface of the first one.
    }
    const from = context.arena.start(whole);
    const bytes = whole === packet ? headerBytes : ipv4.headerBytes(memory, from);
    const protocol = ipv4.protocol(memory, from);
    this.#delivery.deliver(whole, link, bytes, protocol, IPV4_PROTOCOL_AT, source, destination);
  }

  #forwardIpv4(packet: number, link: Interface, headerBytes: number): void {
    if (!this.#mayForward(packet, link)) return;
    const options = headerBytes > ipv4.HEADER_BYTES ? this.#options : null;
    this.#forwarding.forwardIpv4(packet, link, options);
  }

  /** Whether a packet for somebody else may pass. @returns false when it is gone */
  #mayForward(packet: number, link: Interface): boolean {
    const context = this.#context;
    if (!link.isForwarding) {
      // RFC 1122 section 3.2.1.3 (MUST): a host silently discards what is not for it.
      context.drop(packet, IpCounter.DROPPED_DESTINATION);
      return false;
    }
    const { arena, memory, shard } = context;
    const length = shard === null ? 0 : chainLength(arena, packet);
    if (shard === null || !shard.leavesAnswer(memory, arena.start(packet), length)) return true;
    // Every shard was given it, and one is enough to pass it on.
    context.drop(packet, IpCounter.DROPPED_OTHER_SHARD);
    return false;
  }

  /** See {@linkcode IpInput.receiveIpv6}. */
  receiveIpv6(packet: number, link: Interface): void {
    const context = this.#context;
    const { arena, packets, memory, counters, ipv6Addresses } = context;
    counters.values[IpCounter.IPV6_RECEIVED]++;
    let first = packet;
    let length = arena.length(packet);
    if (arena.next(packet) >= 0) {
      length = chainLength(arena, packet);
      first = this.#pullUp(packet, length);
      if (first < 0) return;
    }
    const at = arena.start(first);
    const fault = ipv6.check(memory, at, length);
    if (fault !== Fault.NONE) {
      context.countFault(fault);
      return arena.release(first);
    }
    const total = ipv6.HEADER_BYTES + ipv6.payloadLength(memory, at);
    if (total < length) {
      first = cutBack(arena, packets, first, total);
      if (first < 0) return counters.add(IpCounter.DROPPED_MEMORY);
    }
    packets.network[first] = at;
    const source = ipv6Addresses.at(memory, ipv6.sourceAt(at));
    const destination = ipv6Addresses.at(memory, ipv6.destinationAt(at));
    const whose = this.#receivers.ofIpv6(source, destination, link, packets.flags[first]);
    if (whose === Whose.OURS) return this.#receiveChain(first, link);
    if (whose === Whose.OTHERS) {
      // RFC 8200 section 4 (MUST): extension headers but hop-by-hop options are for the destination
      // only; those a router need not look at unless it was told to.
      if (this.#mayForward(first, link)) this.#forwarding.forwardIpv6(first, link);
      return;
    }
    context.drop(first, COUNTERS[whose]);
  }

  /** Walks the extension headers of a packet that is ours. */
  #receiveChain(packet: number, link: Interface): void {
    const context = this.#context;
    const { arena, packets, memory } = context;
    const first = this.#chainInOne(packet);
    if (first < 0) return;
    const at = arena.start(first);
    const chain = this.#chain;
    const fault = walk(memory, at, chain);
    if (fault !== Fault.NONE) return this.#dropFaulty(first, fault, chain.problemAt);
    const isReassembled = (packets.flags[first] & PacketFlag.REASSEMBLED) !== 0;
    if (isReassembled && chain.fragmentAt >= 0) {
      return this.#dropFaulty(first, Fault.IPV6_FRAGMENT_NESTED, 0);
    }
    if (isReassembled && context.shard !== null && !this.#isOwn(first)) return;
    if (chain.isFragment) {
      const whole = this.reassembler.addIpv6(first, chain);
      if (whole >= 0) this.#receiveChain(whole, link);
      return;
    }
    const { protocol } = chain;
    const headerBytes = chain.payloadAt - at;
    const namedAt = chain.nextHeaderAt - at;
    const source = context.ipv6Addresses.at(memory, ipv6.sourceAt(at));
    const destination = context.ipv6Addresses.at(memory, ipv6.destinationAt(at));
    this.#delivery.deliver(first, link, headerBytes, protocol, namedAt, source, destination);
  }

  /** Whether what fragments made is of a flow of this shard. @returns false when it is gone */
  #isOwn(packet: number): boolean {
    const context = this.#context;
    const { arena, memory, shard } = context;
    const length = chainLength(arena, packet);
    if (shard === null || shard.takes(memory, arena.start(packet), length)) return true;
    context.drop(packet, IpCounter.DROPPED_OTHER_SHARD);
    return false;
  }

  /** Brings a chain of segments together as far as extension headers may reach. */
  #chainInOne(packet: number): number {
    const { arena, packets, memory, counters } = this.#context;
    if (arena.next(packet) < 0 || !hasExtensions(memory.view, arena.start(packet))) return packet;
    const first = pullUp(arena, packets, packet, chainLength(arena, packet));
    if (first < 0) counters.add(IpCounter.DROPPED_MEMORY);
    return first;
  }

  /** Reports a bad extension header as RFC 8200 sections 4.2, 4.4 and 4.5 ask for. */
  #dropFaulty(packet: number, fault: Fault, problemAt: number): void {
    const context = this.#context;
    const problem = problemOf(fault);
    // RFC 8200 section 4.2 (MUST): an unknown option whose highest bits ask for it is told.
    // RFC 8200 section 4.4 (MUST): so is a routing header of an unknown type with segments left.
    // RFC 8200 section 4.5 (MUST): so is a fragment of a wrong length, or that would end too far.
    // RFC 7112 section 5 (SHOULD): so is a first fragment without the whole header chain.
    if (problem !== null) context.problems.report(packet, problem, problemAt);
    context.countFault(fault);
    context.arena.release(packet);
  }
}

/** What is counted where a packet is nobody's. */
const COUNTERS = {
  [Whose.LINK_CAST]: IpCounter.DROPPED_LINK_CAST,
  [Whose.MARTIAN]: IpCounter.DROPPED_SOURCE,
  [Whose.GROUP]: IpCounter.DROPPED_GROUP,
  [Whose.NOBODYS]: IpCounter.DROPPED_DESTINATION,
} as const;

function hasExtensions(view: DataView, at: number): boolean {
  switch (view.getUint8(at + ipv6.NEXT_HEADER_AT)) {
    case Protocol.HOP_BY_HOP:
    case Protocol.ROUTING:
    case Protocol.FRAGMENT:
    case Protocol.DESTINATION_OPTIONS:
      return true;
    default:
      return false;
  }
}

/** What the sender is told of a fault, null where nothing. */
function problemOf(fault: Fault): Problem | null {
  switch (fault) {
    case Fault.IPV6_HOP_BY_HOP_NOT_FIRST:
      // RFC 8200 section 4.1 (MUST): hop-by-hop options anywhere else are not recognized.
      return Problem.NEXT_HEADER;
    // RFC 8200 section 4.2: the highest bits of an unknown option ask for an error.
    case Fault.IPV6_OPTION_UNRECOGNIZED:
      return Problem.OPTION;
    // RFC 8200 section 4.4: segments are left, and the type is not known.
    case Fault.IPV6_ROUTING_UNRECOGNIZED:
    // RFC 8200 section 4.5: the length of a fragment, or where it would end.
    case Fault.IPV6_FRAGMENT_LENGTH:
    case Fault.IPV6_FRAGMENT_OVERFLOW:
      return Problem.FIELD;
    // RFC 7112 section 5: the first fragment has not got the whole header chain.
    case Fault.IPV6_CHAIN_INCOMPLETE:
      return Problem.CHAIN;
    default:
      return null;
  }
}
