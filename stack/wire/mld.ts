/**
 * Multicast listener discovery: version 2 (RFC 3810), and the messages of version 1 (RFC 2710),
 * which a host recognises and answers in kind. They are messages of ICMPv6.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import {
  IPV6_BYTES,
  type Ipv6Address,
  ipv6At,
  isIpv6AnyAt,
  isIpv6LinkLocalAt,
} from "./addresses.ts";
import { putIpv6 } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { type GroupRecord, MAX_RECORDS, readFloat16, readFloat8 } from "./group_records.ts";
import { writeFloat16, writeFloat8 } from "./group_records.ts";
import { ICMP, isListenerDiscovery, putHeader, Type } from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";
import { copyBytes, type PacketBytes, putBytes } from "./packet_bytes.ts";

/** A message of version 1. */
const MLD = structure(24, [
  ["HEADER", 4],
  ["MAX_RESPONSE", 2],
  ["RESERVED", 2],
  ["GROUP", IPV6_BYTES],
]);
/** A query of version 2; sources follow. */
const QUERY = structure(28, [
  ["HEADER", MLD.SIZE],
  ["SUPPRESS_ROBUSTNESS", 1],
  ["INTERVAL", 1],
  ["SOURCES", 2],
]);
/** A report of version 2; records follow. */
const REPORT = structure(8, [["HEADER", 4], ["RESERVED", 2], ["RECORDS", 2]]);
/** A record; sources and auxiliary data follow. */
const RECORD = structure(20, [
  ["TYPE", 1],
  ["AUXILIARY", 1],
  ["SOURCES", 2],
  ["GROUP", IPV6_BYTES],
]);
const SUPPRESS = 0x08;
/** No message passes a router. RFC 3810 section 5. */
const HOP_LIMIT = 1;

/** A message. */
export type MldMessage =
  | {
    readonly message: "query-v1";
    /** `::` asks for every group. */
    readonly group: Ipv6Address;
    /** Within how many milliseconds to answer. */
    readonly maxResponse: number;
  }
  | {
    readonly message: "query-v2";
    readonly group: Ipv6Address;
    /** Within how many milliseconds to answer, as far as 16 bits can say it. */
    readonly maxResponse: number;
    /** Whether other routers are not to start their timers. */
    readonly suppress: boolean;
    /** How many losses the querier makes up for, 0 to 7. */
    readonly robustness: number;
    /** Seconds between general queries, as far as 8 bits can say it. */
    readonly interval: number;
    readonly sources: readonly Ipv6Address[];
  }
  | { readonly message: "report-v1" | "done-v1"; readonly group: Ipv6Address }
  | { readonly message: "report-v2"; readonly records: readonly GroupRecord<Ipv6Address>[] };

/**
 * Judges a message and the packet that it came in.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param length The bytes of the message, which may be more than it needs.
 * @param ipAt The offset of the IPv6 header.
 * @param routerAlert The value of the packet's router alert, -1 without one.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(
  packets: PacketBytes,
  at: number,
  length: number,
  ipAt: number,
  routerAlert: number,
): Fault {
  if (length < ICMP.SIZE) return Fault.MLD_TOO_SHORT;
  const type = packets.view.getUint8(at + ICMP.TYPE);
  if (!isListenerDiscovery(type)) return Fault.MLD_TYPE;
  // RFC 3810 sections 5.1.14 and 6.2: a link-local source, a hop limit of 1 and a router alert; a
  // report may come from a host that has no address yet, section 5.2.13.
  if (ipv6.hopLimit(packets, ipAt) !== HOP_LIMIT) return Fault.MLD_HOP_LIMIT;
  if (routerAlert < 0) return Fault.MLD_ROUTER_ALERT;
  const from = ipv6.sourceAt(ipAt);
  if (!isIpv6LinkLocalAt(packets, from)) {
    if (type === Type.LISTENER_QUERY || !isIpv6AnyAt(packets, from)) return Fault.MLD_SOURCE;
  }
  if (type === Type.LISTENER_REPORT_V2) return checkRecords(packets, at, length);
  if (length < MLD.SIZE) return Fault.MLD_TOO_SHORT;
  if (type === Type.LISTENER_QUERY) return checkQuery(packets, at, length);
  return isGroupAt(packets, at + MLD.GROUP) ? Fault.NONE : Fault.MLD_GROUP;
}

function isGroupAt(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint8(at) === 0xff;
}

/** RFC 3810 section 8.1 tells the versions apart by length. */
function checkQuery(packets: PacketBytes, at: number, length: number): Fault {
  const isGeneral = isIpv6AnyAt(packets, at + MLD.GROUP);
  if (!isGeneral && !isGroupAt(packets, at + MLD.GROUP)) return Fault.MLD_GROUP;
  if (length === MLD.SIZE) return Fault.NONE;
  if (length < QUERY.SIZE) return Fault.MLD_QUERY_LENGTH;
  const sources = packets.view.getUint16(at + QUERY.SOURCES);
  if (QUERY.SIZE + sources * IPV6_BYTES > length) return Fault.MLD_SOURCES_TRUNCATED;
  return sources > 0 && isGeneral ? Fault.MLD_GROUP : Fault.NONE;
}

function checkRecords(packets: PacketBytes, at: number, length: number): Fault {
  const end = at + length;
  const records = packets.view.getUint16(at + REPORT.RECORDS);
  if (records > MAX_RECORDS) return Fault.MLD_TOO_MANY_RECORDS;
  let next = at + REPORT.SIZE;
  for (let i = 0; i < records; i++) {
    if (end - next < RECORD.SIZE) return Fault.MLD_RECORDS_TRUNCATED;
    if (!isGroupAt(packets, next + RECORD.GROUP)) return Fault.MLD_GROUP;
    next += recordBytes(packets, next);
    if (next > end) return Fault.MLD_RECORDS_TRUNCATED;
  }
  return Fault.NONE;
}

