/**
 * The groups of one socket: what setsockopt(2) knows of them, with its errors.
 * Source: RFC 3678, ip(7), ipv6(7).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { FilterMode, GroupMember } from "../iface/types.ts";
import { isMulticast, isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import type { GroupTable } from "./group_table.ts";
import { admits, ALL_SOURCES, hasAddress, isNothing, without } from "./source_filter.ts";
import type { SourceFilter } from "./source_filter.ts";

interface Membership {
  readonly interface: number;
  readonly group: IpAddress;
  filter: SourceFilter;
}

/** The groups of one socket. */
export class SocketGroups implements GroupMember {
  readonly #table: GroupTable;
  readonly #list: Membership[] = [];

  /** Has joined nothing yet. */
  constructor(table: GroupTable) {
    this.#table = table;
  }

  /** See {@linkcode GroupMember.isEmpty}. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  #find(interfaceIndex: number, group: IpAddress): Membership | undefined {
    for (const known of this.#list) {
      if (known.interface === interfaceIndex && isSame(known.group, group)) return known;
    }
    return undefined;
  }

  /** See {@linkcode GroupMember.join}. */
  join(interfaceIndex: number, group: IpAddress): number {
    if (this.#find(interfaceIndex, group) !== undefined) return -Errno.EADDRINUSE;
    return this.#begin(interfaceIndex, group, ALL_SOURCES);
  }

  #begin(interfaceIndex: number, group: IpAddress, filter: SourceFilter): number {
    const { groupsPerMember } = this.#table.options;
    if (!isMulticast(group)) return -Errno.EINVAL;
    if (!this.#table.hasInterface(interfaceIndex)) return -Errno.ENODEV;
    if (this.#list.length >= groupsPerMember) return -Errno.ENOBUFS;
    const membership = { interface: interfaceIndex, group, filter };
    const result = this.#table.want(interfaceIndex, group, this, filter);
    if (result === 0) this.#list.push(membership);
    return result;
  }

  /** See {@linkcode GroupMember.leave}. */
  leave(interfaceIndex: number, group: IpAddress): number {
    const membership = this.#find(interfaceIndex, group);
    if (membership === undefined) return -Errno.EADDRNOTAVAIL;
    this.#list.splice(this.#list.indexOf(membership), 1);
    this.#table.want(interfaceIndex, group, this, null);
    return 0;
  }

  #change(membership: Membership, filter: SourceFilter): number {
    if (filter.sources.length > this.#table.options.sourcesPerGroup) return -Errno.ENOBUFS;
    const { interface: link, group } = membership;
    // RFC 3376 section 3.1 (MUST): to include nothing is to leave.
    if (isNothing(filter)) return this.leave(link, group);
    membership.filter = filter;
    return this.#table.want(link, group, this, filter);
  }

  /** See {@linkcode GroupMember.joinSource}. */
  joinSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number {
    if (typeof group !== typeof source || isMulticast(source)) return -Errno.EINVAL;
    const membership = this.#find(interfaceIndex, group);
    if (membership === undefined) {
      return this.#begin(interfaceIndex, group, { mode: "include", sources: [source] });
    }
    const { mode, sources } = membership.filter;
    if (mode === "exclude") return -Errno.EINVAL;
    if (hasAddress(sources, source)) return -Errno.EADDRNOTAVAIL;
    return this.#change(membership, { mode, sources: [...sources, source] });
  }

  /** See {@linkcode GroupMember.leaveSource}. */
  leaveSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number {
    const membership = this.#find(interfaceIndex, group);
    if (membership === undefined) return -Errno.EINVAL;
    const { mode, sources } = membership.filter;
    if (mode === "exclude") return -Errno.EINVAL;
    if (!hasAddress(sources, source)) return -Errno.EADDRNOTAVAIL;
    return this.#change(membership, { mode, sources: without(sources, [source]) });
  }

  /** See {@linkcode GroupMember.blockSource}. */
  blockSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number {
    const membership = this.#find(interfaceIndex, group);
    if (membership === undefined || typeof group !== typeof source) return -Errno.EINVAL;
    const { mode, sources } = membership.filter;
    if (mode === "include") return -Errno.EINVAL;
    if (hasAddress(sources, source)) return -Errno.EADDRNOTAVAIL;
    return this.#change(membership, { mode, sources: [...sources, source] });
  }

  /** See {@linkcode GroupMember.unblockSource}. */
  unblockSource(interfaceIndex: number, group: IpAddress, source: IpAddress): number {
    const membership = this.#find(interfaceIndex, group);
    if (membership === undefined) return -Errno.EINVAL;
    const { mode, sources } = membership.filter;
    if (mode === "include") return -Errno.EINVAL;
    if (!hasAddress(sources, source)) return -Errno.EADDRNOTAVAIL;
    return this.#change(membership, { mode, sources: without(sources, [source]) });
  }

  /** See {@linkcode GroupMember.setFilter}. */
  setFilter(
    interfaceIndex: number,
    group: IpAddress,
    mode: FilterMode,
    sources: readonly IpAddress[],
  ): number {
    if (sources.some((source) => typeof source !== typeof group)) return -Errno.EINVAL;
    if (sources.length > this.#table.options.sourcesPerGroup) return -Errno.ENOBUFS;
    const distinct = sources.filter((source, at) => !hasAddress(sources.slice(0, at), source));
    const filter = { mode, sources: distinct };
    const membership = this.#find(interfaceIndex, group);
    if (membership !== undefined) return this.#change(membership, filter);
    return isNothing(filter) ? 0 : this.#begin(interfaceIndex, group, filter);
  }

  /** See {@linkcode GroupMember.filter}. */
  filter(interfaceIndex: number, group: IpAddress): SourceFilter | null {
    return this.#find(interfaceIndex, group)?.filter ?? null;
  }

  /** See {@linkcode GroupMember.admits}. */
  admits(interfaceIndex: number, group: IpAddress, source: IpAddress): boolean {
    const membership = this.#find(interfaceIndex, group);
    return membership !== undefined && admits(membership.filter, source);
  }

  /** See {@linkcode GroupMember.hasJoined}. */
  hasJoined(interfaceIndex: number, group: IpAddress): boolean {
    return this.#find(interfaceIndex, group) !== undefined;
  }

  /** See {@linkcode GroupMember.close}. */
  close(): void {
    for (const { interface: link, group } of this.#list.splice(0)) {
      this.#table.want(link, group, this, null);
    }
  }
}
