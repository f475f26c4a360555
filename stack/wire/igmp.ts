/**
 * IGMP: version 3 (RFC 3376), and the messages of versions 1 (RFC 1112) and 2 (RFC 2236), which a
 * host recognises and answers in kind.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Ipv4Address, isIpv4Multicast } from "./addresses.ts";
import { type Checksummer, complement } from "./checksum.ts";
import { Fault } from "./fault.ts";
import { type GroupRecord, MAX_RECORDS, readFloat8, writeFloat8 } from "./group_records.ts";
import { copyBytes, type PacketBytes, putBytes } from "./packet_bytes.ts";

/** Every message but a report of version 3. */
const IGMP = structure(8, [["TYPE", 1], ["MAX_RESPONSE", 1], ["CHECKSUM", 2], ["GROUP", 4]]);
/** A query of version 3; sources follow. */
const QUERY = structure(12, [
  ["HEADER", IGMP.SIZE],
  ["SUPPRESS_ROBUSTNESS", 1],
  ["INTERVAL", 1],
  ["SOURCES", 2],
]);
/** A report of version 3; records follow. */
const REPORT = structure(8, [
  ["TYPE", 1],
  ["RESERVED", 1],
  ["CHECKSUM", 2],
  ["RESERVED_2", 2],
  ["RECORDS", 2],
]);
/** A record; sources and auxiliary data follow. */
const RECORD = structure(8, [["TYPE", 1], ["AUXILIARY", 1], ["SOURCES", 2], ["GROUP", 4]]);
const ADDRESS_BYTES = 4;
const SUPPRESS = 0x08;

/** The bytes of a message that has no list. */
export const HEADER_BYTES: number = IGMP.SIZE;

/** What a message is. */
export const Type = {
  QUERY: 0x11,
  REPORT_V1: 0x12,
  REPORT_V2: 0x16,
  LEAVE_V2: 0x17,
  REPORT_V3: 0x22,
} as const;

/** A message. */
export type IgmpMessage =
  | {
    readonly message: "query-v1" | "query-v2";
    /** 0.0.0.0 asks for every group. */
    readonly group: Ipv4Address;
    /** Within how many tenths of a second to answer; 0 in version 1, which means 100. */
    readonly maxResponse: number;
  }
  | {
    readonly message: "query-v3";
    readonly group: Ipv4Address;
    /** Within how many tenths of a second to answer, as far as 8 bits can say it. */
    readonly maxResponse: number;
    /** Whether other routers are not to start their timers. */
    readonly suppress: boolean;
    /** How many losses the querier makes up for, 0 to 7. */
    readonly robustness: number;
    /** Seconds between general queries, as far as 8 bits can say it. */
    readonly interval: number;
    readonly sources: readonly Ipv4Address[];
  }
  | { readonly message: "report-v1" | "report-v2" | "leave-v2"; readonly group: Ipv4Address }
  | { readonly message: "report-v3"; readonly records: readonly GroupRecord<Ipv4Address>[] };

/**
 * Judges a message; its checksum is a matter of {@linkcode verify}.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message, which may be more than it needs.
 * @param routerAlert The value of the IPv4 header's router alert, -1 without one.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(
  packets: PacketBytes,
  at: number,
  length: number,
  routerAlert: number,
): Fault {
  if (length < IGMP.SIZE) return Fault.IGMP_TOO_SHORT;
  const { view } = packets;
  switch (view.getUint8(at + IGMP.TYPE)) {
    case Type.QUERY:
      return checkQuery(packets, at, length, routerAlert);
    case Type.REPORT_V1:
    case Type.REPORT_V2:
    case Type.LEAVE_V2:
      return isIpv4Multicast(view.getInt32(at + IGMP.GROUP)) ? Fault.NONE : Fault.IGMP_GROUP;
    case Type.REPORT_V3:
      return checkRecords(packets, at, length);
    default:
      // RFC 3376 section 4 (MUST): messages of unknown types are dropped in silence.
      return Fault.IGMP_TYPE;
  }
}

/** RFC 3376 section 7.1 tells the versions apart, by length and by the time to answer. */
function checkQuery(packets: PacketBytes, at: number, length: number, routerAlert: number): Fault {
  const { view } = packets;
  const group = view.getInt32(at + IGMP.GROUP);
  if (group !== 0 && !isIpv4Multicast(group)) return Fault.IGMP_GROUP;
  if (length === IGMP.SIZE && view.getUint8(at + IGMP.MAX_RESPONSE) === 0) return Fault.NONE;
  // RFC 3376 section 9.1: queries of versions 2 and 3 without a router alert are to be ignored.
  if (routerAlert < 0) return Fault.IGMP_ROUTER_ALERT;
  if (length === IGMP.SIZE) return Fault.NONE;
  if (length < QUERY.SIZE) return Fault.IGMP_QUERY_LENGTH;
  const sources = view.getUint16(at + QUERY.SOURCES);
  if (QUERY.SIZE + sources * ADDRESS_BYTES > length) return Fault.IGMP_SOURCES_TRUNCATED;
  // RFC 3376 section 4.1.9: sources are asked for of one group only.
  return sources > 0 && group === 0 ? Fault.IGMP_GROUP : Fault.NONE;
}

