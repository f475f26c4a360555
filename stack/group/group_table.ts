/**
 * The groups that a stack listens to, on all interfaces: who wants what, and what that comes to.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import { putWords } from "../iface/ip_address.ts";
import type { LinkInterface } from "../iface/link_interface.ts";
import type { LinkOptions } from "../iface/options.ts";
import type { GroupMember, Groups } from "../iface/types.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { randomTableKey } from "../random.ts";
import type { Counters } from "../statistics.ts";
import { KeyTable } from "../tables/mod.ts";
import { macOfIpv4Group, macOfIpv6Group } from "../wire/addresses.ts";
import { GroupCounter } from "./counters.ts";
import { GroupEntry } from "./group_entry.ts";
import { SocketGroups } from "./group_member.ts";
import type { GroupReporter } from "./reporter.ts";
import { admits, ALL_SOURCES, isNothing, isSameFilter, mergeFilters } from "./source_filter.ts";
import type { SourceFilter } from "./source_filter.ts";

/** What groups are made of. */
export interface GroupTableParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof GroupCounter>;
  /** The interface of an index. */
  readonly interfaceOf: (index: number) => LinkInterface | undefined;
}

/** The groups of one stack. */
export class GroupTable implements Groups {
  /** Who tells routers of groups of IPv4; set before the first group. */
  ipv4Reporter!: GroupReporter;
  /** And of IPv6. */
  ipv6Reporter!: GroupReporter;
  readonly #parts: GroupTableParts;
  readonly #entries: GroupEntry[] = [];
  readonly #slots: (GroupEntry | null)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #ipv4: KeyTable;
  readonly #ipv6: KeyTable;
  readonly #words = new Int32Array(5);

  /** Makes a table without groups. */
  constructor(parts: GroupTableParts) {
    this.#parts = parts;
    const capacity = parts.options.groups;
    const hashKey = randomTableKey(parts.environment.random);
    this.#ipv4 = new KeyTable({ capacity, keyWords: 2, hashKey });
    this.#ipv6 = new KeyTable({ capacity, keyWords: 5, hashKey });
  }

  /** The sizes of tables. */
  get options(): LinkOptions {
    return this.#parts.options;
  }

  /** The groups of an interface, left ones included while they are told of. */
  list(interfaceIndex: number): readonly GroupEntry[] {
    return this.#entries.filter(({ link }) => link.index === interfaceIndex);
  }

