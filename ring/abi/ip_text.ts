/**
 * The text of IP addresses: every legal form read, the canonical one written.
 *
 * @module
 */

import { groupAt, isMapped } from "./address_class.ts";
import { quote } from "./quote.ts";

const ZONE_NAME_MAX = 15; // IFNAMSIZ less its NUL, netdevice(7).
const ZONE_INDEX_MAX = 0xffff_ffff;

/** Why a text is no host, and where. */
export interface HostProblem {
  /** The index of the offending character, counted from 0. */
  readonly position: number;
  /** A fragment of a sentence that says what is wrong there. */
  readonly reason: string;
}

/** A numeric host without a port, as {@linkcode inspectHost} finds it. */
export interface CanonicalHost {
  /** Whether the bytes are an IPv4 or an IPv6 address. */
  readonly family: "IPv4" | "IPv6";
  /** The 4 or 16 bytes of the address in network order. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The canonical text without the zone, as RFC 5952 section 4 writes it. */
  readonly host: string;
  /** The zone of an IPv6 address, `""` when it has none. */
  readonly scope: string;
}

/**
 * Reads a numeric host in any legal spelling.
 *
 * IPv4 is read as inet_aton(3) does (one to four parts, decimal, octal or hexadecimal), IPv6 as
 * RFC 4291 section 2.2 and RFC 4007 section 11 write it. The family stays as written: an
 * IPv4-mapped address is turned into IPv4 by `canonicalize()` of ring/abi/address.ts.
 *
 * @param text The host without port or brackets, such as `"0x7f.1"` or `"fe80::1%eth0"`.
 * @returns The bytes and canonical text, or `undefined` when the text is no numeric host.
 */
export function canonicalizeHost(text: string): CanonicalHost | undefined {
  const host = inspectHost(text);
  return "reason" in host ? undefined : host;
}

/**
 * Reads a numeric host in any legal spelling, and says what is wrong with one that is not.
 *
 * @param text The host without port or brackets.
 * @returns The bytes and canonical text, or the problem and its position.
 */
export function inspectHost(text: string): CanonicalHost | HostProblem {
  if (!text.includes(":")) {
    const bytes = readIpv4(text);
    if ("reason" in bytes) return bytes;
    return { family: "IPv4", bytes, host: formatIpv4(bytes, 0), scope: "" };
  }
  const percent = text.indexOf("%");
  const bytes = readIpv6(percent < 0 ? text : text.slice(0, percent));
  if ("reason" in bytes) return bytes;
  const zone = percent < 0 ? "" : readZone(text.slice(percent + 1));
  if (typeof zone !== "string") {
    return { position: zone.position + percent + 1, reason: zone.reason };
  }
  return { family: "IPv6", bytes, host: formatIpv6(bytes), scope: zone };
}

/** inet_aton(3): one to four parts, the last fills what is left, each in C's notation. */
export function readIpv4(text: string): Uint8Array<ArrayBuffer> | HostProblem {
  const parts = text.split(".", 5);
  if (parts.length > 4) {
    const position = parts.slice(0, 4).join(".").length;
    return { position, reason: "an IPv4 address has at most four parts" };
  }
  const bytes = new Uint8Array(4);
  let position = 0;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const last = i === parts.length - 1;
    const value = readCNumber(part);
    const maximum = last ? 256 ** (4 - i) - 1 : 255;
    if (Number.isNaN(value)) return { position, reason: `${quote(part)} is no number` };
    if (value > maximum) {
      return { position, reason: `${quote(part)} is larger than ${maximum}` };
    }
    if (!last) bytes[i] = value;
    else {
      for (let k = 3, rest = value; k >= i; k--, rest = Math.floor(rest / 256)) {
        bytes[k] = rest % 256;
      }
    }
    position += part.length + 1;
  }
  return bytes;
}

/** Decimal, octal after "0", hexadecimal after "0x", as strtoul(3) with base 0 takes them. */
function readCNumber(text: string): number {
  if (/^0[xX][0-9a-fA-F]+$/.test(text)) return parseInt(text.slice(2), 16);
  if (/^0[0-7]*$/.test(text)) return parseInt(text, 8);
  return /^[1-9][0-9]*$/.test(text) ? parseInt(text, 10) : NaN;
}

/** Whether the last label reads as a number: such a text may never pass for a name. */
export function endsInNumber(text: string): boolean {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const label = name.slice(name.lastIndexOf(".") + 1);
  return /^([0-9]+|0[xX][0-9a-fA-F]*)$/.test(label);
}

