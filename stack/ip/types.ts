/**
 * What the transport protocols and IP are to each other.
 *
 * @module
 */

import type { Ipv4Address, Ipv6Address } from "../wire/mod.ts";

/** An address of either family: a number is one of IPv4. */
export type IpAddress = Ipv4Address | Ipv6Address;

/** Where packets to a destination go, as the routes, the neighbours and its path MTU say. */
export interface Path {
  /** The index of the interface that they leave by. */
  readonly interface: number;
  /** The longest packet of IP, header included, that reaches the destination whole, in bytes. */
  readonly mtu: number;
  /**
   * The most bytes of a packet with {@linkcode Segmentation} that the interface takes apart for us,
   * 0 where the link's MTU is all it takes.
   */
  readonly offloadBytes: number;
  /** Whether the destination is this stack itself. */
  readonly isLocal: boolean;
  /** False once routes, addresses or the path MTU have changed: ask again. */
  readonly isValid: boolean;
}

/** Two ends, and the way between them. Whoever talks has one, and fills it in. */
export class Flow {
  /** The address of this end; the family's any-address lets the routes choose. */
  local: IpAddress = 0;
  /** The address of the other end. */
  remote: IpAddress = 0;
  /** The port of this end, where the protocol has ports. */
  localPort = 0;
  /** The port of the other end. */
  remotePort = 0;
  /** The index of the interface it is bound to, 0 for none: a device, or a scope of RFC 4007. */
  scope = 0;
  /** Set by {@linkcode IpOutput.route}. */
  path: Path | null = null;
}

/** What a sender says about its packets. */
export interface IpParameters {
  /** Hops, 1 to 255; 0 for the default of the destination's kind. */
  timeToLive: number;
  /** Differentiated services and ECN, as one byte. */
  typeOfService: number;
  /** Whether routers, and we, may take it apart: `IP_PMTUDISC_*` as `mtuDiscovery` means them. */
  fragmentation: "allowed" | "forbidden" | "probe";
  /** The flow label of IPv6, 0 for none. */
  flowLabel: number;
  /** Options of IPv4 as they stand in a header, a multiple of 4 bytes; null for none. */
  options: Uint8Array | null;
}

/** What IP does for transport protocols. */
export interface IpOutput {
  /**
   * Finds the way to a flow's remote address, and its local address where that is the any-address
   * (RFC 6724).
   *
   * @param flow its `path`, and perhaps its `local`, are set
   * @returns 0 or `-errno`: ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENODEV
   */
  route(flow: Flow): number;
  /**
   * Sends a packet that begins with its transport header; its checksum may be partial, its length
   * be for segmentation: see {@linkcode PacketTable}. Takes over the caller's hold, whatever
   * happens. It may be sent at once, wait for the neighbour's address, or be delivered to this very
   * stack, which happens later and never within the call.
   *
   * @param flow whose path is set; a path that is no longer valid is found anew
   * @param packet the first segment of its chain
   * @param protocol the protocol's number
   * @param parameters what the header says
   * @returns 0 or `-errno`: EMSGSIZE, ENOBUFS, ENETUNREACH, EHOSTUNREACH
   */
  send(flow: Flow, packet: number, protocol: number, parameters: IpParameters): number;
}

/** An error about a packet that we sent, as ICMP of either family tells. */
export interface IcmpError {
  /** The errno that it means: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE ... */
  readonly errno: number;
  /** Whether it says that trying again is pointless (RFC 1122 section 4.2.3.9). */
  readonly isHard: boolean;
  /** The type of ICMP or ICMPv6. */
  readonly type: number;
  /** Its code. */
  readonly code: number;
  /** The MTU, or whatever else its second word says. */
  readonly info: number;
  /** Who sent it. */
  readonly from: IpAddress;
  /** The flow of the packet that it is about, as its sender saw it: `local` is our end. */
  readonly flow: Flow;
  /** The offset in memory of the quoted transport header. */
  readonly quote: number;
  /** The bytes that are quoted from there on: 8 or more, or it would not be delivered. */
  readonly quoteBytes: number;
}

/** A protocol over IP. */
export interface TransportProtocol {
  /** Its number. */
  readonly protocol: number;
  /**
   * Takes a packet that is for this stack. Its data begin with the network header; the table says
   * where the transport header is. The checksum is the protocol's matter.
   *
   * @param packet is the protocol's from here on: it releases it
   * @param source who sent it
   * @param destination which of our addresses or groups it is for
   */
  receive(packet: number, source: IpAddress, destination: IpAddress): void;
  /** Is told of an error about a packet of its own. */
  onError(error: IcmpError): void;
}
