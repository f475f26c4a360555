/**
 * Ethernet II frames, without preamble and check sequence: IEEE 802.3, RFC 894, RFC 2464. Tags of
 * VLANs (IEEE 802.1Q) are recognised: a frame may carry up to two of them.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type MacAddress, macAt, macHigh, macLow } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { EtherType } from "./numbers.ts";
import { type PacketBytes, zeroBytes } from "./packet_bytes.ts";

// Constants of their own, as everywhere packets are fast: see `packet_bytes.ts`.
const { DESTINATION, SOURCE, TYPE, SIZE } = structure(14, [["DESTINATION", 6], ["SOURCE", 6], [
  "TYPE",
  2,
]]);

/** A tag stands between the source and the type; its own type is that of the frame without it. */
const TAG = structure(4, [["TYPE", 2], ["CONTROL", 2]]);

const { VLAN, PROVIDER_VLAN } = EtherType;
const GOOD = Fault.NONE;

/** The bytes of a header without tags. */
export const HEADER_BYTES: number = SIZE;
/** The bytes of a tag. */
export const TAG_BYTES: number = TAG.SIZE;
/** The shortest frame that a wire carries, without its check sequence. IEEE 802.3 section 3.2.8. */
export const MIN_FRAME_BYTES = 60;
/** The most tags that are passed over: a provider's and a customer's. */
export const MAX_TAGS = 2;

/** From here on the field is a type, below it is a length. IEEE 802.3 section 3.2.6. */
const FIRST_TYPE = 0x0600;

/** The bits of a tag's control word that number the VLAN. */
const VLAN_ID_MASK = 0xfff;

/** The header of a frame. */
export interface EthernetHeader {
  /** Whom it is for. */
  readonly destination: MacAddress;
  /** Who sends it. */
  readonly source: MacAddress;
  /** Tags, the outermost first. */
  readonly tags: readonly VlanTag[];
  /** What follows: an {@linkcode EtherType}. */
  readonly type: number;
}

/** A tag of a VLAN. */
export interface VlanTag {
  /** {@linkcode EtherType.VLAN} or {@linkcode EtherType.PROVIDER_VLAN}. */
  readonly type: number;
  /** The priority, 0 to 7. */
  readonly priority: number;
  /** Whether the frame may be dropped first. */
  readonly isDropEligible: boolean;
  /** The number of the VLAN, 0 to 4095; 0 where only the priority counts. */
  readonly id: number;
}

function isTag(type: number): boolean {
  return type === VLAN || type === PROVIDER_VLAN;
}

/**
 * Judges a frame.
 *
 * @param packets The memory.
 * @param at The offset of the frame.
 * @param length The bytes of the frame.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < SIZE) return Fault.FRAME_TOO_SHORT;
  const { view } = packets;
  // The group bit has no meaning in a source: IEEE 802.3 section 3.2.3.
  if ((view.getUint8(at + SOURCE) & 1) !== 0) return Fault.FRAME_SOURCE_IS_GROUP;
  const type = view.getUint16(at + TYPE);
  return type < FIRST_TYPE || isTag(type) ? checkTags(packets, at, length) : GOOD;
}

function checkTags(packets: PacketBytes, at: number, length: number): Fault {
  for (let tags = 0;; tags++) {
    const headerBytes = SIZE + tags * TAG.SIZE;
    if (length < headerBytes) return Fault.FRAME_TAG_TOO_SHORT;
    const type = packets.view.getUint16(at + TYPE + tags * TAG.SIZE);
    if (!isTag(type)) return type < FIRST_TYPE ? Fault.FRAME_NOT_ETHERNET_II : Fault.NONE;
    if (tags === MAX_TAGS) return Fault.FRAME_TOO_MANY_TAGS;
  }
}

/** The first two bytes of the destination. */
export function destinationHigh(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + DESTINATION);
}

/** The last four bytes of the destination, as a signed word. */
export function destinationLow(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at + DESTINATION + 2);
}

/** The first two bytes of the source. */
export function sourceHigh(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + SOURCE);
}

/** The last four bytes of the source, as a signed word. */
export function sourceLow(packets: PacketBytes, at: number): number {
  return packets.view.getInt32(at + SOURCE + 2);
}

/** The destination. */
export function destination(packets: PacketBytes, at: number): MacAddress {
  return macAt(packets, at + DESTINATION);
}

