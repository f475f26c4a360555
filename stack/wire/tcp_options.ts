/**
 * The options of TCP as a stack reads them: once for each segment, into the same object, so that
 * nothing is allocated; `tcp_options_write.ts` writes them. RFC 9293 section 3.2, RFC 7323 (window
 * scale, timestamps), RFC 2018 (SACK), RFC 7413 (Fast Open), RFC 5482 (user timeout), RFC 9768
 * (accurate ECN). MPTCP (RFC 8684) and all others are passed over; whoever wants to see them reads
 * the list of `tcp_option_list.ts`.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** What an option is. */
export const OptionKind = {
  END: 0,
  NO_OPERATION: 1,
  MAXIMUM_SEGMENT: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
  USER_TIMEOUT: 28,
  MPTCP: 30,
  FAST_OPEN: 34,
  /** Its counters begin with that of ECT(0). RFC 9768 section 3.2.3. */
  ACCURATE_ECN_0: 172,
  /** Its counters begin with that of ECT(1). */
  ACCURATE_ECN_1: 174,
} as const;

/** An option of more than one byte; what it holds follows. */
export const OPTION: Readonly<Record<"KIND" | "LENGTH" | "SIZE", number>> = structure(2, [
  ["KIND", 1],
  ["LENGTH", 1],
]);
/** How much the sender of a SYN takes at once. */
export const MAXIMUM_SEGMENT: Readonly<Record<"HEADER" | "BYTES" | "SIZE", number>> = structure(4, [
  ["HEADER", OPTION.SIZE],
  ["BYTES", 2],
]);
/** By how many bits windows are shifted. */
export const WINDOW_SCALE: Readonly<Record<"HEADER" | "SHIFT" | "SIZE", number>> = structure(3, [
  ["HEADER", OPTION.SIZE],
  ["SHIFT", 1],
]);
/** The sender's clock, and the other one's as it saw it last. */
export const TIMESTAMPS: Readonly<Record<"HEADER" | "VALUE" | "ECHO" | "SIZE", number>> = structure(
  10,
  [["HEADER", OPTION.SIZE], ["VALUE", 4], ["ECHO", 4]],
);
/** How long the sender waits for acknowledgments. */
export const USER_TIMEOUT: Readonly<Record<"HEADER" | "TIMEOUT" | "SIZE", number>> = structure(4, [
  ["HEADER", OPTION.SIZE],
  ["TIMEOUT", 2],
]);
/** Bytes that arrived behind a gap. */
export const SACK_BLOCK: Readonly<Record<"LEFT" | "RIGHT" | "SIZE", number>> = structure(8, [
  ["LEFT", 4],
  ["RIGHT", 4],
]);
/** A counter of accurate ECN has 24 bits. */
export const COUNTER_BYTES = 3;

/** The most bytes of options that a header has room for. */
export const MAX_OPTIONS_BYTES = 40;
/** The most blocks of a SACK option. RFC 2018 section 3. */
export const MAX_SACK_BLOCKS = 4;
/** The largest shift of a window. RFC 7323 section 2.3. */
export const MAX_WINDOW_SCALE = 14;
/** The shortest and the longest cookie; their lengths are even. RFC 7413 section 4.1.1. */
export const MIN_COOKIE_BYTES = 4;
/** See {@linkcode MIN_COOKIE_BYTES}. */
export const MAX_COOKIE_BYTES = 16;

/** Options that {@linkcode TcpOptions} has room for. */
export const OptionBit = {
  MAXIMUM_SEGMENT: 1 << 0,
  WINDOW_SCALE: 1 << 1,
  SACK_PERMITTED: 1 << 2,
  SACK: 1 << 3,
  TIMESTAMPS: 1 << 4,
  USER_TIMEOUT: 1 << 5,
  FAST_OPEN: 1 << 6,
  ACCURATE_ECN: 1 << 7,
} as const;

/** The bytes in which most segments of most connections carry their timestamps: two NOPs before. */
export const ALIGNED_TIMESTAMPS: number = OptionKind.NO_OPERATION << 24 |
  OptionKind.NO_OPERATION << 16 |
  OptionKind.TIMESTAMPS << 8 | TIMESTAMPS.SIZE;
/** The bytes of those. */
export const ALIGNED_TIMESTAMPS_BYTES = 12;
/** Options follow the part that every header has. */
export const FIXED_HEADER_BYTES = 20;

