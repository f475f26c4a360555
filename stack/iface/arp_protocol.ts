/**
 * ARP: RFC 826, as RFC 1122 section 2.3.2 and RFC 5227 have it.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { TokenBucket } from "../token_bucket.ts";
import { isIpv4Multicast, MAC_BROADCAST, macHigh, macLow } from "../wire/addresses.ts";
import * as arp from "../wire/arp.ts";
import { Fault } from "../wire/fault.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { AddressConflicts } from "./address_conflicts.ts";
import type { Addresses } from "./address_table.ts";
import { ArpCounter } from "./counters.ts";
import type { ArpInput } from "./link_hooks.ts";
import type { LinkInterface } from "./link_interface.ts";
import { sendArp } from "./link_messages.ts";
import type { NeighbourCache } from "./neighbour_cache.ts";
import type { Solicitor } from "./neighbour_states.ts";
import type { LinkOptions } from "./options.ts";

/** What ARP is made of. */
export interface ArpParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof ArpCounter>;
  readonly faults: Counters<typeof Fault>;
  readonly addresses: Addresses;
  readonly conflicts: AddressConflicts;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** ARP for all interfaces. */
export class ArpProtocol implements ArpInput, Solicitor {
  /** Set before the first packet. */
  neighbours!: NeighbourCache;
  readonly #parts: ArpParts;
  readonly #answers: TokenBucket;
  readonly #said = { high: 0, low: 0, isSolicited: true, isOverride: true, isRouter: null };

  /** Makes it; its neighbours are set then. */
  constructor(parts: ArpParts) {
    this.#parts = parts;
    const { environment, options: { answersPerSecond } } = parts;
    this.#answers = new TokenBucket(answersPerSecond, answersPerSecond, environment.now);
  }

  /** See {@linkcode ArpInput.receive}. */
  receive(packet: number, link: LinkInterface): void {
    const { arena } = this.#parts.environment;
    this.#parts.counters.add(ArpCounter.RECEIVED);
    const dropped = this.#take(arena.start(packet), arena.length(packet), link);
    if (dropped !== ArpCounter.RECEIVED) this.#parts.counters.add(dropped);
    arena.release(packet);
  }

  /** Takes a packet in memory. @returns why it is dropped, or `RECEIVED` */
  #take(
    at: number,
    bytes: number,
    link: LinkInterface,
  ): typeof ArpCounter[keyof typeof ArpCounter] {
    const { addresses, conflicts, environment: { arena: { memory } } } = this.#parts;
    const fault = arp.check(memory, at, bytes);
    if (fault !== Fault.NONE) {
      this.#parts.faults.add(fault);
      return ArpCounter.DROPPED_MALFORMED;
    }
    const mac = arp.senderMac(memory, at);
    if (mac === link.mac) return ArpCounter.DROPPED_OWN;
    if (mac === 0) return ArpCounter.DROPPED_SENDER;
    const sender = arp.senderAddress(memory, at);
    const target = arp.targetAddress(memory, at);
    const isRequest = arp.operation(memory, at) === arp.Operation.REQUEST;
    // RFC 5227 section 2.4 (MUST): conflicts are looked for in every packet, requests and replies.
    if (conflicts.onArp(link, sender, target, mac, isRequest)) return ArpCounter.CONFLICTS;
    // Nobody can have such an address: RFC 1812 section 3.3.2, RFC 1122 section 3.2.1.3.
    if (isIpv4Multicast(sender) || sender === -1 || sender >>> 24 === 127) {
      return ArpCounter.DROPPED_SENDER;
    }
    const isForUs = addresses.isLocal(target, link.index);
    // RFC 5227 section 1.1: a probe says nothing of who has the address.
    if (sender !== 0) this.#learn(link, sender, mac, isForUs, isRequest);
    if (!isForUs) return ArpCounter.DROPPED_NOT_FOR_US;
    return isRequest ? this.#answer(link, sender, target, mac) : ArpCounter.RECEIVED;
  }

  #learn(
    link: LinkInterface,
    sender: number,
    mac: number,
    isForUs: boolean,
    isRequest: boolean,
  ): void {
    const { neighbours } = this;
    // An answer that nobody waits for proves nothing: it counts as unsolicited.
    if (isForUs && !isRequest && neighbours.isAwaited(link.index, sender)) {
      this.#said.high = macHigh(mac);
      this.#said.low = macLow(mac);
      neighbours.advertise(link.index, sender, this.#said);
      return;
    }
    // RFC 826 section Reception (MUST): what is known of the sender is replaced, whoever the packet
    // is for; it is entered only by whom it is for.
    const creates = isForUs && isRequest;
    neighbours.learn(link.index, sender, macHigh(mac), macLow(mac), null, creates);
  }

  /** Answers a request for an address of ours. */
  #answer(
    link: LinkInterface,
    sender: number,
    target: number,
    mac: number,
  ): typeof ArpCounter[keyof typeof ArpCounter] {
    const { counters, environment, shard } = this.#parts;
    if (shard !== null && shard.isSilent) return ArpCounter.RECEIVED;
    if (!this.#answers.takeOne(environment.now)) return ArpCounter.DROPPED_LIMITED;
    // RFC 826 section Reception (MUST): the target of a request answers, to the sender alone.
    const isSent = sendArp(environment, link, mac, {
      operation: arp.Operation.REPLY,
      senderMac: link.mac,
      senderAddress: target,
      targetMac: mac,
      targetAddress: sender,
    });
    if (!isSent) return ArpCounter.DROPPED_NO_PACKET;
    counters.add(ArpCounter.REPLIES_SENT);
    return ArpCounter.RECEIVED;
  }

  /** See {@linkcode Solicitor.solicit}. */
  solicit(
    link: LinkInterface,
    address: IpAddress,
    isUnicast: boolean,
    toHigh: number,
    toLow: number,
    prompt: number,
  ): void {
    const { counters, environment } = this.#parts;
    if (typeof address !== "number") return;
    const source = this.#sourceFor(link, address, prompt);
    if (source === null) return;
    // RFC 1122 section 2.3.2.1 (SHOULD): a neighbour is polled at the address that is known.
    const to = isUnicast ? toHigh * 2 ** 32 + (toLow >>> 0) : MAC_BROADCAST;
    const isSent = sendArp(environment, link, to, {
      operation: arp.Operation.REQUEST,
      senderMac: link.mac,
      senderAddress: source,
      targetMac: 0,
      targetAddress: address,
    });
    counters.add(isSent ? ArpCounter.REQUESTS_SENT : ArpCounter.DROPPED_NO_PACKET);
  }

  /** The source of the packet that waits, where it is ours, or whatever suits the neighbour. */
  #sourceFor(link: LinkInterface, address: number, prompt: number): number | null {
    const { addresses, environment: { arena } } = this.#parts;
    if (prompt >= 0 && arena.length(prompt) >= ipv4.HEADER_BYTES) {
      const source = ipv4.source(arena.memory, arena.start(prompt));
      if (addresses.isLocal(source, link.index)) return source;
    }
    const source = addresses.selectSource(address, link.index, null, "default");
    return typeof source === "number" ? source : null;
  }
}
