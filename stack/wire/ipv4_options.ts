/**
 * The options of an IPv4 header: RFC 791 section 3.1, RFC 2113 (router alert). A host looks at
 * router alerts and refuses source routes (RFC 7126); the rest is for people who look at packets.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import type { Ipv4Address } from "./addresses.ts";
import { Fault } from "./fault.ts";
import { copyBytes, type PacketBytes, putBytes, zeroBytes } from "./packet_bytes.ts";

/** What an option is. */
export const OptionType = {
  END: 0,
  NO_OPERATION: 1,
  RECORD_ROUTE: 7,
  TIMESTAMP: 68,
  LOOSE_SOURCE_ROUTE: 131,
  STRICT_SOURCE_ROUTE: 137,
  ROUTER_ALERT: 148,
} as const;

/** An option of more than one byte; what it holds follows. */
const OPTION = structure(2, [["TYPE", 1], ["LENGTH", 1]]);
/** Behind it in a route: the first free place, counted from the option's first byte as 1. */
const ROUTE = structure(3, [["HEADER", OPTION.SIZE], ["POINTER", 1]]);
/** The same in a timestamp, and in a byte two halves: how many found no room, and the kind. */
const TIMESTAMP = structure(4, [["HEADER", OPTION.SIZE], ["POINTER", 1], ["OVERFLOW_FLAG", 1]]);
/** The kind of timestamps that no addresses stand between. */
const TIMES_ONLY = 0;
const ROUTER_ALERT = structure(4, [["HEADER", OPTION.SIZE], ["VALUE", 2]]);

/** The most bytes of options that a header has room for. */
export const MAX_OPTIONS_BYTES = 40;

/** Options follow the part that every header has. */
const FIXED_HEADER_BYTES = 20;

/** An option of a header. */
export type Ipv4Option =
  | { readonly option: "no-operation" }
  | {
    readonly option: "record-route" | "loose-source-route" | "strict-source-route";
    /** The first free place, counted from the option's first byte as 1: 4 at first. */
    readonly pointer: number;
    readonly addresses: readonly Ipv4Address[];
  }
  | {
    readonly option: "timestamp";
    /** The first free place, counted from the option's first byte as 1: 5 at first. */
    readonly pointer: number;
    /** How many hosts found no room, 0 to 15. */
    readonly overflow: number;
    /** 0: times only, 1: with addresses, 3: of the addresses given. */
    readonly flag: number;
    /** Times and addresses as signed words. */
    readonly words: readonly number[];
  }
  | { readonly option: "router-alert"; readonly value: number }
  | { readonly option: "unknown"; readonly type: number; readonly data: Uint8Array };

const ROUTES = {
  "record-route": OptionType.RECORD_ROUTE,
  "loose-source-route": OptionType.LOOSE_SOURCE_ROUTE,
  "strict-source-route": OptionType.STRICT_SOURCE_ROUTE,
} as const;

const ROUTE_NAMES: Readonly<Record<number, keyof typeof ROUTES>> = {
  [OptionType.RECORD_ROUTE]: "record-route",
  [OptionType.LOOSE_SOURCE_ROUTE]: "loose-source-route",
  [OptionType.STRICT_SOURCE_ROUTE]: "strict-source-route",
};

/** What a stack wants to know of a header's options; one is filled again and again. */
export class Ipv4Options {
  /** The value of the router alert, -1 without one. */
  routerAlert: number = -1;
  /** The offset of the source route, -1 without one. */
  sourceRouteAt: number = -1;
  /** The offset of the record route, -1 without one. */
  recordRouteAt: number = -1;
  /** The offset of the timestamp, -1 without one. */
  timestampAt: number = -1;
  /** The byte that an ICMP error is to point at, counted from the start of the header. */
  problemAt: number = 0;

  /** Forgets what was found. */
  clear(): void {
    this.routerAlert = -1;
    this.sourceRouteAt = -1;
    this.recordRouteAt = -1;
    this.timestampAt = -1;
    this.problemAt = 0;
  }
}

/**
 * Judges the options of a header that `check` of `ipv4.ts` finds nothing wrong with, and notes
 * what matters of them.
 *
 * @param packets The memory.
 * @param ipAt The offset of the header.
 * @param headerBytes The bytes of the header.
 * @param into What is filled; its `problemAt` belongs to a fault.
 * @returns What is wrong with them, {@linkcode Fault.NONE} if nothing is.
 */
