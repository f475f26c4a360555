/**
 * Errors about packets that were received: who is told what, how often, and with how much of the
 * packet. RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3, RFC 4443 sections 2.4 and 3.
 *
 * @module
 */

import type { IpContext, ProblemReporter } from "../ip/context.ts";
import { Problem } from "../ip/context.ts";
import { isLinkLocal } from "../ip/addresses.ts";
import { Flow, type IcmpErrors, type IpAddress, type IpOutput } from "../ip/types.ts";
import { chainLength, copyOut } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { IPV6_ANY } from "../wire/addresses.ts";
import { pseudoIpv6 } from "../wire/checksum.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import { IcmpCounter } from "./counters.ts";
import { mayReportIpv4, mayReportIpv6 } from "./error_rules.ts";
import { errorParameters } from "./parameters.ts";
import { Limit, RateLimiter } from "./rate_limiter.ts";

/** RFC 1812 section 4.3.2.3: the longest error of IPv4, its IP header included. */
const IPV4_ERROR_BYTES = 576;
const IPV4_QUOTE_BYTES = IPV4_ERROR_BYTES - ipv4.HEADER_BYTES - icmpv4.HEADER_BYTES;
/** RFC 4443 section 2.4 (c): the longest error of IPv6 is the packet that every link carries. */
const IPV6_QUOTE_BYTES = ipv6.MIN_MTU - ipv6.HEADER_BYTES - icmpv6.HEADER_BYTES;

/** How the families say a problem: type, code, and whether packets to groups may cause it. */
type Saying = readonly [type: number, code: number, isForGroups?: boolean];

const V4 = icmpv4.Type;
const V4_CODE = icmpv4.UnreachableCode;
const IPV4_SAYINGS: Readonly<Record<Problem, Saying>> = {
  [Problem.PORT]: [V4.UNREACHABLE, V4_CODE.PORT],
  [Problem.PROTOCOL]: [V4.UNREACHABLE, V4_CODE.PROTOCOL],
  [Problem.NO_ROUTE]: [V4.UNREACHABLE, V4_CODE.NETWORK],
  [Problem.HOST]: [V4.UNREACHABLE, V4_CODE.HOST],
  [Problem.PROHIBITED]: [V4.UNREACHABLE, V4_CODE.PROHIBITED],
  [Problem.SCOPE]: [V4.UNREACHABLE, V4_CODE.NETWORK],
  [Problem.HOPS]: [V4.TIME_EXCEEDED, icmpv4.TimeExceededCode.IN_TRANSIT],
  [Problem.REASSEMBLY]: [V4.TIME_EXCEEDED, icmpv4.TimeExceededCode.REASSEMBLY],
  [Problem.TOO_BIG]: [V4.UNREACHABLE, V4_CODE.FRAGMENTATION_NEEDED],
  [Problem.FIELD]: [V4.PARAMETER_PROBLEM, icmpv4.ParameterProblemCode.POINTER],
  [Problem.OPTION]: [V4.PARAMETER_PROBLEM, icmpv4.ParameterProblemCode.POINTER],
  [Problem.CHAIN]: [V4.PARAMETER_PROBLEM, icmpv4.ParameterProblemCode.POINTER],
  [Problem.NEXT_HEADER]: [V4.UNREACHABLE, V4_CODE.PROTOCOL],
  // RFC 1812 section 5.2.7.2: no redirects for networks, only for hosts.
  [Problem.REDIRECT]: [V4.REDIRECT, icmpv4.RedirectCode.HOST],
};

