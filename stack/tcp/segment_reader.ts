/**
 * Reads a segment out of its packet, once, into an object that is used again.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Flow } from "../ip/types.ts";
import { chainLength, sumChain } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import { complement, pseudoIpv4, pseudoIpv6 } from "../wire/checksum.ts";
import { Fault } from "../wire/fault.ts";
import { Protocol } from "../wire/numbers.ts";
import * as tcp from "../wire/tcp.ts";
import { scan } from "../wire/tcp_options.ts";
import { TcpCounter } from "./counters.ts";
import { Segment } from "./types.ts";

const CHECKED = PacketFlag.CHECKSUM_GOOD | PacketFlag.CHECKSUM_PARTIAL;

/** Reads segments. */
export class SegmentReader {
  /** The one that was read last. */
  readonly segment: Segment = new Segment();
  readonly #environment: Environment;
  readonly #counters: Counters<typeof TcpCounter>;

  /** @param counters where bad ones are counted */
  constructor(environment: Environment, counters: Counters<typeof TcpCounter>) {
    this.#environment = environment;
    this.#counters = counters;
  }

  /**
   * Reads a segment.
   *
   * @param packet whose data begin with the network header
   * @param flow its ends: addresses are read, ports are set
   * @returns whether it is a good one; a bad one is counted
   */
  read(packet: number, flow: Flow): boolean {
    const { arena, packets } = this.#environment;
    const { memory } = arena;
    const at = packets.transport[packet];
    const offset = at - arena.start(packet);
    const contiguous = arena.length(packet) - offset;
    const length = arena.next(packet) < 0 ? contiguous : chainLength(arena, packet) - offset;
    const fault = contiguous < tcp.HEADER_BYTES && contiguous < length
      ? Fault.TCP_TOO_SHORT
      : tcp.check(memory, at, length);
    if (fault !== Fault.NONE) {
      this.#count(contiguous < length && contiguous < tcp.HEADER_BYTES ? -1 : fault);
      return false;
    }
    const header = tcp.headerBytes(memory, at);
    if (header > contiguous) {
      this.#count(-1);
      return false;
    }
    // RFC 9293 section 3.1 (MUST-3): every checksum is verified, by us or by whoever says so.
    if ((packets.flags[packet] & CHECKED) === 0) {
      const pseudo = pseudoSum(flow, length);
      if (complement(sumChain(arena, packet, offset, length) + pseudo) !== 0) {
        this.#count(Fault.TCP_CHECKSUM);
        return false;
      }
    }
    const { segment } = this;
    // RFC 9293 section 3.1 (MUST-5): options are read in every segment.
    if (scan(memory, at, header, segment.options) !== Fault.NONE) {
      // RFC 9293 section 3.1 (MUST-7): an option that is cut off is survived; the rest of it
      // counts.
      this.#counters.add(TcpCounter.DROPPED_OPTION_LENGTH);
      return false;
    }
    const flags = tcp.flags(memory, at);
    const ports = tcp.ports(memory, at);
    flow.remotePort = ports >>> 16;
    flow.localPort = ports & 0xffff;
    segment.packet = packet;
    segment.payloadOffset = offset + header;
    segment.payloadBytes = length - header;
    segment.sequence = (flags & tcp.Flag.SYN) === 0
      ? tcp.sequence(memory, at)
      : tcp.sequence(memory, at) + 1 | 0;
    segment.acknowledgment = tcp.acknowledgment(memory, at);
    segment.flags = flags;
    // RFC 9293 section 3.1 (MUST-1): an unsigned number.
    segment.window = tcp.window(memory, at);
    segment.urgentPointer = tcp.urgentPointer(memory, at);
    segment.ecn = ecnAt(memory.view, packets.network[packet]);
    const each = packets.segmentBytes[packet];
    segment.count = each > 0 && segment.payloadBytes > each
      ? Math.ceil(segment.payloadBytes / each)
      : 1;
    return true;
  }

  #count(fault: number): void {
    const counters = this.#counters;
    if (fault === Fault.TCP_TOO_SHORT) counters.add(TcpCounter.DROPPED_TOO_SHORT);
    else if (fault === Fault.TCP_HEADER_LENGTH) counters.add(TcpCounter.DROPPED_HEADER_LENGTH);
    else if (fault === Fault.TCP_CHECKSUM) counters.add(TcpCounter.DROPPED_CHECKSUM);
    else if (fault === Fault.TCP_PORT_ZERO) counters.add(TcpCounter.DROPPED_PORT_ZERO);
    else counters.add(TcpCounter.DROPPED_SCATTERED_HEADER);
  }
}

/** The two bits of ECN in the header of IP at an offset. */
function ecnAt(view: DataView, at: number): number {
  const first = view.getUint16(at);
  return first >>> 12 === 4 ? first & 3 : first >>> 4 & 3;
}

function pseudoSum(flow: Flow, bytes: number): number {
  const { local, remote } = flow;
  return typeof remote === "number"
    ? pseudoIpv4(local as number, remote, Protocol.TCP, bytes)
    : pseudoIpv6(local as Exclude<typeof local, number>, remote, Protocol.TCP, bytes);
}
