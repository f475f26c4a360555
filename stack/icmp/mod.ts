/**
 * ICMP of both families, without what is about links.
 *
 * @module
 */

export { IcmpCounter } from "./counters.ts";
export { type ErrorMeaning, meaningOfIcmpv4, meaningOfIcmpv6 } from "./errors.ts";