/** The options of one segment. A field counts if {@linkcode TcpOptions.present} has its bit. */
export class TcpOptions {
  /** Bits of {@linkcode OptionBit}. */
  present: number = 0;
  /** The largest payload that the sender takes. */
  maximumSegment: number = 0;
  /** By how many bits the windows of the sender are shifted, at most 14. */
  windowScale: number = 0;
  /** The sender's clock, as a signed word. */
  timestampValue: number = 0;
  /** The clock of the receiver as the sender saw it last, as a signed word. */
  timestampEcho: number = 0;
  /** How many blocks there are in {@linkcode TcpOptions.sackEdges}. */
  sackBlocks: number = 0;
  /** The left and the right edge of each block, as signed words. */
  readonly sackEdges: Int32Array = new Int32Array(2 * MAX_SACK_BLOCKS);
  /** How many bytes the cookie has; 0 asks for one. */
  cookieBytes: number = 0;
  /** The cookie. */
  readonly cookie: Uint8Array = new Uint8Array(MAX_COOKIE_BYTES);
  /** The highest bit chooses minutes, the others count. RFC 5482 section 3. */
  userTimeout: number = 0;
  /** The bytes that came with ECT(0), modulo 2^24; -1 where the option has not got it. */
  ecnBytes0: number = -1;
  /** The bytes that came with CE, or -1. */
  ecnBytesCe: number = -1;
  /** The bytes that came with ECT(1), or -1. */
  ecnBytes1: number = -1;
}

/**
 * Reads the options of a segment that `check` of `tcp.ts` finds nothing wrong with. An option that
 * has not the length of its kind is passed over like one that is unknown.
 *
 * @param packets The memory.
 * @param tcpAt The offset of the header.
 * @param headerBytes The bytes of the header.
 * @param into What is filled.
 * @returns {@linkcode Fault.TCP_OPTION_LENGTH} when one is cut off: those before it were read.
 */
export function scan(
  packets: PacketBytes,
  tcpAt: number,
  headerBytes: number,
  into: TcpOptions,
): Fault {
  const at = tcpAt + FIXED_HEADER_BYTES;
  if (headerBytes === FIXED_HEADER_BYTES) {
    into.present = 0;
    return Fault.NONE;
  }
  const { view } = packets;
  if (
    headerBytes === FIXED_HEADER_BYTES + ALIGNED_TIMESTAMPS_BYTES &&
    view.getInt32(at) === ALIGNED_TIMESTAMPS
  ) {
    into.present = OptionBit.TIMESTAMPS;
    into.timestampValue = view.getInt32(at + 4);
    into.timestampEcho = view.getInt32(at + 8);
    return Fault.NONE;
  }
  into.present = 0;
  return scanAll(packets, at, tcpAt + headerBytes, into);
}

function scanAll(packets: PacketBytes, from: number, end: number, into: TcpOptions): Fault {
  const { view } = packets;
  for (let at = from; at < end;) {
    const kind = view.getUint8(at);
    // RFC 9293 section 3.1 (MUST-4): the end of the list, no operation and the MSS are understood.
    if (kind === OptionKind.END) return Fault.NONE;
    // RFC 9293 section 3.1 (MUST-64): an option may begin at any octet.
    if (kind === OptionKind.NO_OPERATION) {
      at++;
      continue;
    }
    // RFC 9293 section 3.1 (MUST-7): a length that makes no sense is survived.
    if (end - at < OPTION.SIZE) return Fault.TCP_OPTION_LENGTH;
    // RFC 9293 section 3.1 (MUST-68): all other options have a length.
    const length = view.getUint8(at + OPTION.LENGTH);
    if (length < OPTION.SIZE || length > end - at) return Fault.TCP_OPTION_LENGTH;
    // RFC 9293 section 3.1 (MUST-6): what is not known is passed over by its length.
    into.present |= scanOne(packets, at, kind, length, into);
    at += length;
  }
  return Fault.NONE;
}