const V6 = icmpv6.Type;
const V6_CODE = icmpv6.UnreachableCode;
const V6_PROBLEM = icmpv6.ParameterProblemCode;
const IPV6_SAYINGS: Readonly<Record<Problem, Saying>> = {
  [Problem.PORT]: [V6.UNREACHABLE, V6_CODE.PORT],
  [Problem.PROTOCOL]: [V6.PARAMETER_PROBLEM, V6_PROBLEM.NEXT_HEADER],
  [Problem.NO_ROUTE]: [V6.UNREACHABLE, V6_CODE.NO_ROUTE],
  [Problem.HOST]: [V6.UNREACHABLE, V6_CODE.ADDRESS],
  [Problem.PROHIBITED]: [V6.UNREACHABLE, V6_CODE.PROHIBITED],
  [Problem.SCOPE]: [V6.UNREACHABLE, V6_CODE.BEYOND_SCOPE],
  [Problem.HOPS]: [V6.TIME_EXCEEDED, icmpv6.TimeExceededCode.IN_TRANSIT],
  [Problem.REASSEMBLY]: [V6.TIME_EXCEEDED, icmpv6.TimeExceededCode.REASSEMBLY],
  // RFC 4443 section 2.4 (e.3): these two are sent about packets to groups, too.
  [Problem.TOO_BIG]: [V6.PACKET_TOO_BIG, 0, true],
  [Problem.OPTION]: [V6.PARAMETER_PROBLEM, V6_PROBLEM.OPTION, true],
  [Problem.FIELD]: [V6.PARAMETER_PROBLEM, V6_PROBLEM.FIELD],
  [Problem.CHAIN]: [V6.PARAMETER_PROBLEM, V6_PROBLEM.CHAIN_INCOMPLETE],
  [Problem.NEXT_HEADER]: [V6.PARAMETER_PROBLEM, V6_PROBLEM.NEXT_HEADER],
  [Problem.REDIRECT]: [V6.REDIRECT, 0],
};

/** Sends errors. */
export class ErrorSender implements ProblemReporter, IcmpErrors {
  readonly #context: IpContext;
  readonly #counters: Counters<typeof IcmpCounter>;
  readonly #output: IpOutput;
  readonly #limiter: RateLimiter;

