/**
 * The PROXY protocol's version 1: one line of text. Source: section 2.1 of its specification.
 *
 * ```text
 * line   = "PROXY " ( "TCP4 " addresses | "TCP6 " addresses | "UNKNOWN" [ " " anything ] ) CR LF
 * addresses = source " " destination " " source-port " " destination-port
 * ```
 *
 * @module
 */

import { NOTHING_SAID, type ProxyHeader, type ProxyHeaderOutcome } from "./proxy_header.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { readIpv6 } from "../../ring/abi/ip_text.ts";

/**
 * "If the CRLF sequence is not found in the first 107 characters, ... declare the line invalid."
 */
export const V1_BYTES_MAX = 107;

const PREFIX = new TextEncoder().encode("PROXY ");
const CR = 0x0d;
const LF = 0x0a;
const DECIMAL_BYTE = "(?:0|[1-9][0-9]{0,2})";
const IPV4 = new RegExp(`^${DECIMAL_BYTE}(?:\\.${DECIMAL_BYTE}){3}$`);
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 65535;
const TOKENS = 6;

/** Reads a line at the front of `bytes[0, length)`. */
export function readV1(bytes: Uint8Array, length: number): ProxyHeaderOutcome {
  for (let index = 0; index < Math.min(length, PREFIX.length); index++) {
    if (bytes[index] !== PREFIX[index]) return { reason: 'it does not begin with "PROXY "' };
  }
  const end = endOfLine(bytes, Math.min(length, V1_BYTES_MAX));
  if (end === MALFORMED) return { reason: "its line does not end with CR and LF" };
  if (end !== MISSING) {
    const header = readLine(String.fromCharCode(...bytes.subarray(0, end)));
    return typeof header === "string" ? { reason: header } : { header, length: end + 2 };
  }
  return length < V1_BYTES_MAX ? null : { reason: `its line has more than ${V1_BYTES_MAX} bytes` };
}

const MISSING = -1;
const MALFORMED = -2;

/** Where CR and LF stand: "must not tolerate a single CR or LF character to end the line". */
function endOfLine(bytes: Uint8Array, length: number): number {
  for (let index = PREFIX.length; index < length; index++) {
    if (bytes[index] === LF) return MALFORMED;
    if (bytes[index] !== CR) continue;
    if (index + 1 === length) return MISSING;
    return bytes[index + 1] === LF ? index : MALFORMED;
  }
  return MISSING;
}

/** @returns the header, or why the line is none */
function readLine(line: string): ProxyHeader | string {
  // "the receiver must ignore anything presented before the CRLF is found"
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) {
    return { version: 1, command: "proxy", ...NOTHING_SAID };
  }
  const [, protocol, ...rest] = line.split(" ", TOKENS + 1);
  if (protocol !== "TCP4" && protocol !== "TCP6") return "its protocol is none of version 1";
  if (rest.length !== TOKENS - 2) return "it does not have two addresses and two ports";
  const source = readAddress(protocol, rest[0], rest[2]);
  const destination = readAddress(protocol, rest[1], rest[3]);
  if (source === null || destination === null) return `an address of it is none of ${protocol}`;
  return { version: 1, command: "proxy", transport: "stream", source, destination, tlvs: [] };
}

function readAddress(protocol: "TCP4" | "TCP6", host: string, port: string): SocketAddress | null {
  if (!PORT.test(port) || Number(port) > PORT_MAX) return null;
  if (protocol === "TCP6") {
    const bytes = readIpv6(host);
    return "reason" in bytes ? null : SocketAddress.ipv6(bytes, Number(port));
  }
  if (!IPV4.test(host)) return null;
  const bytes = host.split(".").map(Number);
  return bytes.some((byte) => byte > 255) ? null : SocketAddress.ipv4(bytes, Number(port));
}

/**
 * Writes a header.
 *
 * @throws {TypeError} when version 1 cannot say it
 */
export function writeV1(header: ProxyHeader): Uint8Array<ArrayBuffer> {
  const { source, destination, tlvs } = header;
  if (tlvs.length > 0) throw new TypeError("version 1 of the PROXY protocol has no proxyTlvs");
  if (source === null || destination === null) return encoder.encode("PROXY UNKNOWN\r\n");
  const { family } = source;
  if (family === "unix" || family !== destination.family) {
    throw new TypeError(
      "version 1 of the PROXY protocol has two addresses of one IP family, not " +
        `${source} and ${destination}`,
    );
  }
  const protocol = family === "IPv4" ? "TCP4" : "TCP6";
  const hosts = `${source.host} ${destination.host}`;
  const ports = `${source.port} ${destination.port}`;
  return encoder.encode(`PROXY ${protocol} ${hosts} ${ports}\r\n`);
}

const encoder = new TextEncoder();
