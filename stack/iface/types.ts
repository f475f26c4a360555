/**
 * The seam between links and IP: what IP, ICMP, UDP and raw sockets see of interfaces, neighbours,
 * addresses, routes and groups, and what those ask of IP.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import type { Ipv4Address, Ipv6Address, MacAddress } from "../wire/addresses.ts";

/** What an interface is connected to. */
export type InterfaceKind =
  /** A link with frames of Ethernet. */
  | "ethernet"
  /** A link whose frames are packets of IP: a tunnel. */
  | "ip"
  /** This very stack. */
  | "loopback";

/** What a port does for the stack. */
export interface PortOffload {
  /** Whether it completes partial checksums ({@linkcode PacketFlag.CHECKSUM_PARTIAL}). */
  readonly checksum: boolean;
  /** The longest packet of IP that it takes apart by itself, in bytes; 0 for none. */
  readonly segmentationBytes: number;
}

/** A port that does nothing for the stack. */
export const NO_OFFLOAD: PortOffload = { checksum: false, segmentationBytes: 0 };

/** An interface, as IP sees it. */
export interface Interface {
  /** Its number, 1 or more. */
  readonly index: number;
  /** Its name, such as `eth0`. */
  readonly name: string;
  readonly kind: InterfaceKind;
  /** Its own address on the link, 0 where there is none. */
  readonly mac: MacAddress;
  /** Whether it sends and receives. */
  readonly isUp: boolean;
  /** The longest packet of IPv4 on the link, header included, in bytes. */
  readonly mtu: number;
  /** The same for IPv6: routers may advertise less. RFC 4861 section 6.3.4. */
  readonly ipv6Mtu: number;
  /** The most bytes of a packet with segmentation that {@linkcode output} takes, 0 for none. */
  readonly offloadBytes: number;
  /** The hop limit that a router advertises, or the default, 64. RFC 4861 section 6.3.2. */
  readonly hopLimit: number;
  /** Whether packets that arrive here may be forwarded. */
  isForwarding: boolean;
  /**
   * Sends a packet of IP, whose data begin with its header. It takes over the hold. The packet
   * leaves once the next hop's address on the link is known; if that stays unknown, it is handed to
   * {@linkcode UnreachableHandler.onUnreachable}.
   *
   * Its `transport` and `network` columns, and those of offloads, must be set where the flags or
   * the segmentation say that something is to be done.
   *
   * @param packet the first segment of its chain
   * @param nextHop a neighbour, or the destination itself where that is a group or everybody
   * @returns 0 or `-errno`: ENETDOWN, ENOBUFS
   */
  output(packet: number, nextHop: IpAddress): number;
  /** The same for IPv4 without a neighbour: a frame for everybody on the link. */
  broadcast(packet: number): number;
}

/** All interfaces. */
export interface InterfaceTable {
  /** How many there are. */
  readonly size: number;
  /** The interface of an index; undefined where there is none. */
  get(index: number): Interface | undefined;
  /** The interface of a name. */
  named(name: string): Interface | undefined;
  /** All of them, in the order of their indices. */
  list(): readonly Interface[];
  /** The one whose packets come back, where there is one. */
  readonly loopback: Interface | undefined;
}

/** What links hand packets to. */
export interface IpInput {
  /**
   * Takes a packet that a frame of type IPv4 carried. Its data begin where the header should be;
   * padding may follow it; nothing of it is checked. `interface` and `network` of the packet table
   * are set, and its flags say for whom the frame was. It takes over the hold.
   */
  receiveIpv4(packet: number, link: Interface): void;
  /** The same for IPv6. */
  receiveIpv6(packet: number, link: Interface): void;
}

/** Is told of packets whose next hop does not answer. */
export interface UnreachableHandler {
  /**
   * Takes a packet, which begins with its IP header, that could not leave: ICMP errors are sent for
   * it (RFC 4861 section 7.2.2, RFC 1122 section 2.3.2.2). It takes over the hold.
   */
  onUnreachable(packet: number, link: Interface): void;
}

/** What is known of neighbours, as far as others know it. */
export interface Neighbours {
  /**
   * Is told that a neighbour was reached: data that were sent by it were acknowledged. RFC 4861
   * section 7.3.1.
   */
  confirm(interfaceIndex: number, nextHop: IpAddress): void;
}

