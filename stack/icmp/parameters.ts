/**
 * What the headers of ICMP's own packets say.
 *
 * @module
 */

import type { IpParameters } from "../ip/types.ts";
import { Protocol } from "../wire/numbers.ts";

/** RFC 1812 section 4.3.2.5 (SHOULD): errors have precedence 6, internetwork control. */
const INTERNETWORK_CONTROL = 0xc0;
/** The bits of differentiated services, without ECN. */
const SERVICE_MASK = 0xfc;

/** Makes parameters: what ICMP sends may be taken apart, so that it arrives. */
export function parametersOf(typeOfService: number, timeToLive: number = 0): IpParameters {
  return {
    timeToLive,
    typeOfService,
    fragmentation: "allowed",
    flowLabel: 0,
    options: null,
    mayBroadcast: false,
    loopsMulticast: true,
    extensions: null,
  };
}

const IPV4_ERROR = parametersOf(INTERNETWORK_CONTROL);
const IPV6_ERROR = parametersOf(0);

/** Those of errors. */
export function errorParameters(protocol: number): IpParameters {
  return protocol === Protocol.ICMPV4 ? IPV4_ERROR : IPV6_ERROR;
}

/** Those of answers: the service of what they answer, which is not ECN-capable. */
export function replyParameters(typeOfService: number): IpParameters {
  return parametersOf(typeOfService & SERVICE_MASK);
}
