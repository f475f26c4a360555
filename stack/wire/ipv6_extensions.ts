/**
 * The extension headers of IPv6 as a list, in the order of the wire: what people, tests and those
 * who send such headers handle. RFC 8200 section 4.
 *
 * @module
 */

import { Fault } from "./fault.ts";
import { EXTENSION, FRAGMENT, isPadding, MAX_EXTENSIONS, OPTION } from "./ipv6_chain.ts";
import { OptionType, ROUTING } from "./ipv6_chain.ts";
import { Protocol } from "./numbers.ts";
import { copyBytes, type PacketBytes, putBytes, zeroBytes } from "./packet_bytes.ts";

/** An extension header. */
export type Ipv6Extension =
  | {
    readonly header: "hop-by-hop" | "destination";
    /** Padding at the end is left out. */
    readonly options: readonly Ipv6Option[];
  }
  | {
    readonly header: "routing";
    readonly type: number;
    readonly segmentsLeft: number;
    /** What follows the first four bytes: 4 bytes, and any number of times 8. */
    readonly data: Uint8Array;
  }
  | {
    readonly header: "fragment";
    /** Where the fragment belongs, in bytes: a multiple of 8. */
    readonly offset: number;
    readonly moreFragments: boolean;
    /** What the fragments of a packet have in common, as a signed word. */
    readonly identification: number;
  };

/** An option of hop-by-hop or destination options. */
export interface Ipv6Option {
  /** Its type, whose highest bits say what to do with one that is unknown. */
  readonly type: number;
  /** What follows type and length; none where the type is 0. */
  readonly data: Uint8Array;
}

/** The extension headers of a packet, and what follows them. */
export interface Ipv6Extensions {
  /** The headers, in their order. */
  readonly extensions: readonly Ipv6Extension[];
  /** What the last of them names. */
  readonly protocol: number;
  /** The bytes that they take. */
  readonly bytes: number;
}

const NUMBERS = {
  "hop-by-hop": Protocol.HOP_BY_HOP,
  "destination": Protocol.DESTINATION_OPTIONS,
  "routing": Protocol.ROUTING,
  "fragment": Protocol.FRAGMENT,
} as const;

const MORE_FRAGMENTS = 1;

/**
 * Judges the outlines of extension headers: whether none is cut off, nor an option in one of them.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param length The bytes that follow the IPv6 header.
 * @param nextHeader What the IPv6 header names.
 * @returns What is wrong with them, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number, nextHeader: number): Fault {
  const { view } = packets;
  const end = at + length;
  let type = nextHeader;
  let next = at;
  for (let count = 0; isListed(type); count++) {
    if (count === MAX_EXTENSIONS) return Fault.IPV6_TOO_MANY_EXTENSIONS;
    if (end - next < FRAGMENT.SIZE) return Fault.IPV6_EXTENSION_TRUNCATED;
    const bytes = headerBytes(packets, next, type);
    if (bytes > end - next) return Fault.IPV6_EXTENSION_TRUNCATED;
    if (hasOptions(type) && !areOptionsWhole(packets, next, bytes)) {
      return Fault.IPV6_OPTION_LENGTH;
    }
    const isPart = type === Protocol.FRAGMENT && view.getUint16(next + FRAGMENT.OFFSET_MORE) > 7;
    type = view.getUint8(next + EXTENSION.NEXT_HEADER);
    next += bytes;
    // What a later fragment begins with is no header.
    if (isPart) return Fault.NONE;
  }
  return Fault.NONE;
}

function isListed(type: number): boolean {
  return hasOptions(type) || type === Protocol.ROUTING || type === Protocol.FRAGMENT;
}

function hasOptions(type: number): boolean {
  return type === Protocol.HOP_BY_HOP || type === Protocol.DESTINATION_OPTIONS;
}

function headerBytes(packets: PacketBytes, at: number, type: number): number {
  if (type === Protocol.FRAGMENT) return FRAGMENT.SIZE;
  return (packets.view.getUint8(at + EXTENSION.LENGTH) + 1) << 3;
}

function areOptionsWhole(packets: PacketBytes, at: number, bytes: number): boolean {
  const end = at + bytes;
  let next = at + EXTENSION.SIZE;
  while (next < end) {
    if (packets.view.getUint8(next) === OptionType.PAD_1) next++;
    else if (end - next < OPTION.SIZE) return false;
    else next += OPTION.SIZE + packets.view.getUint8(next + OPTION.LENGTH);
  }
  return next === end;
}

/**
 * Reads extension headers that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param nextHeader What the IPv6 header names.
 * @returns What they mean, in their order, up to the header of a fragment that is not the first.
 */
export function parse(packets: PacketBytes, at: number, nextHeader: number): Ipv6Extensions {
  const extensions: Ipv6Extension[] = [];
  let protocol = nextHeader;
  let next = at;
  while (isListed(protocol)) {
    const bytes = headerBytes(packets, next, protocol);
    const extension = parseOne(packets, next, protocol, bytes);
    extensions.push(extension);
    protocol = packets.view.getUint8(next + EXTENSION.NEXT_HEADER);
    next += bytes;
    if (extension.header === "fragment" && extension.offset > 0) break;
  }
  return { extensions, protocol, bytes: next - at };
}

