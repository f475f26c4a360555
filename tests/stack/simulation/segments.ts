/**
 * Segments of TCP as tests write them down, in frames.
 *
 * @module
 */

import { ethernet, EtherType, ipv4, PacketBytes, Protocol, tcp } from "../../../stack/wire/mod.ts";
import * as checksum from "../../../stack/wire/checksum.ts";
import type { TcpOption } from "../../../stack/wire/tcp_option_list.ts";

/** A segment from one host to the other. */
export interface TestSegment {
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  readonly payload?: string;
  readonly options?: readonly TcpOption[];
  /** Whether its checksum is wrong. */
  readonly isBroken?: boolean;
}

const ONE = 0x0a000001;
const OTHER = 0x0a000002;
const LONGEST_HEADERS = 14 + 20 + 60;

/**
 * Puts a segment into a frame.
 *
 * @param isFirst whether it is from 10.0.0.1:1000 to 10.0.0.2:80, else the other way
 */
export function segmentFrame(segment: TestSegment, isFirst: boolean): Uint8Array<ArrayBuffer> {
  const payload = new TextEncoder().encode(segment.payload ?? "");
  const packets = new PacketBytes(new ArrayBuffer(LONGEST_HEADERS + payload.length + 1));
  const [from, to] = isFirst ? [ONE, OTHER] : [OTHER, ONE];
  const [fromPort, toPort] = isFirst ? [1000, 80] : [80, 1000];
  ethernet.put(packets, 0, 0x0200, to, 0x0200, from, EtherType.IPV4);
  const transport = ethernet.HEADER_BYTES + ipv4.HEADER_BYTES;
  const header = tcp.emit(packets, transport, {
    sourcePort: fromPort,
    destinationPort: toPort,
    sequence: segment.sequence | 0,
    acknowledgment: (segment.acknowledgment ?? 0) | 0,
    flags: segment.flags,
    window: segment.window ?? 1000,
    urgentPointer: 0,
    options: segment.options ?? [],
  });
  packets.bytes.set(payload, transport + header);
  const bytes = header + payload.length;
  const total = ipv4.HEADER_BYTES + bytes;
  ipv4.put(packets, ethernet.HEADER_BYTES, 0, total, 1, false, 64, Protocol.TCP, from, to);
  const summer = new checksum.PlainChecksummer(packets);
  const pseudo = checksum.pseudoIpv4(from, to, Protocol.TCP, bytes);
  tcp.seal(summer, packets, transport, bytes, pseudo);
  if (segment.isBroken === true) packets.bytes[transport + 16] ^= 1;
  return new Uint8Array(packets.bytes.slice(0, ethernet.HEADER_BYTES + total));
}
