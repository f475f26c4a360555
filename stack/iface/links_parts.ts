/**
 * What links are made of, and what interfaces and addresses are to be.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { FrameQueue } from "../frame_queue.ts";
import { isGroupMac, type MacAddress } from "../wire/addresses.ts";
import type { ConflictPolicy } from "./address_conflicts.ts";
import type { AutoconfigurationOptions } from "./autoconfiguration.ts";
import type { AddressParameters } from "./address_table.ts";
import type { StackEvents } from "./events.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import type { LinkCounters } from "./link_counters.ts";
import type { LinkHooks, NextHops } from "./link_hooks.ts";
import type { LinkOptions } from "./options.ts";
import type { InterfaceDescription } from "./interface_parts.ts";
import { type EgressOffload, type FrameSink, type InterfaceKind, NO_OFFLOAD } from "./types.ts";
import type { IpInput, PortOffload, UnreachableHandler } from "./types.ts";

const ETHERNET_MTU = 1500;
/** RFC 791 section 3.2: no link of IPv4 has less. */
const MINIMUM_MTU = 68;
const MAXIMUM_MTU = 65535;
/** What never leaves the stack is neither summed up nor taken apart. */
const OWN_OFFLOAD: PortOffload = { checksum: true, segmentationBytes: MAXIMUM_MTU };

/** What links are made of. */
export interface LinksParts {
  readonly environment: Environment;
  readonly counters: LinkCounters;
  /** Where frames for ports go. */
  readonly sink: FrameSink;
  readonly options?: LinkOptions;
  readonly events?: StackEvents;
  /** DupAddrDetectTransmits of RFC 4862 section 5.1: 1. No detection where 0. */
  readonly detectionTransmits?: number;
  /** What stable addresses depend on (RFC 7217): 4 words; they are drawn where it is missing. */
  readonly addressSecret?: readonly number[];
  /** Whether routes of one prefix and metric share the flows. */
  readonly isMultipath?: boolean;
  /** Which of several shards of a host they are of; null, or missing, where there is one only. */
  readonly shard?: StackShard | null;
}

/** Who is above links. */
export interface LinkUsers {
  readonly ip: IpInput;
  readonly unreachable: UnreachableHandler;
  /** Null where nothing completes checksums or segments in software. */
  readonly egress: EgressOffload | null;
}

/** What an interface is to be. */
export interface InterfaceOptions {
  readonly name: string;
  readonly kind: InterfaceKind;
  /** Of an Ethernet interface. */
  readonly mac?: MacAddress;
  /** The longest packet of IP, in bytes: 1500, and 65535 for loopback. */
  readonly mtu?: number;
  readonly offload?: PortOffload;
  /** Whether short frames are filled up to 60 bytes here: true. */
  readonly padsFrames?: boolean;
  readonly isPromiscuous?: boolean;
  /** Whether what arrives here may be forwarded; such an interface is a router's. */
  readonly isForwarding?: boolean;
  /**
   * What an Ethernet interface finds out by itself: everything, or an address of the link only
   * where it is a router's.
   */
  readonly autoconfiguration?: AutoconfigurationOptions;
}

/** How an address is added. */
export interface AddressOptions extends Omit<AddressParameters, "state"> {
  /** What is done about conflicts of an address of IPv4: `"announce"`. */
  readonly conflicts?: ConflictPolicy;
  /** Whether an address of IPv6 is asked for before it is used: true. RFC 4862 section 5.4. */
  readonly detects?: boolean;
}

/** Whether a link may have an MTU. */
export function isMtu(mtu: number): boolean {
  return mtu >= MINIMUM_MTU && mtu <= MAXIMUM_MTU;
}

/**
 * Fills in what was left out of an interface's options.
 *
 * @returns what the interface is, or `-errno`: EINVAL
 */
export function describeInterface(
  options: InterfaceOptions,
  index: number,
  macGroups: number,
): InterfaceDescription | number {
  const { name, kind, mac = 0, isPromiscuous = false } = options;
  // RFC 1122 section 3.1 (MUST): an interface forwards nothing unless it is told to.
  const isForwarding = options.isForwarding ?? false;
  const isLoopback = kind === "loopback";
  const mtu = options.mtu ?? (isLoopback ? MAXIMUM_MTU : ETHERNET_MTU);
  if (kind === "ethernet" && (mac === 0 || isGroupMac(mac))) return -Errno.EINVAL;
  if (!isMtu(mtu)) return -Errno.EINVAL;
  return {
    ...{ index, name, kind, mac, mtu, isForwarding, isPromiscuous, macGroups },
    offload: options.offload ?? (isLoopback ? OWN_OFFLOAD : NO_OFFLOAD),
    padsFrames: options.padsFrames ?? true,
  };
}

/** Hooks that release every packet, for the time before anybody is there. */
export function unattachedHooks(
  environment: Environment,
  sink: FrameSink,
  looped: FrameQueue,
): LinkHooks {
  const release = (packet: number): void => environment.arena.release(packet);
  const nobody: NextHops = {
    output(_link, _nextHop, packet): number {
      release(packet);
      return 0;
    },
  };
  return {
    ip: { receiveIpv4: release, receiveIpv6: release },
    arp: { receive: release },
    ipv4Neighbours: nobody,
    ipv6Neighbours: nobody,
    unreachable: { onUnreachable: release },
    egress: null,
    ...{ sink, looped, tap: null },
  };
}
