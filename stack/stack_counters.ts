/**
 * All counters of a stack, by group.
 *
 * @module
 */

import { IcmpCounter } from "./icmp/counters.ts";
import { LINK_COUNTERS } from "./iface/link_counters.ts";
import { IpCounter } from "./ip/counters.ts";
import { OffloadCounter } from "./offload/counters.ts";
import { RawCounter } from "./raw/counters.ts";
import { Statistics } from "./statistics.ts";
import { TcpCounter } from "./tcp/counters.ts";
import { ReceiverCounter } from "./tcp/receive/counters.ts";
import { SendCounter } from "./tcp/send/counters.ts";
import { UdpCounter } from "./udp/counters.ts";
import { Fault } from "./wire/fault.ts";

/** The names of all counters, by group. */
const STACK_COUNTERS = {
  ...LINK_COUNTERS,
  ip: IpCounter,
  icmp: IcmpCounter,
  faults: Fault,
  offload: OffloadCounter,
  udp: UdpCounter,
  raw: RawCounter,
  tcp: TcpCounter,
  tcpSend: SendCounter,
  tcpReceive: ReceiverCounter,
} as const;

/** The counters of a stack. */
export type StackCounters = Statistics<typeof STACK_COUNTERS>;

/**
 * Makes them.
 *
 * @param buffer where they are counted; another thread may look at shared memory
 */
export function makeStackCounters(buffer?: ArrayBufferLike): StackCounters {
  return new Statistics(STACK_COUNTERS, buffer);
}
