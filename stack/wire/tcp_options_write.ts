/**
 * Writes the options of TCP from the object that `tcp_options.ts` reads them into.
 *
 * @module
 */

import type { PacketBytes } from "./packet_bytes.ts";
import {
  ALIGNED_TIMESTAMPS,
  ALIGNED_TIMESTAMPS_BYTES,
  COUNTER_BYTES,
  FIXED_HEADER_BYTES,
  MAX_OPTIONS_BYTES,
  MAXIMUM_SEGMENT,
  OPTION,
  OptionBit,
  OptionKind,
  putCounter,
  SACK_BLOCK,
  type TcpOptions,
  TIMESTAMPS,
  USER_TIMEOUT,
  WINDOW_SCALE,
} from "./tcp_options.ts";

/**
 * Writes the options that are present, in the order in which Linux has them: each ends at a whole
 * word, by NOPs before it.
 *
 * @param packets The memory.
 * @param tcpAt The offset of the header.
 * @param options What is written.
 * @returns The bytes written, a multiple of 4.
 * @throws {RangeError} When they do not fit into a header.
 */
export function write(packets: PacketBytes, tcpAt: number, options: TcpOptions): number {
  const from = tcpAt + FIXED_HEADER_BYTES;
  const { present } = options;
  if (present === 0) return 0;
  const { view } = packets;
  if (present === OptionBit.TIMESTAMPS) {
    view.setInt32(from, ALIGNED_TIMESTAMPS);
    view.setInt32(from + 4, options.timestampValue);
    view.setInt32(from + 8, options.timestampEcho);
    return ALIGNED_TIMESTAMPS_BYTES;
  }
  const bytes = writtenBytes(options);
  if (bytes > MAX_OPTIONS_BYTES) {
    throw new RangeError(`${bytes} bytes of TCP options, the most is ${MAX_OPTIONS_BYTES}`);
  }
  let at = writeOfHandshake(packets, from, options);
  if ((present & OptionBit.ACCURATE_ECN) !== 0) at = writeCounters(packets, at, options);
  if ((present & OptionBit.SACK) !== 0) {
    const length = OPTION.SIZE + options.sackBlocks * SACK_BLOCK.SIZE;
    at = begin(packets, at, from, OptionKind.SACK, length);
    for (let i = 0; i < 2 * options.sackBlocks; i++) {
      view.setInt32(at - length + OPTION.SIZE + 4 * i, options.sackEdges[i]);
    }
  }
  if ((present & OptionBit.USER_TIMEOUT) !== 0) {
    at = begin(packets, at, from, OptionKind.USER_TIMEOUT, USER_TIMEOUT.SIZE);
    view.setUint16(at - USER_TIMEOUT.SIZE + USER_TIMEOUT.TIMEOUT, options.userTimeout);
  }
  if ((present & OptionBit.FAST_OPEN) !== 0) {
    view.setUint8(at + OPTION.KIND, OptionKind.FAST_OPEN);
    view.setUint8(at + OPTION.LENGTH, OPTION.SIZE + options.cookieBytes);
    at += OPTION.SIZE;
    for (let i = 0; i < options.cookieBytes; i++) view.setUint8(at++, options.cookie[i]);
  }
  // RFC 9293 section 3.1 (MUST-69) excepted: options fill whole words by no-operations, as those of
  // Linux do, which leaves no padding that could be zero.
  while ((at - from & 3) !== 0) view.setUint8(at++, OptionKind.NO_OPERATION);
  return at - from;
}

/**
 * The bytes that {@linkcode write} would write, a multiple of 4; more than 40 do not fit.
 *
 * @param options What would be written.
 * @returns How many bytes.
 */
export function writtenBytes(options: TcpOptions): number {
  const { present } = options;
  let bytes = 0;
  if ((present & OptionBit.MAXIMUM_SEGMENT) !== 0) bytes += 4;
  if ((present & OptionBit.TIMESTAMPS) !== 0) bytes += ALIGNED_TIMESTAMPS_BYTES;
  else if ((present & OptionBit.SACK_PERMITTED) !== 0) bytes += 4;
  if ((present & OptionBit.WINDOW_SCALE) !== 0) bytes += 4;
  // Its rest of a word is taken by the NOPs that the next option wants before it.
  if ((present & OptionBit.ACCURATE_ECN) !== 0) {
    bytes += OPTION.SIZE + counterCount(options) * COUNTER_BYTES;
  }
  if ((present & OptionBit.SACK) !== 0) {
    bytes = wholeWords(bytes + OPTION.SIZE + options.sackBlocks * SACK_BLOCK.SIZE);
  }
  if ((present & OptionBit.USER_TIMEOUT) !== 0) bytes = wholeWords(bytes) + USER_TIMEOUT.SIZE;
  if ((present & OptionBit.FAST_OPEN) !== 0) bytes += OPTION.SIZE + options.cookieBytes;
  return wholeWords(bytes);
}