function checkRecords(packets: PacketBytes, at: number, length: number): Fault {
  const end = at + length;
  const records = packets.view.getUint16(at + REPORT.RECORDS);
  if (records > MAX_RECORDS) return Fault.IGMP_TOO_MANY_RECORDS;
  let next = at + REPORT.SIZE;
  for (let i = 0; i < records; i++) {
    if (end - next < RECORD.SIZE) return Fault.IGMP_RECORDS_TRUNCATED;
    if (!isIpv4Multicast(packets.view.getInt32(next + RECORD.GROUP))) return Fault.IGMP_GROUP;
    next += recordBytes(packets, next);
    if (next > end) return Fault.IGMP_RECORDS_TRUNCATED;
  }
  return Fault.NONE;
}

function recordBytes(packets: PacketBytes, at: number): number {
  const { view } = packets;
  return RECORD.SIZE + view.getUint16(at + RECORD.SOURCES) * ADDRESS_BYTES +
    view.getUint8(at + RECORD.AUXILIARY) * 4;
}

/** What the message is: one of {@linkcode Type}. */
export function type(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + IGMP.TYPE);
}

/** The group of a message that has one. */
export function group(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + IGMP.GROUP);
}

/** Judges the checksum of a message, which is over all of its bytes. RFC 3376 section 4.1.2. */
export function verify(summer: Checksummer, at: number, length: number): Fault {
  // RFC 3376 section 4.1.2 (MUST): nothing is looked at whose checksum is wrong.
  return complement(summer.sum(at, length)) === 0 ? Fault.NONE : Fault.IGMP_CHECKSUM;
}

/**
 * Computes and writes the checksum of a message that is complete otherwise.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message.
 */
export function seal(summer: Checksummer, packets: PacketBytes, at: number, length: number): void {
  packets.view.setUint16(at + IGMP.CHECKSUM, 0);
  packets.view.setUint16(at + IGMP.CHECKSUM, complement(summer.sum(at, length)));
}

function addressesAt(packets: PacketBytes, at: number, count: number): Ipv4Address[] {
  const addresses: Ipv4Address[] = [];
  for (let i = 0; i < count; i++) addresses.push(packets.view.getInt32(at + i * ADDRESS_BYTES));
  return addresses;
}

function putAddresses(packets: PacketBytes, at: number, addresses: readonly Ipv4Address[]): void {
  addresses.forEach((address, i) => packets.view.setInt32(at + i * ADDRESS_BYTES, address));
}

