/**
 * Conflicts about addresses of IPv4: RFC 5227.
 *
 * ```text
 *   add -> PROBING -- 3 probes, then 2 s --> ANNOUNCING -- 2 announcements --> (in use)
 *             |                                  |                                |
 *             +---- conflict: DUPLICATED <-------+--- second conflict in 10 s ----+
 * ```
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { MAC_BROADCAST, type MacAddress } from "../wire/addresses.ts";
import * as arp from "../wire/arp.ts";
import type { Addresses } from "./address_table.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { ArpCounter } from "./counters.ts";
import type { StackEvents } from "./events.ts";
import type { LinkInterface } from "./link_interface.ts";
import { sendArp } from "./link_messages.ts";
import { AddressState } from "./types.ts";

// RFC 5227 section 1.1: the constants.
const PROBE_WAIT: number = SECOND;
const PROBE_NUM = 3;
const PROBE_MIN: number = SECOND;
const PROBE_MAX: number = 2 * SECOND;
const ANNOUNCE_WAIT: number = 2 * SECOND;
const ANNOUNCE_NUM = 2;
const ANNOUNCE_INTERVAL: number = 2 * SECOND;
const DEFEND_INTERVAL: number = 10 * SECOND;

/** What is done about the conflicts of an address. */
export type ConflictPolicy =
  /** Others are asked before it is used, and it is given up if it cannot be defended. */
  | "probe"
  /** It is announced and used at once, and given up if it cannot be defended. */
  | "announce"
  /** It is announced and used at once, and never given up. RFC 5227 section 2.4 (c). */
  | "hold";

interface Claim extends AgendaItem {
  readonly link: LinkInterface;
  readonly address: number;
  readonly policy: ConflictPolicy;
  probesLeft: number;
  announcementsLeft: number;
  /** When somebody else was last heard with it, -Infinity for never. */
  conflictAt: number;
  /** When it was last defended. */
  defendedAt: number;
}

/** What the detection is made of. */
export interface AddressConflictsParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof ArpCounter>;
  readonly events: StackEvents;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Watches over the addresses of IPv4 on links of Ethernet. */
export class AddressConflicts {
  readonly #parts: AddressConflictsParts;
  readonly #agenda: Agenda<Claim>;

  /** Makes a detection without addresses. */
  constructor(parts: AddressConflictsParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (claim) => this.#onDue(claim));
  }

