/**
 * MLD for listeners: version 2 (RFC 3810), with version 1 (RFC 2710) for routers that know no
 * better.
 *
 * @module
 */

import { type Environment, MILLISECOND, SECOND } from "../environment.ts";
import type { Addresses } from "../iface/address_table.ts";
import type { LinkInterface } from "../iface/link_interface.ts";
import { sendMld } from "../iface/link_messages.ts";
import type { LinkProtocol } from "../iface/types.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import {
  IPV6_ALL_NODES,
  IPV6_ALL_ROUTERS,
  IPV6_ANY,
  IPV6_MLD_ROUTERS,
  type Ipv6Address,
  isIpv6Any,
  isIpv6LinkLocal,
  isSameIpv6,
} from "../wire/addresses.ts";
import { Fault } from "../wire/fault.ts";
import type { GroupRecord } from "../wire/group_records.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Chain, walk } from "../wire/ipv6_chain.ts";
import * as mld from "../wire/mld.ts";
import { GroupCounter } from "./counters.ts";
import type { GroupDialect, GroupReporter } from "./reporter.ts";

const IPV6_WITH_ALERT_BYTES = 48;
const REPORT_BYTES = 8;
const RECORD_BYTES = 20;

/** What MLD is made of. */
export interface MldParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof GroupCounter>;
  readonly faults: Counters<typeof Fault>;
}

/** MLD, as the reporter speaks it. */
export class MldDialect implements GroupDialect {
  readonly newest = 2;
  readonly addressBytes = 16;
  readonly headerBytes: number = IPV6_WITH_ALERT_BYTES + REPORT_BYTES;
  readonly recordBytes: number = RECORD_BYTES;
  readonly #parts: MldParts;

  /** Makes it. */
  constructor(parts: MldParts) {
    this.#parts = parts;
  }

  /** Whether a group is told of at all. */
  isReported(group: IpAddress): boolean {
    if (typeof group === "number") return false;
    const scope = group[0] >>> 16 & 0xf;
    // RFC 3810 section 6 (MUST): neither ff02::1 nor groups of scope 0 or 1 are reported.
    return scope > 1 && !isSameIpv6(group, IPV6_ALL_NODES);
  }

  /** The source of reports. */
  #source(link: LinkInterface): Ipv6Address {
    const { addresses } = this.#parts;
    const found = addresses.selectSource(IPV6_ALL_NODES, link.index, null, "default");
    // RFC 3810 section 5.2.13 (MUST): from an address of the link, or :: while there is none.
    if (found === null || typeof found === "number" || !isIpv6LinkLocal(found)) return IPV6_ANY;
    return found;
  }

  /** See {@linkcode GroupDialect.sendReport}. */
  sendReport(link: LinkInterface, records: readonly GroupRecord<IpAddress>[]): boolean {
    const { environment } = this.#parts;
    // RFC 3810 section 5.2.14 (MUST): reports of version 2 go to ff02::16.
    return sendMld(environment, link, this.#source(link), IPV6_MLD_ROUTERS, {
      message: "report-v2",
      records: records as readonly GroupRecord<Ipv6Address>[],
    });
  }

  /** See {@linkcode GroupDialect.sendOldReport}. */
  sendOldReport(link: LinkInterface, group: IpAddress): boolean {
    if (typeof group === "number") return true;
    const message = { message: "report-v1", group } as const;
    // RFC 2710 section 8 (MUST): reports of version 1 go to the group itself.
    return sendMld(this.#parts.environment, link, this.#source(link), group, message);
  }

  /** See {@linkcode GroupDialect.sendLeave}. */
  sendLeave(link: LinkInterface, group: IpAddress): boolean {
    if (typeof group === "number") return true;
    const message = { message: "done-v1", group } as const;
    // RFC 2710 section 8 (MUST): who is done tells all routers.
    return sendMld(this.#parts.environment, link, this.#source(link), IPV6_ALL_ROUTERS, message);
  }

  /** Version 1 has messages for it. */
  hasLeave(version: number): boolean {
    return version === 1;
  }
}

/** Takes messages of MLD. */
export class MldProtocol implements LinkProtocol {
  readonly #parts: MldParts;
  readonly #reporter: GroupReporter;
  readonly #chain = new Ipv6Chain();

  /** Makes it. */
  constructor(parts: MldParts, reporter: GroupReporter) {
    this.#parts = parts;
    this.#reporter = reporter;
  }

  /** See {@linkcode LinkProtocol.receive}. */
  receive(packet: number, link: LinkInterface, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets }, counters } = this.#parts;
    counters.add(GroupCounter.RECEIVED);
    if (typeof source !== "number" && typeof destination !== "number") {
      const ipAt = arena.start(packet);
      const at = packets.transport[packet];
      const end = Math.min(
        ipAt + ipv6.HEADER_BYTES + ipv6.payloadLength(arena.memory, ipAt),
        ipAt + arena.length(packet),
      );
      const dropped = this.#take(ipAt, at, end - at, link, source, destination);
      if (dropped !== GroupCounter.RECEIVED) counters.add(dropped);
    }
    arena.release(packet);
  }

  #take(
    ipAt: number,
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
    destination: Ipv6Address,
  ): typeof GroupCounter[keyof typeof GroupCounter] {
    const { memory } = this.#parts.environment.arena;
    const alert = this.#routerAlert(ipAt);
    const fault = mld.check(memory, at, bytes, ipAt, alert);
    // RFC 3810 section 5.1.14 (MUST): without an address of the link, a hop limit of 1 and a router
    // alert, messages are dropped in silence; section 6.2 says so of queries.
    if (fault !== Fault.NONE) {
      this.#parts.faults.add(fault);
      return GroupCounter.DROPPED_MALFORMED;
    }
    const message = mld.parse(memory, at, bytes);
    switch (message.message) {
      case "query-v1":
      case "query-v2": {
        const isGeneral = isIpv6Any(message.group);
        // RFC 3810 section 5.1.15 (MUST): queries for every group go to all nodes.
        if (isGeneral && !isSameIpv6(destination, IPV6_ALL_NODES)) {
          return GroupCounter.DROPPED_MALFORMED;
        }
        const isNew = message.message === "query-v2";
        this.#reporter.onQuery(link, {
          version: isNew ? 2 : 1,
          group: isGeneral ? null : message.group,
          sources: isNew ? message.sources : [],
          maximumDelay: message.maxResponse * MILLISECOND,
          robustness: isNew ? message.robustness : 0,
          interval: isNew ? message.interval * SECOND : 0,
        });
        return GroupCounter.RECEIVED;
      }
      case "report-v1":
        // Our own came back.
        if (this.#parts.addresses.isLocal(source, link.index)) return GroupCounter.DROPPED_SOURCE;
        this.#reporter.onOldReport(link, message.group);
        return GroupCounter.RECEIVED;
      default:
        // Reports of version 2 and those who are done are for routers.
        return GroupCounter.REPORTS_RECEIVED;
    }
  }

  /** The value of a packet's router alert, -1 without one. */
  #routerAlert(ipAt: number): number {
    const isGood = walk(this.#parts.environment.arena.memory, ipAt, this.#chain) === Fault.NONE;
    return isGood ? this.#chain.routerAlert : -1;
  }
}
