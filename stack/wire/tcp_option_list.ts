/**
 * The options of TCP as a list, in the order of the wire: what people and tests look at.
 *
 * @module
 */

import { copyBytes, type PacketBytes, putBytes, zeroBytes } from "./packet_bytes.ts";
import {
  COUNTER_BYTES,
  counterAt,
  hasLengthOfKind,
  MAX_OPTIONS_BYTES,
  MAXIMUM_SEGMENT,
  OPTION,
  OptionKind,
  putCounter,
  SACK_BLOCK,
  TIMESTAMPS,
  USER_TIMEOUT,
  WINDOW_SCALE,
} from "./tcp_options.ts";

/** An option of a header. */
export type TcpOption =
  | { readonly option: "no-operation" }
  | { readonly option: "maximum-segment"; readonly bytes: number }
  | { readonly option: "window-scale"; readonly shift: number }
  | { readonly option: "sack-permitted" }
  | {
    readonly option: "sack";
    /** The left and the right edge of each block, as signed words. */
    readonly blocks: readonly (readonly [left: number, right: number])[];
  }
  | {
    readonly option: "timestamps";
    /** The sender's clock, as a signed word. */
    readonly value: number;
    /** The other one's clock as the sender saw it last, as a signed word. */
    readonly echo: number;
  }
  | {
    readonly option: "user-timeout";
    /** Whether it counts minutes, or seconds. */
    readonly isMinutes: boolean;
    /** How many of them, 0 to 32767. */
    readonly count: number;
  }
  | {
    readonly option: "fast-open";
    /** The cookie; none asks for one. */
    readonly cookie: Uint8Array;
  }
  | {
    readonly option: "accurate-ecn";
    /** Whose counter is first: that of ECT(0) or that of ECT(1). */
    readonly first: 0 | 1;
    /** Up to three counters of 24 bits: of the first, of CE, of the other. */
    readonly counters: readonly number[];
  }
  | {
    readonly option: "unknown";
    readonly kind: number;
    /** What follows kind and length. */
    readonly data: Uint8Array;
  };

const MINUTES = 0x8000;

/**
 * Reads options.
 *
 * @param packets The memory.
 * @param at The offset of the first option.
 * @param length The bytes of options.
 * @returns What they mean, in their order, up to one that is cut off; padding at the end is left
 * out, and an option whose length is not that of its kind is unknown.
 */
export function parseOptions(packets: PacketBytes, at: number, length: number): TcpOption[] {
  const options: TcpOption[] = [];
  const end = at + length;
  for (let next = at; next < end;) {
    const kind = packets.view.getUint8(next);
    if (kind === OptionKind.END) break;
    if (kind === OptionKind.NO_OPERATION) {
      options.push({ option: "no-operation" });
      next++;
      continue;
    }
    const bytes = next + OPTION.LENGTH < end ? packets.view.getUint8(next + OPTION.LENGTH) : 0;
    if (bytes < OPTION.SIZE || bytes > end - next) break;
    options.push(parseOption(packets, next, kind, bytes));
    next += bytes;
  }
  return options;
}

function parseOption(packets: PacketBytes, at: number, kind: number, length: number): TcpOption {
  const { view } = packets;
  const first = at + OPTION.SIZE;
  const end = at + length;
  if (!hasLengthOfKind(kind, length)) {
    return { option: "unknown", kind, data: copyBytes(packets, first, end - first) };
  }
  switch (kind) {
    case OptionKind.MAXIMUM_SEGMENT:
      return { option: "maximum-segment", bytes: view.getUint16(at + MAXIMUM_SEGMENT.BYTES) };
    case OptionKind.WINDOW_SCALE:
      return { option: "window-scale", shift: view.getUint8(at + WINDOW_SCALE.SHIFT) };
    case OptionKind.SACK_PERMITTED:
      return { option: "sack-permitted" };
    case OptionKind.SACK: {
      const blocks: [number, number][] = [];
      for (let block = first; block < end; block += SACK_BLOCK.SIZE) {
        const left = view.getInt32(block + SACK_BLOCK.LEFT);
        blocks.push([left, view.getInt32(block + SACK_BLOCK.RIGHT)]);
      }
      return { option: "sack", blocks };
    }
    case OptionKind.TIMESTAMPS: {
      const value = view.getInt32(at + TIMESTAMPS.VALUE);
      return { option: "timestamps", value, echo: view.getInt32(at + TIMESTAMPS.ECHO) };
    }
    case OptionKind.USER_TIMEOUT: {
      const timeout = view.getUint16(at + USER_TIMEOUT.TIMEOUT);
      const isMinutes = (timeout & MINUTES) !== 0;
      return { option: "user-timeout", isMinutes, count: timeout & ~MINUTES };
    }
    case OptionKind.FAST_OPEN:
      return { option: "fast-open", cookie: copyBytes(packets, first, end - first) };
    default: {
      const counters: number[] = [];
      for (let next = first; next < end; next += COUNTER_BYTES) {
        counters.push(counterAt(packets, next));
      }
      return {
        option: "accurate-ecn",
        first: kind === OptionKind.ACCURATE_ECN_0 ? 0 : 1,
        counters,
      };
    }
  }
}

