/**
 * Which datagrams may be received as one (`UDP_GRO`): those of one flow that are as long as the
 * first one, and the one after them that is shorter. What Linux' `udp_gro_receive` demands.
 *
 * @module
 */

import { chainLength } from "../memory/chains.ts";
import type { QueueColumns } from "../datagram/receive_queue.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as udp from "../wire/udp.ts";

/** Linux' `UDP_GRO_CNT_MAX`: so many datagrams are received as one. */
const MAXIMUM_COALESCED = 64;
/** And so many bytes. */
const MAXIMUM_BYTES = 65507;
const IPV6_ADDRESSES_BYTES = 32;

/**
 * Judges two datagrams.
 *
 * @param tail the last one of a queue
 * @param packet the one that follows, whose data begin with its network header
 * @param payloadAt where its payload begins
 * @param bytes how long that is
 */
export function canCoalesce(
  columns: QueueColumns,
  tail: number,
  packet: number,
  payloadAt: number,
  bytes: number,
): boolean {
  const { arena, packets } = columns;
  const before = columns.payloadBytes[tail];
  const segment = packets.segmentBytes[tail] || before;
  // One that is shorter than the first one is the last one.
  if (bytes === 0 || bytes > segment || before % segment !== 0) return false;
  if (before >= segment * MAXIMUM_COALESCED || before + bytes > MAXIMUM_BYTES) return false;
  // What was handed over in part, or is several datagrams itself, stays alone.
  if (packets.segmentBytes[packet] !== 0) return false;
  if (packets.interface[tail] !== packets.interface[packet]) return false;
  const one = packets.transport[tail];
  if (columns.payloadAt[tail] !== one + udp.HEADER_BYTES - arena.start(tail)) return false;
  const other = packets.transport[packet];
  const { view } = arena.memory;
  if (view.getInt32(one) !== view.getInt32(other)) return false;
  if (chainLength(arena, packet) !== payloadAt + bytes) return false;
  return hasSameHeader(columns, packets.network[tail], packets.network[packet]);
}

/** Whether addresses, hops and type of service are the same. */
function hasSameHeader({ arena: { memory } }: QueueColumns, one: number, other: number): boolean {
  const { view } = memory;
  if (view.getUint8(one) !== view.getUint8(other) && view.getUint8(one) >> 4 === 4) return false;
  if (view.getUint8(one) >> 4 === 4) {
    return ipv4.source(memory, one) === ipv4.source(memory, other) &&
      ipv4.destination(memory, one) === ipv4.destination(memory, other) &&
      ipv4.timeToLive(memory, one) === ipv4.timeToLive(memory, other) &&
      ipv4.typeOfService(memory, one) === ipv4.typeOfService(memory, other);
  }
  if (view.getInt32(one) !== view.getInt32(other)) return false;
  if (ipv6.hopLimit(memory, one) !== ipv6.hopLimit(memory, other)) return false;
  const [from, to] = [ipv6.sourceAt(one), ipv6.sourceAt(other)];
  for (let byte = 0; byte < IPV6_ADDRESSES_BYTES; byte += 4) {
    if (view.getInt32(from + byte) !== view.getInt32(to + byte)) return false;
  }
  return true;
}