/** What an address of this stack can be used for. */
export const AddressState = {
  /** It is not ours. */
  NONE: 0,
  /** It is being asked for whether somebody else has it; nothing but that may use it. */
  TENTATIVE: 1,
  /** It can be used for everything. */
  PREFERRED: 2,
  /** It still receives, but should not be chosen for new connections. */
  DEPRECATED: 3,
  /** Somebody else has it. */
  DUPLICATED: 4,
} as const;

/** One of {@linkcode AddressState}. */
export type AddressState = typeof AddressState[keyof typeof AddressState];

/** What sources RFC 6724's rule 7 prefers. */
export type AddressPreference = "default" | "temporary" | "public";

/** The addresses of this stack, as IP sees them. */
export interface AddressTable {
  /**
   * Whether packets to an address are ours: it is neither tentative nor duplicated.
   *
   * @param interfaceIndex on which interface, 0 for any
   */
  isLocal(address: IpAddress, interfaceIndex: number): boolean;
  /** The state of an address. @param interfaceIndex on which interface, 0 for any */
  stateOf(address: IpAddress, interfaceIndex: number): AddressState;
  /** The index of the (first) interface that has an address in use, 0 for none. */
  interfaceOf(address: IpAddress): number;
  /**
   * Whether an address of IPv4 means everybody of a link: 255.255.255.255, or the last address of a
   * prefix of the interface. @param interfaceIndex 0 for any interface
   */
  isBroadcast(address: Ipv4Address, interfaceIndex: number): boolean;
  /**
   * Chooses the source for a destination: RFC 6724 section 5; for IPv4 the address whose prefix
   * the destination or the next hop is in, else the first one of a sufficient scope.
   *
   * @param interfaceIndex the interface that the packets leave by
   * @param nextHop where they go first, null where that is the destination
   * @param preference temporary or public addresses
   * @returns the address, or null when there is none
   */
  selectSource(
    destination: IpAddress,
    interfaceIndex: number,
    nextHop: IpAddress | null,
    preference: AddressPreference,
  ): IpAddress | null;
  /** Whether a destination is on the link, by the prefixes of the interface's addresses. */
  isOnLink(address: IpAddress, interfaceIndex: number): boolean;
}

/** A way to a destination. */
export interface Route {
  /** The index of the interface that packets leave by. */
  readonly interface: number;
  /** Where they go first; null where that is the destination itself. */
  readonly gateway: IpAddress | null;
  /** What it costs. */
  readonly metric: number;
  /** The longest packet that it takes, 0 where the interface's MTU is all there is to say. */
  readonly mtu: number;
  /** The source that it asks for, null where RFC 6724 chooses. */
  readonly source: IpAddress | null;
  /** Bits of the prefix that was found. */
  readonly prefixLength: number;
}

/** What a way is asked for. */
export interface RouteQuery {
  destination: IpAddress;
  /** The source, the family's any-address where it is not chosen yet. */
  source: IpAddress;
  /** The interface that packets are to leave by, 0 for any. */
  interface: number;
  /** The interface that a packet to be forwarded came in by, 0 for what is sent from here. */
  inputInterface: number;
  /** `SO_MARK`, 0 for none. */
  mark: number;
  typeOfService: number;
  /** What equal ways are chosen by: a hash of the flow. */
  flowHash: number;
}

/** The ways to everywhere. */
export interface RouteTable {
  /**
   * Finds the way to a destination that is not an address of this very stack. Groups and broadcasts
   * have routes, too: where the tables say nothing of them, the query's interface is taken, or the
   * first one that is up.
   *
   * @returns the way, or `-errno`: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL (blackhole), ENETDOWN
   */
  lookup(query: RouteQuery): Route | number;
  /**
   * Is told of a better first hop by ICMP for IPv4 (RFC 1122 section 3.2.2.2); those of IPv6 come
   * by {@linkcode LinkProtocol}.
   *
   * @param from the router that said so
   * @returns whether it was believed
   */
  redirect(
    destination: IpAddress,
    gateway: IpAddress,
    from: IpAddress,
    interfaceIndex: number,
  ): boolean;
}

/** Counts what makes paths stale: changes of addresses, routes, links and routers. */
export interface Topology {
  /** A path that was found at another number has to be found anew. */
  readonly generation: number;
}

