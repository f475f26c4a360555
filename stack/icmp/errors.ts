/**
 * What errors of ICMP mean to the protocol whose packet they are about: the numbers of Linux
 * (`icmp_err_convert` of net/ipv4/icmp.c, net/ipv6/icmp.c), and RFC 1122 section 4.2.3.9.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";

/** An error's number, and whether trying again is pointless. */
export interface ErrorMeaning {
  /** Such as ECONNREFUSED. */
  readonly errno: number;
  /** Whether trying again is pointless. */
  readonly isHard: boolean;
}

const soft = (errno: number): ErrorMeaning => ({ errno, isHard: false });
const hard = (errno: number): ErrorMeaning => ({ errno, isHard: true });

const V4 = icmpv4.UnreachableCode;
const V6 = icmpv6.UnreachableCode;

// RFC 1122 section 4.2.3.9 (MUST): networks and hosts that cannot be reached may be reachable
// soon, and so may those behind a failed source route: these do not end connections. (SHOULD): that
// a protocol, a port or a short packet is not wanted does.
const UNREACHABLE: Readonly<Record<number, ErrorMeaning>> = {
  [V4.NETWORK]: soft(Errno.ENETUNREACH),
  [V4.HOST]: soft(Errno.EHOSTUNREACH),
  [V4.PROTOCOL]: hard(Errno.ENOPROTOOPT),
  [V4.PORT]: hard(Errno.ECONNREFUSED),
  [V4.FRAGMENTATION_NEEDED]: soft(Errno.EMSGSIZE),
  [V4.SOURCE_ROUTE_FAILED]: soft(Errno.EOPNOTSUPP),
  [V4.NETWORK_UNKNOWN]: hard(Errno.ENETUNREACH),
  [V4.HOST_UNKNOWN]: hard(Errno.EHOSTDOWN),
  [V4.HOST_ISOLATED]: hard(Errno.ENONET),
  [V4.NETWORK_PROHIBITED]: hard(Errno.ENETUNREACH),
  [V4.HOST_PROHIBITED]: hard(Errno.EHOSTUNREACH),
  [V4.NETWORK_SERVICE]: soft(Errno.ENETUNREACH),
  [V4.HOST_SERVICE]: soft(Errno.EHOSTUNREACH),
  [V4.PROHIBITED]: hard(Errno.EHOSTUNREACH),
  [V4.PRECEDENCE_VIOLATION]: hard(Errno.EHOSTUNREACH),
  [V4.PRECEDENCE_CUTOFF]: hard(Errno.EHOSTUNREACH),
};

const UNREACHABLE_V6: Readonly<Record<number, ErrorMeaning>> = {
  [V6.NO_ROUTE]: soft(Errno.ENETUNREACH),
  [V6.PROHIBITED]: hard(Errno.EACCES),
  [V6.BEYOND_SCOPE]: soft(Errno.EHOSTUNREACH),
  [V6.ADDRESS]: soft(Errno.EHOSTUNREACH),
  [V6.PORT]: hard(Errno.ECONNREFUSED),
  [V6.SOURCE_POLICY]: hard(Errno.EACCES),
  [V6.REJECT_ROUTE]: hard(Errno.EACCES),
};

/** What an error of ICMPv4 means; null for one that transport protocols need not know. */
export function meaningOfIcmpv4(type: number, code: number): ErrorMeaning | null {
  switch (type) {
    case icmpv4.Type.UNREACHABLE:
      // RFC 1122 section 3.2.2.1 (MUST): that something cannot be reached is told to the transport
      // layer.
      return UNREACHABLE[code] ?? soft(Errno.EHOSTUNREACH);
    case icmpv4.Type.TIME_EXCEEDED:
      // RFC 1122 section 3.2.2.4 (MUST): the transport layer is told.
      return soft(Errno.EHOSTUNREACH);
    case icmpv4.Type.PARAMETER_PROBLEM:
      // RFC 1122 section 3.2.2.5 (MUST): the same.
      return soft(Errno.EPROTO);
    default:
      return null;
  }
}

/** The same for ICMPv6. */
export function meaningOfIcmpv6(type: number, code: number): ErrorMeaning | null {
  switch (type) {
    case icmpv6.Type.UNREACHABLE:
      return UNREACHABLE_V6[code] ?? soft(Errno.EPROTO);
    case icmpv6.Type.PACKET_TOO_BIG:
      return soft(Errno.EMSGSIZE);
    case icmpv6.Type.TIME_EXCEEDED:
      return soft(Errno.EHOSTUNREACH);
    case icmpv6.Type.PARAMETER_PROBLEM:
      return hard(Errno.EPROTO);
    default:
      // RFC 4443 section 2.4 (MUST): (a) errors of unknown types go to the upper layer, too.
      return soft(Errno.EPROTO);
  }
}
