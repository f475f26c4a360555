/**
 * Cuts records into reports that fit into packets.
 *
 * @module
 */

import type { LinkInterface } from "../iface/link_interface.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import { type GroupRecord, RecordType } from "../wire/group_records.ts";
import { GroupCounter } from "./counters.ts";
import type { GroupDialect } from "./reporter.ts";

/** Packets of the usual size have room for this, whatever the link's MTU. */
const LARGEST_PACKET = 1500;

/**
 * Cuts records into reports. RFC 3376 section 4.2.16, RFC 3810 section 5.2.15.
 *
 * @returns the records of each report
 */
export function packRecords(
  records: readonly GroupRecord<IpAddress>[],
  link: LinkInterface,
  dialect: GroupDialect,
  counters: Counters<typeof GroupCounter>,
): GroupRecord<IpAddress>[][] {
  const mtu = Math.min(link.mtu, link.ipv6Mtu, LARGEST_PACKET);
  const room = mtu - dialect.headerBytes;
  const sourcesPerRecord = Math.floor((room - dialect.recordBytes) / dialect.addressBytes);
  const reports: GroupRecord<IpAddress>[][] = [];
  let left = 0;
  for (const record of records) {
    for (const part of splitRecord(record, sourcesPerRecord, counters)) {
      const bytes = dialect.recordBytes + part.sources.length * dialect.addressBytes;
      if (bytes > left || reports.length === 0) {
        reports.push([]);
        left = room;
      }
      reports[reports.length - 1].push(part);
      left -= bytes;
    }
  }
  return reports;
}

function splitRecord(
  record: GroupRecord<IpAddress>,
  maximum: number,
  counters: Counters<typeof GroupCounter>,
): GroupRecord<IpAddress>[] {
  const { sources, type } = record;
  if (sources.length <= maximum) return [record];
  const isExclude = type === RecordType.MODE_IS_EXCLUDE || type === RecordType.CHANGE_TO_EXCLUDE;
  if (isExclude) {
    // RFC 3376 section 4.2.16 (MUST): what is excluded is one record: the sources that find no room
    // are left out, which lets more pass than is wanted, and never less.
    counters.add(GroupCounter.SOURCES_TRUNCATED, sources.length - maximum);
    return [{ ...record, sources: sources.slice(0, maximum) }];
  }
  const parts: GroupRecord<IpAddress>[] = [];
  for (let at = 0; at < sources.length; at += maximum) {
    parts.push({ ...record, sources: sources.slice(at, at + maximum) });
  }
  return parts;
}
