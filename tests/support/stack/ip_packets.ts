/**
 * Packets of IP as bytes, made field by field.
 *
 * @module
 */

import type { Ipv6Address } from "../../../stack/wire/addresses.ts";
import { complement, pseudoIpv6 } from "../../../stack/wire/checksum.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import type { Ipv4Header } from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import type { Ipv6Header } from "../../../stack/wire/ipv6.ts";
import type { Ipv6Extension } from "../../../stack/wire/ipv6_extensions.ts";
import * as extensions from "../../../stack/wire/ipv6_extensions.ts";
import { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import { FAR, FAR_6, OURS, OURS_6, PEER, PEER_6, TEST_PROTOCOL } from "./ip.ts";

/** A packet of IPv4 from PEER to OURS, unless something else is said. */
export function ipv4Packet(
  payload: Uint8Array,
  header: Partial<Ipv4Header> = {},
): Uint8Array<ArrayBuffer> {
  const whole: Ipv4Header = {
    dscp: 0,
    ecn: 0,
    totalLength: 0,
    identification: 7,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    timeToLive: 64,
    protocol: TEST_PROTOCOL,
    source: PEER,
    destination: OURS,
    options: [],
    ...header,
  };
  const bytes = ipv4.emittedBytes(whole);
  const packets = PacketBytes.copyOf(payload, bytes);
  const totalLength = header.totalLength ?? bytes + payload.length;
  ipv4.emit(packets, 0, { ...whole, totalLength });
  return packets.bytes as Uint8Array<ArrayBuffer>;
}

/** A packet of IPv6 from PEER_6 to OURS_6, unless something else is said. */
export function ipv6Packet(
  payload: Uint8Array,
  header: Partial<Ipv6Header> & { extensions?: readonly Ipv6Extension[]; protocol?: number } = {},
): Uint8Array<ArrayBuffer> {
  const { extensions: list = [], protocol = TEST_PROTOCOL } = header;
  const before = ipv6.HEADER_BYTES + extensions.emittedBytes(list);
  const packets = PacketBytes.copyOf(payload, before);
  ipv6.emit(packets, 0, {
    dscp: 0,
    ecn: 0,
    flowLabel: 0,
    payloadLength: before - ipv6.HEADER_BYTES + payload.length,
    nextHeader: extensions.firstHeader(list, protocol),
    hopLimit: 64,
    source: PEER_6,
    destination: OURS_6,
    ...header,
  });
  extensions.emit(packets, ipv6.HEADER_BYTES, list, protocol);
  return packets.bytes as Uint8Array<ArrayBuffer>;
}

/** A fragment of a payload. */
export function ipv4Fragment(
  payload: Uint8Array,
  offset: number,
  end: number,
  header: Partial<Ipv4Header> = {},
): Uint8Array<ArrayBuffer> {
  const moreFragments = end < payload.length;
  return ipv4Packet(payload.slice(offset, end), {
    fragmentOffset: offset,
    moreFragments,
    ...header,
  });
}

/** The same of IPv6. */
export function ipv6Fragment(
  payload: Uint8Array,
  offset: number,
  end: number,
  header: Partial<Ipv6Header> & { protocol?: number; identification?: number } = {},
): Uint8Array<ArrayBuffer> {
  const { identification = 7, ...rest } = header;
  const moreFragments = end < payload.length;
  return ipv6Packet(payload.slice(offset, end), {
    extensions: [{ header: "fragment", offset, moreFragments, identification }],
    ...rest,
  });
}

/** A message of ICMPv4 with its checksum. */
export function icmpv4Message(
  type: number,
  code: number,
  rest: number,
  data: Uint8Array,
): Uint8Array {
  return sealed(type, code, rest, data, 0);
}

/** A message of ICMPv6 with its checksum. */
export function icmpv6Message(
  type: number,
  code: number,
  rest: number,
  data: Uint8Array,
  source: Ipv6Address = PEER_6,
  destination: Ipv6Address = OURS_6,
): Uint8Array {
  return sealed(type, code, rest, data, pseudoIpv6(source, destination, 58, 8 + data.length));
}

function sealed(type: number, code: number, rest: number, data: Uint8Array, pseudo: number) {
  const bytes = new Uint8Array(8 + data.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  bytes[1] = code;
  view.setInt32(4, rest);
  bytes.set(data, 8);
  view.setUint16(2, complement(sumOf(bytes) + pseudo));
  return bytes;
}

/** The sum of bytes, word by word. */
export function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  bytes.forEach((byte, at) => sum += at % 2 === 0 ? byte << 8 : byte);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** A packet as we would have sent it to somebody far away: what errors quote. */
export function ourIpv4Packet(payload: Uint8Array, header: Partial<Ipv4Header> = {}): Uint8Array {
  return ipv4Packet(payload, { source: OURS, destination: FAR, ...header });
}

/** The same of IPv6. */
export function ourIpv6Packet(
  payload: Uint8Array,
  header: Parameters<typeof ipv6Packet>[1] = {},
): Uint8Array {
  return ipv6Packet(payload, { source: OURS_6, destination: FAR_6, ...header });
}

/** Reads the header of a packet that left, after its check and its checksum. */
export function readIpv4(bytes: Uint8Array): Ipv4Header & { readonly payload: Uint8Array } {
  const packets = PacketBytes.copyOf(bytes);
  if (ipv4.check(packets, 0, bytes.length) !== 0) throw new Error("a bad header of IPv4");
  if (ipv4.verify(packets, 0) !== 0) throw new Error("a bad checksum of IPv4");
  return { ...ipv4.parse(packets, 0), payload: bytes.slice(ipv4.headerBytes(packets, 0)) };
}

/** The same of IPv6: the payload begins behind the header. */
export function readIpv6(
  bytes: Uint8Array,
): Ipv6Header & { readonly payload: Uint8Array; readonly extensions: readonly Ipv6Extension[] } {
  const packets = PacketBytes.copyOf(bytes);
  if (ipv6.check(packets, 0, bytes.length) !== 0) throw new Error("a bad header of IPv6");
  const header = ipv6.parse(packets, 0);
  const list = extensions.parse(packets, ipv6.HEADER_BYTES, header.nextHeader);
  const at = ipv6.HEADER_BYTES + list.bytes;
  return { ...header, payload: bytes.slice(at), extensions: list.extensions };
}
