/**
 * ICMP for IPv4: RFC 792, RFC 1122 section 3.2.2, RFC 1191 (the MTU of the next hop).
 *
 * A message is 8 bytes, and what follows: the data of an echo, or the beginning of the packet that
 * an error is about, which is an IPv4 header with whatever came along.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import type { Ipv4Address } from "./addresses.ts";
import { type Checksummer, complement } from "./checksum.ts";
import { Fault } from "./fault.ts";
import type { PacketBytes } from "./packet_bytes.ts";

const ICMP = structure(8, [["TYPE", 1], ["CODE", 1], ["CHECKSUM", 2], ["REST", 4]]);
/** The rest of an echo and of a timestamp. */
const ECHO = structure(8, [["HEADER", 4], ["IDENTIFIER", 2], ["SEQUENCE", 2]]);
/** The rest of what says that a packet was too long. RFC 1191 section 4. */
const TOO_BIG = structure(8, [["HEADER", 4], ["UNUSED", 2], ["MTU", 2]]);
/** The rest of a redirect. */
const REDIRECT = structure(8, [["HEADER", 4], ["GATEWAY", 4]]);
/** The rest of a parameter problem. */
const PROBLEM = structure(8, [["HEADER", 4], ["POINTER", 1], ["UNUSED", 3]]);
const TIMESTAMP = structure(20, [
  ["HEADER", ECHO.SIZE],
  ["ORIGINATE", 4],
  ["RECEIVE", 4],
  ["TRANSMIT", 4],
]);

/** The bytes of a message before its data. */
export const HEADER_BYTES: number = ICMP.SIZE;
/** The bytes of a timestamp or its reply. */
export const TIMESTAMP_BYTES: number = TIMESTAMP.SIZE;

/** What a message is. */
export const Type = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  /** No more sent, and ignored: RFC 6633. */
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO: 8,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
  TIMESTAMP: 13,
  TIMESTAMP_REPLY: 14,
} as const;

/** Why a destination cannot be reached. RFC 792, RFC 1122 section 3.2.2.1, RFC 1812. */
export const UnreachableCode = {
  NETWORK: 0,
  HOST: 1,
  PROTOCOL: 2,
  PORT: 3,
  /** The packet is too long for the next hop and may not be taken apart. */
  FRAGMENTATION_NEEDED: 4,
  SOURCE_ROUTE_FAILED: 5,
  NETWORK_UNKNOWN: 6,
  HOST_UNKNOWN: 7,
  HOST_ISOLATED: 8,
  NETWORK_PROHIBITED: 9,
  HOST_PROHIBITED: 10,
  NETWORK_SERVICE: 11,
  HOST_SERVICE: 12,
  PROHIBITED: 13,
  PRECEDENCE_VIOLATION: 14,
  PRECEDENCE_CUTOFF: 15,
} as const;

/** What took too long. */
export const TimeExceededCode = {
  /** The packet passed too many routers. */
  IN_TRANSIT: 0,
  /** Not all fragments arrived. */
  REASSEMBLY: 1,
} as const;

/** What is wrong with a header. */
export const ParameterProblemCode = {
  /** The pointer names the byte. */
  POINTER: 0,
  REQUIRED_OPTION_MISSING: 1,
  LENGTH: 2,
} as const;

/** What a redirect is about. */
export const RedirectCode = { NETWORK: 0, HOST: 1, SERVICE_NETWORK: 2, SERVICE_HOST: 3 } as const;

/** A message without the data that follow its 8 bytes. */
export type Icmpv4Message =
  | {
    readonly message: "echo" | "echo-reply";
    readonly identifier: number;
    readonly sequence: number;
  }
  | {
    readonly message: "unreachable";
    /** One of {@linkcode UnreachableCode}. */
    readonly code: number;
    /** With `FRAGMENTATION_NEEDED`, 0 where the router did not say; else 0. */
    readonly nextHopMtu: number;
  }
  | {
    readonly message: "redirect";
    /** One of {@linkcode RedirectCode}. */
    readonly code: number;
    readonly gateway: Ipv4Address;
  }
  | { readonly message: "time-exceeded"; readonly code: number }
  | {
    readonly message: "parameter-problem";
    readonly code: number;
    /** The byte of the header that is wrong. */
    readonly pointer: number;
  }
  | {
    readonly message: "timestamp" | "timestamp-reply";
    readonly identifier: number;
    readonly sequence: number;
    /** Milliseconds since midnight UT, as the three words of the message; unsigned. */
    readonly originate: number;
    readonly receive: number;
    readonly transmit: number;
  }
  | {
    readonly message: "unknown";
    readonly type: number;
    readonly code: number;
    /** The second word of the header. */
    readonly rest: number;
  };