export function checkOptions(
  packets: PacketBytes,
  ipAt: number,
  headerBytes: number,
  into: Ipv4Options,
): Fault {
  into.clear();
  const end = ipAt + headerBytes;
  let at = ipAt + FIXED_HEADER_BYTES;
  while (at < end) {
    const type = packets.view.getUint8(at);
    if (type === OptionType.END) break;
    if (type === OptionType.NO_OPERATION) {
      at++;
      continue;
    }
    into.problemAt = at + OPTION.LENGTH - ipAt;
    if (end - at < OPTION.SIZE) return Fault.IPV4_OPTION_LENGTH;
    const length = packets.view.getUint8(at + OPTION.LENGTH);
    if (length < OPTION.SIZE || length > end - at) return Fault.IPV4_OPTION_LENGTH;
    const fault = checkOption(packets, at, length, into);
    if (fault !== Fault.NONE) {
      into.problemAt = at - ipAt + problemIn(fault);
      return fault;
    }
    at += length;
  }
  into.problemAt = 0;
  return Fault.NONE;
}

/** Which byte of an option is to blame. */
function problemIn(fault: Fault): number {
  if (fault === Fault.IPV4_OPTION_LENGTH) return OPTION.LENGTH;
  return fault === Fault.IPV4_OPTION_POINTER ? ROUTE.POINTER : OPTION.TYPE;
}

function checkOption(packets: PacketBytes, at: number, length: number, into: Ipv4Options): Fault {
  const { view } = packets;
  const type = view.getUint8(at);
  switch (type) {
    case OptionType.RECORD_ROUTE:
    case OptionType.LOOSE_SOURCE_ROUTE:
    case OptionType.STRICT_SOURCE_ROUTE: {
      if (length < ROUTE.SIZE || (length & 3) !== ROUTE.SIZE) return Fault.IPV4_OPTION_LENGTH;
      const pointer = view.getUint8(at + ROUTE.POINTER);
      if (pointer < 4 || (pointer & 3) !== 0) return Fault.IPV4_OPTION_POINTER;
      if (type === OptionType.RECORD_ROUTE) {
        into.recordRouteAt = at;
        return Fault.NONE;
      }
      // RFC 791 section 3.1: a source route appears at most once in a datagram.
      if (into.sourceRouteAt >= 0) return Fault.IPV4_OPTION_REPEATED;
      into.sourceRouteAt = at;
      return Fault.NONE;
    }
    case OptionType.TIMESTAMP: {
      if (length < TIMESTAMP.SIZE) return Fault.IPV4_OPTION_LENGTH;
      const flag = view.getUint8(at + TIMESTAMP.OVERFLOW_FLAG) & 15;
      const entry = flag === TIMES_ONLY ? 4 : 8;
      if ((length - TIMESTAMP.SIZE) % entry !== 0) return Fault.IPV4_OPTION_LENGTH;
      const filled = view.getUint8(at + TIMESTAMP.POINTER) - TIMESTAMP.SIZE - 1;
      if (filled < 0 || filled % entry !== 0) return Fault.IPV4_OPTION_POINTER;
      into.timestampAt = at;
      return Fault.NONE;
    }
    case OptionType.ROUTER_ALERT:
      if (length !== ROUTER_ALERT.SIZE) return Fault.IPV4_OPTION_LENGTH;
      into.routerAlert = view.getUint16(at + ROUTER_ALERT.VALUE);
  }
  // RFC 1122 section 3.2.1.8 (MUST): options that are not known are ignored in silence.
  // RFC 9293 section 3.9.2.1 (MUST-50): TCP asks for the same.
  return Fault.NONE;
}

function wordsAt(packets: PacketBytes, at: number, end: number): number[] {
  const words: number[] = [];
  for (let word = at; word < end; word += 4) words.push(packets.view.getInt32(word));
  return words;
}

/**
 * Reads options.
 *
 * @param packets The memory.
 * @param at The offset of the first option.
 * @param length The bytes of options.
 * @returns What they mean, in their order, up to one that is cut off; padding at the end is left
 * out, and an option whose length is not that of its type is unknown.
 */
