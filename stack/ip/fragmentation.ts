/**
 * Taking packets apart: RFC 791 section 3.2, RFC 8200 section 4.5. Headers are written anew, the
 * data are shown by slices.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { sliceChain } from "../memory/mod.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { zeroBytes } from "../wire/packet_bytes.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { OptionType } from "../wire/ipv4_options.ts";
import { FRAGMENT } from "../wire/ipv6_chain.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import type { IpContext } from "./context.ts";
import { IpCounter } from "./counters.ts";

/** Takes what packets were taken apart into. */
export interface PartSink {
  /** Takes over the hold of a part, which is complete. @returns 0 or `-errno` */
  takePart(part: number): number;
}

/** RFC 791 section 3.1: an option whose type has this bit is copied into every fragment. */
const COPIED = 0x80;

/** Takes packets apart. */
export class Fragmenter {
  readonly #context: IpContext;

  /** Knows what a part of IP knows. */
  constructor(context: IpContext) {
    this.#context = context;
  }

  /**
   * Takes a packet of IPv4 apart, and takes over its hold. It may be a fragment itself.
   *
   * @param packet begins with a complete header, all of it in the first segment
   * @param mtu the most bytes of a part
   * @returns 0 or `-errno`: what was handed on until then stays so
   */
  fragmentIpv4(packet: number, mtu: number, sink: PartSink): number {
    const { arena, packets, memory, counters, egress } = this.#context;
    if ((packets.flags[packet] & PacketFlag.CHECKSUM_PARTIAL) !== 0) {
      egress.completeChecksum(packet);
    }
    const from = arena.start(packet);
    const headerBytes = ipv4.headerBytes(memory, from);
    const payload = ipv4.totalLength(memory, from) - headerBytes;
    const base = ipv4.fragmentOffset(memory, from);
    const moreFollow = ipv4.moreFragments(memory, from);
    // RFC 791 section 3.2 (MUST): all parts but the last are multiples of 8 bytes.
    const chunk = (mtu - headerBytes) & ~7;
    let result = chunk > 0 ? 0 : -Errno.EMSGSIZE;
    counters.add(IpCounter.FRAGMENTED);
    for (let offset = 0; offset < payload && result === 0; offset += chunk) {
      const bytes = Math.min(chunk, payload - offset);
      const part = this.#part(packet, headerBytes, headerBytes, offset, bytes);
      if (part < 0) {
        result = -Errno.ENOBUFS;
        break;
      }
      const at = arena.start(part);
      // RFC 791 section 3.1 (MUST): options that ask for it are copied into every part, others are
      // in the first one only.
      if (offset > 0) blankUncopiedOptions(memory.view, at, headerBytes);
      const more = moreFollow || offset + bytes < payload;
      ipv4.putPart(memory, at, headerBytes + bytes, base + offset, more);
      // RFC 791 section 3.1 (MUST): the checksum follows the header.
      ipv4.seal(memory, at);
      result = sink.takePart(part);
    }
    arena.release(packet);
    return result;
  }

  /**
   * Takes a packet of IPv6 apart, and takes over its hold.
   *
   * @param packet begins with a complete header, all of it in the first segment
   * @param unfragmentable the bytes in front of the fragment header: those of IPv6 and of the
   * extension headers that each router or each stop looks at
   * @param namedAt where the byte is, from the packet's start, that will name the fragment header
   * @param identification what the parts have in common
   */
  fragmentIpv6(
    packet: number,
    mtu: number,
    unfragmentable: number,
    namedAt: number,
    identification: number,
    sink: PartSink,
  ): number {
    const { arena, packets, memory, counters, egress } = this.#context;
    if ((packets.flags[packet] & PacketFlag.CHECKSUM_PARTIAL) !== 0) {
      egress.completeChecksum(packet);
    }
    const from = arena.start(packet);
    const { view } = memory;
    const payload = ipv6.HEADER_BYTES + ipv6.payloadLength(memory, from) - unfragmentable;
    const headerBytes = unfragmentable + FRAGMENT.SIZE;
    const next = view.getUint8(from + namedAt);
    // RFC 8200 section 4.5 (MUST): each part but the last one has a multiple of 8 bytes.
    const chunk = (mtu - headerBytes) & ~7;
    let result = chunk > 0 ? 0 : -Errno.EMSGSIZE;
    counters.add(IpCounter.FRAGMENTED);
    // RFC 5722 section 4 (MUST): a part begins where the one before ends: they do not overlap.
    for (let offset = 0; offset < payload && result === 0; offset += chunk) {
      const bytes = Math.min(chunk, payload - offset);
      const part = this.#part(packet, unfragmentable, headerBytes, offset, bytes);
      if (part < 0) {
        result = -Errno.ENOBUFS;
        break;
      }
      const at = arena.start(part);
      ipv6.putPayloadLength(memory, at, headerBytes - ipv6.HEADER_BYTES + bytes);
      view.setUint8(at + namedAt, Protocol.FRAGMENT);
      const fragmentAt = at + unfragmentable;
      view.setUint8(fragmentAt + FRAGMENT.NEXT_HEADER, next);
      const more = offset + bytes < payload ? 1 : 0;
      view.setUint16(fragmentAt + FRAGMENT.OFFSET_MORE, offset | more);
      view.setInt32(fragmentAt + FRAGMENT.IDENTIFICATION, identification);
      result = sink.takePart(part);
    }
    arena.release(packet);
    return result;
  }

  /** Makes a part: a copy of the headers, room behind them, and a slice of the data. */
  #part(
    packet: number,
    copied: number,
    headerBytes: number,
    offset: number,
    bytes: number,
  ): number {
    const { arena, packets, memory, counters } = this.#context;
    const part = arena.take(headerBytes);
    if (part < 0) return part;
    const at = arena.start(part);
    memory.checksummer.copy(at, arena.start(packet), copied);
    zeroBytes(memory, at + copied, headerBytes - copied);
    const data = sliceChain(arena, packet, copied + offset, bytes);
    if (data < 0) {
      arena.release(part);
      return data;
    }
    arena.append(part, data);
    packets.copy(packet, part);
    packets.segmentation[part] = Segmentation.NONE;
    packets.network[part] = at;
    packets.transport[part] = at + headerBytes;
    counters.add(IpCounter.FRAGMENTS_SENT);
    return part;
  }
}

/** Options that only the first fragment has become padding: the header keeps its length. */
function blankUncopiedOptions(view: DataView, at: number, headerBytes: number): void {
  const end = at + headerBytes;
  for (let next = at + ipv4.HEADER_BYTES; next < end;) {
    const type = view.getUint8(next);
    if (type === OptionType.END) return;
    const length = type === OptionType.NO_OPERATION ? 1 : view.getUint8(next + 1);
    if (length < 1 || next + length > end) return;
    if ((type & COPIED) === 0) {
      for (let byte = 0; byte < length; byte++) view.setUint8(next + byte, OptionType.NO_OPERATION);
    }
    next += length;
  }
}
