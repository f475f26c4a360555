/**
 * The PROXY protocol's version 2: binary. Source: section 2.2 of its specification.
 *
 * @module
 */

import { crc32c } from "./crc32c.ts";
import {
  NOTHING_SAID,
  type ProxyHeader,
  type ProxyHeaderOutcome,
  type ProxyTlv,
  type ProxyTransport,
  TLV_CRC32C,
  TLV_NOOP,
} from "./proxy_header.ts";
import { SocketAddress } from "../../ring/abi/address.ts";

/** `struct proxy_hdr_v2`. */
const AT_VERSION_COMMAND = 12;
const AT_FAMILY = AT_VERSION_COMMAND + 1;
const AT_LENGTH = AT_FAMILY + 1;
/** Bytes before the addresses. */
const V2_FIXED_BYTES = AT_LENGTH + 2;

/**
 * The most bytes of a header that are taken in; the format allows for 64 KB. Addresses have at most
 * 216 bytes, names a few hundred, a certificate of TLS some thousand.
 */
export const V2_BYTES_MAX = 8192;

// deno-fmt-ignore
const SIGNATURE: readonly number[] = [
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
];
const VERSION = 2;
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
/** By number: what each family's addresses and ports take. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const FAMILY_UNSPECIFIED = 0;
const FAMILY_IPV4 = 1;
const FAMILY_UNIX = 3;
const TRANSPORTS: readonly ProxyTransport[] = ["unspecified", "stream", "datagram"];
const TRANSPORT_UNSPECIFIED = 0;
/** `sun_path` of the specification. */
const UNIX_BYTES = 108;
const TLV_HEAD_BYTES = 3;
const CRC_BYTES = 4;
const LENGTH_MAX = 65535;

/** Reads a header at the front of `bytes[0, length)`; what it says is copied out. */
export function readV2(bytes: Uint8Array, length: number): ProxyHeaderOutcome {
  for (let index = 0; index < Math.min(length, SIGNATURE.length); index++) {
    if (bytes[index] !== SIGNATURE[index]) return { reason: "it has no signature of version 2" };
  }
  if (length < V2_FIXED_BYTES) return null;
  const command = bytes[AT_VERSION_COMMAND] & 0xf;
  const family = bytes[AT_FAMILY] >> 4;
  const transport = bytes[AT_FAMILY] & 0xf;
  // "the receiver must only accept this value", "must drop connections presenting unexpected
  // values"
  if (bytes[AT_VERSION_COMMAND] >> 4 !== VERSION) return { reason: "its version is not 2" };
  if (command > COMMAND_PROXY) return { reason: `it has the unknown command ${command}` };
  const end = V2_FIXED_BYTES + bytes[AT_LENGTH] * 256 + bytes[AT_LENGTH + 1];
  if (end > V2_BYTES_MAX) {
    return { reason: `it has ${end} bytes, more than the ${V2_BYTES_MAX} that are taken` };
  }
  if (command === COMMAND_PROXY) {
    // "must be rejected as invalid by receivers"
    if (family >= ADDRESS_BYTES.length) return { reason: `it has the unknown family ${family}` };
    if (transport >= TRANSPORTS.length) {
      return { reason: `it has the unknown transport ${transport}` };
    }
    if (end < V2_FIXED_BYTES + ADDRESS_BYTES[family]) {
      return { reason: "it is too short for its addresses" };
    }
  }
  if (length < end) return null;
  const isSilent = command === COMMAND_LOCAL || family === FAMILY_UNSPECIFIED ||
    transport === TRANSPORT_UNSPECIFIED;
  if (isSilent) {
    // "must use the real connection endpoints and discard the protocol block"
    const said = command === COMMAND_LOCAL ? "local" : "proxy";
    return { header: { version: 2, command: said, ...NOTHING_SAID }, length: end };
  }
  const tlvs = readTlvs(bytes, V2_FIXED_BYTES + ADDRESS_BYTES[family], end);
  if (typeof tlvs === "string") return { reason: tlvs };
  const [source, destination] = readAddresses(bytes, family);
  const header: ProxyHeader = {
    version: 2,
    command: "proxy",
    transport: TRANSPORTS[transport],
    source,
    destination,
    tlvs,
  };
  return { header, length: end };
}

function readAddresses(bytes: Uint8Array, family: number): [SocketAddress, SocketAddress] {
  const at = V2_FIXED_BYTES;
  if (family === FAMILY_UNIX) {
    return [readUnix(bytes, at), readUnix(bytes, at + UNIX_BYTES)];
  }
  const size = family === FAMILY_IPV4 ? 4 : 16;
  const make = family === FAMILY_IPV4 ? SocketAddress.ipv4 : SocketAddress.ipv6;
  const portAt = at + size * 2;
  const port = (offset: number): number => bytes[offset] * 256 + bytes[offset + 1];
  return [
    make(bytes.subarray(at, at + size), port(portAt)),
    make(bytes.subarray(at + size, portAt), port(portAt + 2)),
  ];
}

/** A path up to its NUL, an abstract name (whose first byte is one) without its padding. */
function readUnix(bytes: Uint8Array, at: number): SocketAddress {
  const field = bytes.subarray(at, at + UNIX_BYTES);
  let length = UNIX_BYTES;
  if (field[0] === 0) { while (length > 0 && field[length - 1] === 0) length--; }
  else if (field.includes(0)) length = field.indexOf(0);
  return SocketAddress.unixFromBytes(field.subarray(0, length));
}

