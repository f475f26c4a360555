/**
 * Which sources of a group are wanted, and what becomes of the wishes of several sockets: RFC 3376
 * section 3.2, RFC 3810 section 4.2.
 *
 * @module
 */

import type { FilterMode } from "../iface/types.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";

/** A filter. */
export interface SourceFilter {
  readonly mode: FilterMode;
  readonly sources: readonly IpAddress[];
}

/** From nobody: what holds for a group that was not joined. */
export const NO_SOURCES: SourceFilter = { mode: "include", sources: [] };
/** From everybody. */
export const ALL_SOURCES: SourceFilter = { mode: "exclude", sources: [] };

/** Whether a list has an address. */
export function hasAddress(list: readonly IpAddress[], address: IpAddress): boolean {
  for (const other of list) if (isSame(other, address)) return true;
  return false;
}

/** The addresses of a list that another one has not got. */
export function without(list: readonly IpAddress[], other: readonly IpAddress[]): IpAddress[] {
  return list.filter((address) => !hasAddress(other, address));
}

/** The addresses that two lists have in common. */
export function inBoth(list: readonly IpAddress[], other: readonly IpAddress[]): IpAddress[] {
  return list.filter((address) => hasAddress(other, address));
}

/** Whether a filter lets packets of a source pass. */
export function admits(filter: SourceFilter, source: IpAddress): boolean {
  return hasAddress(filter.sources, source) === (filter.mode === "include");
}

/** Whether a filter lets nothing pass. */
export function isNothing(filter: SourceFilter): boolean {
  return filter.mode === "include" && filter.sources.length === 0;
}

/** Whether two filters mean the same. */
export function isSameFilter(one: SourceFilter, other: SourceFilter): boolean {
  return one.mode === other.mode && one.sources.length === other.sources.length &&
    one.sources.every((source) => hasAddress(other.sources, source));
}

/**
 * The filter of an interface that satisfies those of its sockets.
 *
 * @param filters one for each socket that joined
 */
export function mergeFilters(filters: readonly SourceFilter[]): SourceFilter {
  const included: IpAddress[] = [];
  let excluded: IpAddress[] | null = null;
  for (const { mode, sources } of filters) {
    if (mode === "include") included.push(...without(sources, included));
    else excluded = excluded === null ? [...sources] : inBoth(excluded, sources);
  }
  // RFC 3376 section 3.2 (MUST): with any EXCLUDE, the interface excludes what all of those exclude
  // and no INCLUDE asks for; without one, it includes what any of them includes.
  if (excluded === null) return { mode: "include", sources: included };
  return { mode: "exclude", sources: without(excluded, included) };
}