  /** Has sent nothing yet. */
  constructor(context: IpContext, counters: Counters<typeof IcmpCounter>, output: IpOutput) {
    this.#context = context;
    this.#counters = counters;
    this.#output = output;
    const { icmp } = context.options;
    this.#limiter = new RateLimiter(context.environment, {
      perSecond: icmp.errorsPerSecond,
      burst: icmp.errorBurst,
      destinationPerSecond: icmp.errorsPerDestination,
      destinationBurst: icmp.destinationBurst,
      destinations: icmp.limitedDestinations,
    });
  }

  /** See {@linkcode IcmpErrors.portUnreachable}. */
  portUnreachable(packet: number): void {
    this.report(packet, Problem.PORT, 0);
  }

  /** See {@linkcode ProblemReporter.report}. */
  report(packet: number, problem: Problem, info: number): void {
    const { arena, memory, packets, shard } = this.#context;
    const at = arena.start(packet);
    if (shard !== null && (packets.flags[packet] & PacketFlag.LOOPED) === 0) {
      // One error is enough about what every shard was given.
      if (shard.leavesAnswer(memory, at, chainLength(arena, packet))) return;
    }
    if (memory.view.getUint8(at) >> 4 === 4) this.#reportIpv4(packet, at, problem, info);
    else this.#reportIpv6(packet, at, problem, info);
  }

  /** Whether an error may be sent to somebody now. */
  isWithinRate(packet: number, destination: IpAddress): boolean {
    const { packets } = this.#context;
    // To itself the stack may speak as often as it wants.
    if ((packets.flags[packet] & PacketFlag.LOOPED) !== 0) return true;
    const limit = this.#limiter.admitTo(destination);
    if (limit === Limit.PASSED) return true;
    const counter = limit === Limit.TOTAL
      ? IcmpCounter.ERRORS_LIMITED
      : IcmpCounter.ERRORS_LIMITED_DESTINATION;
    this.#counters.add(counter);
    return false;
  }

  #reportIpv4(packet: number, at: number, problem: Problem, info: number): void {
    const context = this.#context;
    if (!mayReportIpv4(context, packet)) return this.#counters.add(IcmpCounter.ERRORS_FORBIDDEN);
    const { memory, links, packets } = context;
    const source = ipv4.source(memory, at);
    // RFC 1812 section 4.3.2.8 (SHOULD): the rate is limited.
    if (!this.isWithinRate(packet, source)) return;
    const [type, code] = IPV4_SAYINGS[problem];
    const flow = new Flow();
    flow.remote = source;
    const destination = ipv4.destination(memory, at);
    // RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.4: what was sent to an address of ours is
    // answered from that one.
    if (links.addresses.isLocal(destination, 0)) flow.local = destination;
    if (isLinkLocal(source)) flow.scope = packets.interface[packet];
    const rest = type === V4.PARAMETER_PROBLEM ? info << 24 : info;
    const error = this.#make(packet, type, code, rest, IPV4_QUOTE_BYTES);
    if (error < 0) return;
    const { arena } = context;
    const { checksummer } = memory;
    icmpv4.seal(checksummer, memory, arena.start(error), arena.length(error));
    const isRedirect = problem === Problem.REDIRECT;
    const counter = isRedirect ? IcmpCounter.REDIRECTS_SENT : IcmpCounter.ERRORS_SENT;
    this.#send(flow, error, Protocol.ICMPV4, counter);
  }

  #reportIpv6(packet: number, at: number, problem: Problem, info: number): void {
    const context = this.#context;
    const [type, code, isForGroups = false] = IPV6_SAYINGS[problem];
    if (!mayReportIpv6(context, packet, isForGroups)) {
      return this.#counters.add(IcmpCounter.ERRORS_FORBIDDEN);
    }
    const { memory, links, packets, ipv6Addresses, arena } = context;
    const source = ipv6Addresses.at(memory, ipv6.sourceAt(at));
    // RFC 4443 section 2.4 (MUST): (f) the rate is limited.
    if (!this.isWithinRate(packet, source)) return;
    const flow = new Flow();
    flow.remote = source;
    flow.local = IPV6_ANY;
    const incoming = packets.interface[packet];
    const destination = ipv6Addresses.at(memory, ipv6.destinationAt(at));
    // RFC 4443 section 2.2 (MUST): (a) the source is the address that the packet was sent to, if
    // that is ours and no group; else one that the route to its sender chooses.
    if (links.addresses.isLocal(destination, incoming)) flow.local = destination;
    if (isLinkLocal(source)) flow.scope = incoming;
    // The checksum covers the source: it has to be known first.
    if (this.#output.route(flow) < 0) return this.#counters.add(IcmpCounter.ERRORS_FAILED);
    const error = this.#make(packet, type, code, info, IPV6_QUOTE_BYTES);
    if (error < 0) return;
    const { local, remote } = flow;
    if (typeof local === "number" || typeof remote === "number") return;
    const length = arena.length(error);
    const pseudo = pseudoIpv6(local, remote, Protocol.ICMPV6, length);
    icmpv6.seal(memory.checksummer, memory, arena.start(error), length, pseudo);
    this.#send(flow, error, Protocol.ICMPV6, IcmpCounter.ERRORS_SENT);
  }

  /** Makes a message that quotes as much of a packet as may be, without its checksum. */
  #make(packet: number, type: number, code: number, rest: number, quoteBytes: number): number {
    const { arena, memory, packets } = this.#context;
    // RFC 1812 section 4.3.2.3 (SHOULD): as much of the packet as makes no more than 576 bytes.
    // RFC 4443 section 2.4 (MUST): (c) as much as fits without exceeding the least MTU.
    const quoted = Math.min(quoteBytes, chainLength(arena, packet));
    const error = arena.take(icmpv4.HEADER_BYTES + quoted);
    if (error < 0) {
      this.#counters.add(IcmpCounter.DROPPED_MEMORY);
      return error;
    }
    packets.clear(error);
    const at = arena.start(error);
    memory.view.setInt32(at, type << 24 | code << 16);
    memory.view.setInt32(at + 4, rest);
    copyOut(arena, packet, 0, quoted, icmpv4.quoteAt(at));
    return error;
  }

  #send(
    flow: Flow,
    error: number,
    protocol: number,
    counter: typeof IcmpCounter[keyof typeof IcmpCounter],
  ): void {
    const result = this.#output.send(flow, error, protocol, errorParameters(protocol));
    this.#counters.add(result < 0 ? IcmpCounter.ERRORS_FAILED : counter);
  }
}
