/**
 * ICMP for IPv6: RFC 4443. A message is 8 bytes, and what follows: the data of an echo, or as much
 * of the packet that an error is about as fits. Neighbour discovery is in `ndp.ts`, listener
 * discovery in `mld.ts`.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import { type Checksummer, complement } from "./checksum.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** How every message begins. */
export const ICMP: Readonly<Record<"TYPE" | "CODE" | "CHECKSUM" | "REST" | "SIZE", number>> =
  structure(8, [["TYPE", 1], ["CODE", 1], ["CHECKSUM", 2], ["REST", 4]]);
const ECHO = structure(8, [["HEADER", 4], ["IDENTIFIER", 2], ["SEQUENCE", 2]]);

/** The bytes of a message before its data. */
export const HEADER_BYTES: number = ICMP.SIZE;
/** The least bytes of a packet that an error quotes: its IPv6 header. */
const MIN_QUOTE_BYTES = 40;

/** What a message is. Below 128 it is an error. RFC 4443 section 2.1. */
export const Type = {
  UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  /** A query of MLDv1 or MLDv2. */
  LISTENER_QUERY: 130,
  /** A report of MLDv1. */
  LISTENER_REPORT: 131,
  /** What MLDv1 says when the last listener leaves. */
  LISTENER_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
  /** A report of MLDv2. */
  LISTENER_REPORT_V2: 143,
} as const;

/** Types from here on are no errors. */
const FIRST_INFORMATIONAL = 128;

/** Why a destination cannot be reached. RFC 4443 section 3.1. */
export const UnreachableCode = {
  NO_ROUTE: 0,
  PROHIBITED: 1,
  BEYOND_SCOPE: 2,
  ADDRESS: 3,
  PORT: 4,
  SOURCE_POLICY: 5,
  REJECT_ROUTE: 6,
} as const;

/** What took too long. RFC 4443 section 3.3. */
export const TimeExceededCode = {
  /** The packet passed too many routers. */
  IN_TRANSIT: 0,
  /** Not all fragments arrived. */
  REASSEMBLY: 1,
} as const;

/** What is wrong with a header. RFC 4443 section 3.4, RFC 7112. */
export const ParameterProblemCode = {
  FIELD: 0,
  NEXT_HEADER: 1,
  OPTION: 2,
  /** The first fragment has not got the whole header chain. */
  CHAIN_INCOMPLETE: 3,
} as const;

/** A message without the data that follow its 8 bytes. */
export type Icmpv6Message =
  | {
    readonly message: "echo-request" | "echo-reply";
    readonly identifier: number;
    readonly sequence: number;
  }
  | { readonly message: "unreachable" | "time-exceeded"; readonly code: number }
  | { readonly message: "packet-too-big"; readonly mtu: number }
  | {
    readonly message: "parameter-problem";
    readonly code: number;
    /** The byte of the packet that is wrong, which may lie past the end of the quote. */
    readonly pointer: number;
  }
  | {
    readonly message: "unknown";
    readonly type: number;
    readonly code: number;
    /** The second word of the header. */
    readonly rest: number;
  };

/**
 * Judges a message; its checksum is a matter of {@linkcode verify}, and messages of
 * neighbour and listener discovery are judged by their own modules besides.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < ICMP.SIZE) return Fault.ICMPV6_TOO_SHORT;
  const kind = packets.view.getUint8(at + ICMP.TYPE);
  if (kind < FIRST_INFORMATIONAL) {
    const quote = at + ICMP.SIZE;
    if (length < ICMP.SIZE + MIN_QUOTE_BYTES) return Fault.ICMPV6_QUOTE;
    return packets.view.getUint8(quote) >> 4 === 6 ? Fault.NONE : Fault.ICMPV6_QUOTE;
  }
  if (kind === Type.ECHO_REQUEST || kind === Type.ECHO_REPLY) {
    return packets.view.getUint8(at + ICMP.CODE) === 0 ? Fault.NONE : Fault.ICMPV6_CODE;
  }
  // RFC 4443 section 2.4 (MUST): (b) messages of unknown types that are no errors are dropped in
  // silence.
  return isNeighborDiscovery(kind) || isListenerDiscovery(kind) ? Fault.NONE : Fault.ICMPV6_TYPE;
}

/** Whether a message of a type is one of `ndp.ts`. */
export function isNeighborDiscovery(kind: number): boolean {
  return kind >= Type.ROUTER_SOLICITATION && kind <= Type.REDIRECT;
}

/** Whether a message of a type is one of `mld.ts`. */
export function isListenerDiscovery(kind: number): boolean {
  return kind >= Type.LISTENER_QUERY && kind <= Type.LISTENER_DONE ||
    kind === Type.LISTENER_REPORT_V2;
}

/** What the message is: one of {@linkcode Type}. */
export function type(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + ICMP.TYPE);
}

