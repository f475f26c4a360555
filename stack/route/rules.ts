/**
 * Rules of routing by more than the destination: which table is asked.
 *
 * @module
 */

import { isInPrefix } from "../iface/ip_address.ts";
import type { RouteQuery } from "../iface/types.ts";
import type { IpAddress } from "../ip/types.ts";

/** A rule: it applies where all that it says does. */
export interface RouteRule {
  /** Rules with lower numbers are asked first; of equal ones, the one that was given first. */
  readonly priority: number;
  /** The table that is asked. */
  readonly table: number;
  /** The source is of this prefix. */
  readonly source?: { readonly prefix: IpAddress; readonly length: number };
  /** The destination is of this prefix. */
  readonly destination?: { readonly prefix: IpAddress; readonly length: number };
  /** A packet to be forwarded came in by this interface. */
  readonly inputInterface?: number;
  /** The packet is bound to this interface. */
  readonly outputInterface?: number;
  /** The bits of the mask are those of the mark. */
  readonly mark?: number;
  /** Which bits of the mark count; all. */
  readonly markMask?: number;
  /** Differentiated services and ECN. */
  readonly typeOfService?: number;
}

/** Whether a rule applies to what is asked for. */
export function matchesRule(rule: RouteRule, query: RouteQuery): boolean {
  const { source, destination, mark, markMask = -1 } = rule;
  if (source !== undefined && !isInPrefix(query.source, source.prefix, source.length)) return false;
  if (
    destination !== undefined &&
    !isInPrefix(query.destination, destination.prefix, destination.length)
  ) return false;
  if (mark !== undefined && ((query.mark ^ mark) & markMask) !== 0) return false;
  return isSame(rule.inputInterface, query.inputInterface) &&
    isSame(rule.outputInterface, query.interface) &&
    isSame(rule.typeOfService, query.typeOfService);
}

function isSame(wanted: number | undefined, given: number): boolean {
  return wanted === undefined || wanted === given;
}
