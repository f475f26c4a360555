/**
 * Puts received segments of TCP behind one another before IP sees them, so that everything above
 * is done once for many of them: generic receive offload.
 *
 * ```text
 *   received  | IP | TCP | payload |   | IP | TCP | payload |   | IP | TCP | payload |
 *
 *   handed on | IP | TCP | payload | -> payload | -> payload |
 * ```
 *
 * Nothing is copied. What is handed on stands for its segments as a packet of a segmentation
 * offload does, so that it can be taken apart again into the very same ones: whoever forwards it
 * changes nothing that its receiver could see (RFC 1122, RFC 9293 know nothing of all this). The
 * conditions are those of Linux' `tcp_gro_receive` and `inet_gro_receive`.
 *
 * A flow's segments stay in order; flows may overtake one another within a batch.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Interface, IpInput } from "../iface/types.ts";
import type { PacketArena } from "../memory/mod.ts";
import { PacketFlag, type PacketTable, Segmentation } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { complement, pseudoIpv4At, pseudoIpv6At } from "../wire/checksum.ts";
import { Fault } from "../wire/fault.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import * as tcp from "../wire/tcp.ts";
import { OffloadCounter } from "./counters.ts";
import { CwrUse, HeldFlow, IdentificationUse } from "./held_flow.ts";
import { isContinuation, isSameFlow } from "./segment_match.ts";

/** So many flows are held at a time; a power of two. */
const SLOTS = 64;
/** So many segments become one at most: whoever takes them walks along the chain. */
export const MAXIMUM_COALESCED = 64;
const MAXIMUM_BYTES = 65535;

const { FIN, SYN, RST, PSH, URG } = tcp.Flag;
/** What these say is not to wait, or not to be mixed with anything. */
const ALONE = FIN | SYN | RST | PSH | URG;
/** What ends a packet that is made of several. */
const LAST = FIN | PSH;
const PLAIN_IPV4 = 0x45;
const PLAIN_IPV4_HEADERS = ipv4.HEADER_BYTES + tcp.HEADER_BYTES;
const PLAIN_IPV6_HEADERS = ipv6.HEADER_BYTES + tcp.HEADER_BYTES;
/** More fragments, and the offset. */
const FRAGMENT_MASK = 0x3fff;
const IPV4_FRAGMENT = 6;
const IPV4_LENGTH = 2;
const TCP_FLAGS = 13;
const CHECKED = PacketFlag.CHECKSUM_GOOD | PacketFlag.CHECKSUM_PARTIAL;
const LINK_CAST = PacketFlag.LINK_BROADCAST | PacketFlag.LINK_MULTICAST;

/** Coalesces on the way from the links to IP. */
export class ReceiveCoalescer implements IpInput {
  readonly #arena: PacketArena;
  readonly #packets: PacketTable;
  readonly #counters: Counters<typeof OffloadCounter>;
  readonly #next: IpInput;
  readonly #flows: readonly HeldFlow[] = Array.from({ length: SLOTS }, () => new HeldFlow());
  /** The slots that hold something, in no order. */
  readonly #active = new Int32Array(SLOTS);
  #activeCount = 0;

  /**
   * Holds nothing.
   *
   * @param next where packets go from here: IP
   */
  constructor(environment: Environment, counters: Counters<typeof OffloadCounter>, next: IpInput) {
    this.#arena = environment.arena;
    this.#packets = environment.packets;
    this.#counters = counters;
    this.#next = next;
  }