  #tableOf(group: IpAddress): KeyTable {
    return typeof group === "number" ? this.#ipv4 : this.#ipv6;
  }

  #find(interfaceIndex: number, group: IpAddress): GroupEntry | null {
    this.#words[0] = interfaceIndex;
    putWords(this.#words, 1, group);
    const slot = this.#tableOf(group).lookup(this.#words);
    return slot < 0 ? null : this.#slots[slot];
  }

  /** See {@linkcode Groups.isMember}. */
  isMember(interfaceIndex: number, group: IpAddress, source: IpAddress): boolean {
    const entry = this.#find(interfaceIndex, group);
    return entry !== null && admits(entry.filter, source);
  }

  /** See {@linkcode Groups.hasGroup}. */
  hasGroup(interfaceIndex: number, group: IpAddress): boolean {
    const entry = this.#find(interfaceIndex, group);
    return entry !== null && !isNothing(entry.filter);
  }

  /** See {@linkcode Groups.newMember}. */
  newMember(): GroupMember {
    return new SocketGroups(this);
  }

  /** Whether there is an interface of an index. */
  hasInterface(interfaceIndex: number): boolean {
    return this.#parts.interfaceOf(interfaceIndex) !== undefined;
  }

  /** Joins a group on behalf of the stack itself. @returns 0 or `-errno` */
  join(interfaceIndex: number, group: IpAddress, who: object): number {
    return this.want(interfaceIndex, group, who, ALL_SOURCES);
  }

  /** Leaves it. */
  leave(interfaceIndex: number, group: IpAddress, who: object): void {
    this.want(interfaceIndex, group, who, null);
  }

  /**
   * Says what somebody wants of a group.
   *
   * @param who whose earlier wish this one replaces
   * @param filter null for nothing any more
   * @returns 0 or `-errno`: ENODEV, ENOBUFS
   */
  want(
    interfaceIndex: number,
    group: IpAddress,
    who: object,
    filter: SourceFilter | null,
  ): number {
    let entry = this.#find(interfaceIndex, group);
    if (entry === null) {
      if (filter === null) return 0;
      const link = this.#parts.interfaceOf(interfaceIndex);
      if (link === undefined) return -Errno.ENODEV;
      entry = this.#add(link, group);
      if (entry === null) return -Errno.ENOBUFS;
    }
    if (filter !== null && who !== entry.link) entry.isAskedFor = true;
    if (filter === null) entry.wishes.delete(who);
    else entry.wishes.set(who, filter);
    const before = entry.filter;
    entry.filter = mergeFilters([...entry.wishes.values()]);
    this.#filterFrames(entry);
    if (!isSameFilter(before, entry.filter)) this.#reporterOf(group).onChange(entry, before);
    else if (isNothing(entry.filter)) this.#settle(entry);
    return 0;
  }

  #reporterOf(group: IpAddress): GroupReporter {
    return typeof group === "number" ? this.ipv4Reporter : this.ipv6Reporter;
  }

  #add(link: LinkInterface, group: IpAddress): GroupEntry | null {
    if (this.#entries.length >= this.#parts.options.groups) {
      this.#parts.counters.add(GroupCounter.REFUSED);
      return null;
    }
    const entry = new GroupEntry(link, group);
    const slot = this.#freeSlots.pop() ?? this.#slots.push(null) - 1;
    this.#slots[slot] = entry;
    this.#words[0] = link.index;
    putWords(this.#words, 1, group);
    this.#tableOf(group).insert(this.#words, slot);
    this.#entries.push(entry);
    return entry;
  }

  /** RFC 1112 section 6.4, RFC 2464 section 7: the link lets frames of the group pass. */
  #filterFrames(entry: GroupEntry): void {
    const isWanted = !isNothing(entry.filter);
    if (isWanted === entry.isFiltered || entry.link.kind !== "ethernet") return;
    entry.isFiltered = isWanted;
    const { group, link: { filter } } = entry;
    const mac = typeof group === "number" ? macOfIpv4Group(group) : macOfIpv6Group(group);
    if (isWanted) filter.join(mac);
    else filter.leave(mac);
  }

  /** Forgets a group of which all is told, unless somebody has joined it again. */
  settle(entry: GroupEntry): void {
    if (isNothing(entry.filter) && entry.wishes.size === 0) this.#settle(entry);
  }

  #settle(entry: GroupEntry): void {
    const at = this.#entries.indexOf(entry);
    if (at < 0 || entry.wishes.size > 0) return;
    this.#entries.splice(at, 1);
    this.#words[0] = entry.link.index;
    putWords(this.#words, 1, entry.group);
    const slot = this.#tableOf(entry.group).remove(this.#words);
    this.#slots[slot] = null;
    this.#freeSlots.push(slot);
  }

  /** Forgets the groups of an interface that is removed; nobody is told. */
  removeInterface(link: LinkInterface): void {
    for (const entry of this.list(link.index)) {
      entry.wishes.clear();
      entry.filter = mergeFilters([]);
      this.#filterFrames(entry);
      this.#settle(entry);
    }
    this.ipv4Reporter.remove(link);
    this.ipv6Reporter.remove(link);
  }

  /** Tells of all groups of an interface, which came up. */
  restart(link: LinkInterface): void {
    if (link.kind === "loopback") return;
    this.ipv4Reporter.restart(link);
    this.ipv6Reporter.restart(link);
  }

  /** The entry of a group, for tests and the control API. */
  filterOf(interfaceIndex: number, group: IpAddress): SourceFilter | undefined {
    return this.#entries.find((entry) =>
      entry.link.index === interfaceIndex && isSame(entry.group, group)
    )?.filter;
  }
}
