/**
 * IP of both families: receiving, sending, forwarding, fragments, path MTUs.
 *
 * @module
 */

export type { IpLinks } from "./context.ts";
export { IpCounter } from "./counters.ts";
export { FilterPoint, type PacketFilter, Verdict } from "./filter.ts";
export { Ip, type IpParts } from "./ip.ts";
export {
  type IcmpOptions,
  IP_OPTIONS,
  type IpOptions,
  SERVER_IP_OPTIONS,
  SMALL_IP_OPTIONS,
} from "./options.ts";
export * from "./types.ts";
