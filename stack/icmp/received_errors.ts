/**
 * Errors about packets that we sent: which protocol is told what, and which path MTU is less. RFC
 * 792, RFC 1122 section 3.2.2, RFC 1191, RFC 4443, RFC 5927 (what is not to be believed), RFC 8201.
 *
 * @module
 */

import { isLinkLocal, isLoopback, isMulticast } from "../ip/addresses.ts";
import type { IpContext } from "../ip/context.ts";
import type { PathMtuDiscovery } from "../ip/path_mtu.ts";
import type { Protocols } from "../ip/protocols.ts";
import type { Routing } from "../ip/routing.ts";
import { Flow, type IcmpError, type IpAddress } from "../ip/types.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { EXTENSION, FRAGMENT, MAX_EXTENSIONS } from "../wire/ipv6_chain.ts";
import { Protocol } from "../wire/numbers.ts";
import { IcmpCounter } from "./counters.ts";
import { meaningOfIcmpv4, meaningOfIcmpv6 } from "./errors.ts";

/** RFC 1122 section 3.2.2: so many bytes of the transport header are quoted at least. */
const MIN_QUOTED_BYTES = 8;
/** Protocols whose headers begin with two ports, other than TCP and UDP. */
const OTHERS_WITH_PORTS: readonly number[] = [33, 132, 136];

/** An error, as it is handed on; one is filled again and again. */
class Received implements IcmpError {
  errno = 0;
  isHard = false;
  type = 0;
  code = 0;
  info = 0;
  from: IpAddress = 0;
  flow: Flow = new Flow();
  packet = -1;
  quotedHeader = 0;
  quote = 0;
  quoteBytes = 0;
}

/** Takes errors. */
export class ErrorReceiver {
  readonly #context: IpContext;
  readonly #counters: Counters<typeof IcmpCounter>;
  readonly #protocols: Protocols;
  readonly #routing: Routing;
  readonly #pathMtu: PathMtuDiscovery;

  /** Has been told of nothing yet. */
  constructor(
    context: IpContext,
    counters: Counters<typeof IcmpCounter>,
    protocols: Protocols,
    routing: Routing,
    pathMtu: PathMtuDiscovery,
  ) {
    this.#context = context;
    this.#counters = counters;
    this.#protocols = protocols;
    this.#routing = routing;
    this.#pathMtu = pathMtu;
  }

  /**
   * Takes an error of IPv4 that its checks find good; the hold stays the caller's.
   *
   * @param at the offset of the message, all of which is in one segment
   * @param bytes its length
   */
  receiveIpv4(packet: number, at: number, bytes: number, from: IpAddress): void {
    const { memory } = this.#context;
    const type = icmpv4.type(memory, at);
    const code = icmpv4.code(memory, at);
    const meaning = meaningOfIcmpv4(type, code);
    if (meaning === null) return this.#counters.add(IcmpCounter.DROPPED_OBSOLETE);
    const quoteAt = icmpv4.quoteAt(at);
    const headerBytes = ipv4.headerBytes(memory, quoteAt);
    const error = new Received();
    error.errno = meaning.errno;
    error.isHard = meaning.isHard;
    error.type = type;
    error.code = code;
    error.from = from;
    error.packet = packet;
    error.quotedHeader = quoteAt;
    error.quote = quoteAt + headerBytes;
    error.quoteBytes = at + bytes - error.quote;
    const { flow } = error;
    flow.local = ipv4.source(memory, quoteAt);
    flow.remote = ipv4.destination(memory, quoteAt);
    // A later fragment has no ports: it could be anybody's.
    if (ipv4.fragmentOffset(memory, quoteAt) > 0 || !this.#isOurs(packet, flow)) {
      return this.#counters.add(IcmpCounter.DROPPED_ERROR_QUOTE);
    }
    const isTooBig = type === icmpv4.Type.UNREACHABLE &&
      code === icmpv4.UnreachableCode.FRAGMENTATION_NEEDED;
    error.info = isTooBig ? icmpv4.nextHopMtu(memory, at) : memory.view.getInt32(at + 4);
    const protocol = ipv4.protocol(memory, quoteAt);
    this.#deliver(packet, error, protocol, isTooBig, ipv4.totalLength(memory, quoteAt));
  }

  /** Takes an error of IPv6; as of {@linkcode receiveIpv4}. */
  receiveIpv6(packet: number, at: number, bytes: number, from: IpAddress): void {
    const { memory, ipv6Addresses } = this.#context;
    const type = icmpv6.type(memory, at);
    const code = icmpv6.code(memory, at);
    const meaning = meaningOfIcmpv6(type, code)!;
    const quoteAt = icmpv6.quoteAt(at);
    const error = new Received();
    error.errno = meaning.errno;
    error.isHard = meaning.isHard;
    error.type = type;
    error.code = code;
    error.from = from;
    error.info = icmpv6.mtu(memory, at);
    error.packet = packet;
    error.quotedHeader = quoteAt;
    const { flow } = error;
    flow.local = ipv6Addresses.at(memory, ipv6.sourceAt(quoteAt));
    flow.remote = ipv6Addresses.at(memory, ipv6.destinationAt(quoteAt));
    const protocol = this.#findQuotedHeader(quoteAt, at + bytes, error);
    // RFC 4443 section 2.4 (MUST): (d) whom it concerns is found by what it quotes, or it is
    // dropped in silence.
    if (protocol < 0 || error.quoteBytes < MIN_QUOTED_BYTES || !this.#isOurs(packet, flow)) {
      return this.#counters.add(IcmpCounter.DROPPED_ERROR_QUOTE);
    }
    const quotedBytes = ipv6.HEADER_BYTES + ipv6.payloadLength(memory, quoteAt);
    this.#deliver(packet, error, protocol, type === icmpv6.Type.PACKET_TOO_BIG, quotedBytes);
  }