export function parseOptions(packets: PacketBytes, at: number, length: number): Ipv4Option[] {
  const options: Ipv4Option[] = [];
  const end = at + length;
  for (let next = at; next < end;) {
    const type = packets.view.getUint8(next);
    if (type === OptionType.END) break;
    if (type === OptionType.NO_OPERATION) {
      options.push({ option: "no-operation" });
      next++;
    } else {
      const bytes = next + OPTION.LENGTH < end ? packets.view.getUint8(next + OPTION.LENGTH) : 0;
      if (bytes < OPTION.SIZE || bytes > end - next) break;
      options.push(parseOption(packets, next, bytes));
      next += bytes;
    }
  }
  return options;
}

function parseOption(packets: PacketBytes, at: number, length: number): Ipv4Option {
  const { view } = packets;
  const type = view.getUint8(at);
  const end = at + length;
  if (ROUTE_NAMES[type] !== undefined && (length & 3) === ROUTE.SIZE) {
    const pointer = view.getUint8(at + ROUTE.POINTER);
    const addresses = wordsAt(packets, at + ROUTE.SIZE, end);
    return { option: ROUTE_NAMES[type], pointer, addresses };
  }
  if (type === OptionType.TIMESTAMP && length >= TIMESTAMP.SIZE && (length & 3) === 0) {
    const byte = view.getUint8(at + TIMESTAMP.OVERFLOW_FLAG);
    return {
      option: "timestamp",
      pointer: view.getUint8(at + TIMESTAMP.POINTER),
      overflow: byte >> 4,
      flag: byte & 15,
      words: wordsAt(packets, at + TIMESTAMP.SIZE, end),
    };
  }
  if (type === OptionType.ROUTER_ALERT && length === ROUTER_ALERT.SIZE) {
    return { option: "router-alert", value: view.getUint16(at + ROUTER_ALERT.VALUE) };
  }
  const data = copyBytes(packets, at + OPTION.SIZE, length - OPTION.SIZE);
  return { option: "unknown", type, data };
}

function optionBytes(option: Ipv4Option): number {
  switch (option.option) {
    case "no-operation":
      return 1;
    case "router-alert":
      return ROUTER_ALERT.SIZE;
    case "timestamp":
      return TIMESTAMP.SIZE + option.words.length * 4;
    case "unknown":
      return OPTION.SIZE + option.data.length;
    default:
      return ROUTE.SIZE + option.addresses.length * 4;
  }
}

/** The bytes that options take, padded to whole words. */
export function optionsBytes(options: readonly Ipv4Option[]): number {
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
  options: readonly Ipv4Option[],
): number {
  const bytes = optionsBytes(options);
  if (bytes > MAX_OPTIONS_BYTES) {
    throw new RangeError(`${bytes} bytes of IPv4 options, the most is ${MAX_OPTIONS_BYTES}`);
  }
  let next = at;
  for (const option of options) {
    emitOption(packets, next, option);
    next += optionBytes(option);
  }
  zeroBytes(packets, next, at + bytes - next);
  return bytes;
}

function emitOption(packets: PacketBytes, at: number, option: Ipv4Option): void {
  const { view } = packets;
  const put = (type: number, words: readonly number[] = []) => {
    const length = optionBytes(option);
    view.setUint8(at + OPTION.TYPE, type);
    view.setUint8(at + OPTION.LENGTH, length);
    words.forEach((word, i) => view.setInt32(at + length - 4 * (words.length - i), word));
  };
  switch (option.option) {
    case "no-operation":
      view.setUint8(at, OptionType.NO_OPERATION);
      break;
    case "router-alert":
      put(OptionType.ROUTER_ALERT);
      view.setUint16(at + ROUTER_ALERT.VALUE, option.value);
      break;
    case "timestamp":
      put(OptionType.TIMESTAMP, option.words);
      view.setUint8(at + TIMESTAMP.POINTER, option.pointer);
      view.setUint8(at + TIMESTAMP.OVERFLOW_FLAG, option.overflow << 4 | option.flag);
      break;
    case "unknown":
      put(option.type);
      putBytes(packets, at + OPTION.SIZE, option.data);
      break;
    default:
      put(ROUTES[option.option], option.addresses);
      view.setUint8(at + ROUTE.POINTER, option.pointer);
  }
}
