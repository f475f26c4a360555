/**
 * What a PROXY protocol header says, in either of its versions: who the client of a proxied
 * connection is. Source: the PROXY protocol specification of HAProxy, `doc/proxy-protocol.txt`.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";

/** A piece of information beside the addresses, in version 2. */
export interface ProxyTlv {
  /** What it is, 0 to 255; {@linkcode ProxyTlvType} has names for some. */
  readonly type: number;
  /** Its bytes, at most 65535. */
  readonly value: Uint8Array;
}

/** Types of {@linkcode ProxyTlv} that are registered. Section 2.2. */
export const ProxyTlvType = {
  /** The protocol of the layer above, as RFC 7301 has it. */
  ALPN: 0x01,
  /** The name of the host that the client asked for, UTF-8: the SNI of TLS. */
  AUTHORITY: 0x02,
  /** An identifier of the connection, at most 128 bytes. */
  UNIQUE_ID: 0x05,
  /** What TLS found out about the client. */
  SSL: 0x20,
  /** The network namespace, ASCII. */
  NETNS: 0x30,
} as const;

/** The checksum; it is checked, and added, here, and not among the others. */
export const TLV_CRC32C = 0x03;
/** Padding, which means nothing. */
export const TLV_NOOP = 0x04;

/** How the client is connected to the proxy. */
export type ProxyTransport = "stream" | "datagram" | "unspecified";

/** What a header says. */
export interface ProxyHeader {
  /** The version of the protocol. */
  readonly version: 1 | 2;
  /**
   * "proxy" for a client's connection, "local" for one of the proxy's own, such as a health check.
   */
  readonly command: "proxy" | "local";
  /** How the client is connected to the proxy. */
  readonly transport: ProxyTransport;
  /** Where the client is; null where the header does not say. */
  readonly source: SocketAddress | null;
  /** What the client connected to; null where the header does not say. */
  readonly destination: SocketAddress | null;
  /** More about the connection; checksum and padding are not among them. */
  readonly tlvs: readonly ProxyTlv[];
}

/** A header, and where it ends. */
export interface ProxyHeaderRead {
  readonly header: ProxyHeader;
  /** How many bytes it has: what follows is the client's. */
  readonly length: number;
}

/** Why bytes are no header, a fragment of a sentence. */
export interface ProxyHeaderProblem {
  readonly reason: string;
}

/** What became of reading a header; null while bytes are missing. */
export type ProxyHeaderOutcome = ProxyHeaderRead | ProxyHeaderProblem | null;

/** A header without anything in it. */
export const NOTHING_SAID = {
  transport: "unspecified",
  source: null,
  destination: null,
  tlvs: [],
} as const;
