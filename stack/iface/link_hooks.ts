/**
 * What interfaces pass packets on to. The parts of a stack know one another in circles, so that
 * these are set one after the other, before the first packet.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { EgressOffload, FrameSink, FrameTap, IpInput } from "./types.ts";
import type { UnreachableHandler } from "./types.ts";

/** Finds the address of a neighbour on the link, and sends there. */
export interface NextHops {
  /** Takes over the hold of a packet. @returns 0 or `-errno` */
  output(link: LinkInterface, nextHop: IpAddress, packet: number): number;
}

/** Takes packets of ARP, which begin where those do. */
export interface ArpInput {
  /** Takes over the hold. */
  receive(packet: number, link: LinkInterface): void;
}

/** Whom interfaces call. */
export interface LinkHooks {
  ip: IpInput;
  arp: ArpInput;
  ipv4Neighbours: NextHops;
  ipv6Neighbours: NextHops;
  unreachable: UnreachableHandler;
  /** Null where nothing completes checksums or segments in software. */
  egress: EgressOffload | null;
  /** Where frames for ports go. */
  sink: FrameSink;
  /** Where packets go that the loopback interface sends. */
  looped: FrameSink;
  /** Sees all frames; null for nobody. */
  tap: FrameTap | null;
}
