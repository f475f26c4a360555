/**
 * What IP is made of, and how it behaves.
 *
 * @module
 */

import { PATH_MTU, type PathMtuOptions } from "./path_mtu.ts";
import { REASSEMBLY, type ReassemblyOptions } from "./reassembly.ts";

/** How IP behaves, and how much of everything it has. */
export interface IpOptions {
  /** The bounds of reassembly. */
  readonly reassembly: ReassemblyOptions;
  /** How path MTUs are found out. */
  readonly pathMtu: PathMtuOptions;
  /** How many destinations are remembered, at most. */
  readonly destinations: number;
  /** How many packets to this very stack wait at a time, at most. */
  readonly loopPackets: number;
  /** Hops of packets of IPv4 to one host; those of IPv6 have what routers advertise. */
  readonly timeToLive: number;
  /**
   * Whether packets are taken at any interface for any address of ours, and leave by any ("weak"),
   * or only by the one that has it ("strong"). RFC 1122 section 3.3.4.2. Addresses of the link are
   * always strong.
   */
  readonly hostModel: "weak" | "strong";
  /**
   * Whether packets are dropped whose source would be reached by another interface ("strict") or
   * not at all ("loose"). RFC 3704.
   */
  readonly reversePath: "off" | "loose" | "strict";
  /** Whether packets of IPv6 have flow labels where the sender asks for none. RFC 6437. */
  readonly flowLabels: boolean;
  /** Whether routers tell hosts of better ones. */
  readonly sendsRedirects: boolean;
  /** Whether what routers tell is believed. RFC 1122 section 3.2.2.2. */
  readonly acceptsRedirects: boolean;
  /** How ICMP behaves. */
  readonly icmp: IcmpOptions;
}

/** How ICMP behaves. */
export interface IcmpOptions {
  /** Errors a second, to everybody together. */
  readonly errorsPerSecond: number;
  /** How many may follow one another at once. */
  readonly errorBurst: number;
  /** Errors a second, to one destination. */
  readonly errorsPerDestination: number;
  /** How many of these may follow one another at once. */
  readonly destinationBurst: number;
  /** How many destinations are told apart for that; others share. */
  readonly limitedDestinations: number;
  /** Answers to echoes a second. */
  readonly repliesPerSecond: number;
  /** How many of these may follow one another at once. */
  readonly replyBurst: number;
  /** Whether echoes are answered at all. */
  readonly answersEchoes: boolean;
  /** Whether echoes to groups and everybody are answered. RFC 1122 section 3.2.2.6: may be not. */
  readonly answersGroupEchoes: boolean;
  /**
   * Milliseconds since midnight UT, for answers to timestamp requests; null where those are not
   * answered. RFC 1122 section 3.2.2.8: they may be. It is given the time of the step.
   */
  readonly timeOfDay: ((now: number) => number) | null;
}

/** The usual options of a host or a small router. */
export const IP_OPTIONS: IpOptions = {
  reassembly: REASSEMBLY,
  pathMtu: PATH_MTU,
  destinations: 4096,
  loopPackets: 1024,
  timeToLive: 64,
  hostModel: "weak",
  reversePath: "off",
  flowLabels: true,
  sendsRedirects: true,
  acceptsRedirects: true,
  icmp: {
    errorsPerSecond: 1000,
    errorBurst: 100,
    errorsPerDestination: 20,
    destinationBurst: 20,
    limitedDestinations: 256,
    repliesPerSecond: 10_000,
    replyBurst: 1000,
    answersEchoes: true,
    answersGroupEchoes: false,
    timeOfDay: null,
  },
};

/** For little memory: 32 connections, 8 KB buffers. */
export const SMALL_IP_OPTIONS: IpOptions = {
  ...IP_OPTIONS,
  reassembly: {
    ...REASSEMBLY,
    packets: 4,
    fragments: 32,
    fragmentsPerPacket: 16,
    bytes: 32 << 10,
  },
  destinations: 64,
  loopPackets: 64,
  icmp: {
    ...IP_OPTIONS.icmp,
    errorsPerSecond: 100,
    errorBurst: 10,
    limitedDestinations: 16,
    repliesPerSecond: 1000,
    replyBurst: 100,
  },
};

/** For servers. */
export const SERVER_IP_OPTIONS: IpOptions = {
  ...IP_OPTIONS,
  reassembly: { ...REASSEMBLY, packets: 1024, fragments: 8192, bytes: 16 << 20 },
  destinations: 65536,
  loopPackets: 4096,
  icmp: {
    ...IP_OPTIONS.icmp,
    errorBurst: 1000,
    errorsPerSecond: 10_000,
    limitedDestinations: 4096,
  },
};