/** The code, whose meaning depends on the type. */
export function code(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + ICMP.CODE);
}

/** Whether the message is an error: no error is ever sent about one. RFC 4443 section 2.4 (e). */
export function isError(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint8(at + ICMP.TYPE) < FIRST_INFORMATIONAL;
}

/** The identifier of an echo. */
export function echoIdentifier(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + ECHO.IDENTIFIER);
}

/** The sequence number of an echo. */
export function echoSequence(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + ECHO.SEQUENCE);
}

/** The MTU of the link that a packet was too big for. */
export function mtu(packets: PacketBytes, at: number): number {
  return packets.view.getUint32(at + ICMP.REST);
}

/** The byte of the quoted packet that a parameter problem points at. */
export function pointer(packets: PacketBytes, at: number): number {
  return packets.view.getUint32(at + ICMP.REST);
}

/** The offset of the packet that an error is about. */
export function quoteAt(at: number): number {
  return at + ICMP.SIZE;
}

/**
 * Judges the checksum of a message.
 *
 * @param summer Sums up the memory.
 * @param at The offset of the message.
 * @param length The bytes of the message.
 * @param pseudo The sum of the pseudo header.
 * @returns {@linkcode Fault.ICMPV6_CHECKSUM} or {@linkcode Fault.NONE}.
 */
export function verify(
  summer: Checksummer,
  at: number,
  length: number,
  pseudo: number,
): Fault {
  const isGood = complement(summer.sum(at, length) + pseudo) === 0;
  return isGood ? Fault.NONE : Fault.ICMPV6_CHECKSUM;
}

/**
 * Computes and writes the checksum of a message that is complete otherwise.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message with its data.
 * @param pseudo The sum of the pseudo header.
 */
export function seal(
  summer: Checksummer,
  packets: PacketBytes,
  at: number,
  length: number,
  pseudo: number,
): void {
  packets.view.setUint16(at + ICMP.CHECKSUM, 0);
  packets.view.setUint16(at + ICMP.CHECKSUM, complement(summer.sum(at, length) + pseudo));
}

/**
 * Reads a message that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @returns What it means, without the data that follow; one of neighbour or listener discovery is
 * unknown here.
 */
export function parse(packets: PacketBytes, at: number): Icmpv6Message {
  const kind = type(packets, at);
  const said = code(packets, at);
  switch (kind) {
    case Type.ECHO_REQUEST:
    case Type.ECHO_REPLY:
      return {
        message: kind === Type.ECHO_REQUEST ? "echo-request" : "echo-reply",
        identifier: echoIdentifier(packets, at),
        sequence: echoSequence(packets, at),
      };
    case Type.UNREACHABLE:
      return { message: "unreachable", code: said };
    case Type.TIME_EXCEEDED:
      return { message: "time-exceeded", code: said };
    case Type.PACKET_TOO_BIG:
      return { message: "packet-too-big", mtu: mtu(packets, at) };
    case Type.PARAMETER_PROBLEM:
      return { message: "parameter-problem", code: said, pointer: pointer(packets, at) };
    default: {
      const rest = packets.view.getInt32(at + ICMP.REST);
      return { message: "unknown", type: kind, code: said, rest };
    }
  }
}

/**
 * Writes a message without its checksum, which {@linkcode seal} writes once the data are there.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param message What it means.
 * @returns The bytes written, 8: the data follow them.
 */
export function emit(packets: PacketBytes, at: number, message: Icmpv6Message): number {
  const put = (kind: number, said: number, rest: number) => {
    putHeader(packets, at, kind, said);
    packets.view.setUint32(at + ICMP.REST, rest);
  };
  switch (message.message) {
    case "echo-request":
    case "echo-reply":
      put(message.message === "echo-request" ? Type.ECHO_REQUEST : Type.ECHO_REPLY, 0, 0);
      packets.view.setUint16(at + ECHO.IDENTIFIER, message.identifier);
      packets.view.setUint16(at + ECHO.SEQUENCE, message.sequence);
      break;
    case "unreachable":
      put(Type.UNREACHABLE, message.code, 0);
      break;
    case "time-exceeded":
      put(Type.TIME_EXCEEDED, message.code, 0);
      break;
    case "packet-too-big":
      put(Type.PACKET_TOO_BIG, 0, message.mtu);
      break;
    case "parameter-problem":
      put(Type.PARAMETER_PROBLEM, message.code, message.pointer);
      break;
    case "unknown":
      put(message.type, message.code, message.rest);
  }
  return ICMP.SIZE;
}

/** Writes the first four bytes of a message: type, code, and no checksum yet. */
export function putHeader(packets: PacketBytes, at: number, kind: number, said: number): void {
  packets.view.setInt32(at, kind << 24 | said << 16);
}