function wholeWords(bytes: number): number {
  return bytes + 3 & ~3;
}

/** Writes NOPs and the first two bytes of an option that is to end at a word. @returns its end */
function begin(
  packets: PacketBytes,
  at: number,
  from: number,
  kind: number,
  length: number,
): number {
  let start = at;
  while ((start + length - from & 3) !== 0) {
    packets.view.setUint8(start++, OptionKind.NO_OPERATION);
  }
  packets.view.setUint8(start + OPTION.KIND, kind);
  packets.view.setUint8(start + OPTION.LENGTH, length);
  return start + length;
}

function writeOfHandshake(packets: PacketBytes, from: number, options: TcpOptions): number {
  const { view } = packets;
  const { present } = options;
  let at = from;
  if ((present & OptionBit.MAXIMUM_SEGMENT) !== 0) {
    at = begin(packets, at, from, OptionKind.MAXIMUM_SEGMENT, MAXIMUM_SEGMENT.SIZE);
    view.setUint16(at - MAXIMUM_SEGMENT.SIZE + MAXIMUM_SEGMENT.BYTES, options.maximumSegment);
  }
  const isSackPermitted = (present & OptionBit.SACK_PERMITTED) !== 0;
  if ((present & OptionBit.TIMESTAMPS) !== 0) {
    at = begin(packets, at, from, OptionKind.TIMESTAMPS, TIMESTAMPS.SIZE);
    // The two fill a word each with the other's rest.
    if (isSackPermitted) {
      view.setUint16(at - ALIGNED_TIMESTAMPS_BYTES, OptionKind.SACK_PERMITTED << 8 | OPTION.SIZE);
    }
    view.setInt32(at - TIMESTAMPS.SIZE + TIMESTAMPS.VALUE, options.timestampValue);
    view.setInt32(at - TIMESTAMPS.SIZE + TIMESTAMPS.ECHO, options.timestampEcho);
  } else if (isSackPermitted) {
    at = begin(packets, at, from, OptionKind.SACK_PERMITTED, OPTION.SIZE);
  }
  if ((present & OptionBit.WINDOW_SCALE) !== 0) {
    at = begin(packets, at, from, OptionKind.WINDOW_SCALE, WINDOW_SCALE.SIZE);
    view.setUint8(at - WINDOW_SCALE.SIZE + WINDOW_SCALE.SHIFT, options.windowScale);
  }
  return at;
}

/** Counters come as none, as one of a kind of ECT, with that of CE, or all three. */
function counterCount(options: TcpOptions): number {
  const { ecnBytes0, ecnBytesCe, ecnBytes1 } = options;
  const kinds = (ecnBytes0 < 0 ? 0 : 1) + (ecnBytes1 < 0 ? 0 : 1);
  if (ecnBytesCe < 0 ? kinds > 1 : kinds === 0) {
    throw new RangeError("accurate ECN has the counter of CE second");
  }
  return ecnBytesCe < 0 ? kinds : kinds + 1;
}

function writeCounters(packets: PacketBytes, from: number, options: TcpOptions): number {
  const count = counterCount(options);
  const isFirst1 = options.ecnBytes1 >= 0;
  packets.view.setUint8(from, isFirst1 ? OptionKind.ACCURATE_ECN_1 : OptionKind.ACCURATE_ECN_0);
  packets.view.setUint8(from + OPTION.LENGTH, OPTION.SIZE + count * COUNTER_BYTES);
  const first = from + OPTION.SIZE;
  if (count > 0) putCounter(packets, first, isFirst1 ? options.ecnBytes1 : options.ecnBytes0);
  if (count > 1) putCounter(packets, first + COUNTER_BYTES, options.ecnBytesCe);
  if (count > 2) putCounter(packets, first + 2 * COUNTER_BYTES, options.ecnBytes0);
  return first + count * COUNTER_BYTES;
}