function optionBytes(option: TcpOption): number {
  switch (option.option) {
    case "no-operation":
      return 1;
    case "maximum-segment":
      return MAXIMUM_SEGMENT.SIZE;
    case "window-scale":
      return WINDOW_SCALE.SIZE;
    case "sack-permitted":
      return OPTION.SIZE;
    case "sack":
      return OPTION.SIZE + option.blocks.length * SACK_BLOCK.SIZE;
    case "timestamps":
      return TIMESTAMPS.SIZE;
    case "user-timeout":
      return USER_TIMEOUT.SIZE;
    case "fast-open":
      return OPTION.SIZE + option.cookie.length;
    case "accurate-ecn":
      return OPTION.SIZE + option.counters.length * COUNTER_BYTES;
    case "unknown":
      return OPTION.SIZE + option.data.length;
  }
}

/** The bytes that options take, padded to whole words. */
export function optionsBytes(options: readonly TcpOption[]): number {
  let bytes = 0;
  for (const option of options) bytes += optionBytes(option);
  return bytes + 3 & ~3;
}

/**
 * Writes options, and ends of options up to a whole word.
 *
 * @param packets The memory.
 * @param at The offset of the first option.
 * @param options What they mean.
 * @returns The bytes written.
 * @throws {RangeError} When these are more than 40.
 */
export function emitOptions(
  packets: PacketBytes,
  at: number,
  options: readonly TcpOption[],
): number {
  const bytes = optionsBytes(options);
  if (bytes > MAX_OPTIONS_BYTES) {
    throw new RangeError(`${bytes} bytes of TCP options, the most is ${MAX_OPTIONS_BYTES}`);
  }
  let next = at;
  for (const option of options) {
    emitOption(packets, next, option);
    next += optionBytes(option);
  }
  zeroBytes(packets, next, at + bytes - next);
  return bytes;
}

function emitOption(packets: PacketBytes, at: number, option: TcpOption): void {
  const { view } = packets;
  const begin = (kind: number) => {
    view.setUint8(at + OPTION.KIND, kind);
    view.setUint8(at + OPTION.LENGTH, optionBytes(option));
  };
  const first = at + OPTION.SIZE;
  switch (option.option) {
    case "no-operation":
      view.setUint8(at, OptionKind.NO_OPERATION);
      break;
    case "maximum-segment":
      begin(OptionKind.MAXIMUM_SEGMENT);
      view.setUint16(at + MAXIMUM_SEGMENT.BYTES, option.bytes);
      break;
    case "window-scale":
      begin(OptionKind.WINDOW_SCALE);
      view.setUint8(at + WINDOW_SCALE.SHIFT, option.shift);
      break;
    case "sack-permitted":
      begin(OptionKind.SACK_PERMITTED);
      break;
    case "sack":
      begin(OptionKind.SACK);
      option.blocks.forEach(([left, right], i) => {
        view.setInt32(first + i * SACK_BLOCK.SIZE + SACK_BLOCK.LEFT, left);
        view.setInt32(first + i * SACK_BLOCK.SIZE + SACK_BLOCK.RIGHT, right);
      });
      break;
    case "timestamps":
      begin(OptionKind.TIMESTAMPS);
      view.setInt32(at + TIMESTAMPS.VALUE, option.value);
      view.setInt32(at + TIMESTAMPS.ECHO, option.echo);
      break;
    case "user-timeout":
      begin(OptionKind.USER_TIMEOUT);
      view.setUint16(at + USER_TIMEOUT.TIMEOUT, (option.isMinutes ? MINUTES : 0) | option.count);
      break;
    case "fast-open":
      begin(OptionKind.FAST_OPEN);
      putBytes(packets, first, option.cookie);
      break;
    case "accurate-ecn":
      begin(option.first === 0 ? OptionKind.ACCURATE_ECN_0 : OptionKind.ACCURATE_ECN_1);
      option.counters.forEach((counter, i) => {
        putCounter(packets, first + i * COUNTER_BYTES, counter);
      });
      break;
    case "unknown":
      begin(option.kind);
      putBytes(packets, first, option.data);
  }
}
