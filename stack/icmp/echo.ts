/**
 * Answers to echoes and timestamps: RFC 792, RFC 1122 sections 3.2.2.6 and 3.2.2.8, RFC 4443
 * section 4.
 *
 * @module
 */

import type { IpContext } from "../ip/context.ts";
import { isLinkLocal, isMulticast } from "../ip/addresses.ts";
import { Flow, type IpAddress, type IpOutput } from "../ip/types.ts";
import { sliceChain, sumChain } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { IPV6_ANY } from "../wire/addresses.ts";
import { complement, pseudoIpv6 } from "../wire/checksum.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import { IcmpCounter } from "./counters.ts";
import { replyParameters } from "./parameters.ts";
import { Limit, RateLimiter } from "./rate_limiter.ts";

/** Answers. */
export class EchoResponder {
  readonly #context: IpContext;
  readonly #counters: Counters<typeof IcmpCounter>;
  readonly #output: IpOutput;
  readonly #limiter: RateLimiter;

  /** Has answered nothing yet. */
  constructor(context: IpContext, counters: Counters<typeof IcmpCounter>, output: IpOutput) {
    this.#context = context;
    this.#counters = counters;
    this.#output = output;
    const { icmp } = context.options;
    this.#limiter = new RateLimiter(context.environment, {
      perSecond: icmp.repliesPerSecond,
      burst: icmp.replyBurst,
      destinationPerSecond: 0,
      destinationBurst: 0,
      destinations: 1,
    });
  }

  /**
   * Answers an echo request of either family, whose checksum is good; its hold stays the caller's.
   *
   * @param at the offset of the message
   * @param bytes its length
   * @param destination whom it was for
   */
  answer(
    packet: number,
    at: number,
    bytes: number,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const { options: { icmp }, packets, links, shard } = this.#context;
    const isIpv4 = typeof destination === "number";
    const incoming = packets.interface[packet];
    const isToMany = isMulticast(destination) ||
      typeof destination === "number" && links.addresses.isBroadcast(destination, incoming);
    // RFC 1122 section 3.2.2.6 (MAY): echoes to everybody or to a group are not answered, since
    // many answers to one packet are a weapon.
    // RFC 4443 section 4.2 (SHOULD): those of IPv6 are.
    const isLooped = (packets.flags[packet] & PacketFlag.LOOPED) !== 0;
    // Every shard was given what is for many, and one answers.
    const isSilent = isToMany && !isLooped && shard !== null && shard.isSilent;
    const isRefused = isToMany && isIpv4 && !icmp.answersGroupEchoes || isSilent;
    if (!icmp.answersEchoes || isRefused) return this.#counters.add(IcmpCounter.DROPPED_ECHO);
    if (!isLooped && this.#limiter.admit() !== Limit.PASSED) {
      return this.#counters.add(IcmpCounter.DROPPED_ECHO_RATE);
    }
    const flow = new Flow();
    flow.remote = source;
    // RFC 1122 section 3.2.2.6 (MUST): it is answered from the address that it was sent to, unless
    // that was no single host's.
    // RFC 4443 section 4.2 (MUST): the same.
    if (!isToMany) flow.local = destination;
    else flow.local = isIpv4 ? 0 : IPV6_ANY;
    if (isLinkLocal(source) || isLinkLocal(destination)) flow.scope = incoming;
    if (this.#output.route(flow) < 0) return this.#counters.add(IcmpCounter.DROPPED_ECHO);
    // RFC 1122 section 3.2.2.6 (SHOULD) excepted: options that record the way are not continued in
    // the answer, as on hosts that hide what is behind them (RFC 7126 sections 4.5 and 4.6).
    const reply = this.#makeReply(packet, at, bytes);
    if (reply < 0) return this.#counters.add(IcmpCounter.DROPPED_MEMORY);
    this.#seal(reply, bytes, flow);
    this.#send(flow, reply, packet, IcmpCounter.ECHOES_ANSWERED);
  }

  /** A header of its own, and the data that came: RFC 792, RFC 4443 section 4.2. */
  #makeReply(packet: number, at: number, bytes: number): number {
    const { arena, packets, memory } = this.#context;
    const reply = arena.take(icmpv4.HEADER_BYTES);
    if (reply < 0) return reply;
    packets.clear(reply);
    const to = arena.start(reply);
    const isIpv4 = memory.view.getUint8(arena.start(packet)) >> 4 === 4;
    const type = isIpv4 ? icmpv4.Type.ECHO_REPLY : icmpv6.Type.ECHO_REPLY;
    memory.view.setInt32(to, type << 24);
    // RFC 792: identifier and sequence number come back as they were.
    memory.view.setInt32(to + 4, memory.view.getInt32(at + 4));
    const dataBytes = bytes - icmpv4.HEADER_BYTES;
    if (dataBytes === 0) return reply;
    const offset = at + icmpv4.HEADER_BYTES - arena.start(packet);
    // RFC 1122 section 3.2.2.6 (MUST): data that came with the echo go back with the reply.
    // RFC 4443 section 4.2 (MUST): entirely, and as they were.
    const data = sliceChain(arena, packet, offset, dataBytes);
    if (data < 0) {
      arena.release(reply);
      return data;
    }
    arena.append(reply, data);
    return reply;
  }

  #seal(reply: number, bytes: number, { local, remote }: Flow): void {
    const { arena, memory } = this.#context;
    const pseudo = typeof local === "number" || typeof remote === "number"
      ? 0
      : pseudoIpv6(local, remote, Protocol.ICMPV6, bytes);
    const sum = sumChain(arena, reply, 0, bytes) + pseudo;
    memory.view.setUint16(arena.start(reply) + 2, complement(sum));
  }

  #send(
    flow: Flow,
    reply: number,
    packet: number,
    counter: typeof IcmpCounter[keyof typeof IcmpCounter],
  ): void {
    const { arena, memory } = this.#context;
    const at = arena.start(packet);
    const isIpv4 = typeof flow.remote === "number";
    const service = isIpv4 ? ipv4.typeOfService(memory, at) : ipv6.trafficClass(memory, at);
    const protocol = isIpv4 ? Protocol.ICMPV4 : Protocol.ICMPV6;
    const result = this.#output.send(flow, reply, protocol, replyParameters(service));
    if (result === 0) this.#counters.add(counter);
  }

  /** Answers a timestamp request, if it is to be; its hold stays the caller's. */
  answerTimestamp(packet: number, at: number, source: number, destination: number): void {
    const { options: { icmp }, arena, packets, memory, links, environment } = this.#context;
    const incoming = packets.interface[packet];
    const isToMany = isMulticast(destination) ||
      links.addresses.isBroadcast(destination, incoming);
    // RFC 1122 section 3.2.2.8 (MAY): timestamps need not be answered, those to many least of all.
    if (icmp.timeOfDay === null || isToMany || this.#limiter.admit() !== Limit.PASSED) {
      return this.#counters.add(IcmpCounter.DROPPED_TIMESTAMP);
    }
    // RFC 1122 section 3.2.2.8 (MUST): milliseconds of the day in universal time, where the host
    // knows it.
    const time = icmp.timeOfDay(environment.now);
    const reply = arena.take(icmpv4.TIMESTAMP_BYTES);
    if (reply < 0) return this.#counters.add(IcmpCounter.DROPPED_MEMORY);
    packets.clear(reply);
    const to = arena.start(reply);
    const request = icmpv4.parse(memory, at);
    if (request.message !== "timestamp") return arena.release(reply);
    icmpv4.emit(memory, to, {
      ...request,
      message: "timestamp-reply",
      receive: time,
      transmit: time,
    });
    icmpv4.seal(memory.checksummer, memory, to, icmpv4.TIMESTAMP_BYTES);
    const flow = new Flow();
    flow.remote = source;
    flow.local = destination;
    this.#send(flow, reply, packet, IcmpCounter.TIMESTAMPS_ANSWERED);
  }
}