  /** See {@linkcode IpInput.receiveIpv4}. */
  receiveIpv4(packet: number, link: Interface): void {
    const arena = this.#arena;
    const { view } = arena.memory;
    const at = arena.start(packet);
    const length = arena.length(packet);
    const isOther = length < ipv4.HEADER_BYTES || view.getUint8(at + 9) !== Protocol.TCP;
    if (isOther || (this.#packets.flags[packet] & PacketFlag.LOOPED) !== 0) {
      return this.#next.receiveIpv4(packet, link);
    }
    const transport = at + ipv4.HEADER_BYTES;
    // Nothing is held that it could follow, and nothing could follow it: most messages are such.
    if (this.#activeCount === 0 && length >= PLAIN_IPV4_HEADERS && isAlone(view, transport)) {
      return this.#next.receiveIpv4(packet, link);
    }
    const total = view.getUint16(at + IPV4_LENGTH);
    const isPlain = view.getUint8(at) === PLAIN_IPV4 &&
      (view.getUint16(at + IPV4_FRAGMENT) & FRAGMENT_MASK) === 0;
    if (!isPlain || !this.#isUsual(packet, length, ipv4.HEADER_BYTES, total)) {
      this.flush();
      return this.#next.receiveIpv4(packet, link);
    }
    this.#offer(packet, link, at, transport, total, true);
  }

  /** See {@linkcode IpInput.receiveIpv6}. */
  receiveIpv6(packet: number, link: Interface): void {
    const arena = this.#arena;
    const { memory } = arena;
    const at = arena.start(packet);
    const length = arena.length(packet);
    const isOther = length < ipv6.HEADER_BYTES || ipv6.nextHeader(memory, at) !== Protocol.TCP;
    if (isOther || (this.#packets.flags[packet] & PacketFlag.LOOPED) !== 0) {
      return this.#next.receiveIpv6(packet, link);
    }
    const transport = at + ipv6.HEADER_BYTES;
    const hasRoom = length >= PLAIN_IPV6_HEADERS;
    if (this.#activeCount === 0 && hasRoom && isAlone(memory.view, transport)) {
      return this.#next.receiveIpv6(packet, link);
    }
    const total = ipv6.HEADER_BYTES + ipv6.payloadLength(memory, at);
    const isPlain = memory.view.getUint8(at) >> 4 === 6;
    if (!isPlain || !this.#isUsual(packet, length, ipv6.HEADER_BYTES, total)) {
      this.flush();
      return this.#next.receiveIpv6(packet, link);
    }
    this.#offer(packet, link, at, transport, total, false);
  }

  /** Hands on all that is held: the batch is at its end. */
  flush(): void {
    while (this.#activeCount > 0) this.#release(this.#flows[this.#active[this.#activeCount - 1]]);
  }

  /** Whether a packet is whole, in one segment, nobody else's, and for a single station. */
  #isUsual(packet: number, length: number, network: number, total: number): boolean {
    const arena = this.#arena;
    const { columns: { references, slices, owner, next } } = arena;
    if (next[packet] >= 0 || references[packet] !== 1 || owner[packet] !== packet) return false;
    if (slices[packet] > 0 || total > length || total < network + tcp.HEADER_BYTES) return false;
    if (this.#packets.segmentation[packet] !== Segmentation.NONE) return false;
    if ((this.#packets.flags[packet] & LINK_CAST) !== 0) return false;
    const header = tcp.headerBytes(arena.memory, arena.start(packet) + network);
    return header >= tcp.HEADER_BYTES && network + header <= total;
  }

  #offer(
    packet: number,
    link: Interface,
    at: number,
    transport: number,
    total: number,
    isIpv4: boolean,
  ): void {
    const { memory } = this.#arena;
    const packets = this.#packets;
    const flow = this.#flows[slotOf(memory.view, at, transport, isIpv4)];
    const headers = transport - at + tcp.headerBytes(memory, transport);
    packets.network[packet] = at;
    packets.transport[packet] = transport;
    if (flow.packet >= 0) {
      const follows = flow.link === link && flow.isIpv4 === isIpv4 &&
        isSameFlow(memory.view, flow, at, transport) &&
        isContinuation(memory.view, flow, at, transport, headers, total - headers) &&
        flow.totalBytes + total - headers <= MAXIMUM_BYTES && flow.count < MAXIMUM_COALESCED &&
        this.#isGood(packet, at, transport, total, isIpv4);
      if (follows) return this.#append(flow, packet, transport, headers, total);
      this.#release(flow);
    }
    const mayHold = total > headers && (tcp.flags(memory, transport) & ALONE) === 0 &&
      this.#isGood(packet, at, transport, total, isIpv4);
    if (mayHold) this.#hold(flow, packet, link, at, transport, headers, total, isIpv4);
    else this.#pass(packet, link, isIpv4);
  }

  /** Whether the checksum is right, which is remembered. */
  #isGood(
    packet: number,
    at: number,
    transport: number,
    total: number,
    isIpv4: boolean,
  ): boolean {
    const packets = this.#packets;
    const { memory } = this.#arena;
    // RFC 1122 section 3.2.1.2 (MUST): the header's checksum is verified; IP sees one of many only.
    if (isIpv4 && ipv4.verify(memory, at) !== Fault.NONE) return false;
    if ((packets.flags[packet] & CHECKED) !== 0) return true;
    const length = total - (transport - at);
    const pseudo = isIpv4
      ? pseudoIpv4At(memory, at, Protocol.TCP, length)
      : pseudoIpv6At(memory, at, Protocol.TCP, length);
    if (complement(memory.checksummer.sum(transport, length) + pseudo) !== 0) {
      this.#counters.values[OffloadCounter.BAD_CHECKSUM]++;
      return false;
    }
    packets.flags[packet] |= PacketFlag.CHECKSUM_GOOD;
    return true;
  }

  #hold(
    flow: HeldFlow,
    packet: number,
    link: Interface,
    at: number,
    transport: number,
    headers: number,
    total: number,
    isIpv4: boolean,
  ): void {
    const arena = this.#arena;
    const { memory } = arena;
    // What follows is put behind it: padding must not be in between.
    arena.trimBack(packet, arena.length(packet) - total);
    flow.packet = packet;
    flow.tail = packet;
    flow.link = link;
    flow.isIpv4 = isIpv4;
    flow.networkAt = at;
    flow.transportAt = transport;
    flow.headerBytes = headers;
    flow.segmentBytes = total - headers;
    flow.totalBytes = total;
    flow.count = 1;
    flow.flags = tcp.flags(memory, transport);
    flow.nextSequence = tcp.sequence(memory, transport) + total - headers | 0;
    flow.identificationUse = IdentificationUse.UNKNOWN;
    flow.cwrUse = CwrUse.UNKNOWN;
    flow.slot = slotOf(memory.view, at, transport, isIpv4);
    flow.place = this.#activeCount;
    this.#active[this.#activeCount++] = flow.slot;
  }

  #append(
    flow: HeldFlow,
    packet: number,
    transport: number,
    headers: number,
    total: number,
  ): void {
    const arena = this.#arena;
    const flags = tcp.flags(arena.memory, transport);
    const bytes = total - headers;
    arena.trimBack(packet, arena.length(packet) - total);
    arena.trimFront(packet, headers);
    arena.append(flow.tail, packet);
    flow.tail = packet;
    flow.totalBytes += bytes;
    flow.nextSequence = flow.nextSequence + bytes | 0;
    flow.flags |= flags & LAST;
    flow.count++;
    this.#counters.values[OffloadCounter.COALESCED]++;
    if (bytes < flow.segmentBytes || (flags & LAST) !== 0) this.#release(flow);
  }

  /** Hands on what a flow holds. */
  #release(flow: HeldFlow): void {
    const { packet, link, isIpv4, slot, place } = flow;
    const last = this.#active[--this.#activeCount];
    this.#active[place] = last;
    this.#flows[last].place = place;
    if (flow.count > 1) this.#finish(flow);
    flow.packet = -1;
    flow.link = null;
    if (link === null || slot < 0) throw new Error("a flow that holds nothing was released");
    this.#pass(packet, link, isIpv4);
  }

