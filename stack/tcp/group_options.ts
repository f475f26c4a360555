/**
 * What options of groups come to on streams, which have none, and which options of IPv4 need a value.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { isMembershipOption } from "../datagram/membership_options.ts";
import { Ipv4Name } from "../option_names.ts";
import type { OptionRow } from "./option_rows.ts";

const { SOL_IP, IPPROTO_IPV6 } = SockOpt;

/** Every struct about a group that names a source, or is of IPv6, is at least as long. */
const LEAST_MEMBERSHIP = 12;

/** Options of IPv4 that may not go without a value. */
export const NEEDS_A_BYTE: readonly number[] = [
  SockOpt.IP_TTL,
  Ipv4Name.MINIMUM_TIME_TO_LIVE,
  SockOpt.IP_MULTICAST_LOOP,
  SockOpt.IP_MULTICAST_ALL,
  Ipv4Name.FREE_BIND,
];

/** Why an option of groups cannot be set, 0 where it is another one: streams have no groups. */
export function ofGroups(level: number, name: number, length: number): number {
  if (level !== SOL_IP && level !== IPPROTO_IPV6) return 0;
  if (level === SOL_IP && (name === SockOpt.IP_MULTICAST_IF || name === SockOpt.IP_MULTICAST_TTL)) {
    return -Errno.EINVAL;
  }
  if (!isMembershipOption(level, name, "ipv6") || name === SockOpt.IPV6_MULTICAST_IF) return 0;
  const isOwn = name === SockOpt.IP_ADD_MEMBERSHIP || name === SockOpt.IP_DROP_MEMBERSHIP;
  if (level === SOL_IP && isOwn) return -Errno.EPROTO;
  return length < LEAST_MEMBERSHIP ? -Errno.EINVAL : -Errno.EPROTO;
}

/** Whether a switch is on from the start; Linux' sockets of IPv6 begin without IP_MULTICAST_ALL. */
export function isInverted({ isIpv6 }: { readonly isIpv6: boolean }, row: OptionRow): boolean {
  const isOfGroups = row.level === SOL_IP && row.name === SockOpt.IP_MULTICAST_ALL;
  return row.isInverted === true && !(isOfGroups && isIpv6);
}