  /** Finds the quoted transport header behind extension headers. @returns its protocol, or -1 */
  #findQuotedHeader(quoteAt: number, end: number, error: Received): number {
    const { memory } = this.#context;
    const { view } = memory;
    let protocol = ipv6.nextHeader(memory, quoteAt);
    let at = quoteAt + ipv6.HEADER_BYTES;
    for (let count = 0; isSkipped(protocol); count++) {
      if (count === MAX_EXTENSIONS || at + FRAGMENT.SIZE > end) return -1;
      const isFragment = protocol === Protocol.FRAGMENT;
      if (isFragment && view.getUint16(at + FRAGMENT.OFFSET_MORE) > 7) return -1;
      protocol = view.getUint8(at + EXTENSION.NEXT_HEADER);
      at += isFragment ? FRAGMENT.SIZE : (view.getUint8(at + EXTENSION.LENGTH) + 1) << 3;
    }
    error.quote = at;
    error.quoteBytes = end - at;
    return protocol;
  }

  /** Whether a quoted packet can be one of ours. RFC 5927 section 4. */
  #isOurs(packet: number, flow: Flow): boolean {
    const { packets, links: { addresses } } = this.#context;
    const incoming = packets.interface[packet];
    const isLooped = (packets.flags[packet] & PacketFlag.LOOPED) !== 0;
    if (isMulticast(flow.local)) return false;
    if (isLoopback(flow.local)) return isLooped;
    if (isLinkLocal(flow.remote) || isLinkLocal(flow.local)) flow.scope = incoming;
    return addresses.isLocal(flow.local, isLinkLocal(flow.local) ? incoming : 0);
  }

  #deliver(
    packet: number,
    error: Received,
    protocol: number,
    isTooBig: boolean,
    quotedBytes: number,
  ): void {
    const { memory } = this.#context;
    const { view } = memory;
    const { flow, quote } = error;
    const isIcmp = protocol === Protocol.ICMPV4 || protocol === Protocol.ICMPV6;
    this.#protocols.raw?.onError?.(error, protocol);
    const transport = isIcmp ? this.#protocols.echo : this.#protocols.get(protocol);
    if (isIcmp) {
      const isEcho = typeof flow.remote === "number"
        ? icmpv4.type(memory, quote) === icmpv4.Type.ECHO
        : icmpv6.type(memory, quote) === icmpv6.Type.ECHO_REQUEST;
      if (!isEcho) return this.#counters.add(IcmpCounter.DROPPED_ERROR_UNKNOWN);
      flow.localPort = icmpv4.echoIdentifier(memory, quote);
    } else if (hasPorts(protocol)) {
      flow.localPort = view.getUint16(quote);
      flow.remotePort = view.getUint16(quote + 2);
    }
    const isAdmitted = transport !== null &&
      (!("admitsError" in transport) || transport.admitsError === undefined ||
        transport.admitsError(error));
    if (!isAdmitted) return this.#counters.add(IcmpCounter.DROPPED_ERROR_UNKNOWN);
    if (isTooBig) {
      const mtu = this.#takeMtu(packet, error, quotedBytes);
      if (mtu === 0) return this.#counters.add(IcmpCounter.DROPPED_ERROR_QUOTE);
      error.info = mtu;
    }
    this.#counters.add(IcmpCounter.ERRORS_DELIVERED);
    transport.onError(error);
  }

  /** Makes a path MTU less. @returns what it is now, 0 for what is implausible */
  #takeMtu(packet: number, error: Received, quotedBytes: number): number {
    const { destinations } = this.#routing;
    const { flow, info } = error;
    const incoming = this.#context.packets.interface[packet];
    const general = destinations.find(flow.remote, 0) ?? destinations.obtain(flow.remote, 0);
    const scoped = destinations.find(flow.remote, incoming);
    // What was no longer than the MTU was not too long: whoever says so lies, or errs.
    if (info >= quotedBytes) return 0;
    let mtu = 0;
    for (const destination of [general, scoped]) {
      if (destination === null) continue;
      this.#pathMtu.onTooBig(destination, info, quotedBytes);
      if (destination.pathMtu !== Infinity) mtu = destination.pathMtu;
    }
    return mtu;
  }
}

function hasPorts(protocol: number): boolean {
  return protocol === Protocol.TCP || protocol === Protocol.UDP ||
    OTHERS_WITH_PORTS.includes(protocol);
}

function isSkipped(protocol: number): boolean {
  return protocol === Protocol.HOP_BY_HOP || protocol === Protocol.ROUTING ||
    protocol === Protocol.FRAGMENT || protocol === Protocol.DESTINATION_OPTIONS;
}
