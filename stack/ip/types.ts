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
  /** `SO_MARK`, which rules of the routes may look at; 0 for none. */
  mark = 0;
  /** The flow label of IPv6, which IP computes (RFC 6437); -1 where it is not known yet. */
  label: number = -1;
  /** Set by {@linkcode IpOutput.route}; whoever changes what is above sets it to null. */
  path: Path | null = null;
}

/** What a sender says about its packets. */
export interface IpParameters {
  /**
   * Hops, 1 to 255; 0 for the default of the destination's kind; -1 for none at all: what is for a
   * group is delivered to this stack only.
   */
  timeToLive: number;
  /** Differentiated services and ECN, as one byte. */
  typeOfService: number;
  /**
   * Whether routers, and we, may take it apart: `IP_PMTUDISC_*` as `mtuDiscovery` means them.
   * "allowed" (`DONT`): both may; "wanted" (`WANT`): we may, by the path MTU, routers may not what
   * is short enough; "forbidden" (`DO`): nobody may; "probe": nobody may, and the path MTU is not
   * asked.
   */
  fragmentation: "allowed" | "wanted" | "forbidden" | "probe";
  /** The flow label of IPv6, 0 for none. */
  flowLabel: number;
  /** Options of IPv4 as they stand in a header, a multiple of 4 bytes; null for none. */
  options: Uint8Array | null;
  /** The longest packet to go whole (`IPV6_MTU`); 0, or missing, for what the path takes. */
  mtu?: number;
  /** Whether it may go to everybody on a link (`SO_BROADCAST`); not where this is missing. */
  mayBroadcast?: boolean;
  /** Whether members of a group in this stack get it (`IP_MULTICAST_LOOP`); they do if missing. */
  loopsMulticast?: boolean;
  /** Extension headers of IPv6 that stand in front of the packet's data; none where missing. */
  extensions?: Ipv6ExtensionBytes | null;
}

/** Extension headers of IPv6, as they stand in a packet. */
export interface Ipv6ExtensionBytes {
  /** What the IPv6 header names: the first of them. */
  readonly first: number;
  /** All of them, a multiple of 8 bytes; the last one names the packet's protocol. */
  readonly bytes: Uint8Array;
  /** How many of these bytes each fragment has to have: hop-by-hop and routing headers. */
  readonly unfragmentableBytes: number;
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

/** What IP does for raw sockets. */
export interface HeaderOutput {
  /**
   * Sends a packet of IPv4 that begins with a complete header of its sender's (`IP_HDRINCL`), which
   * {@linkcode IpOutput.send} would else write. Takes over the caller's hold, whatever happens.
   *
   * @param flow whose path is set
   * @param parameters of these only `mayBroadcast` and `loopsMulticast` count
   * @returns 0 or `-errno`: EMSGSIZE, as nobody takes it apart; ENOBUFS, ENETUNREACH ...
   */
  sendWithHeader(flow: Flow, packet: number, parameters: IpParameters): number;
}

/** What transport protocols tell IP about their packets. */
export interface PathFeedback {
  /**
   * Says what became of a packet that was sent with `fragmentation: "probe"`; or that one that was
   * sent as usual has been repeated in vain, several times: the path may be a black hole for packets
   * of its length. Packetization layer path MTU discovery (RFC 4821, 8899).
   *
   * @param flow whose path it went
   * @param bytes the packet's, IP header included
   * @param isAcknowledged whether it arrived; else it was lost, and nothing else explains that
   */
  reportProbe(flow: Flow, bytes: number, isAcknowledged: boolean): void;
  /**
   * How long the next probe of a flow's path should be.
   *
   * @returns bytes, IP header included; 0 when there is nothing to be found out for now
   */
  probeBytes(flow: Flow): number;
  /** Says that the next hop of a flow was reached: something sent was acknowledged. */
  confirm(flow: Flow): void;
}

/** Sends errors about packets that were received. */
export interface IcmpErrors {
  /**
   * Says that nobody listens at the port that a packet is for, unless an error about it must not be
   * sent, or the rate is exceeded. The packet is looked at, its hold stays the caller's.
   *
   * @param packet whose data begin with the network header, as a protocol receives it
   */
  portUnreachable(packet: number): void;
}

/** Sees packets that are for this stack before their protocols do: raw sockets. */
export interface RawListener {
  /** Whether packets of a protocol are to be shown to it. It is asked for each packet. */
  listensTo(protocol: number, isIpv6: boolean): boolean;
  /**
   * Looks at a packet that is whole, with its checksum not verified. The hold stays the caller's,
   * who goes on to change the packet: what is to be kept is sliced or copied.
   *
   * @returns whether anybody took it: if so, the sender is not told that nobody knows its protocol
   */
  onPacket(packet: number, protocol: number, source: IpAddress, destination: IpAddress): boolean;
  /** Is told of an error about a packet of a protocol, whoever sent that. */
  onError?(error: IcmpError, protocol: number): void;
}

/** Takes the answers to echoes, and errors about them: sockets of `ping`. */
export interface EchoListener {
  /**
   * Takes an echo reply whose checksum is good; as of {@linkcode TransportProtocol.receive}.
   *
   * @param identifier the echo's identifier: which socket it is for
   */
  onEchoReply(
    packet: number,
    identifier: number,
    source: IpAddress,
    destination: IpAddress,
  ): void;
  /** Is told of an error about an echo request: its `localPort` is the identifier. */
  onError(error: IcmpError): void;
}

/** An error about a packet that we sent, as ICMP of either family tells. */
export interface IcmpReport {
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
  /** Who sent it: a signed word of IPv4, or four of IPv6. */
  readonly from: number | readonly [number, number, number, number];
}

/** The same, for whom it concerns. */
export interface IcmpError extends IcmpReport {
  /** The flow of the packet that it is about, as its sender saw it: `local` is our end. */
  readonly flow: Flow;
  /** The packet that says so; its hold is its giver's. */
  readonly packet: number;
  /** The offset in memory of the quoted header of IP. */
  readonly quotedHeader: number;
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
  /**
   * Whether the quoted packet is one that it has sent and that may still be under way; where this
   * is missing, all are. What is not believed changes no path MTU, and is not reported (RFC 5927,
   * RFC 8201 section 4).
   */
  admitsError?(error: IcmpError): boolean;
}