function recordBytes(packets: PacketBytes, at: number): number {
  const { view } = packets;
  return RECORD.SIZE + view.getUint16(at + RECORD.SOURCES) * IPV6_BYTES +
    view.getUint8(at + RECORD.AUXILIARY) * 4;
}

/** The offset of the group of a message of version 1, or of a query. */
export function groupAt(at: number): number {
  return at + MLD.GROUP;
}

function addressesAt(packets: PacketBytes, at: number, count: number): Ipv6Address[] {
  const addresses: Ipv6Address[] = [];
  for (let i = 0; i < count; i++) addresses.push(ipv6At(packets, at + i * IPV6_BYTES));
  return addresses;
}

function putAddresses(packets: PacketBytes, at: number, addresses: readonly Ipv6Address[]): void {
  addresses.forEach((address, i) => putIpv6(packets, at + i * IPV6_BYTES, address));
}

/**
 * Reads a message that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param length The bytes of the message: they tell the versions of a query apart.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number, length: number): MldMessage {
  const type = packets.view.getUint8(at + ICMP.TYPE);
  if (type === Type.LISTENER_REPORT_V2) {
    return { message: "report-v2", records: parseRecords(packets, at) };
  }
  const group = ipv6At(packets, at + MLD.GROUP);
  if (type === Type.LISTENER_REPORT) return { message: "report-v1", group };
  if (type === Type.LISTENER_DONE) return { message: "done-v1", group };
  const { view } = packets;
  const response = view.getUint16(at + MLD.MAX_RESPONSE);
  if (length < QUERY.SIZE) return { message: "query-v1", group, maxResponse: response };
  const bits = view.getUint8(at + QUERY.SUPPRESS_ROBUSTNESS);
  return {
    message: "query-v2",
    group,
    maxResponse: readFloat16(response),
    suppress: (bits & SUPPRESS) !== 0,
    robustness: bits & 7,
    interval: readFloat8(view.getUint8(at + QUERY.INTERVAL)),
    sources: addressesAt(packets, at + QUERY.SIZE, view.getUint16(at + QUERY.SOURCES)),
  };
}

function parseRecords(packets: PacketBytes, at: number): GroupRecord<Ipv6Address>[] {
  const { view } = packets;
  const records: GroupRecord<Ipv6Address>[] = [];
  let next = at + REPORT.SIZE;
  for (let left = view.getUint16(at + REPORT.RECORDS); left > 0; left--) {
    const sources = view.getUint16(next + RECORD.SOURCES);
    const auxiliaryAt = next + RECORD.SIZE + sources * IPV6_BYTES;
    records.push({
      type: view.getUint8(next + RECORD.TYPE),
      group: ipv6At(packets, next + RECORD.GROUP),
      sources: addressesAt(packets, next + RECORD.SIZE, sources),
      auxiliary: copyBytes(packets, auxiliaryAt, view.getUint8(next + RECORD.AUXILIARY) * 4),
    });
    next += recordBytes(packets, next);
  }
  return records;
}

/** The bytes that {@linkcode emit} writes. */
export function emittedBytes(message: MldMessage): number {
  if (message.message === "query-v2") return QUERY.SIZE + message.sources.length * IPV6_BYTES;
  if (message.message !== "report-v2") return MLD.SIZE;
  return message.records.reduce((bytes, record) => {
    return bytes + RECORD.SIZE + record.sources.length * IPV6_BYTES + record.auxiliary.length;
  }, REPORT.SIZE);
}

const TYPES = {
  "query-v1": Type.LISTENER_QUERY,
  "query-v2": Type.LISTENER_QUERY,
  "report-v1": Type.LISTENER_REPORT,
  "done-v1": Type.LISTENER_DONE,
  "report-v2": Type.LISTENER_REPORT_V2,
} as const;

/**
 * Writes a message without its checksum, which `seal` of `icmpv6.ts` writes.
 *
 * @param packets The memory.
 * @param at The offset of the ICMPv6 message.
 * @param message What it means.
 * @returns The bytes written.
 */
export function emit(packets: PacketBytes, at: number, message: MldMessage): number {
  const { view } = packets;
  putHeader(packets, at, TYPES[message.message], 0);
  view.setInt32(at + ICMP.REST, 0);
  if (message.message === "report-v2") return emitReport(packets, at, message.records);
  putIpv6(packets, at + MLD.GROUP, message.group);
  switch (message.message) {
    case "query-v1":
      view.setUint16(at + MLD.MAX_RESPONSE, message.maxResponse);
      break;
    case "query-v2":
      view.setUint16(at + MLD.MAX_RESPONSE, writeFloat16(message.maxResponse));
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
  records: readonly GroupRecord<Ipv6Address>[],
): number {
  const { view } = packets;
  view.setUint16(at + REPORT.RECORDS, records.length);
  let next = at + REPORT.SIZE;
  for (const record of records) {
    view.setUint8(next + RECORD.TYPE, record.type);
    view.setUint8(next + RECORD.AUXILIARY, record.auxiliary.length >> 2);
    view.setUint16(next + RECORD.SOURCES, record.sources.length);
    putIpv6(packets, next + RECORD.GROUP, record.group);
    putAddresses(packets, next + RECORD.SIZE, record.sources);
    next += RECORD.SIZE + record.sources.length * IPV6_BYTES;
    next += putBytes(packets, next, record.auxiliary);
  }
  return next - at;
}
