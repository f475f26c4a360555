/**
 * What an attacker does to a frame that it saw.
 *
 * @module
 */

import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import * as tcp from "../../../stack/wire/tcp.ts";
import type { Random } from "../../support/seed.ts";
import { FRAME_ROOM, type FrameDraft, IP_AT } from "./frame_draft.ts";

/** Changes a frame in place. @returns whether it could */
export type Mutation = (draft: FrameDraft, random: Random) => boolean;

const BOUNDARIES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 2, 3, 0x7fff, 0x8000, 0xfffe, 0xffff];
const LONG_WORDS = [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const MAC_BYTES = 12;
/** Offset and bytes of the fields of each header. */
const IPV4_FIELDS = [[0, 1], [1, 1], [2, 2], [4, 2], [6, 2], [8, 1], [9, 1], [12, 4], [16, 4]];
const IPV6_FIELDS = [[0, 4], [4, 2], [6, 1], [7, 1], [8, 4], [20, 4], [24, 4], [36, 4]];
const TCP_FIELDS = [[0, 2], [2, 2], [4, 4], [8, 4], [12, 1], [13, 1], [14, 2], [18, 2]];
const OTHER_FIELDS = [[0, 1], [1, 1], [2, 2], [4, 2], [6, 2], [4, 4], [8, 4], [12, 4]];

function put(draft: FrameDraft, at: number, bytes: number, random: Random): void {
  const { view } = draft.packets;
  if (bytes === 1) view.setUint8(at, random.pick(BOUNDARIES));
  else if (bytes === 2) view.setUint16(at, random.pick(WORDS));
  else view.setUint32(at, random.pick(LONG_WORDS));
}

/** Somewhere in the frame, mostly in its headers. */
function place(draft: FrameDraft, random: Random): number {
  const end = random.chance(0.8) ? Math.min(draft.length, 90) : draft.length;
  const from = random.chance(0.9) ? Math.min(MAC_BYTES, end - 1) : 0;
  return random.integer(from, end - 1);
}

function flipBits(draft: FrameDraft, random: Random): boolean {
  for (let count = random.integer(1, 8); count > 0; count--) {
    draft.packets.bytes[place(draft, random)] ^= 1 << random.integer(0, 7);
  }
  return true;
}

function setBytes(draft: FrameDraft, random: Random): boolean {
  for (let count = random.integer(1, 4); count > 0; count--) {
    const byte = random.chance(0.5) ? random.pick(BOUNDARIES) : random.integer(0, 255);
    draft.packets.bytes[place(draft, random)] = byte;
  }
  return true;
}

function setFields(draft: FrameDraft, random: Random): boolean {
  const { version, transportAt, protocol } = draft;
  for (let count = random.integer(1, 3); count > 0; count--) {
    const isIp = version !== 0 && (transportAt < 0 || random.chance(0.4));
    const ofTransport = protocol === Protocol.TCP ? TCP_FIELDS : OTHER_FIELDS;
    const fields = isIp ? version === 4 ? IPV4_FIELDS : IPV6_FIELDS : ofTransport;
    const [offset, bytes] = random.pick(fields);
    put(draft, (isIp || transportAt < 0 ? IP_AT : transportAt) + offset, bytes, random);
  }
  return true;
}

function truncate(draft: FrameDraft, random: Random): boolean {
  const longest = random.chance(0.5) ? Math.min(draft.length, 100) : draft.length;
  draft.length = random.integer(0, longest);
  if (random.chance(0.6)) draft.fitLengths();
  return true;
}

function extend(draft: FrameDraft, random: Random): boolean {
  const more = random.bytes(random.integer(1, random.chance(0.8) ? 64 : 600));
  if (draft.length + more.length > FRAME_ROOM) return false;
  draft.packets.bytes.set(more, draft.length);
  draft.length += more.length;
  if (random.chance(0.6)) draft.fitLengths();
  return true;
}

function exchange(draft: FrameDraft, one: number, other: number, bytes: number): void {
  const memory = draft.packets.bytes;
  const kept = memory.slice(one, one + bytes);
  memory.copyWithin(one, other, other + bytes);
  memory.set(kept, other);
}

/** Sends a frame back where it came from, or makes it come from where it goes to. */
function swapAddresses(draft: FrameDraft, random: Random): boolean {
  const { version, transportAt, protocol } = draft;
  if (version === 0) return false;
  exchange(draft, 0, 6, 6);
  const [at, bytes] = version === 4 ? [IP_AT + 12, 4] : [IP_AT + 8, 16];
  const hasPorts = transportAt >= 0 && (protocol === Protocol.TCP || protocol === Protocol.UDP);
  if (random.chance(0.3)) {
    const { bytes: memory } = draft.packets;
    memory.copyWithin(at, at + bytes, at + 2 * bytes);
    if (hasPorts) memory.copyWithin(transportAt, transportAt + 2, transportAt + 4);
    return true;
  }
  exchange(draft, at, at + bytes, bytes);
  if (hasPorts && random.chance(0.7)) exchange(draft, transportAt, transportAt + 2, 2);
  return true;
}

/** A number near where windows begin and end. */
function near(random: Random): number {
  switch (random.integer(0, 5)) {
    case 0:
      return random.integer(-3, 3);
    case 1:
      return random.integer(-3000, 3000);
    case 2:
      return random.pick([-1, 0, 1]) + random.pick([1448, 1460, 8192, 65535, 65536, 1 << 20]);
    case 3:
      return random.pick([-1, 0, 1]) + 2 ** 31;
    case 4:
      return random.integer(-70_000, 70_000);
    default:
      return random.uint32();
  }
}

function tcpAt(draft: FrameDraft): number {
  const { transportAt, protocol, length } = draft;
  const isWhole = protocol === Protocol.TCP && transportAt >= 0 &&
    transportAt + tcp.HEADER_BYTES <= length;
  return isWhole ? transportAt : -1;
}

function moveNumbers(draft: FrameDraft, random: Random): boolean {
  const at = tcpAt(draft);
  if (at < 0) return false;
  const { view } = draft.packets;
  const what = random.integer(1, 3);
  if ((what & 1) !== 0) view.setInt32(at + 4, (view.getInt32(at + 4) + near(random)) | 0);
  if ((what & 2) !== 0) view.setInt32(at + 8, (view.getInt32(at + 8) + near(random)) | 0);
  if (random.chance(0.2)) view.setUint16(at + 14, random.pick(WORDS));
  return true;
}

function setFlags(draft: FrameDraft, random: Random): boolean {
  const at = tcpAt(draft);
  if (at < 0) return false;
  const { view } = draft.packets;
  const { SYN, FIN, RST, URG, ACK } = tcp.Flag;
  const flags = random.pick([
    ...[SYN, SYN | ACK, FIN, FIN | ACK, RST, RST | ACK, URG | ACK, ACK, 0],
    ...[SYN | FIN, SYN | RST, FIN | URG | ACK, 0xff, random.integer(0, 255)],
  ]);
  view.setUint8(at + 13, flags);
  if ((flags & URG) !== 0) view.setUint16(at + 18, random.pick([...WORDS, 100, 1460]));
  if (random.chance(0.3)) moveNumbers(draft, random);
  return true;
}

/** Options of TCP, well made and not. */
const TCP_OPTIONS: readonly (readonly number[])[] = [
  [0],
  [1],
  [2, 4, 0, 0],
  [2, 4, 0, 1],
  [2, 4, 255, 255],
  [2, 3, 5],
  [3, 3, 14],
  [3, 3, 255],
  [4, 2],
  [5, 10, 0, 0, 0, 1, 0, 0, 0, 9],
  [5, 18, 255, 255, 255, 255, 0, 0, 0, 0, 9, 9, 9, 9, 1, 1, 1, 1],
  [5, 2],
  [5, 9, 1, 2, 3, 4, 5, 6, 7],
  [8, 10, 0, 0, 0, 0, 0, 0, 0, 0],
  [8, 10, 127, 255, 255, 255, 127, 255, 255, 255],
  [8, 10, 255, 255, 255, 255, 255, 255, 255, 255],
  [8, 8, 1, 1, 1, 1, 1, 1],
  [28, 4, 0, 1],
  [34, 2],
  [34, 10, 1, 2, 3, 4, 5, 6, 7, 8],
  [34, 3, 1],
  [172, 11, 0, 0, 1, 0, 0, 2, 0, 0, 3],
  [174, 5, 9, 9, 9],
  [253, 0],
  [254, 255],
];

/** Replaces the bytes from one place to another one, and moves what follows. */
function splice(draft: FrameDraft, from: number, to: number, bytes: ArrayLike<number>): boolean {
  if (to > draft.length || draft.length + bytes.length > FRAME_ROOM) return false;
  const memory = draft.packets.bytes;
  memory.copyWithin(from + bytes.length, to, draft.length);
  memory.set(bytes, from);
  draft.length += bytes.length - (to - from);
  return true;
}

function rewriteOptions(draft: FrameDraft, random: Random): boolean {
  const at = tcpAt(draft);
  if (at < 0) return false;
  const { view } = draft.packets;
  const header = Math.max(tcp.HEADER_BYTES, (view.getUint8(at + 12) >> 4) * 4);
  const options: number[] = [];
  for (let count = random.integer(0, 4); count > 0; count--) {
    const option = [...random.pick(TCP_OPTIONS)];
    if (option.length > 4 && random.chance(0.3)) option[option.length - 1] ^= random.uint32() & 255;
    if (options.length + option.length <= 40) options.push(...option);
  }
  while (options.length % 4 !== 0) options.push(1);
  if (!splice(draft, at + tcp.HEADER_BYTES, at + header, options)) return false;
  const words = (tcp.HEADER_BYTES + options.length) / 4;
  view.setUint8(at + 12, words << 4 | (view.getUint8(at + 12) & 15));
  draft.fitLengths();
  return true;
}

/** Options of IPv4, and extension headers of IPv6: well made, and not. */
const IPV4_OPTIONS: readonly (readonly number[])[] = [
  [1, 1, 1, 0],
  [148, 4, 0, 0],
  [7, 7, 4, 0, 0, 0, 0, 0],
  [7, 7, 8, 1, 2, 3, 4, 0],
  [131, 7, 4, 10, 0, 0, 1, 0],
  [137, 7, 4, 10, 0, 0, 2, 0],
  [68, 8, 5, 0, 0, 0, 0, 0],
  [68, 12, 5, 0x31, 10, 0, 0, 1, 0, 0, 0, 0],
  [7, 3, 99, 0],
  [200, 255, 1, 1],
];
const IPV6_EXTENSIONS: readonly (readonly [number, readonly number[]])[] = [
  [Protocol.HOP_BY_HOP, [0, 0, 5, 2, 0, 0, 1, 0]],
  [Protocol.HOP_BY_HOP, [0, 0, 0xc2, 4, 0, 1, 0, 0]],
  [Protocol.HOP_BY_HOP, [0, 0, 0x82, 4, 0, 0, 0, 0]],
  [Protocol.DESTINATION_OPTIONS, [0, 0, 1, 4, 0, 0, 0, 0]],
  [Protocol.DESTINATION_OPTIONS, [0, 9, 1, 4, 0, 0, 0, 0]],
  [Protocol.ROUTING, [0, 0, 0, 0, 0, 0, 0, 0]],
  [Protocol.ROUTING, [0, 0, 0, 1, 0, 0, 0, 0]],
  [Protocol.ROUTING, [0, 0, 4, 9, 0, 0, 0, 0]],
  [Protocol.FRAGMENT, [0, 0, 0, 0, 0, 0, 0, 1]],
  [Protocol.FRAGMENT, [0, 0, 0, 1, 0, 0, 0, 1]],
];

function insertExtensions(draft: FrameDraft, random: Random): boolean {
  const { view } = draft.packets;
  if (draft.version === 4) {
    const header = (view.getUint8(IP_AT) & 15) * 4;
    const options = random.pick(IPV4_OPTIONS);
    if (header < ipv4.HEADER_BYTES || header + options.length > ipv4.MAX_HEADER_BYTES) return false;
    if (!splice(draft, IP_AT + header, IP_AT + header, options)) return false;
    view.setUint8(IP_AT, 0x40 | (header + options.length) / 4);
  } else if (draft.version === 6) {
    const at = IP_AT + ipv6.HEADER_BYTES;
    const [kind, bytes] = random.pick(IPV6_EXTENSIONS);
    if (!splice(draft, at, at, bytes)) return false;
    view.setUint8(at, view.getUint8(IP_AT + 6));
    view.setUint8(IP_AT + 6, kind);
  } else return false;
  draft.fitLengths();
  return true;
}

/** All of them, by name. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "bits flipped": flipBits,
  "bytes set": setBytes,
  "fields at their bounds": setFields,
  "truncated": truncate,
  "extended": extend,
  "addresses swapped": swapAddresses,
  "numbers near windows": moveNumbers,
  "flags set": setFlags,
  "options rewritten": rewriteOptions,
  "options of IP inserted": insertExtensions,
};
