/**
 * Which socket types and protocols `getaddrinfo` answers with, and at which port.
 *
 * @module
 */

import { EAI_NONAME, EAI_SERVICE, EAI_SOCKTYPE } from "../constants/names.ts";
import {
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import { isBlank } from "./inet.ts";
import type { Services } from "./services.ts";

/** A combination that is answered with, for each address. */
export interface ServiceType {
  /** `SOCK_STREAM` and others. */
  readonly socktype: number;
  /** `IPPROTO_TCP` and others; 0 for a raw socket of any protocol. */
  readonly protocol: number;
  /** The port, 0 to 65535, in host byte order. */
  readonly port: number;
}

/** What was asked for. */
export interface ServiceHints {
  /** A type, 0 for all. */
  readonly socktype: number;
  /** A protocol, 0 for all. */
  readonly protocol: number;
  /** `AI_NUMERICSERV`. */
  readonly isNumeric: boolean;
}

interface TypeEntry {
  readonly socktype: number;
  readonly protocol: number;
  /** The protocol's name in services(5). */
  readonly name: string;
  /** Whether it is answered with where nothing is asked for. */
  readonly isDefault: boolean;
}

/** `SOCK_DCCP` and `IPPROTO_DCCP` of `bits/socket_type.h` and `netinet/in.h`. */
const SOCK_DCCP = 6;
const IPPROTO_DCCP = 33;

/** In the order in which glibc goes through them. Raw sockets take any protocol, and no service. */
const TYPES: readonly TypeEntry[] = [
  { socktype: SOCK_STREAM, protocol: IPPROTO_TCP, name: "tcp", isDefault: true },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDP, name: "udp", isDefault: true },
  { socktype: SOCK_DCCP, protocol: IPPROTO_DCCP, name: "dccp", isDefault: false },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDPLITE, name: "udplite", isDefault: false },
  { socktype: SOCK_STREAM, protocol: IPPROTO_SCTP, name: "sctp", isDefault: false },
  { socktype: SOCK_SEQPACKET, protocol: IPPROTO_SCTP, name: "sctp", isDefault: false },
  { socktype: SOCK_RAW, protocol: 0, name: "raw", isDefault: true },
];

const CALL = "getaddrinfo";
const ULONG_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * Expands a service and hints as glibc does.
 *
 * @param service a name, a number, or null for port 0
 * @returns one combination or more
 * @throws {PosixError} EAI_NONAME, EAI_SOCKTYPE or EAI_SERVICE
 */
export function expandService(
  service: string | null,
  hints: ServiceHints,
  services: Services,
): readonly ServiceType[] {
  const number = service === null || service === "" ? 0 : readNumber(service);
  if (number === null && hints.isNumeric) throw new PosixError(EAI_NONAME, CALL);
  const { socktype, protocol } = hints;
  const isOpen = socktype === 0 && protocol === 0;
  const type = isOpen ? null : TYPES.find((entry) => fits(entry, hints));
  if (type === undefined) throw new PosixError(socktype === 0 ? EAI_SERVICE : EAI_SOCKTYPE, CALL);
  const hasService = service !== null && service !== "";
  if (hasService && type?.socktype === SOCK_RAW) throw new PosixError(EAI_SERVICE, CALL);
  // A number that does not fit an int, or is negative, is looked up as a name.
  if (number !== null && number >= 0) {
    const entries = type === null ? TYPES.filter(({ isDefault }) => isDefault) : [type];
    return entries.map((entry) => answer(entry, protocol, number & 0xffff));
  }
  const found: ServiceType[] = [];
  for (const entry of type === null ? TYPES : [type]) {
    if (entry.socktype === SOCK_RAW) continue;
    const port = services.portOf(service!, entry.name);
    if (port >= 0) found.push(answer(entry, protocol, port));
  }
  if (found.length === 0) throw new PosixError(EAI_SERVICE, CALL);
  return found;
}

function fits(entry: TypeEntry, hints: ServiceHints): boolean {
  if (hints.socktype !== 0 && hints.socktype !== entry.socktype) return false;
  return hints.protocol === 0 || entry.socktype === SOCK_RAW || hints.protocol === entry.protocol;
}

function answer(entry: TypeEntry, protocol: number, port: number): ServiceType {
  const isRaw = entry.socktype === SOCK_RAW;
  return { socktype: entry.socktype, protocol: isRaw ? protocol : entry.protocol, port };
}

/**
 * strtoul(3) and what glibc makes of it: an int.
 *
 * @returns the number, or null for text that is none to its end
 */
function readNumber(text: string): number | null {
  let at = 0;
  while (at < text.length && isBlank(text.charCodeAt(at))) at++;
  const digits = /^([+-]?)([0-9]+)$/.exec(text.slice(at));
  if (digits === null) return null;
  let value = BigInt(digits[2]);
  if (value > ULONG_MAX) value = ULONG_MAX;
  else if (digits[1] === "-") value = -value;
  return Number(BigInt.asIntN(32, value));
}