  #pass(packet: number, link: Interface, isIpv4: boolean): void {
    if (isIpv4) this.#next.receiveIpv4(packet, link);
    else this.#next.receiveIpv6(packet, link);
  }

  /** Writes the headers of a packet that stands for several. */
  #finish(flow: HeldFlow): void {
    const { memory } = this.#arena;
    const { view } = memory;
    const { packet, networkAt, transportAt, totalBytes, isIpv4 } = flow;
    const packets = this.#packets;
    const length = totalBytes - (transportAt - networkAt);
    view.setUint8(transportAt + TCP_FLAGS, flow.flags & 0xff);
    let kind: number = isIpv4 ? Segmentation.TCP_IPV4 : Segmentation.TCP_IPV6;
    if (flow.cwrUse === CwrUse.FIRST) kind |= Segmentation.ECN;
    packets.segmentation[packet] = kind;
    packets.segmentBytes[packet] = flow.segmentBytes;
    packets.flags[packet] |= PacketFlag.CHECKSUM_GOOD | PacketFlag.CHECKSUM_PARTIAL;
    if (isIpv4) {
      view.setUint16(networkAt + IPV4_LENGTH, totalBytes);
      ipv4.seal(memory, networkAt);
      if (flow.identificationUse === IdentificationUse.FIXED) {
        packets.flags[packet] |= PacketFlag.FIXED_IDENTIFICATION;
      }
    } else ipv6.putPayloadLength(memory, networkAt, length);
    const pseudo = isIpv4
      ? pseudoIpv4At(memory, networkAt, Protocol.TCP, length)
      : pseudoIpv6At(memory, networkAt, Protocol.TCP, length);
    tcp.putChecksum(memory, transportAt, pseudo);
  }
}

/** Whether a segment says that it is not to wait. It may be a part of one, which says nothing. */
function isAlone(view: DataView, transport: number): boolean {
  return (view.getUint8(transport + TCP_FLAGS) & ALONE) !== 0;
}

/** The slot of a flow. Who makes flows share one gains nothing but slower segments. */
function slotOf(view: DataView, at: number, transport: number, isIpv4: boolean): number {
  const addresses = isIpv4
    ? view.getInt32(at + 12) ^ Math.imul(view.getInt32(at + 16), 0x85ebca6b)
    : view.getInt32(at + 20) ^ Math.imul(view.getInt32(at + 36), 0x85ebca6b);
  const mixed = Math.imul(addresses ^ Math.imul(view.getInt32(transport), 0x9e3779b1), 0xc2b2ae35);
  return mixed >>> 26;
}