/** The source. */
export function source(packets: PacketBytes, at: number): MacAddress {
  return macAt(packets, at + SOURCE);
}

/** How many bytes lie before what the frame carries: 14, and 4 for each tag. */
export function headerBytes(packets: PacketBytes, at: number): number {
  return isTag(packets.view.getUint16(at + TYPE)) ? taggedHeaderBytes(packets, at) : SIZE;
}

function taggedHeaderBytes(packets: PacketBytes, at: number): number {
  const { view } = packets;
  const inner = SIZE + TAG.SIZE;
  return isTag(view.getUint16(at + TYPE + TAG.SIZE)) ? inner + TAG.SIZE : inner;
}

/** What the frame carries, behind its tags: an {@linkcode EtherType}. */
export function type(packets: PacketBytes, at: number): number {
  const outer = packets.view.getUint16(at + TYPE);
  if (!isTag(outer)) return outer;
  return packets.view.getUint16(at + taggedHeaderBytes(packets, at) - 2);
}

/** The number of the outermost VLAN, -1 for a frame without a tag. */
export function vlanId(packets: PacketBytes, at: number): number {
  const { view } = packets;
  if (!isTag(view.getUint16(at + TYPE))) return -1;
  return view.getUint16(at + TYPE + TAG.CONTROL) & VLAN_ID_MASK;
}

/**
 * Writes a header without tags, from addresses cut as tables have them.
 *
 * @param packets The memory.
 * @param at The offset of the frame.
 * @param toHigh The first two bytes of the destination.
 * @param toLow The last four of them.
 * @param fromHigh The first two bytes of the source.
 * @param fromLow The last four of them.
 * @param etherType What follows.
 * @returns The bytes written, 14.
 */
export function put(
  packets: PacketBytes,
  at: number,
  toHigh: number,
  toLow: number,
  fromHigh: number,
  fromLow: number,
  etherType: number,
): number {
  const { view } = packets;
  view.setUint16(at + DESTINATION, toHigh);
  view.setInt32(at + DESTINATION + 2, toLow);
  view.setUint16(at + SOURCE, fromHigh);
  view.setInt32(at + SOURCE + 2, fromLow);
  view.setUint16(at + TYPE, etherType);
  return SIZE;
}

/**
 * Fills a frame up to what a wire carries at least, with zeros. RFC 894, RFC 1042.
 *
 * @param packets The memory; there must be room.
 * @param at The offset of the frame.
 * @param length The bytes of the frame so far.
 * @returns Its bytes now, at least 60.
 */
export function pad(packets: PacketBytes, at: number, length: number): number {
  if (length >= MIN_FRAME_BYTES) return length;
  zeroBytes(packets, at + length, MIN_FRAME_BYTES - length);
  return MIN_FRAME_BYTES;
}

/**
 * Reads the header of a frame that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the frame.
 * @returns What it means.
 */
export function parse(packets: PacketBytes, at: number): EthernetHeader {
  const tags: VlanTag[] = [];
  const end = at + headerBytes(packets, at) - 2;
  for (let tagAt = at + TYPE; tagAt < end; tagAt += TAG.SIZE) {
    const control = packets.view.getUint16(tagAt + TAG.CONTROL);
    tags.push({
      type: packets.view.getUint16(tagAt + TAG.TYPE),
      priority: control >> 13,
      isDropEligible: (control & 0x1000) !== 0,
      id: control & VLAN_ID_MASK,
    });
  }
  return {
    destination: destination(packets, at),
    source: source(packets, at),
    tags,
    type: packets.view.getUint16(end),
  };
}

/**
 * Writes a header.
 *
 * @param packets The memory.
 * @param at The offset of the frame.
 * @param header What it means.
 * @returns The bytes written: what the frame carries follows them.
 */
export function emit(packets: PacketBytes, at: number, header: EthernetHeader): number {
  const { destination: to, source: from } = header;
  put(packets, at, macHigh(to), macLow(to), macHigh(from), macLow(from), header.type);
  let tagAt = at + TYPE;
  for (const tag of header.tags) {
    const control = tag.priority << 13 | (tag.isDropEligible ? 0x1000 : 0) | tag.id;
    packets.view.setUint16(tagAt + TAG.TYPE, tag.type);
    packets.view.setUint16(tagAt + TAG.CONTROL, control);
    tagAt += TAG.SIZE;
  }
  packets.view.setUint16(tagAt, header.type);
  return tagAt + 2 - at;
}
