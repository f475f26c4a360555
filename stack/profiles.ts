/**
 * How much of everything a stack has: three sets of sizes, of which each number can be chosen anew.
 *
 * @module
 */

import {
  type DatagramOptionsOfStack,
  DEFAULT_DATAGRAM_OPTIONS,
  SERVER_DATAGRAM_OPTIONS,
  SMALL_DATAGRAM_OPTIONS,
} from "./datagram/context.ts";
import {
  DEFAULT_LINK_OPTIONS,
  type LinkOptions,
  SERVER_LINK_OPTIONS,
  SMALL_LINK_OPTIONS,
} from "./iface/options.ts";
import { IP_OPTIONS, type IpOptions, SERVER_IP_OPTIONS, SMALL_IP_OPTIONS } from "./ip/options.ts";
import {
  DEFAULT_RECEIVER_OPTIONS,
  type ReceiverOptions,
  SERVER_RECEIVER_OPTIONS,
  SMALL_RECEIVER_OPTIONS,
} from "./tcp/receive/options.ts";
import { type SenderOptions, SERVER_SENDER, SMALL_SENDER } from "./tcp/send/settings.ts";
import { TCP_DEFAULTS, TCP_SERVER, TCP_SMALL, type TcpSettings } from "./tcp/settings.ts";

/** How many packets there are of each size. */
export interface PacketCounts {
  /** Up to 128 bytes behind the headroom: headers alone. */
  readonly small: number;
  /** Up to a frame of Ethernet. */
  readonly medium: number;
  /** Up to 64 KB. */
  readonly large: number;
  /** Packets that show parts of others. */
  readonly slices: number;
}

/** How much of everything a stack has. */
export interface StackSizes {
  /** Packets, by their size. */
  readonly packets: PacketCounts;
  /** Timers. */
  readonly timers: number;
  /** Frames that wait to be sent. */
  readonly outputFrames: number;
  /** Packets of the stack to itself that one step delivers. */
  readonly loopedPacketsPerStep: number;
  /** Interfaces, addresses, neighbours, routes and groups. */
  readonly links: LinkOptions;
  /** Fragments, path MTUs, ICMP. */
  readonly ip: IpOptions;
  /** Connections, listeners, and how they behave. */
  readonly tcp: TcpSettings;
  /** What connections send. */
  readonly sender: SenderOptions;
  /** What connections receive. */
  readonly receiver: ReceiverOptions;
  /** Sockets of UDP and raw ones. */
  readonly datagrams: DatagramOptionsOfStack;
}

/** For a program that has the machine to share: some thousands of connections. */
const DEFAULT: StackSizes = {
  packets: { small: 8192, medium: 8192, large: 256, slices: 32768 },
  timers: 65536,
  outputFrames: 8192,
  loopedPacketsPerStep: 4096,
  links: DEFAULT_LINK_OPTIONS,
  ip: IP_OPTIONS,
  tcp: TCP_DEFAULTS,
  sender: SERVER_SENDER,
  receiver: DEFAULT_RECEIVER_OPTIONS,
  datagrams: DEFAULT_DATAGRAM_OPTIONS,
};

/** For little memory: 32 connections with buffers of 8 KB. */
const SMALL: StackSizes = {
  packets: { small: 256, medium: 256, large: 0, slices: 512 },
  timers: 1024,
  outputFrames: 256,
  loopedPacketsPerStep: 256,
  links: SMALL_LINK_OPTIONS,
  ip: SMALL_IP_OPTIONS,
  tcp: TCP_SMALL,
  sender: SMALL_SENDER,
  receiver: SMALL_RECEIVER_OPTIONS,
  datagrams: SMALL_DATAGRAM_OPTIONS,
};

/** For a hundred thousand connections and more. */
const SERVER: StackSizes = {
  packets: { small: 65536, medium: 65536, large: 1024, slices: 262144 },
  timers: 1 << 20,
  outputFrames: 65536,
  loopedPacketsPerStep: 16384,
  links: SERVER_LINK_OPTIONS,
  ip: SERVER_IP_OPTIONS,
  tcp: TCP_SERVER,
  sender: SERVER_SENDER,
  receiver: SERVER_RECEIVER_OPTIONS,
  datagrams: SERVER_DATAGRAM_OPTIONS,
};

/** The sets by name. */
export const PROFILES = { small: SMALL, default: DEFAULT, server: SERVER } as const;

/** The name of a set of sizes. */
export type StackProfile = "small" | "default" | "server";

/** Some of everything: what is not named is as in the profile. */
export type SizeChoices = {
  readonly [Part in keyof StackSizes]?: StackSizes[Part] extends number ? number
    : Partial<StackSizes[Part]>;
};

/**
 * A profile with other numbers.
 *
 * @param profile its name
 * @param choices what is different
 */
export function sizesOf(profile: StackProfile, choices: SizeChoices = {}): StackSizes {
  const base = PROFILES[profile];
  return {
    packets: { ...base.packets, ...choices.packets },
    timers: choices.timers ?? base.timers,
    outputFrames: choices.outputFrames ?? base.outputFrames,
    loopedPacketsPerStep: choices.loopedPacketsPerStep ?? base.loopedPacketsPerStep,
    links: { ...base.links, ...choices.links },
    ip: { ...base.ip, ...choices.ip },
    tcp: { ...base.tcp, ...choices.tcp },
    sender: { ...base.sender, ...choices.sender },
    receiver: { ...base.receiver, ...choices.receiver },
    datagrams: { ...base.datagrams, ...choices.datagrams },
  };
}