export function formatIpv4(bytes: ArrayLike<number>, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/** RFC 4291 section 2.2: eight groups, one "::", and an IPv4 address in place of the last two. */
export function readIpv6(text: string): Uint8Array<ArrayBuffer> | HostProblem {
  const gap = text.indexOf("::");
  if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
    return { position: text.indexOf("::", gap + 1), reason: '"::" stands only once' };
  }
  const head: number[] = [];
  const tail: number[] = [];
  const headEnd = gap < 0 ? text.length : gap;
  if (headEnd > 0) {
    const problem = readGroups(text, 0, headEnd, gap < 0, head);
    if (problem !== undefined) return problem;
  }
  if (gap >= 0 && gap + 2 < text.length) {
    const problem = readGroups(text, gap + 2, text.length, true, tail);
    if (problem !== undefined) return problem;
  }
  const count = head.length + tail.length;
  if (gap < 0 && count < 8) {
    return { position: text.length, reason: `an IPv6 address has 8 groups, not ${count}` };
  }
  if (count > (gap < 0 ? 8 : 7)) {
    return { position: 0, reason: "the IPv6 address has too many groups" };
  }
  const bytes = new Uint8Array(16);
  for (let i = 0; i < head.length; i++) writeGroup(bytes, i, head[i]);
  for (let i = 0; i < tail.length; i++) writeGroup(bytes, 8 - tail.length + i, tail[i]);
  return bytes;
}

/** Reads the groups in text[from, to) into `groups`. */
function readGroups(
  text: string,
  from: number,
  to: number,
  atEnd: boolean,
  groups: number[],
): HostProblem | undefined {
  const parts = text.slice(from, to).split(":", 10);
  let position = from;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part.includes(".") && atEnd && i === parts.length - 1) {
      // Inside IPv6 only the plain dotted form is legal, inet_pton(3).
      if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(part)) {
        return { position, reason: "an IPv4 address inside IPv6 is four decimal numbers" };
      }
      const inner = readIpv4(part);
      if ("reason" in inner) return { position: position + inner.position, reason: inner.reason };
      groups.push(inner[0] << 8 | inner[1], inner[2] << 8 | inner[3]);
    } else if (!/^[0-9a-fA-F]{1,4}$/.test(part)) {
      return { position, reason: `${quote(part)} is no group of one to four hexadecimal digits` };
    } else {
      groups.push(parseInt(part, 16));
    }
    position += part.length + 1;
  }
  return undefined;
}

function writeGroup(bytes: Uint8Array, index: number, value: number): void {
  bytes[index * 2] = value >> 8;
  bytes[index * 2 + 1] = value & 0xff;
}

/** Reads a zone: the name or the number of an interface; number 0 means none, RFC 4007. */
export function readZone(text: string): string | HostProblem {
  if (text === "") return { position: 0, reason: "the zone is empty" };
  if (/^[0-9]+$/.test(text)) {
    const index = Number(text);
    if (index > ZONE_INDEX_MAX) {
      return { position: 0, reason: `the zone is larger than ${ZONE_INDEX_MAX}` };
    }
    return index === 0 ? "" : String(index);
  }
  // dev_valid_name() of Linux forbids "/", ":" and blanks; "]" and "%" would break our own text.
  const strange = text.search(/[^!-~]|[\/:%\[\]]/);
  if (strange >= 0) {
    return {
      position: strange,
      reason: `a zone cannot have the character ${quote(text[strange])}`,
    };
  }
  if (text.length > ZONE_NAME_MAX) {
    return { position: ZONE_NAME_MAX, reason: `a zone has at most ${ZONE_NAME_MAX} characters` };
  }
  return text;
}

/** RFC 5952 section 4, and section 5 for IPv4-mapped addresses. */
export function formatIpv6(bytes: ArrayLike<number>): string {
  if (isMapped(bytes)) return `::ffff:${formatIpv4(bytes, 12)}`;
  let bestStart = -1;
  let bestLength = 1; // 4.2.2: a single group of zeros is not shortened.
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groupAt(bytes, i + length) === 0) length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += length;
  }
  const groups = (from: number, to: number): string => {
    const texts: string[] = [];
    for (let i = from; i < to; i++) texts.push(groupAt(bytes, i).toString(16));
    return texts.join(":");
  };
  if (bestStart < 0) return groups(0, 8);
  return `${groups(0, bestStart)}::${groups(bestStart + bestLength, 8)}`;
}
