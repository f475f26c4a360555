/**
 * Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443), as far as echo needs them.
 *
 * @module
 */

import { readPacket } from "./ip_header.ts";

/** `IPPROTO_ICMP`. */
export const IPPROTO_ICMP = 1;
/** `IPPROTO_ICMPV6`. */
export const IPPROTO_ICMPV6 = 58;

/** Bytes of an echo message without its data. */
export const ECHO_HEADER_BYTES = 8;

/** Message types of ICMP. */
const Icmp = {
  ECHO_REPLY: 0,
  DESTINATION_UNREACHABLE: 3,
  ECHO: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
} as const;

/** Message types of ICMPv6. */
const Icmpv6 = {
  DESTINATION_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
} as const;

/** What answers an echo request: replies, and the errors that tell why there is none. */
export const ANSWERS: Readonly<Record<"IPv4" | "IPv6", readonly number[]>> = {
  IPv4: [
    Icmp.ECHO_REPLY,
    Icmp.DESTINATION_UNREACHABLE,
    Icmp.TIME_EXCEEDED,
    Icmp.PARAMETER_PROBLEM,
  ],
  IPv6: [
    Icmpv6.DESTINATION_UNREACHABLE,
    Icmpv6.PACKET_TOO_BIG,
    Icmpv6.TIME_EXCEEDED,
    Icmpv6.PARAMETER_PROBLEM,
    Icmpv6.ECHO_REPLY,
  ],
};

/** An echo message. */
export interface Echo {
  /** `request` or `reply`. */
  readonly kind: "request" | "reply";
  /** Tells the requests of one program from those of others, 0 to 65535. */
  readonly identifier: number;
  /** Counts the requests, 0 to 65535. */
  readonly sequence: number;
  /** What is to be sent back. */
  readonly data: Uint8Array;
}

/** Why a request did not get through. */
export interface EchoError {
  /** Tells it from an echo message. */
  readonly kind: "error";
  /** Such as "host unreachable". */
  readonly reason: string;
  /** The request, of which as much is quoted as the sender of the error liked. */
  readonly request: Echo;
  /** Where the request was going: 4 or 16 bytes. */
  readonly destination: Uint8Array;
}

/** What came: an echo message, or why one did not get through. */
export type EchoMessage = Echo | EchoError;

/** The Internet checksum of RFC 1071: over a message whose checksum is right it is 0. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length - 1; index += 2) {
    sum += (bytes[index] << 8) | bytes[index + 1];
  }
  if (bytes.length % 2 === 1) sum += bytes[bytes.length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * Writes an echo request.
 *
 * @param isIPv6 whether it is one of ICMPv6, whose checksum covers addresses: the system fills it
 * in
 */
export function emitEchoRequest(
  echo: Omit<Echo, "kind">,
  isIPv6: boolean,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ECHO_HEADER_BYTES + echo.data.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = isIPv6 ? Icmpv6.ECHO_REQUEST : Icmp.ECHO;
  view.setUint16(4, echo.identifier);
  view.setUint16(6, echo.sequence);
  bytes.set(echo.data, ECHO_HEADER_BYTES);
  if (!isIPv6) view.setUint16(2, internetChecksum(bytes));
  return bytes;
}

/**
 * Reads a message of ICMP.
 *
 * @param bytes the message, without an IP header
 * @returns undefined for what is neither an echo message nor about one, or is malformed
 */
export function parseEcho(bytes: Uint8Array, isIPv6: boolean): EchoMessage | undefined {
  if (bytes.length < ECHO_HEADER_BYTES) return undefined;
  // The system has proved the checksums of ICMPv6.
  if (!isIPv6 && internetChecksum(bytes) !== 0) return undefined;
  const [type, code] = bytes;
  const [request, reply] = isIPv6
    ? [Icmpv6.ECHO_REQUEST, Icmpv6.ECHO_REPLY]
    : [Icmp.ECHO, Icmp.ECHO_REPLY];
  if (type === request || type === reply) {
    return code === 0 ? echoOf(bytes, type === request) : undefined;
  }
  const reason = isIPv6 ? reasonOf6(type, code) : reasonOf(type, code);
  if (reason === undefined) return undefined;
  const quoted = readPacket(bytes.subarray(ECHO_HEADER_BYTES));
  if (quoted === undefined || quoted.isIPv6 !== isIPv6) return undefined;
  const { protocol, payload, destination } = quoted;
  // What is quoted is as short as its sender likes: the first eight bytes are enough.
  const isEcho = protocol === (isIPv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) &&
    payload.length >= ECHO_HEADER_BYTES && payload[0] === request;
  return isEcho
    ? { kind: "error", reason, request: echoOf(payload, true), destination }
    : undefined;
}

function echoOf(bytes: Uint8Array, isRequest: boolean): Echo {
  return {
    kind: isRequest ? "request" : "reply",
    identifier: (bytes[4] << 8) | bytes[5],
    sequence: (bytes[6] << 8) | bytes[7],
    data: bytes.subarray(ECHO_HEADER_BYTES),
  };
}

/** RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1. */
const UNREACHABLE: readonly string[] = [
  "network unreachable",
  "host unreachable",
  "protocol unreachable",
  "port unreachable",
  "fragmentation needed",
  "source route failed",
  "network unknown",
  "host unknown",
  "source host isolated",
  "network administratively prohibited",
  "host administratively prohibited",
  "network unreachable for this type of service",
  "host unreachable for this type of service",
  "administratively prohibited",
  "host precedence violation",
  "precedence cutoff in effect",
];
const REASSEMBLY = "fragments did not arrive in time";
/** `ICMP_EXC_FRAGTIME` and its like of ICMPv6. */
const CODE_REASSEMBLY = 1;

function reasonOf(type: number, code: number): string | undefined {
  switch (type) {
    case Icmp.DESTINATION_UNREACHABLE:
      return UNREACHABLE[code] ?? `destination unreachable, code ${code}`;
    case Icmp.TIME_EXCEEDED:
      return code === CODE_REASSEMBLY ? REASSEMBLY : "time to live exceeded";
    case Icmp.PARAMETER_PROBLEM:
      return "parameter problem";
    default:
      return undefined;
  }
}

/** RFC 4443, section 3.1. */
const UNREACHABLE6: readonly string[] = [
  "no route to destination",
  "administratively prohibited",
  "beyond scope of source address",
  "address unreachable",
  "port unreachable",
  "source address failed the policy",
  "reject route to destination",
];

function reasonOf6(type: number, code: number): string | undefined {
  switch (type) {
    case Icmpv6.DESTINATION_UNREACHABLE:
      return UNREACHABLE6[code] ?? `destination unreachable, code ${code}`;
    case Icmpv6.PACKET_TOO_BIG:
      return "packet too big";
    case Icmpv6.TIME_EXCEEDED:
      return code === CODE_REASSEMBLY ? REASSEMBLY : "hop limit exceeded";
    case Icmpv6.PARAMETER_PROBLEM:
      return "parameter problem";
    default:
      return undefined;
  }
}
