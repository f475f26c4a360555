/**
 * What software does on the way out, where a port does not: completes checksums, and takes packets
 * apart that are longer than the link's MTU.
 *
 * ```text
 *   packet    | IP | TCP |        payload, perhaps in several segments of a chain        |
 *
 *   segments  | IP | TCP | -> slice    | IP | TCP | -> slice    | IP | TCP | -> slice
 * ```
 *
 * No payload is copied: each segment is a small packet with headers of its own in front of a slice
 * of the payload.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { EgressOffload, SegmentSink } from "../iface/types.ts";
import { chainLength, type PacketArena, sumChain } from "../memory/mod.ts";
import { PacketFlag, type PacketTable, Segmentation } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { complement, fold } from "../wire/checksum.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { OffloadCounter } from "./counters.ts";
import { checksumOffset, isIpv4At, protocolAt } from "./headers.ts";
import { SliceCursor } from "./slice_cursor.ts";

/** Where the header of TCP has its sequence number and its flags. */
const SEQUENCE = 4;
const FLAGS = 13;
const { FIN, PSH, CWR } = tcp.Flag;
const UDP_LENGTH = 4;
const IPV4_LENGTH = 2;
const IPV4_IDENTIFICATION = 4;
const ONES = 0xffff;
const TCP_FIELD = checksumOffset(Protocol.TCP);
const UDP_FIELD = checksumOffset(Protocol.UDP);

/** Checksums and segmentation in software. */
export class SoftwareOffload implements EgressOffload {
  readonly #arena: PacketArena;
  readonly #packets: PacketTable;
  readonly #counters: Counters<typeof OffloadCounter>;
  readonly #cursor: SliceCursor;

  /** Does nothing yet. */
  constructor(environment: Environment, counters: Counters<typeof OffloadCounter>) {
    this.#arena = environment.arena;
    this.#packets = environment.packets;
    this.#counters = counters;
    this.#cursor = new SliceCursor(environment.arena);
  }

  /** See {@linkcode EgressOffload.completeChecksum}. */
  completeChecksum(packet: number): void {
    const arena = this.#arena;
    const { memory } = arena;
    const packets = this.#packets;
    const at = packets.transport[packet];
    const protocol = protocolAt(memory, packets.network[packet], at);
    const offset = checksumOffset(protocol);
    packets.flags[packet] &= ~PacketFlag.CHECKSUM_PARTIAL;
    if (offset < 0) return this.#counters.add(OffloadCounter.DROPPED_MALFORMED);
    const start = at - arena.start(packet);
    // The field has the sum of the pseudo header: it is summed up with the rest.
    const sum = arena.next(packet) < 0
      ? memory.checksummer.sum(at, arena.length(packet) - start)
      : sumChain(arena, packet, start, chainLength(arena, packet) - start);
    const checksum = complement(sum);
    // RFC 8200 section 8.1 (MUST): a checksum of UDP that is 0 is sent as its other zero, as it is
    // over IPv4 by RFC 768.
    const isOther = checksum === 0 && protocol === Protocol.UDP;
    memory.view.setUint16(at + offset, isOther ? ONES : checksum);
    this.#counters.values[OffloadCounter.CHECKSUMS]++;
  }

  /** See {@linkcode EgressOffload.segment}. */
  segment(packet: number, sink: SegmentSink): number {
    const arena = this.#arena;
    const result = this.#segment(packet, sink);
    arena.release(packet);
    return result;
  }

