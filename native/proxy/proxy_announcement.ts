/**
 * Sending a PROXY header: the first bytes of a connection say whom it is for.
 *
 * @module
 */

import { expand } from "../compact_address.ts";
import type { AnyStream } from "../listener/endpoint_streams.ts";
import { NOTHING_SAID, type ProxyHeader, type ProxyTlv } from "./proxy_header.ts";
import { writeProxyHeader } from "./proxy_protocol.ts";
import { checkTlvs } from "./proxy_v2.ts";
import { canonicalize, SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";

/** Options of `connect` for connections that are made on behalf of somebody else. */
export interface ProxyConnectOptions {
  /**
   * Sends a PROXY header of this version before anything else. The other side must expect it.
   * Source: the PROXY protocol specification of HAProxy.
   */
  readonly proxyProtocol?: "v1" | "v2";
  /**
   * Where the client is, for whom the connection is made. Left out, the connection is the program's
   * own: "v2" then says LOCAL, "v1" gives the connection's own addresses.
   */
  readonly proxySource?: AddressInput;
  /** What the client connected to; the address that is connected to unless said otherwise. */
  readonly proxyDestination?: AddressInput;
  /** More about the client's connection, with "v2" and a `proxySource`. */
  readonly proxyTlvs?: readonly ProxyTlv[];
  /** Whether a "v2" header has a CRC32c checksum; without unless said otherwise. */
  readonly proxyChecksum?: boolean;
}

/** The keys of {@linkcode ProxyConnectOptions}. */
export const PROXY_CONNECT_KEYS: readonly string[] = [
  "proxyProtocol",
  "proxySource",
  "proxyDestination",
  "proxyTlvs",
  "proxyChecksum",
];

/** The header that a connection is to begin with. */
export interface Announcement {
  readonly version: 1 | 2;
  readonly source: SocketAddress | null;
  readonly destination: SocketAddress | null;
  readonly tlvs: readonly ProxyTlv[];
  readonly isChecked: boolean;
}

/** Bytes before the IPv4 address in an IPv4-mapped one. RFC 4291 section 2.5.5.2. */
const MAPPED_PREFIX: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Checks the options.
 *
 * @returns null where no header is asked for
 * @throws {TypeError} for a value of the wrong type, and where one needs another that is not there
 */
export function planAnnouncement(options: ProxyConnectOptions): Announcement | null {
  const { proxyProtocol, proxyTlvs, proxyChecksum } = options;
  if (proxyProtocol === undefined) {
    for (const key of PROXY_CONNECT_KEYS) {
      if (options[key as keyof ProxyConnectOptions] === undefined) continue;
      throw new TypeError(`${key} is for a proxyProtocol, and there is none`);
    }
    return null;
  }
  if (proxyProtocol !== "v1" && proxyProtocol !== "v2") {
    throw new TypeError(`proxyProtocol must be "v1" or "v2", not ${String(proxyProtocol)}`);
  }
  if (proxyChecksum !== undefined && typeof proxyChecksum !== "boolean") {
    throw new TypeError(`proxyChecksum must be a boolean, not ${String(proxyChecksum)}`);
  }
  const source = addressOf("proxySource", options.proxySource);
  const destination = addressOf("proxyDestination", options.proxyDestination);
  const tlvs = proxyTlvs === undefined ? [] : checkTlvs(proxyTlvs);
  const isChecked = proxyChecksum ?? false;
  if (proxyProtocol === "v1" && (tlvs.length > 0 || isChecked)) {
    throw new TypeError('proxyTlvs and proxyChecksum are for proxyProtocol "v2"');
  }
  if (source === null && (destination !== null || tlvs.length > 0)) {
    throw new TypeError("proxyDestination and proxyTlvs need a proxySource");
  }
  const isUnix = source?.family === "unix" || destination?.family === "unix";
  if (proxyProtocol === "v1" && isUnix) {
    throw new TypeError('proxyProtocol "v1" has no addresses of Unix sockets');
  }
  return { version: proxyProtocol === "v1" ? 1 : 2, source, destination, tlvs, isChecked };
}

function addressOf(name: string, input: AddressInput | undefined): SocketAddress | null {
  if (input === undefined) return null;
  const address = parseAddress(input);
  if (!isHostPort(address)) return canonicalize(address, "listen");
  throw new TypeError(`${name} must be an address, not the name "${address.name}"`);
}

/**
 * Sends the header of a connection; one that cannot be announced is closed.
 *
 * @throws {NetError} what `send` throws
 */
export async function announce(
  stream: AnyStream,
  announcement: Announcement,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const header = headerOf(announcement, expand(stream.local), expand(stream.client));
    await stream.send(writeProxyHeader(header, announcement.isChecked), { signal });
  } catch (error) {
    await stream.close();
    throw error;
  }
}

function headerOf(
  { version, source, destination, tlvs }: Announcement,
  local: SocketAddress,
  remote: SocketAddress,
): ProxyHeader {
  // "it SHOULD build a valid PROXY line which it will fill with a getsockname()/getpeername() pair"
  const isOwn = source === null && version === 1 && local.family !== "unix";
  if (source === null && !isOwn) {
    return { version, command: version === 1 ? "proxy" : "local", ...NOTHING_SAID };
  }
  const [from, to] = ofOneFamily(source ?? local, destination ?? remote);
  return { version, command: "proxy", transport: "stream", source: from, destination: to, tlvs };
}

/** An IPv4 address beside an IPv6 one is written as IPv6: a header has only one family. */
function ofOneFamily(from: SocketAddress, to: SocketAddress): [SocketAddress, SocketAddress] {
  if (from.family === to.family || from.family === "unix" || to.family === "unix") {
    return [from, to];
  }
  return from.family === "IPv4" ? [mapped(from), to] : [from, mapped(to)];
}

function mapped(address: SocketAddress): SocketAddress {
  return SocketAddress.ipv6([...MAPPED_PREFIX, ...address.bytes], address.port);
}
