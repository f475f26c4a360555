/**
 * Options whose values nobody can change on a kind of socket, though Linux lets everybody read them.
 * Source: Linux, `net/core/sock.c`, `net/ipv4/ip_sockglue.c`, `net/ipv6/ipv6_sockglue.c`.
 *
 * @module
 */

import { SockOpt } from "../ring/abi/opcodes.ts";
import { Ipv4Name } from "./option_names.ts";
import { intBytes } from "./option_values.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6 } = SockOpt;

/** `struct ucred` of nobody: no process, and the ids that are none. */
const NOBODY: readonly number[] = [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];

const EVERYWHERE: readonly (readonly [level: number, name: number, value: number])[] = [
  [SOL_IP, SockOpt.IP_HDRINCL, 0],
  [SOL_IP, Ipv4Name.NO_FRAGMENTS, 0],
];

/** Streams have no groups, and show what datagrams begin with. */
const OF_STREAMS: typeof EVERYWHERE = [
  [SOL_IP, SockOpt.IP_MULTICAST_TTL, 1],
  [SOL_IP, SockOpt.IP_MULTICAST_IF, 0],
  [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_HOPS, 1],
  [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF, 0],
];

/** The value of such an option as getsockopt(2) gives it, undefined where it is another one. */
export function fixedOption(
  level: number,
  name: number,
  isStream: boolean,
): Uint8Array | undefined {
  if (level === SOL_SOCKET) {
    return name === SockOpt.SO_PEERCRED ? Uint8Array.from(NOBODY) : undefined;
  }
  const isThis = ([at, called]: readonly number[]): boolean => at === level && called === name;
  const row = EVERYWHERE.find(isThis) ?? (isStream ? OF_STREAMS.find(isThis) : undefined);
  return row === undefined ? undefined : intBytes(row[2]);
}