/**
 * Judges a message; its checksum is a matter of {@linkcode verify}.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message.
 * @returns What is wrong with it, {@linkcode Fault.NONE} if nothing is.
 */
export function check(packets: PacketBytes, at: number, length: number): Fault {
  if (length < ICMP.SIZE) return Fault.ICMPV4_TOO_SHORT;
  const { view } = packets;
  switch (view.getUint8(at + ICMP.TYPE)) {
    case Type.ECHO:
    case Type.ECHO_REPLY:
      return view.getUint8(at + ICMP.CODE) === 0 ? Fault.NONE : Fault.ICMPV4_CODE;
    case Type.UNREACHABLE:
      return checkError(packets, at, length, UnreachableCode.PRECEDENCE_CUTOFF);
    case Type.REDIRECT:
      return checkError(packets, at, length, RedirectCode.SERVICE_HOST);
    case Type.TIME_EXCEEDED:
      return checkError(packets, at, length, TimeExceededCode.REASSEMBLY);
    case Type.PARAMETER_PROBLEM:
      return checkError(packets, at, length, ParameterProblemCode.LENGTH);
    case Type.SOURCE_QUENCH:
      return checkError(packets, at, length, 0);
    case Type.TIMESTAMP:
    case Type.TIMESTAMP_REPLY:
      if (length < TIMESTAMP.SIZE) return Fault.ICMPV4_TOO_SHORT;
      return view.getUint8(at + ICMP.CODE) === 0 ? Fault.NONE : Fault.ICMPV4_CODE;
    default:
      // RFC 1122 section 3.2.2 (MUST): messages of unknown types are dropped in silence.
      return Fault.ICMPV4_TYPE;
  }
}

function checkError(packets: PacketBytes, at: number, length: number, lastCode: number): Fault {
  if (packets.view.getUint8(at + ICMP.CODE) > lastCode) return Fault.ICMPV4_CODE;
  return checkQuote(packets, at + ICMP.SIZE, length - ICMP.SIZE);
}

/**
 * RFC 1122 section 3.2.2: an error has the header of the packet that it is about, and at least 8
 * bytes of what that carried.
 */
function checkQuote(packets: PacketBytes, at: number, length: number): Fault {
  if (length < 28) return Fault.ICMPV4_QUOTE;
  const first = packets.view.getUint8(at);
  const header = (first & 15) << 2;
  return first >> 4 !== 4 || header < 20 || header + 8 > length ? Fault.ICMPV4_QUOTE : Fault.NONE;
}

/** What the message is: one of {@linkcode Type}. */
export function type(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + ICMP.TYPE);
}

/** The code, whose meaning depends on the type. */
export function code(packets: PacketBytes, at: number): number {
  return packets.view.getUint8(at + ICMP.CODE);
}

/** Whether the message is an error: no error is ever sent about one. RFC 1122 section 3.2.2. */
export function isError(packets: PacketBytes, at: number): boolean {
  const { view } = packets;
  switch (view.getUint8(at + ICMP.TYPE)) {
    case Type.UNREACHABLE:
    case Type.SOURCE_QUENCH:
    case Type.REDIRECT:
    case Type.TIME_EXCEEDED:
    case Type.PARAMETER_PROBLEM:
      return true;
    default:
      return false;
  }
}

/** The identifier of an echo. */
export function echoIdentifier(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + ECHO.IDENTIFIER);
}

/** The sequence number of an echo. */
export function echoSequence(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + ECHO.SEQUENCE);
}

/** The MTU of the next hop, where `FRAGMENTATION_NEEDED` names it. RFC 1191. */
export function nextHopMtu(packets: PacketBytes, at: number): number {
  return packets.view.getUint16(at + TOO_BIG.MTU);
}

/** Where a redirect leads to. */
export function gateway(packets: PacketBytes, at: number): Ipv4Address {
  return packets.view.getInt32(at + REDIRECT.GATEWAY);
}

/** The offset of the packet that an error is about. */
export function quoteAt(at: number): number {
  return at + ICMP.SIZE;
}

/** Judges the checksum of a message. */
export function verify(summer: Checksummer, at: number, length: number): Fault {
  return complement(summer.sum(at, length)) === 0 ? Fault.NONE : Fault.ICMPV4_CHECKSUM;
}

/**
 * Computes and writes the checksum of a message that is complete otherwise.
 *
 * @param summer Sums up the memory.
 * @param packets The memory.
 * @param at The offset of the message.
 * @param length The bytes of the message with its data.
 */