/** Takes messages of neighbour discovery, IGMP and MLD. */
export interface LinkProtocol {
  /**
   * Takes a packet whose data begin with the IP header; the packet table says where the message of
   * ICMPv6 or IGMP is. Its checksum is verified, and it is whole in one segment. It takes over the
   * hold.
   */
  receive(packet: number, link: Interface, source: IpAddress, destination: IpAddress): void;
}

/** How a filter's sources are meant. RFC 3376 section 2. */
export type FilterMode =
  /** Only these. */
  | "include"
  /** All but these. */
  | "exclude";

/** The groups that one socket listens to. */
export interface GroupMember {
  /** Whether it has joined nothing. */
  readonly isEmpty: boolean;
  /** Joins a group, from any source. @returns 0 or `-errno`: EADDRINUSE, ENODEV, ENOBUFS, EINVAL */
  join(interfaceIndex: number, group: IpAddress): number;
  /** Leaves a group. @returns 0 or `-errno`: EADDRNOTAVAIL */
  leave(interfaceIndex: number, group: IpAddress): number;
  /** `IP_ADD_SOURCE_MEMBERSHIP`. @returns 0 or `-errno` */
  joinSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number;
  /** `IP_DROP_SOURCE_MEMBERSHIP`. @returns 0 or `-errno` */
  leaveSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number;
  /** `IP_BLOCK_SOURCE`. @returns 0 or `-errno` */
  blockSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number;
  /** `IP_UNBLOCK_SOURCE`. @returns 0 or `-errno` */
  unblockSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number;
  /** IPMulticastListen of RFC 3376 section 2, MCAST_MSFILTER. @returns 0 or `-errno` */
  setFilter(
    interfaceIndex: number,
    group: IpAddress,
    mode: FilterMode,
    sources: readonly IpAddress[],
  ): number;
  /** What it listens to of a group; null where it is no member. */
  filter(
    interfaceIndex: number,
    group: IpAddress,
  ): { readonly mode: FilterMode; readonly sources: readonly IpAddress[] } | null;
  /** Whether it wants a packet; false also where it has not joined the group there. */
  admits(interfaceIndex: number, group: IpAddress, source: IpAddress): boolean;
  /** Whether it has joined a group there, whatever its filter says. */
  hasJoined(interfaceIndex: number, group: IpAddress): boolean;
  /** Leaves everything. */
  close(): void;
}

/** The groups that this stack listens to. */
export interface Groups {
  /** Whether anybody here wants packets of a group from a source. */
  isMember(interfaceIndex: number, group: IpAddress, source: IpAddress): boolean;
  /** Whether anybody here listens to a group, whatever source. */
  hasGroup(interfaceIndex: number, group: IpAddress): boolean;
  /** Makes somebody who listens to nothing yet: each socket has one, once it joins. */
  newMember(): GroupMember;
}

/** Takes packets that are on their way out. */
export interface SegmentSink {
  /** Takes over the hold of a packet that is no longer than the MTU and begins with IP. */
  takeSegment(packet: number): void;
}

/** What software does on the way out, where a port does not. */
export interface EgressOffload {
  /**
   * Completes the checksum of a packet that has {@linkcode PacketFlag.CHECKSUM_PARTIAL}, and clears
   * the flag. Its data begin with the network header; `transport` says where the checksum counts
   * from. It may be a chain.
   */
  completeChecksum(packet: number): void;
  /**
   * Takes a packet apart as its `segmentation` and `segmentBytes` say, and takes over the hold.
   * The parts have partial checksums where the packet had one; network headers are complete.
   *
   * @returns 0, or `-errno` when nothing was handed on; when packets run out behind the first part,
   * the others count as lost on their way
   */
  segment(packet: number, sink: SegmentSink): number;
}

/** Where frames go that leave: the stack's queue. */
export interface FrameSink {
  /** @returns false when there is no room: the packet is still the caller's */
  push(interfaceIndex: number, packet: number): boolean;
}

/** Sees every frame of an interface, as it is on the link. */
export interface FrameTap {
  /** Looks at a frame, without taking over the hold. */
  onFrame(interfaceIndex: number, direction: "in" | "out", packet: number): void;
}

/** Re-exported for whoever implements this seam. */
export type { Ipv4Address, Ipv6Address, MacAddress };