/**
 * Reads a message that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message: they tell the versions of a query apart.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number, length: number): IgmpMessage {
  const { view } = packets;
  const asked = view.getInt32(at + IGMP.GROUP);
  const response = view.getUint8(at + IGMP.MAX_RESPONSE);
  switch (view.getUint8(at + IGMP.TYPE)) {
    case Type.QUERY: {
      if (length < QUERY.SIZE) {
        return {
          message: response === 0 ? "query-v1" : "query-v2",
          group: asked,
          maxResponse: response,
        };
      }
      const bits = view.getUint8(at + QUERY.SUPPRESS_ROBUSTNESS);
      return {
        message: "query-v3",
        group: asked,
        maxResponse: readFloat8(response),
        suppress: (bits & SUPPRESS) !== 0,
        robustness: bits & 7,
        interval: readFloat8(view.getUint8(at + QUERY.INTERVAL)),
        sources: addressesAt(packets, at + QUERY.SIZE, view.getUint16(at + QUERY.SOURCES)),
      };
    }
    case Type.REPORT_V1:
      return { message: "report-v1", group: asked };
    case Type.REPORT_V2:
      return { message: "report-v2", group: asked };
    case Type.LEAVE_V2:
      return { message: "leave-v2", group: asked };
    default:
      return { message: "report-v3", records: parseRecords(packets, at) };
  }
}

function parseRecords(packets: PacketBytes, at: number): GroupRecord<Ipv4Address>[] {
  const { view } = packets;
  const records: GroupRecord<Ipv4Address>[] = [];
  let next = at + REPORT.SIZE;
  for (let left = view.getUint16(at + REPORT.RECORDS); left > 0; left--) {
    const sources = view.getUint16(next + RECORD.SOURCES);
    const auxiliaryAt = next + RECORD.SIZE + sources * ADDRESS_BYTES;
    records.push({
      type: view.getUint8(next + RECORD.TYPE),
      group: view.getInt32(next + RECORD.GROUP),
      sources: addressesAt(packets, next + RECORD.SIZE, sources),
      auxiliary: copyBytes(packets, auxiliaryAt, view.getUint8(next + RECORD.AUXILIARY) * 4),
    });
    next += recordBytes(packets, next);
  }
  return records;
}

/** The bytes that {@linkcode emit} writes. */
export function emittedBytes(message: IgmpMessage): number {
  if (message.message === "query-v3") return QUERY.SIZE + message.sources.length * ADDRESS_BYTES;
  if (message.message !== "report-v3") return IGMP.SIZE;
  return message.records.reduce((bytes, record) => {
    return bytes + RECORD.SIZE + record.sources.length * ADDRESS_BYTES + record.auxiliary.length;
  }, REPORT.SIZE);
}

const TYPES = {
  "query-v1": Type.QUERY,
  "query-v2": Type.QUERY,
  "query-v3": Type.QUERY,
  "report-v1": Type.REPORT_V1,
  "report-v2": Type.REPORT_V2,
  "leave-v2": Type.LEAVE_V2,
  "report-v3": Type.REPORT_V3,
} as const;

/**
 * Writes a message without its checksum, which {@linkcode seal} writes.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param message What it means.
 * @returns The bytes written.
 */
export function emit(packets: PacketBytes, at: number, message: IgmpMessage): number {
  const { view } = packets;
  view.setInt32(at, TYPES[message.message] << 24);
  if (message.message === "report-v3") return emitReport(packets, at, message.records);
  view.setInt32(at + IGMP.GROUP, message.group);
  switch (message.message) {
    case "query-v1":
    case "query-v2":
      view.setUint8(at + IGMP.MAX_RESPONSE, message.maxResponse);
      break;
    case "query-v3":
      view.setUint8(at + IGMP.MAX_RESPONSE, writeFloat8(message.maxResponse));
      view.setUint8(
        at + QUERY.SUPPRESS_ROBUSTNESS,
        (message.suppress ? SUPPRESS : 0) | message.robustness,
      );
      view.setUint8(at + QUERY.INTERVAL, writeFloat8(message.interval));
      view.setUint16(at + QUERY.SOURCES, message.sources.length);
      putAddresses(packets, at + QUERY.SIZE, message.sources);
  }
  return emittedBytes(message);
}

function emitReport(
  packets: PacketBytes,
  at: number,
  records: readonly GroupRecord<Ipv4Address>[],
): number {
  const { view } = packets;
  view.setUint16(at + REPORT.RESERVED_2, 0);
  view.setUint16(at + REPORT.RECORDS, records.length);
  let next = at + REPORT.SIZE;
  for (const record of records) {
    view.setUint8(next + RECORD.TYPE, record.type);
    view.setUint8(next + RECORD.AUXILIARY, record.auxiliary.length >> 2);
    view.setUint16(next + RECORD.SOURCES, record.sources.length);
    view.setInt32(next + RECORD.GROUP, record.group);
    putAddresses(packets, next + RECORD.SIZE, record.sources);
    next += RECORD.SIZE + record.sources.length * ADDRESS_BYTES;
    next += putBytes(packets, next, record.auxiliary);
  }
  return next - at;
}
