/**
 * How the values of socket options are checked, and how they lie in memory below.
 *
 * @module
 */

import type { MtuDiscovery } from "./option_values.ts";

/** One way of laying out a value for `setsockopt(2)`. */
export interface Codec {
  /** The 32-bit words that a value takes. */
  readonly words: number;
  /** Whether values are numbers, of which one that does not fit is out of range. */
  readonly isNumeric: boolean;
  /** What a value has to be, for error messages. */
  readonly wants: string;
  /** Whether a value is one. */
  accepts(value: unknown): boolean;
  /** Writes a value that was accepted. */
  encode(value: unknown, words: Int32Array): void;
  /** Reads a value. @param bytes how many bytes the system wrote */
  decode(words: Int32Array, bytes: number): unknown;
}

/** `INT_MAX`. */
export const INT_MAX = 0x7fff_ffff;
/** The largest 32-bit number. */
const UINT_MAX = 0xffff_ffff;
/** Bytes of an interface's name (`IFNAMSIZ`) or an algorithm's (`TCP_CA_NAME_MAX`), NUL included. */
const NAME_BYTES = 16;
/** The lower two bits of the traffic class: RFC 3168, section 5. */
const ECN_MASK = 0b11;
const LINGER_MAX = 32767;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An int that is a boolean. */
export const FLAG: Codec = {
  words: 1,
  isNumeric: false,
  wants: "a boolean",
  accepts: (value) => typeof value === "boolean",
  encode: (value, words) => words[0] = value === true ? 1 : 0,
  decode: (words) => words[0] !== 0,
};

/** The switch of `keepAlive`; its numbers are options of their own below. */
export const KEEP_ALIVE: Codec = {
  ...FLAG,
  wants: "a boolean or { idleSeconds, intervalSeconds, count }",
  encode: (value, words) => words[0] = value === false ? 0 : 1,
};

/** An int within a range. */
export function integer(least: number, most: number): Codec {
  return {
    words: 1,
    isNumeric: true,
    wants: `an integer from ${least} to ${most}`,
    accepts: (value) => isWithin(value, least, most),
    encode: (value, words) => words[0] = Number(value),
    decode: (words) => words[0],
  };
}

/** An unsigned int. */
export const UNSIGNED: Codec = {
  ...integer(0, UINT_MAX),
  decode: (words) => words[0] >>> 0,
};

/** The traffic class of a datagram socket: DSCP and ECN. */
export const TRAFFIC_CLASS: Codec = integer(0, 255);

/** The traffic class of a TCP socket, whose ECN bits Linux would leave out without a word. */
export const TCP_TRAFFIC_CLASS: Codec = {
  ...TRAFFIC_CLASS,
  wants: "an integer from 0 to 252 whose lower two bits, which are for ECN, are 0",
  accepts: (value) => isWithin(value, 0, 255) && (Number(value) & ECN_MASK) === 0,
  // What ECN puts there is not what was set.
  decode: (words) => words[0] & ~ECN_MASK,
};

/** `struct linger` of `socket(7)`. */
export const LINGER: Codec = {
  words: 2,
  isNumeric: true,
  wants: `null or an integer from 0 to ${LINGER_MAX}`,
  accepts: (value) => value === null || isWithin(value, 0, LINGER_MAX),
  encode: (value, words) => {
    words[0] = value === null ? 0 : 1;
    words[1] = Number(value ?? 0);
  },
  decode: (words) => words[0] === 0 ? null : words[1],
};

/** The numbers of `IP_PMTUDISC_DONT`, `_WANT`, `_DO` and `_PROBE`. */
const MTU_DISCOVERY: readonly MtuDiscovery[] = ["dont", "want", "do", "probe"];

/** `IP_PMTUDISC_*` by name. */
export const DISCOVERY: Codec = {
  words: 1,
  isNumeric: false,
  wants: '"want", "do", "dont" or "probe"',
  accepts: (value) => MTU_DISCOVERY.includes(value as MtuDiscovery),
  encode: (value, words) => words[0] = MTU_DISCOVERY.indexOf(value as MtuDiscovery),
  // IP_PMTUDISC_INTERFACE and _OMIT send without DF, too; nothing here sets them.
  decode: (words) => MTU_DISCOVERY[words[0]] ?? "dont",
};

/** A name that ends with NUL. @param least how many characters it has at least */
export function text(least: number): Codec {
  return {
    words: NAME_BYTES / 4,
    isNumeric: false,
    wants: `a name of ${least} to ${NAME_BYTES - 1} ASCII characters without spaces`,
    accepts: (value) =>
      typeof value === "string" && value.length >= least && value.length < NAME_BYTES &&
      /^[!-~]*$/.test(value),
    encode: (value, words) => {
      words.fill(0);
      encoder.encodeInto(String(value), new Uint8Array(words.buffer));
    },
    decode: (words, bytes) => {
      const name = new Uint8Array(words.buffer, 0, Math.min(bytes, NAME_BYTES));
      const nul = name.indexOf(0);
      return decoder.decode(nul < 0 ? name : name.subarray(0, nul));
    },
  };
}

/** `struct in_addr` as text. */
export const IPV4_ADDRESS: Codec = {
  words: 1,
  isNumeric: false,
  wants: 'an IPv4 address such as "192.0.2.1"',
  accepts: (value) => typeof value === "string" && octetsOf(value) !== null,
  encode: (value, words) => new Uint8Array(words.buffer).set(octetsOf(String(value))!),
  decode: (words) => new Uint8Array(words.buffer, 0, 4).join("."),
};

function octetsOf(address: string): number[] | null {
  const octets = address.split(".");
  const isAddress = octets.length === 4 &&
    octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
  return isAddress ? octets.map(Number) : null;
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
