/**
 * PROXY protocol headers, read and written. Source: the PROXY protocol specification of HAProxy,
 * `doc/proxy-protocol.txt`, of 2020/03/05.
 *
 * @module
 */

import type { ProxyHeader, ProxyHeaderOutcome } from "./proxy_header.ts";
import { readV1, writeV1 } from "./proxy_v1.ts";
import { readV2, V2_BYTES_MAX, writeV2 } from "./proxy_v2.ts";

/** Which versions are taken. */
export type ProxyVersions = "v1" | "v2" | "any";

/** The most bytes that are looked at; a header that is not complete by then is none. */
export const PROXY_HEADER_BYTES_MAX: number = V2_BYTES_MAX;

/** The first byte of version 2; that of version 1 is a letter. */
const V2_FIRST_BYTE = 0x0d;

/**
 * Reads the header at the front of `bytes[0, length)`.
 *
 * It looks at no byte past what it needs to decide, so that bytes which cannot become a header are
 * told from one that is not complete as soon as they differ.
 *
 * @returns the header and its length, why there is none, or null while bytes are missing
 */
export function readProxyHeader(
  bytes: Uint8Array,
  length: number,
  versions: ProxyVersions,
): ProxyHeaderOutcome {
  if (length === 0) return null;
  if (versions === "any") {
    return bytes[0] === V2_FIRST_BYTE ? readV2(bytes, length) : readV1(bytes, length);
  }
  return versions === "v1" ? readV1(bytes, length) : readV2(bytes, length);
}

/**
 * Writes a header.
 *
 * @param isChecked whether version 2 gets a CRC32c checksum
 * @throws {TypeError} when the version cannot say it
 * @throws {RangeError} when it would be too long
 */
export function writeProxyHeader(header: ProxyHeader, isChecked = false): Uint8Array<ArrayBuffer> {
  return header.version === 1 ? writeV1(header) : writeV2(header, isChecked);
}