  /** Begins with an address, which is in the table already; tentative where it is probed. */
  begin(link: LinkInterface, address: number, policy: ConflictPolicy): void {
    this.end(link.index, address);
    const { environment: { now, random } } = this.#parts;
    const isProbed = policy === "probe";
    const start = isProbed ? now + randomBelow(random, PROBE_WAIT) : now;
    this.#agenda.add({
      ...{ link, address, policy },
      probesLeft: isProbed ? PROBE_NUM : 0,
      announcementsLeft: ANNOUNCE_NUM,
      conflictAt: -Infinity,
      defendedAt: -Infinity,
      // RFC 5227 section 2.1.1 (SHOULD): the first probe waits for a random time.
      // Nothing can be asked while the link is down: it is begun again once it is up.
      deadline: link.isUp ? start : Infinity,
    });
  }

  /** Watches over an address no more. */
  end(interfaceIndex: number, address: number): void {
    const claim = this.#find(interfaceIndex, address);
    if (claim !== undefined) this.#agenda.remove(claim);
  }

  /** Begins again with the addresses of an interface: its link is another one, perhaps. */
  restart(link: LinkInterface): void {
    const claims = this.#agenda.items.filter((claim) => claim.link === link);
    for (const { address, policy } of claims) {
      // RFC 5227 section 2.1 (MUST): an address is probed again when the link was down.
      if (policy === "probe") {
        this.#parts.addresses.update(link.index, address, { state: AddressState.TENTATIVE });
      }
      this.begin(link, address, policy);
    }
  }

  /** Announces an address once more. */
  announce(link: LinkInterface, address: number): void {
    const { environment, counters, shard } = this.#parts;
    if (shard !== null && shard.isSilent) return;
    // RFC 5227 section 2.3 (MUST): an announcement has the address as sender and as target.
    const isSent = sendArp(environment, link, MAC_BROADCAST, {
      operation: arp.Operation.REQUEST,
      senderMac: link.mac,
      senderAddress: address,
      targetMac: 0,
      targetAddress: address,
    });
    counters.add(isSent ? ArpCounter.ANNOUNCEMENTS_SENT : ArpCounter.DROPPED_NO_PACKET);
  }

  #find(interfaceIndex: number, address: number): Claim | undefined {
    return this.#agenda.items.find((claim) =>
      claim.address === address && claim.link.index === interfaceIndex
    );
  }

  #onDue(claim: Claim): void {
    const { environment, addresses } = this.#parts;
    const { now, random } = environment;
    if (claim.probesLeft > 0) {
      this.#probe(claim);
      // RFC 5227 section 2.1.1 (MUST): probes are 1 to 2 s apart; 2 s after the last one the
      // address may be used.
      const interval = PROBE_MIN + randomBelow(random, PROBE_MAX - PROBE_MIN);
      claim.deadline = now + (--claim.probesLeft > 0 ? interval : ANNOUNCE_WAIT);
      return;
    }
    if (claim.announcementsLeft === ANNOUNCE_NUM && claim.policy === "probe") {
      addresses.update(claim.link.index, claim.address, { state: AddressState.PREFERRED });
    }
    // RFC 5227 section 2.3 (MUST): two announcements, 2 s apart.
    this.announce(claim.link, claim.address);
    claim.deadline = --claim.announcementsLeft > 0 ? now + ANNOUNCE_INTERVAL : Infinity;
  }

  #probe({ link, address }: Claim): void {
    const { environment, counters, shard } = this.#parts;
    if (shard !== null && shard.isSilent) return;
    // RFC 5227 section 2.1.1 (MUST): a probe's sender is 0.0.0.0, so that no cache learns from it.
    const isSent = sendArp(environment, link, MAC_BROADCAST, {
      operation: arp.Operation.REQUEST,
      senderMac: link.mac,
      senderAddress: 0,
      targetMac: 0,
      targetAddress: address,
    });
    counters.add(isSent ? ArpCounter.PROBES_SENT : ArpCounter.DROPPED_NO_PACKET);
  }

  /** Looks at a packet from somebody else. @returns whether it is in conflict with an address */
  onArp(
    link: LinkInterface,
    sender: number,
    target: number,
    mac: MacAddress,
    isRequest: boolean,
  ): boolean {
    const claim = this.#find(link.index, sender === 0 ? target : sender);
    if (claim === undefined) return false;
    const isTentative = claim.policy === "probe" && claim.announcementsLeft === ANNOUNCE_NUM;
    if (isTentative) {
      // RFC 5227 section 2.1.1 (MUST): while it is probed, whoever has the address, or probes it as
      // well, is in conflict.
      const isProbe = sender === 0 && isRequest;
      if (sender === 0 && !isProbe) return false;
      this.#giveUp(claim, mac);
      return true;
    }
    // A probe of somebody else for an address in use is answered as any request.
    if (sender === 0) return false;
    this.#defend(claim, mac);
    return true;
  }

  #defend(claim: Claim, mac: MacAddress): void {
    const { counters, environment: { now } } = this.#parts;
    const isSecond = now - claim.conflictAt < DEFEND_INTERVAL;
    claim.conflictAt = now;
    // RFC 5227 section 2.4 (MUST): an address is given up, or defended once within 10 s; only
    // whoever must keep it (c) goes on, and sends no more defences than that.
    if (isSecond && claim.policy !== "hold") return this.#giveUp(claim, mac);
    if (now - claim.defendedAt < DEFEND_INTERVAL) return;
    claim.defendedAt = now;
    counters.add(ArpCounter.DEFENCES);
    this.announce(claim.link, claim.address);
  }

  /** Gives up an address that another shard found to be somebody else's. */
  concede(link: LinkInterface, address: number): void {
    const claim = this.#find(link.index, address);
    if (claim !== undefined) this.#giveUp(claim, 0);
  }

  #giveUp(claim: Claim, mac: MacAddress): void {
    const { addresses, events, shard } = this.#parts;
    const { link, address } = claim;
    this.#agenda.remove(claim);
    addresses.update(link.index, address, { state: AddressState.DUPLICATED });
    events.onEvent({ event: "address-duplicated", interface: link.index, address, mac });
    shard?.onDuplicate(link.index, address);
  }
}