export function seal(summer: Checksummer, packets: PacketBytes, at: number, length: number): void {
  packets.view.setUint16(at + ICMP.CHECKSUM, 0);
  packets.view.setUint16(at + ICMP.CHECKSUM, complement(summer.sum(at, length)));
}

/**
 * Reads a message that {@linkcode check} finds nothing wrong with.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @returns What it means, without the data that follow.
 */
export function parse(packets: PacketBytes, at: number): Icmpv4Message {
  const { view } = packets;
  const kind = type(packets, at);
  const said = code(packets, at);
  const identifier = echoIdentifier(packets, at);
  const sequence = echoSequence(packets, at);
  switch (kind) {
    case Type.ECHO:
    case Type.ECHO_REPLY:
      return { message: kind === Type.ECHO ? "echo" : "echo-reply", identifier, sequence };
    case Type.UNREACHABLE: {
      const hasMtu = said === UnreachableCode.FRAGMENTATION_NEEDED;
      return {
        message: "unreachable",
        code: said,
        nextHopMtu: hasMtu ? nextHopMtu(packets, at) : 0,
      };
    }
    case Type.REDIRECT:
      return { message: "redirect", code: said, gateway: gateway(packets, at) };
    case Type.TIME_EXCEEDED:
      return { message: "time-exceeded", code: said };
    case Type.PARAMETER_PROBLEM: {
      const pointer = view.getUint8(at + PROBLEM.POINTER);
      return { message: "parameter-problem", code: said, pointer };
    }
    case Type.TIMESTAMP:
    case Type.TIMESTAMP_REPLY:
      return {
        message: kind === Type.TIMESTAMP ? "timestamp" : "timestamp-reply",
        identifier,
        sequence,
        originate: view.getUint32(at + TIMESTAMP.ORIGINATE),
        receive: view.getUint32(at + TIMESTAMP.RECEIVE),
        transmit: view.getUint32(at + TIMESTAMP.TRANSMIT),
      };
    default:
      return { message: "unknown", type: kind, code: said, rest: view.getInt32(at + ICMP.REST) };
  }
}

/**
 * Writes a message without its checksum, which {@linkcode seal} writes once the data are there.
 *
 * @param packets The memory.
 * @param at The offset of the message.
 * @param message What it means.
 * @returns The bytes written: the data follow them.
 */
export function emit(packets: PacketBytes, at: number, message: Icmpv4Message): number {
  const { view } = packets;
  const begin = (kind: number, said: number) => view.setInt32(at, kind << 24 | said << 16);
  view.setInt32(at + ICMP.REST, 0);
  switch (message.message) {
    case "echo":
    case "echo-reply":
      begin(message.message === "echo" ? Type.ECHO : Type.ECHO_REPLY, 0);
      putEcho(packets, at, message.identifier, message.sequence);
      return ECHO.SIZE;
    case "unreachable":
      begin(Type.UNREACHABLE, message.code);
      view.setUint16(at + TOO_BIG.MTU, message.nextHopMtu);
      return TOO_BIG.SIZE;
    case "redirect":
      begin(Type.REDIRECT, message.code);
      view.setInt32(at + REDIRECT.GATEWAY, message.gateway);
      return REDIRECT.SIZE;
    case "time-exceeded":
      begin(Type.TIME_EXCEEDED, message.code);
      return ICMP.SIZE;
    case "parameter-problem":
      begin(Type.PARAMETER_PROBLEM, message.code);
      view.setUint8(at + PROBLEM.POINTER, message.pointer);
      return PROBLEM.SIZE;
    case "timestamp":
    case "timestamp-reply":
      begin(message.message === "timestamp" ? Type.TIMESTAMP : Type.TIMESTAMP_REPLY, 0);
      putEcho(packets, at, message.identifier, message.sequence);
      view.setUint32(at + TIMESTAMP.ORIGINATE, message.originate);
      view.setUint32(at + TIMESTAMP.RECEIVE, message.receive);
      view.setUint32(at + TIMESTAMP.TRANSMIT, message.transmit);
      return TIMESTAMP.SIZE;
    case "unknown":
      begin(message.type, message.code);
      view.setInt32(at + ICMP.REST, message.rest);
      return ICMP.SIZE;
  }
}

function putEcho(packets: PacketBytes, at: number, identifier: number, sequence: number): void {
  packets.view.setUint16(at + ECHO.IDENTIFIER, identifier);
  packets.view.setUint16(at + ECHO.SEQUENCE, sequence);
}
