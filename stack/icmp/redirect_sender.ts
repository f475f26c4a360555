/**
 * Telling hosts of better next hops: RFC 792, RFC 1812 section 5.2.7.2, RFC 4861 section 8.2.
 *
 * @module
 */

import type { Interface } from "../iface/types.ts";
import { isLinkLocal, isSame } from "../ip/addresses.ts";
import { type IpContext, Problem } from "../ip/context.ts";
import type { RedirectSender } from "../ip/forwarding.ts";
import { Flow, type IpAddress, type IpOutput } from "../ip/types.ts";
import { chainLength, copyOut } from "../memory/mod.ts";
import type { Counters } from "../statistics.ts";
import { IPV6_ALL_NODES, type Ipv6Address } from "../wire/addresses.ts";
import { pseudoIpv6 } from "../wire/checksum.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as ndp from "../wire/ndp.ts";
import { OptionType } from "../wire/ndp_options.ts";
import { zeroBytes } from "../wire/packet_bytes.ts";
import { Protocol } from "../wire/numbers.ts";
import { IcmpCounter } from "./counters.ts";
import { mayReportIpv6 } from "./error_rules.ts";
import type { ErrorSender } from "./error_sender.ts";
import { parametersOf } from "./parameters.ts";

/** An option that quotes the packet: type, length in units of 8 bytes, and 6 bytes of nothing. */
const QUOTE_HEADER_BYTES = 8;

const PARAMETERS = parametersOf(0, ndp.HOP_LIMIT);

/** Sends redirects of both families. */
export class Redirects implements RedirectSender {
  readonly #context: IpContext;
  readonly #counters: Counters<typeof IcmpCounter>;
  readonly #output: IpOutput;
  readonly #errors: ErrorSender;

  /** @param errors knows how often whom may be spoken to */
  constructor(
    context: IpContext,
    counters: Counters<typeof IcmpCounter>,
    output: IpOutput,
    errors: ErrorSender,
  ) {
    this.#context = context;
    this.#counters = counters;
    this.#output = output;
    this.#errors = errors;
  }

  /** See {@linkcode RedirectSender.sendRedirect}. */
  sendRedirect(packet: number, link: Interface, target: IpAddress, destination: IpAddress): void {
    if (typeof target === "number") {
      this.#errors.report(packet, Problem.REDIRECT, target);
    } else if (typeof destination !== "number") {
      this.#sendIpv6(packet, link, target, destination);
    }
  }

  #sendIpv6(
    packet: number,
    link: Interface,
    target: Ipv6Address,
    destination: Ipv6Address,
  ): void {
    const context = this.#context;
    const { arena, memory, links, ipv6Addresses } = context;
    // RFC 4861 section 4.5 (MUST): a router is named by its link-local address.
    if (!isLinkLocal(target) && !isSame(target, destination)) return;
    if (!mayReportIpv6(context, packet, false)) return;
    const flow = new Flow();
    flow.remote = ipv6Addresses.at(memory, ipv6.sourceAt(arena.start(packet)));
    // RFC 4861 section 8.2 (MUST): the source is the router's link-local address.
    const local = links.addresses.selectSource(IPV6_ALL_NODES, link.index, null, "default");
    if (local === null || !isLinkLocal(local)) return;
    flow.local = local;
    flow.scope = link.index;
    // RFC 4861 section 8.2 (MUST): the rate is limited.
    if (!this.#errors.isWithinRate(packet, flow.remote)) return;
    const message = this.#make(packet, target, destination);
    if (message < 0) return this.#counters.add(IcmpCounter.DROPPED_MEMORY);
    const length = arena.length(message);
    const pseudo = pseudoIpv6(local as Ipv6Address, flow.remote, Protocol.ICMPV6, length);
    icmpv6.seal(memory.checksummer, memory, arena.start(message), length, pseudo);
    const result = this.#output.send(flow, message, Protocol.ICMPV6, PARAMETERS);
    this.#counters.add(result < 0 ? IcmpCounter.ERRORS_FAILED : IcmpCounter.REDIRECTS_SENT);
  }

  #make(packet: number, target: Ipv6Address, destination: Ipv6Address): number {
    const { arena, memory, packets } = this.#context;
    const head = { message: "redirect", target, destination, options: [] } as const;
    const headBytes = ndp.emittedBytes(head);
    const room = ipv6.MIN_MTU - ipv6.HEADER_BYTES - headBytes - QUOTE_HEADER_BYTES;
    // RFC 4861 section 8.2: as much of the packet as fits; options are multiples of 8 bytes.
    const quoted = Math.min(room & ~7, chainLength(arena, packet));
    const padded = quoted + 7 & ~7;
    const message = arena.take(headBytes + QUOTE_HEADER_BYTES + padded);
    if (message < 0) return message;
    packets.clear(message);
    const at = arena.start(message);
    ndp.emit(memory, at, head);
    const optionAt = at + headBytes;
    zeroBytes(memory, optionAt, QUOTE_HEADER_BYTES + padded);
    memory.view.setUint8(optionAt, OptionType.REDIRECTED_HEADER);
    memory.view.setUint8(optionAt + 1, QUOTE_HEADER_BYTES + padded >> 3);
    copyOut(arena, packet, 0, quoted, optionAt + QUOTE_HEADER_BYTES);
    return message;
  }
}
