/**
 * What is still to be told of one group: changes that are repeated, and queries that wait for their
 * answer. RFC 3376 sections 5.1 and 5.2, RFC 3810 sections 6.1 and 6.2.
 *
 * @module
 */

import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { type GroupRecord, RecordType } from "../wire/group_records.ts";
import { inBoth, isNothing, isSameFilter, type SourceFilter, without } from "./source_filter.ts";

const NO_BYTES = new Uint8Array(0);

interface PendingSource {
  readonly source: IpAddress;
  left: number;
}

/** Makes a record of a report. */
function recordOf(
  type: number,
  group: IpAddress,
  sources: readonly IpAddress[],
): GroupRecord<IpAddress> {
  return { type, group, sources, auxiliary: NO_BYTES };
}

/** What is to be told of one group. */
export class ReportState {
  readonly #group: IpAddress;
  /** Reports of a changed mode that are left. */
  #changesLeft = 0;
  #allowed: PendingSource[] = [];
  #blocked: PendingSource[] = [];
  /** When a query about this group is to be answered; Infinity for no query. */
  queryDeadline = Infinity;
  /** The sources that were asked for; none for the whole group. */
  #asked: readonly IpAddress[] = [];

  /** There is nothing to be told yet. */
  constructor(group: IpAddress) {
    this.#group = group;
  }

  /** Whether a change is to be told still. */
  get isChanged(): boolean {
    return this.#changesLeft > 0 || this.#allowed.length > 0 || this.#blocked.length > 0;
  }

  /**
   * Notes a change.
   *
   * @param robustness how often it is told
   * @returns whether there is anything new to be told
   */
  change(before: SourceFilter, after: SourceFilter, robustness: number): boolean {
    if (isSameFilter(before, after)) return false;
    // RFC 3376 section 5.1 (MUST): a change of mode is told with all sources, and takes the place
    // of changes of sources; while it is told, those go along with it.
    if (before.mode !== after.mode || this.#changesLeft > 0) {
      this.#changesLeft = robustness;
      this.#allowed = [];
      this.#blocked = [];
      return true;
    }
    const isInclude = after.mode === "include";
    const added = without(after.sources, before.sources);
    const gone = without(before.sources, after.sources);
    this.#note(isInclude ? added : gone, isInclude ? gone : added, robustness);
    return true;
  }

  #note(allowed: readonly IpAddress[], blocked: readonly IpAddress[], left: number): void {
    const touched = [...allowed, ...blocked];
    const isTouched = ({ source }: PendingSource) =>
      touched.some((address) => isSame(address, source));
    this.#allowed = this.#allowed.filter((pending) => !isTouched(pending));
    this.#blocked = this.#blocked.filter((pending) => !isTouched(pending));
    for (const source of allowed) this.#allowed.push({ source, left });
    for (const source of blocked) this.#blocked.push({ source, left });
  }

  /** The records that tell of the changes once; one time less is left then. */
  takeChanges(filter: SourceFilter): GroupRecord<IpAddress>[] {
    if (this.#changesLeft > 0) {
      this.#changesLeft--;
      const type = filter.mode === "include"
        ? RecordType.CHANGE_TO_INCLUDE
        : RecordType.CHANGE_TO_EXCLUDE;
      return [recordOf(type, this.#group, filter.sources)];
    }
    const records: GroupRecord<IpAddress>[] = [];
    const allowed = takeOnce(this.#allowed);
    const blocked = takeOnce(this.#blocked);
    const { ALLOW_NEW_SOURCES, BLOCK_OLD_SOURCES } = RecordType;
    if (allowed.length > 0) records.push(recordOf(ALLOW_NEW_SOURCES, this.#group, allowed));
    if (blocked.length > 0) records.push(recordOf(BLOCK_OLD_SOURCES, this.#group, blocked));
    this.#allowed = this.#allowed.filter(({ left }) => left > 0);
    this.#blocked = this.#blocked.filter(({ left }) => left > 0);
    return records;
  }

  /** Forgets changes, as when the version changes. */
  clearChanges(): void {
    this.#changesLeft = 0;
    this.#allowed = [];
    this.#blocked = [];
  }

  /**
   * Notes a query. RFC 3376 section 5.2.
   *
   * @param deadline when it is to be answered, by lot
   * @param maximumSources more sources than this are taken for the whole group
   */
  query(deadline: number, sources: readonly IpAddress[], maximumSources: number): void {
    const isPending = this.queryDeadline !== Infinity;
    if (!isPending) {
      this.#asked = sources;
    } else if (sources.length === 0 || this.#asked.length === 0) {
      // RFC 3376 section 5.2 (MUST): rule 4: the answer is for the whole group.
      this.#asked = [];
    } else {
      // RFC 3376 section 5.2 (MUST): rule 5: the sources are added to those that were asked for.
      this.#asked = [...this.#asked, ...without(sources, this.#asked)];
    }
    if (this.#asked.length > maximumSources) this.#asked = [];
    this.queryDeadline = Math.min(this.queryDeadline, deadline);
  }

  /** The record that answers the query; none when there is nothing to be told. */
  takeAnswer(filter: SourceFilter): GroupRecord<IpAddress>[] {
    const asked = this.#asked;
    this.queryDeadline = Infinity;
    this.#asked = [];
    if (asked.length === 0) return currentState(this.#group, filter);
    // RFC 3376 section 5.2 (MUST): of the sources that were asked for, those that pass.
    const wanted = filter.mode === "include"
      ? inBoth(filter.sources, asked)
      : without(asked, filter.sources);
    return wanted.length === 0 ? [] : [recordOf(RecordType.MODE_IS_INCLUDE, this.#group, wanted)];
  }
}

/** The record that tells how things are; none for a group that nobody listens to. */
export function currentState(group: IpAddress, filter: SourceFilter): GroupRecord<IpAddress>[] {
  if (isNothing(filter)) return [];
  const { mode, sources } = filter;
  const type = mode === "include" ? RecordType.MODE_IS_INCLUDE : RecordType.MODE_IS_EXCLUDE;
  return [recordOf(type, group, sources)];
}

function takeOnce(pending: PendingSource[]): IpAddress[] {
  for (const source of pending) source.left--;
  return pending.map(({ source }) => source);
}
