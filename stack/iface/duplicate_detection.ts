/**
 * Duplicate address detection for IPv6: RFC 4862 section 5.4, with the nonces of RFC 7527.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import {
  IPV6_ANY,
  type Ipv6Address,
  isSameIpv6,
  type MacAddress,
  solicitedNodeOf,
} from "../wire/addresses.ts";
import type { Addresses } from "./address_table.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import type { StackEvents } from "./events.ts";
import type { LinkInterface } from "./link_interface.ts";
import { sendNdp } from "./link_messages.ts";
import type { ReachableTimes } from "./reachable_times.ts";
import { AddressState } from "./types.ts";

/** RFC 4861 section 10: MAX_RTR_SOLICITATION_DELAY. */
const MAXIMUM_DELAY: number = SECOND;
/** RFC 7527 section 4.1: probes that are sent once more after one of ours came back. */
const EXTRA_PROBES = 3;
/** RFC 3971 section 5.3.2: bytes of a nonce that fills one unit of 8 bytes. */
const NONCE_BYTES = 6;

interface Detection extends AgendaItem {
  readonly link: LinkInterface;
  readonly address: Ipv6Address;
  probesLeft: number;
  /** How many more may be sent because some came back. */
  extraProbes: number;
  nonce: Uint8Array;
}

/** What the detection is made of. */
export interface DuplicateDetectionParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof NdpCounter>;
  readonly events: StackEvents;
  readonly times: ReachableTimes;
  /** DupAddrDetectTransmits: 0 for no detection. */
  readonly transmits: number;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Is told what became of an address. */
export interface DetectionWatcher {
  /** Nobody else has it. */
  onUnique(link: LinkInterface, address: Ipv6Address): void;
  /** Somebody else has it. */
  onDuplicate(link: LinkInterface, address: Ipv6Address): void;
}

/** Asks whether somebody else has an address before it is used. */
export class DuplicateDetection {
  /** Who is told; null for nobody. */
  watcher: DetectionWatcher | null = null;
  readonly #parts: DuplicateDetectionParts;
  readonly #agenda: Agenda<Detection>;

  /** Makes a detection without addresses. */
  constructor(parts: DuplicateDetectionParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (detection) => this.#onDue(detection));
  }

  /**
   * Begins with a tentative address, whose solicited-node group was joined.
   *
   * @param isFirst whether it may be the first message after the interface came up
   */
  begin(link: LinkInterface, address: Ipv6Address, isFirst: boolean): void {
    const { environment: { now, random }, transmits } = this.#parts;
    this.end(link.index, address);
    // RFC 4862 section 5.4.2 (SHOULD): the first message of an interface waits for a random time,
    // so that hosts that start together do not speak together.
    const delay = isFirst && transmits > 0 ? randomBelow(random, MAXIMUM_DELAY) : 0;
    this.#agenda.add({
      ...{ link, address, extraProbes: EXTRA_PROBES, nonce: new Uint8Array(0) },
      probesLeft: transmits,
      deadline: now + delay,
    });
  }

  /** Stops asking. */
  end(interfaceIndex: number, address: Ipv6Address): void {
    const detection = this.#find(interfaceIndex, address);
    if (detection !== undefined) this.#agenda.remove(detection);
  }

  #find(interfaceIndex: number, address: Ipv6Address): Detection | undefined {
    return this.#agenda.items.find((detection) =>
      detection.link.index === interfaceIndex && isSameIpv6(detection.address, address)
    );
  }

  #onDue(detection: Detection): void {
    const { addresses, environment, times } = this.#parts;
    const { link, address } = detection;
    if (detection.probesLeft > 0) {
      detection.probesLeft--;
      this.#probe(detection);
      // RFC 4862 section 5.4 (MUST): answers are waited for RetransTimer after each message.
      detection.deadline = environment.now + times.retransmit(link.index);
      return;
    }
    this.#agenda.remove(detection);
    const preferredUntil = addresses.find(address, link.index)?.preferredUntil ?? 0;
    const isPreferred = preferredUntil > environment.now;
    const state = isPreferred ? AddressState.PREFERRED : AddressState.DEPRECATED;
    addresses.update(link.index, address, { state });
    this.watcher?.onUnique(link, address);
  }

  #probe(detection: Detection): void {
    const { counters, environment, shard } = this.#parts;
    // Answers to what shard 0 asks reach all of them.
    if (shard !== null && shard.isSilent) return;
    // RFC 7527 section 4.1 (MUST): each message has a nonce of its own.
    detection.nonce = Uint8Array.from(
      { length: NONCE_BYTES },
      () => environment.random.uint32() & 0xff,
    );
    // RFC 4862 section 5.4.2 (MUST): it comes from :: and asks the solicited-node group.
    const to = solicitedNodeOf(detection.address);
    const isSent = sendNdp(environment, detection.link, IPV6_ANY, to, {
      message: "neighbor-solicitation",
      target: detection.address,
      options: [{ option: "nonce", nonce: detection.nonce }],
    });
    counters.add(isSent ? NdpCounter.DETECTIONS_SENT : NdpCounter.DROPPED_NO_PACKET);
  }

  /**
   * Somebody asks from `::` for a tentative address.
   *
   * @param nonce that of the message, null where it has none
   */
  onSolicitation(link: LinkInterface, address: Ipv6Address, nonce: Uint8Array | null): void {
    const detection = this.#find(link.index, address);
    if (detection === undefined) return;
    if (nonce !== null && isSameBytes(nonce, detection.nonce)) {
      // RFC 7527 section 4.2 (MUST): our own message came back: it proves nothing, and some more
      // are sent to find out.
      this.#parts.counters.add(NdpCounter.DROPPED_LOOPED_BACK);
      if (detection.probesLeft === 0 && detection.extraProbes > 0) {
        detection.extraProbes--;
        detection.probesLeft = 1;
      }
      return;
    }
    // RFC 4862 section 5.4.3 (MUST): another node asks for the same address: it is a duplicate.
    this.#fail(detection, 0);
  }

  /** Somebody advertises a tentative address. */
  onAdvertisement(link: LinkInterface, address: Ipv6Address, mac: MacAddress): void {
    const detection = this.#find(link.index, address);
    // RFC 4862 section 5.4.4 (MUST): a tentative address that somebody advertises is a duplicate.
    if (detection !== undefined) this.#fail(detection, mac);
  }

  #fail(detection: Detection, mac: MacAddress): void {
    const { counters, shard } = this.#parts;
    const { link, address } = detection;
    this.#agenda.remove(detection);
    counters.add(NdpCounter.DUPLICATES);
    this.#giveUp(link, address, mac);
    shard?.onDuplicate(link.index, address);
  }

  /** Gives up an address that another shard found to be somebody else's. */
  concede(link: LinkInterface, address: Ipv6Address): void {
    this.end(link.index, address);
    this.#giveUp(link, address, 0);
  }

  #giveUp(link: LinkInterface, address: Ipv6Address, mac: MacAddress): void {
    const { addresses, events } = this.#parts;
    // RFC 4862 section 5.4.5 (MUST): a duplicate is not assigned to the interface.
    addresses.update(link.index, address, { state: AddressState.DUPLICATED });
    events.onEvent({ event: "address-duplicated", interface: link.index, address, mac });
    this.watcher?.onDuplicate(link, address);
  }
}

function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