  #segment(packet: number, sink: SegmentSink): number {
    const arena = this.#arena;
    const packets = this.#packets;
    const at = packets.transport[packet];
    const isUdp = packets.segmentation[packet] === Segmentation.UDP;
    const header = at - arena.start(packet);
    const least = header + (isUdp ? udp.HEADER_BYTES : tcp.HEADER_BYTES);
    const bytes = chainLength(arena, packet);
    const step = packets.segmentBytes[packet];
    if (arena.length(packet) < least || step <= 0) return this.#refuse();
    const headers = isUdp ? least : header + tcp.headerBytes(arena.memory, at);
    if (headers < least || arena.length(packet) < headers) return this.#refuse();
    this.#cursor.begin(packet, headers);
    const payload = bytes - headers;
    const values = this.#counters.values;
    let index = 0;
    let offset = 0;
    do {
      const part = Math.min(step, payload - offset);
      const segment = this.#cut(packet, headers, part);
      if (segment < 0) {
        values[OffloadCounter.DROPPED_NO_PACKET]++;
        // Where some have left, the others are lost on their way: whoever takes all of it for unsent
        // would not believe acknowledgments of those that arrive.
        return index === 0 ? -Errno.ENOBUFS : 0;
      }
      const isLast = offset + part === payload;
      if (isUdp) this.#finishUdp(segment, bytes - header, part);
      else this.#finishTcp(packet, segment, offset, isLast, bytes - header);
      this.#finishNetwork(segment, headers + part, index);
      values[OffloadCounter.SEGMENTS]++;
      sink.takeSegment(segment);
      offset += part;
      index++;
    } while (offset < payload);
    values[OffloadCounter.SEGMENTED]++;
    return 0;
  }

  #refuse(): number {
    this.#counters.add(OffloadCounter.DROPPED_MALFORMED);
    return -Errno.EINVAL;
  }

  /** Takes a packet with the headers, and the next slice of the payload behind it. */
  #cut(packet: number, headers: number, part: number): number {
    const arena = this.#arena;
    const packets = this.#packets;
    const head = arena.take(headers);
    if (head < 0) return head;
    if (part > 0) {
      const payload = this.#cursor.take(part);
      if (payload < 0) {
        arena.release(head);
        return payload;
      }
      arena.append(head, payload);
    }
    const from = arena.start(packet);
    const to = arena.start(head);
    arena.memory.checksummer.copy(to, from, headers);
    packets.interface[head] = packets.interface[packet];
    packets.flags[head] = packets.flags[packet];
    packets.segmentation[head] = Segmentation.NONE;
    packets.segmentBytes[head] = 0;
    packets.network[head] = to;
    packets.transport[head] = to + packets.transport[packet] - from;
    return head;
  }

  #finishTcp(
    packet: number,
    segment: number,
    offset: number,
    isLast: boolean,
    before: number,
  ): void {
    const { view } = this.#arena.memory;
    const packets = this.#packets;
    const at = packets.transport[segment];
    view.setInt32(at + SEQUENCE, view.getInt32(at + SEQUENCE) + offset);
    let flags = view.getUint8(at + FLAGS);
    if (!isLast) flags &= ~(FIN | PSH);
    const isClassic = (packets.segmentation[packet] & Segmentation.ECN) !== 0;
    // RFC 3168 section 6.1.2 (SHOULD): CWR is set in the first packet after the window was reduced.
    // In accurate ECN it is a bit of a counter, which all segments have in common (RFC 9768).
    if (isClassic && offset > 0) flags &= ~CWR;
    view.setUint8(at + FLAGS, flags);
    this.#fixPseudoSum(segment, TCP_FIELD, before);
  }

  #finishUdp(segment: number, before: number, part: number): void {
    const { view } = this.#arena.memory;
    const at = this.#packets.transport[segment];
    view.setUint16(at + UDP_LENGTH, udp.HEADER_BYTES + part);
    this.#fixPseudoSum(segment, UDP_FIELD, before);
  }

  /** Takes the length of the whole out of a partial checksum, and puts that of the segment in. */
  #fixPseudoSum(segment: number, field: number, before: number): void {
    const packets = this.#packets;
    if ((packets.flags[segment] & PacketFlag.CHECKSUM_PARTIAL) === 0) return;
    const arena = this.#arena;
    const { view } = arena.memory;
    const at = packets.transport[segment];
    const next = arena.next(segment);
    const header = arena.length(segment) - (at - arena.start(segment));
    const length = header + (next < 0 ? 0 : chainLength(arena, next));
    const sum = view.getUint16(at + field) + (~before & ONES) + length;
    view.setUint16(at + field, fold(sum));
  }

  #finishNetwork(segment: number, total: number, index: number): void {
    const { memory } = this.#arena;
    const at = this.#packets.network[segment];
    if (!isIpv4At(memory, at)) return ipv6.putPayloadLength(memory, at, total - ipv6.HEADER_BYTES);
    const { view } = memory;
    view.setUint16(at + IPV4_LENGTH, total);
    if ((this.#packets.flags[segment] & PacketFlag.FIXED_IDENTIFICATION) === 0) {
      view.setUint16(at + IPV4_IDENTIFICATION, view.getUint16(at + IPV4_IDENTIFICATION) + index);
    }
    ipv4.seal(memory, at);
  }
}