/** Reads one option. @returns its bit, 0 if it is passed over */
function scanOne(
  packets: PacketBytes,
  at: number,
  kind: number,
  length: number,
  into: TcpOptions,
): number {
  const { view } = packets;
  if (!hasLengthOfKind(kind, length)) return 0;
  switch (kind) {
    case OptionKind.MAXIMUM_SEGMENT:
      into.maximumSegment = view.getUint16(at + MAXIMUM_SEGMENT.BYTES);
      return OptionBit.MAXIMUM_SEGMENT;
    case OptionKind.WINDOW_SCALE:
      // RFC 7323 section 2.3 (MUST): of more than 14, 14 is taken.
      into.windowScale = Math.min(view.getUint8(at + WINDOW_SCALE.SHIFT), MAX_WINDOW_SCALE);
      return OptionBit.WINDOW_SCALE;
    case OptionKind.SACK_PERMITTED:
      return OptionBit.SACK_PERMITTED;
    case OptionKind.SACK:
      into.sackBlocks = (length - OPTION.SIZE) / SACK_BLOCK.SIZE;
      for (let i = 0; i < 2 * into.sackBlocks; i++) {
        into.sackEdges[i] = view.getInt32(at + OPTION.SIZE + 4 * i);
      }
      return OptionBit.SACK;
    case OptionKind.TIMESTAMPS:
      into.timestampValue = view.getInt32(at + TIMESTAMPS.VALUE);
      into.timestampEcho = view.getInt32(at + TIMESTAMPS.ECHO);
      return OptionBit.TIMESTAMPS;
    case OptionKind.USER_TIMEOUT:
      into.userTimeout = view.getUint16(at + USER_TIMEOUT.TIMEOUT);
      return OptionBit.USER_TIMEOUT;
    case OptionKind.FAST_OPEN:
      into.cookieBytes = length - OPTION.SIZE;
      for (let i = 0; i < into.cookieBytes; i++) {
        into.cookie[i] = view.getUint8(at + OPTION.SIZE + i);
      }
      return OptionBit.FAST_OPEN;
    default:
      scanCounters(packets, at, kind, length, into);
      return OptionBit.ACCURATE_ECN;
  }
}

/**
 * Whether an option is one of {@linkcode OptionBit} and as long as its kind says.
 *
 * @param kind The kind.
 * @param length Its bytes with kind and length.
 * @returns Whether it is.
 */
export function hasLengthOfKind(kind: number, length: number): boolean {
  switch (kind) {
    case OptionKind.MAXIMUM_SEGMENT:
      return length === MAXIMUM_SEGMENT.SIZE;
    case OptionKind.WINDOW_SCALE:
      return length === WINDOW_SCALE.SIZE;
    case OptionKind.SACK_PERMITTED:
      return length === OPTION.SIZE;
    case OptionKind.SACK:
      return length > OPTION.SIZE && (length - OPTION.SIZE) % SACK_BLOCK.SIZE === 0 &&
        length <= OPTION.SIZE + MAX_SACK_BLOCKS * SACK_BLOCK.SIZE;
    case OptionKind.TIMESTAMPS:
      return length === TIMESTAMPS.SIZE;
    case OptionKind.USER_TIMEOUT:
      return length === USER_TIMEOUT.SIZE;
    case OptionKind.FAST_OPEN: {
      // RFC 7413 section 4.1.1 (MUST): a cookie has 4 to 16 bytes, an even number; what has not is
      // ignored.
      const cookie = length - OPTION.SIZE;
      return cookie === 0 ||
        cookie >= MIN_COOKIE_BYTES && cookie <= MAX_COOKIE_BYTES && cookie % 2 === 0;
    }
    case OptionKind.ACCURATE_ECN_0:
    case OptionKind.ACCURATE_ECN_1:
      // RFC 9768 section 3.2.3 (MUST): none, one, two or three counters.
      return length <= OPTION.SIZE + 3 * COUNTER_BYTES &&
        (length - OPTION.SIZE) % COUNTER_BYTES === 0;
    default:
      return false;
  }
}

/** Reads the counter of 24 bits at an offset. */
export function counterAt(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at) << 16 | packets.view.getUint16(at + 1);
}

/** Writes a counter of 24 bits. */
export function putCounter(packets: PacketBytes, at: number, counter: number): void {
  packets.view.setUint8(at, counter >> 16);
  packets.view.setUint16(at + 1, counter & 0xffff);
}

function scanCounters(
  packets: PacketBytes,
  at: number,
  kind: number,
  length: number,
  into: TcpOptions,
): void {
  const first = at + OPTION.SIZE;
  const end = at + length;
  const one = first < end ? counterAt(packets, first) : -1;
  const three = first + 2 * COUNTER_BYTES < end
    ? counterAt(packets, first + 2 * COUNTER_BYTES)
    : -1;
  into.ecnBytesCe = first + COUNTER_BYTES < end ? counterAt(packets, first + COUNTER_BYTES) : -1;
  into.ecnBytes0 = kind === OptionKind.ACCURATE_ECN_0 ? one : three;
  into.ecnBytes1 = kind === OptionKind.ACCURATE_ECN_0 ? three : one;
}