/** @returns them, or why they are malformed */
function readTlvs(bytes: Uint8Array, start: number, end: number): ProxyTlv[] | string {
  const tlvs: ProxyTlv[] = [];
  let isChecked = false;
  for (let at = start; at < end;) {
    const valueAt = at + TLV_HEAD_BYTES;
    if (valueAt > end) return "a TLV of it is cut off";
    const type = bytes[at];
    const next = valueAt + bytes[at + 1] * 256 + bytes[at + 2];
    if (next > end) return "a TLV of it is longer than what is left";
    if (type === TLV_CRC32C) {
      if (isChecked) return "it has two checksums";
      if (!isIntact(bytes, valueAt, next, end)) return "its checksum is wrong";
      isChecked = true;
    } else if (type !== TLV_NOOP) {
      tlvs.push({ type, value: bytes.slice(valueAt, next) });
    }
    at = next;
  }
  return tlvs;
}

function isIntact(bytes: Uint8Array, valueAt: number, next: number, end: number): boolean {
  if (next - valueAt !== CRC_BYTES) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset + valueAt, CRC_BYTES);
  return view.getUint32(0) === crc32c(bytes, end, valueAt);
}

/**
 * Writes a header.
 *
 * @param isChecked whether it gets a checksum; only one that has addresses does
 * @throws {TypeError} when source and destination are of different families
 * @throws {RangeError} when it would have more than {@linkcode V2_BYTES_MAX} bytes, or a TLV is out
 * of its range
 */
export function writeV2(header: ProxyHeader, isChecked: boolean): Uint8Array<ArrayBuffer> {
  const { source, destination, transport, command } = header;
  const isSilent = command === "local" || source === null || destination === null ||
    transport === "unspecified";
  if (isSilent) {
    if (header.tlvs.length > 0) {
      throw new TypeError("a PROXY header without addresses has no proxyTlvs");
    }
    return writeFixed(command, 0, 0);
  }
  if (source.family !== destination.family) {
    throw new TypeError(
      `a PROXY header has two addresses of one family, not ${source} and ${destination}`,
    );
  }
  const family = ["IPv4", "IPv6", "unix"].indexOf(source.family) + 1;
  const tlvs = isChecked
    ? [...header.tlvs, { type: TLV_CRC32C, value: new Uint8Array(CRC_BYTES) }]
    : header.tlvs;
  const length = tlvs.reduce(
    (sum, { value }) => sum + TLV_HEAD_BYTES + value.length,
    ADDRESS_BYTES[family],
  );
  const bytes = writeFixed(command, family << 4 | TRANSPORTS.indexOf(transport), length);
  writeAddresses(bytes, source, destination);
  writeTlvs(bytes, V2_FIXED_BYTES + ADDRESS_BYTES[family], tlvs);
  if (isChecked) writeNumber(bytes, bytes.length - CRC_BYTES, crc32c(bytes), CRC_BYTES);
  return bytes;
}

function writeFixed(
  command: "proxy" | "local",
  family: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  const size = V2_FIXED_BYTES + length;
  if (size > V2_BYTES_MAX) {
    throw new RangeError(`a PROXY header has at most ${V2_BYTES_MAX} bytes, not ${size}`);
  }
  const bytes = new Uint8Array(size);
  bytes.set(SIGNATURE);
  const number = command === "proxy" ? COMMAND_PROXY : COMMAND_LOCAL;
  bytes[AT_VERSION_COMMAND] = VERSION << 4 | number;
  bytes[AT_FAMILY] = family;
  writeNumber(bytes, AT_LENGTH, length, 2);
  return bytes;
}

function writeAddresses(
  bytes: Uint8Array,
  source: SocketAddress,
  destination: SocketAddress,
): void {
  const at = V2_FIXED_BYTES;
  if (source.family === "unix") {
    source.copyBytes(bytes, at);
    destination.copyBytes(bytes, at + UNIX_BYTES);
    return;
  }
  const size = source.copyBytes(bytes, at);
  destination.copyBytes(bytes, at + size);
  writeNumber(bytes, at + size * 2, source.port, 2);
  writeNumber(bytes, at + size * 2 + 2, destination.port, 2);
}

function writeTlvs(bytes: Uint8Array, start: number, tlvs: readonly ProxyTlv[]): void {
  let at = start;
  for (const { type, value } of tlvs) {
    bytes[at] = type;
    writeNumber(bytes, at + 1, value.length, 2);
    bytes.set(value, at + TLV_HEAD_BYTES);
    at += TLV_HEAD_BYTES + value.length;
  }
}

/** Proves that TLVs are what a header can hold. @throws {TypeError} or RangeError */
export function checkTlvs(tlvs: unknown): readonly ProxyTlv[] {
  if (!Array.isArray(tlvs)) throw new TypeError("proxyTlvs must be an array");
  return tlvs.map((tlv: Partial<ProxyTlv> | null, index) => {
    const { type, value } = tlv ?? {};
    if (!Number.isInteger(type) || type! < 0 || type! > 255) {
      throw new RangeError(`proxyTlvs[${index}]: type must be an integer from 0 to 255`);
    }
    if (type === TLV_CRC32C) {
      throw new RangeError(`proxyTlvs[${index}]: the checksum is added by proxyChecksum`);
    }
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(`proxyTlvs[${index}]: value must be bytes`);
    }
    if (value.length > LENGTH_MAX) {
      throw new RangeError(`proxyTlvs[${index}]: value has more than ${LENGTH_MAX} bytes`);
    }
    return { type: type!, value };
  });
}

function writeNumber(bytes: Uint8Array, at: number, value: number, size: number): void {
  for (let index = 0; index < size; index++) {
    bytes[at + index] = Math.floor(value / 256 ** (size - 1 - index)) & 0xff;
  }
}
