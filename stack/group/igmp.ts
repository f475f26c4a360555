/**
 * IGMP for hosts: version 3 (RFC 3376), with versions 2 (RFC 2236) and 1 (RFC 1112) for routers
 * that know no better.
 *
 * @module
 */

import { type Environment, MILLISECOND, SECOND } from "../environment.ts";
import type { Addresses } from "../iface/address_table.ts";
import type { LinkInterface } from "../iface/link_interface.ts";
import { sendIgmp } from "../iface/link_messages.ts";
import type { LinkProtocol } from "../iface/types.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import {
  IPV4_ALL_HOSTS,
  IPV4_ALL_ROUTERS,
  IPV4_ANY,
  IPV4_IGMP_ROUTERS,
  type Ipv4Address,
} from "../wire/addresses.ts";
import { Fault } from "../wire/fault.ts";
import type { GroupRecord } from "../wire/group_records.ts";
import * as igmp from "../wire/igmp.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { GroupCounter } from "./counters.ts";
import type { GroupDialect, GroupReporter } from "./reporter.ts";

const IPV4_WITH_ALERT_BYTES = 24;
const REPORT_BYTES = 8;
const RECORD_BYTES = 8;
/** RFC 3376 section 7.2.1: what version 1 leaves unsaid. */
const VERSION_1_DELAY: number = 10 * SECOND;
const TENTH: number = 100 * MILLISECOND;
const VERSIONS = { "query-v1": 1, "query-v2": 2, "query-v3": 3 } as const;

/** What IGMP is made of. */
export interface IgmpParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof GroupCounter>;
  readonly faults: Counters<typeof Fault>;
}

/** IGMP, as the reporter speaks it. */
export class IgmpDialect implements GroupDialect {
  readonly newest = 3;
  readonly addressBytes = 4;
  readonly headerBytes: number = IPV4_WITH_ALERT_BYTES + REPORT_BYTES;
  readonly recordBytes: number = RECORD_BYTES;
  readonly #parts: IgmpParts;

  /** Makes it. */
  constructor(parts: IgmpParts) {
    this.#parts = parts;
  }

  /** Whether a group is told of at all. */
  isReported(group: IpAddress): boolean {
    // RFC 3376 section 5 (MUST): 224.0.0.1 is never reported.
    return group !== IPV4_ALL_HOSTS;
  }

  /** RFC 3376 section 4.2.13: from the interface's address, or 0.0.0.0 where it has none yet. */
  #source(link: LinkInterface): Ipv4Address {
    const { addresses } = this.#parts;
    const found = addresses.selectSource(IPV4_ALL_HOSTS, link.index, null, "default");
    return typeof found === "number" ? found : IPV4_ANY;
  }

  /** See {@linkcode GroupDialect.sendReport}. */
  sendReport(link: LinkInterface, records: readonly GroupRecord<IpAddress>[]): boolean {
    const { environment } = this.#parts;
    // RFC 3376 section 4.2.14 (MUST): reports of version 3 go to 224.0.0.22.
    return sendIgmp(environment, link, this.#source(link), IPV4_IGMP_ROUTERS, {
      message: "report-v3",
      records: records as readonly GroupRecord<Ipv4Address>[],
    });
  }

  /** See {@linkcode GroupDialect.sendOldReport}. */
  sendOldReport(link: LinkInterface, group: IpAddress, version: number): boolean {
    if (typeof group !== "number") return true;
    const message = version === 1 ? "report-v1" : "report-v2";
    // RFC 2236 section 9 (MUST): reports of older versions go to the group itself.
    const source = this.#source(link);
    return sendIgmp(this.#parts.environment, link, source, group, { message, group });
  }

  /** See {@linkcode GroupDialect.sendLeave}. */
  sendLeave(link: LinkInterface, group: IpAddress): boolean {
    if (typeof group !== "number") return true;
    const message = { message: "leave-v2", group } as const;
    // RFC 2236 section 9 (MUST): leaves go to all routers.
    const source = this.#source(link);
    return sendIgmp(this.#parts.environment, link, source, IPV4_ALL_ROUTERS, message);
  }

  /** RFC 2236 section 4: version 1 has no leaves. */
  hasLeave(version: number): boolean {
    return version === 2;
  }
}

/** Takes messages of IGMP. */
export class IgmpProtocol implements LinkProtocol {
  readonly #parts: IgmpParts;
  readonly #reporter: GroupReporter;

  /** Makes it. */
  constructor(parts: IgmpParts, reporter: GroupReporter) {
    this.#parts = parts;
    this.#reporter = reporter;
  }

  /** See {@linkcode LinkProtocol.receive}. */
  receive(packet: number, link: LinkInterface, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets }, counters } = this.#parts;
    counters.add(GroupCounter.RECEIVED);
    const ipAt = arena.start(packet);
    const at = packets.transport[packet];
    const end = Math.min(
      ipAt + ipv4.totalLength(arena.memory, ipAt),
      ipAt + arena.length(packet),
    );
    const dropped = this.#take(ipAt, at, end - at, link, source, destination);
    if (dropped !== GroupCounter.RECEIVED) counters.add(dropped);
    arena.release(packet);
  }

  #take(
    ipAt: number,
    at: number,
    bytes: number,
    link: LinkInterface,
    source: IpAddress,
    destination: IpAddress,
  ): typeof GroupCounter[keyof typeof GroupCounter] {
    const { memory } = this.#parts.environment.arena;
    const alert = routerAlertOf(ipv4.parse(memory, ipAt));
    const fault = igmp.check(memory, at, bytes, alert);
    if (fault !== Fault.NONE) {
      this.#parts.faults.add(fault);
      return GroupCounter.DROPPED_MALFORMED;
    }
    const message = igmp.parse(memory, at, bytes);
    switch (message.message) {
      case "query-v1":
      case "query-v2":
      case "query-v3": {
        // RFC 3376 section 4.1.12 (MUST): queries for every group go to all hosts.
        if (message.group === IPV4_ANY && destination !== IPV4_ALL_HOSTS) {
          return GroupCounter.DROPPED_MALFORMED;
        }
        const version = VERSIONS[message.message];
        this.#reporter.onQuery(link, {
          version,
          group: message.group === IPV4_ANY ? null : message.group,
          sources: message.message === "query-v3" ? message.sources : [],
          maximumDelay: version === 1 ? VERSION_1_DELAY : message.maxResponse * TENTH,
          robustness: message.message === "query-v3" ? message.robustness : 0,
          interval: message.message === "query-v3" ? message.interval * SECOND : 0,
        });
        return GroupCounter.RECEIVED;
      }
      case "report-v1":
      case "report-v2":
        // Our own came back.
        if (this.#parts.addresses.isLocal(source, link.index)) return GroupCounter.DROPPED_SOURCE;
        this.#reporter.onOldReport(link, message.group);
        return GroupCounter.RECEIVED;
      default:
        // Reports of version 3 and leaves are for routers.
        return GroupCounter.REPORTS_RECEIVED;
    }
  }
}

/** The value of a header's router alert, -1 without one. */
function routerAlertOf({ options }: ipv4.Ipv4Header): number {
  for (const option of options) if (option.option === "router-alert") return option.value;
  return -1;
}