function parseOne(packets: PacketBytes, at: number, type: number, bytes: number): Ipv6Extension {
  const { view } = packets;
  if (type === Protocol.FRAGMENT) {
    const word = view.getUint16(at + FRAGMENT.OFFSET_MORE);
    return {
      header: "fragment",
      offset: word & ~7,
      moreFragments: (word & MORE_FRAGMENTS) !== 0,
      identification: view.getInt32(at + FRAGMENT.IDENTIFICATION),
    };
  }
  if (type === Protocol.ROUTING) {
    return {
      header: "routing",
      type: view.getUint8(at + ROUTING.TYPE),
      segmentsLeft: view.getUint8(at + ROUTING.SEGMENTS_LEFT),
      data: copyBytes(packets, at + ROUTING.SIZE, bytes - ROUTING.SIZE),
    };
  }
  const options: Ipv6Option[] = [];
  const end = at + bytes;
  for (let next = at + EXTENSION.SIZE; next < end;) {
    const option = view.getUint8(next++);
    const length = option === OptionType.PAD_1 ? 0 : view.getUint8(next++);
    options.push({ type: option, data: copyBytes(packets, next, length) });
    next += length;
  }
  while (options.length > 0 && isPadding(options[options.length - 1].type)) options.pop();
  return { header: type === Protocol.HOP_BY_HOP ? "hop-by-hop" : "destination", options };
}

function optionBytes({ type, data }: Ipv6Option): number {
  return type === OptionType.PAD_1 ? 1 : OPTION.SIZE + data.length;
}

function extensionBytes(extension: Ipv6Extension): number {
  switch (extension.header) {
    case "fragment":
      return FRAGMENT.SIZE;
    case "routing":
      return ROUTING.SIZE + extension.data.length;
    default: {
      let bytes = EXTENSION.SIZE;
      for (const option of extension.options) bytes += optionBytes(option);
      return bytes + 7 & ~7;
    }
  }
}

/** The bytes that extension headers take. */
export function emittedBytes(extensions: readonly Ipv6Extension[]): number {
  return extensions.reduce((bytes, extension) => bytes + extensionBytes(extension), 0);
}

/** What the IPv6 header has to name: the first extension header, or the protocol where none is. */
export function firstHeader(extensions: readonly Ipv6Extension[], protocol: number): number {
  return extensions.length === 0 ? protocol : NUMBERS[extensions[0].header];
}

/**
 * Writes extension headers.
 *
 * @param packets The memory.
 * @param at The offset of the first.
 * @param extensions What they mean.
 * @param protocol What follows them.
 * @returns The bytes written.
 * @throws {RangeError} When the data of a routing header do not fill it.
 */
export function emit(
  packets: PacketBytes,
  at: number,
  extensions: readonly Ipv6Extension[],
  protocol: number,
): number {
  let next = at;
  extensions.forEach((extension, i) => {
    const bytes = extensionBytes(extension);
    if (bytes % 8 !== 0) throw new RangeError(`an extension header of ${bytes} bytes`);
    packets.view.setUint8(
      next + EXTENSION.NEXT_HEADER,
      firstHeader(extensions.slice(i + 1), protocol),
    );
    packets.view.setUint8(next + EXTENSION.LENGTH, (bytes >> 3) - 1);
    emitOne(packets, next, extension, bytes);
    next += bytes;
  });
  return next - at;
}

function emitOne(packets: PacketBytes, at: number, extension: Ipv6Extension, bytes: number): void {
  const { view } = packets;
  switch (extension.header) {
    case "fragment": {
      view.setUint8(at + FRAGMENT.RESERVED, 0);
      const more = extension.moreFragments ? MORE_FRAGMENTS : 0;
      view.setUint16(at + FRAGMENT.OFFSET_MORE, extension.offset | more);
      view.setInt32(at + FRAGMENT.IDENTIFICATION, extension.identification);
      break;
    }
    case "routing":
      view.setUint8(at + ROUTING.TYPE, extension.type);
      view.setUint8(at + ROUTING.SEGMENTS_LEFT, extension.segmentsLeft);
      putBytes(packets, at + ROUTING.SIZE, extension.data);
      break;
    default: {
      let next = at + EXTENSION.SIZE;
      for (const option of extension.options) {
        view.setUint8(next + OPTION.TYPE, option.type);
        if (option.type !== OptionType.PAD_1) {
          view.setUint8(next + OPTION.LENGTH, option.data.length);
          putBytes(packets, next + OPTION.SIZE, option.data);
        }
        next += optionBytes(option);
      }
      putPadding(packets, next, at + bytes - next);
    }
  }
}

/** RFC 8200 section 4.2: one byte is Pad1, more are PadN. */
function putPadding(packets: PacketBytes, at: number, length: number): void {
  zeroBytes(packets, at, length);
  if (length < OPTION.SIZE) return;
  packets.view.setUint8(at + OPTION.TYPE, OptionType.PAD_N);
  packets.view.setUint8(at + OPTION.LENGTH, length - OPTION.SIZE);
}
