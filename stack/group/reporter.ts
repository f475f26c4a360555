/**
 * Tells routers which groups are listened to: what IGMPv3 and MLDv2 have in common, and their
 * fallbacks to older versions. RFC 3376, RFC 3810; RFC 2236, RFC 2710.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { Agenda, type AgendaItem } from "../iface/agenda.ts";
import type { LinkInterface } from "../iface/link_interface.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { randomBelow } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { GroupRecord } from "../wire/group_records.ts";
import { GroupCounter } from "./counters.ts";
import type { GroupEntry } from "./group_entry.ts";
import { packRecords } from "./pack_records.ts";
import { currentState } from "./report_state.ts";
import { isNothing, NO_SOURCES, type SourceFilter } from "./source_filter.ts";

// RFC 3376 section 8, RFC 3810 section 9: the constants.
const ROBUSTNESS = 2;
const MAXIMUM_ROBUSTNESS = 7;
const QUERY_INTERVAL: number = 125 * SECOND;
const UNSOLICITED_REPORT_INTERVAL: number = SECOND;
/** RFC 2236 section 8.10, RFC 2710 section 7.10: the same of older versions. */
const OLD_UNSOLICITED_REPORT_INTERVAL: number = 10 * SECOND;

/** What differs between IGMP and MLD. */
export interface GroupDialect {
  /** The number of the version with source filters: 3 or 2. */
  readonly newest: number;
  /** Bytes of an address. */
  readonly addressBytes: number;
  /** Bytes of a packet's headers before the first record. */
  readonly headerBytes: number;
  /** Bytes of a record without sources. */
  readonly recordBytes: number;
  /** Whether a group is told of at all. */
  isReported(group: IpAddress): boolean;
  /** Sends a report of the newest version. @returns false when no packet was left */
  sendReport(link: LinkInterface, records: readonly GroupRecord<IpAddress>[]): boolean;
  /** Sends a report of an older version. */
  sendOldReport(link: LinkInterface, group: IpAddress, version: number): boolean;
  /** Says that a group is left, in an older version. */
  sendLeave(link: LinkInterface, group: IpAddress): boolean;
  /** Whether a version has messages for leaving. */
  hasLeave(version: number): boolean;
}

/** What a query asks for. */
export interface GroupQuery {
  /** The version that it is of. */
  readonly version: number;
  /** Null for every group. */
  readonly group: IpAddress | null;
  readonly sources: readonly IpAddress[];
  /** Within how many microseconds to answer. */
  readonly maximumDelay: number;
  /** The querier's robustness, 0 where it does not say. */
  readonly robustness: number;
  /** Its interval in microseconds, 0 where it does not say. */
  readonly interval: number;
}

interface LinkState extends AgendaItem {
  readonly link: LinkInterface;
  /** When a query for all groups is to be answered. */
  generalDeadline: number;
  /** When changes are told once more. */
  changeDeadline: number;
  robustness: number;
  /** Until when a querier of each older version counts as present. */
  readonly oldUntil: number[];
  version: number;
}

/** What a reporter is made of. */
export interface ReporterParts {
  readonly environment: Environment;
  readonly counters: Counters<typeof GroupCounter>;
  readonly dialect: GroupDialect;
  readonly sourcesPerGroup: number;
  /** Whether somebody else tells of what the stack itself has joined: another shard of the host. */
  readonly isSilent: boolean;
  /** The groups of an interface, left ones included while they are told of. */
  readonly groupsOf: (interfaceIndex: number) => readonly GroupEntry[];
  /** Is told of a group that was left, and of which all is told. */
  readonly onSettled: (entry: GroupEntry) => void;
}

/** Tells routers of the groups of one family, on all interfaces. */
export class GroupReporter {
  readonly #parts: ReporterParts;
  readonly #agenda: Agenda<LinkState>;

  /** Makes a reporter without interfaces. */
  constructor(parts: ReporterParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (state, due) => this.#onDue(state, due));
  }

  #stateOf(link: LinkInterface): LinkState {
    const known = this.#agenda.items.find((state) => state.link === link);
    if (known !== undefined) return known;
    const { newest } = this.#parts.dialect;
    const state: LinkState = {
      ...{ link, deadline: Infinity, generalDeadline: Infinity, changeDeadline: Infinity },
      ...{ robustness: ROBUSTNESS, version: newest },
      oldUntil: new Array(newest).fill(-Infinity),
    };
    this.#agenda.add(state);
    return state;
  }

  /** The version that is spoken on an interface. */
  versionOf(link: LinkInterface): number {
    return this.#stateOf(link).version;
  }

  /** Forgets an interface. */
  remove(link: LinkInterface): void {
    const state = this.#agenda.items.find((known) => known.link === link);
    if (state !== undefined) this.#agenda.remove(state);
  }

  /** Tells of all groups of an interface, which came up. */
  restart(link: LinkInterface): void {
    this.remove(link);
    const state = this.#stateOf(link);
    for (const entry of this.#groups(state)) {
      entry.report.clearChanges();
      if (isNothing(entry.filter)) this.#parts.onSettled(entry);
      else this.#note(state, entry, NO_SOURCES, entry.filter);
    }
    this.#schedule(state);
  }

  #groups(state: LinkState): GroupEntry[] {
    return this.#parts.groupsOf(state.link.index).filter((entry) => this.#isTold(entry));
  }

  /** Whether a group is told of here. */
  #isTold({ group, isAskedFor }: GroupEntry): boolean {
    const { dialect, isSilent } = this.#parts;
    return dialect.isReported(group) && (isAskedFor || !isSilent);
  }

  /** Tells of a change of a group's filter. */
  onChange(entry: GroupEntry, before: SourceFilter): void {
    const { onSettled } = this.#parts;
    const { link } = entry;
    if (!this.#isTold(entry) || link.kind === "loopback" || !link.isUp) {
      if (isNothing(entry.filter)) onSettled(entry);
      return;
    }
    const state = this.#stateOf(link);
    this.#note(state, entry, before, entry.filter);
    this.#schedule(state);
  }

  #note(state: LinkState, entry: GroupEntry, before: SourceFilter, after: SourceFilter): void {
    const { dialect, environment } = this.#parts;
    // RFC 3376 section 7.2.1 (MUST): an older querier is told in its own version.
    if (state.version < dialect.newest) return this.#noteOld(state, entry, before, after);
    // RFC 3376 section 5.1 (MUST): a change is told at once, and again.
    // RFC 3810 section 6.1 (MUST): the same for MLD.
    if (entry.report.change(before, after, state.robustness)) {
      state.changeDeadline = environment.now;
    }
  }

  /** The same in an older version, which knows only whether a group is listened to. */
  #noteOld(state: LinkState, entry: GroupEntry, before: SourceFilter, after: SourceFilter): void {
    const { counters, dialect, environment, onSettled } = this.#parts;
    const { now, random } = environment;
    if (isNothing(after)) {
      // RFC 2236 section 3 (SHOULD): who reported last says that it leaves.
      if (entry.wasLastReporter && dialect.hasLeave(state.version)) {
        const isSent = dialect.sendLeave(state.link, entry.group);
        counters.add(isSent ? GroupCounter.LEAVES_SENT : GroupCounter.DROPPED_NO_PACKET);
      }
      onSettled(entry);
    } else if (isNothing(before)) {
      // RFC 2236 section 3 (SHOULD): a group that was joined is reported at once, and once more.
      this.#reportOld(state, entry);
      const delay = randomBelow(random, OLD_UNSOLICITED_REPORT_INTERVAL);
      entry.report.query(now + delay, [], 0);
    }
  }

  #reportOld(state: LinkState, entry: GroupEntry): void {
    const { counters, dialect } = this.#parts;
    const isSent = dialect.sendOldReport(state.link, entry.group, state.version);
    entry.wasLastReporter = true;
    counters.add(isSent ? GroupCounter.REPORTS_SENT : GroupCounter.DROPPED_NO_PACKET);
  }

  /** Takes a query. */
  onQuery(link: LinkInterface, query: GroupQuery): void {
    const { counters, dialect, environment, sourcesPerGroup } = this.#parts;
    counters.add(GroupCounter.QUERIES_RECEIVED);
    const state = this.#stateOf(link);
    this.#noteVersion(state, query);
    // RFC 3376 section 5.2 (MUST): answers wait for a random time within what the query says.
    const delay = randomBelow(environment.random, Math.max(1, query.maximumDelay));
    const deadline = environment.now + delay;
    // RFC 3376 section 5.2 (MUST): rule 1: an answer about all groups that comes sooner will do.
    if (state.generalDeadline <= deadline) return;
    if (query.group === null && state.version === dialect.newest) {
      // RFC 3376 section 5.2 (MUST): rule 2: the answer about all groups takes the earlier one's
      // place.
      state.generalDeadline = deadline;
    } else {
      const groups = this.#groups(state).filter(({ group, filter }) =>
        !isNothing(filter) && (query.group === null || isSame(group, query.group))
      );
      if (groups.length === 0) counters.add(GroupCounter.QUERIES_NOT_FOR_US);
      for (const { report } of groups) {
        // RFC 2236 section 3 (MUST): older versions draw a time for each group.
        const own = query.group === null
          ? environment.now + randomBelow(environment.random, Math.max(1, query.maximumDelay))
          : deadline;
        report.query(own, query.sources, sourcesPerGroup);
      }
    }
    this.#schedule(state);
  }

  /** Takes over what the querier says of itself, and its version. */
  #noteVersion(state: LinkState, query: GroupQuery): void {
    const { dialect, environment: { now } } = this.#parts;
    if (query.version === dialect.newest) {
      // RFC 3376 section 4.1.6 (SHOULD): hosts take over the querier's robustness.
      const { robustness } = query;
      state.robustness = robustness === 0 ? ROBUSTNESS : Math.min(robustness, MAXIMUM_ROBUSTNESS);
    } else {
      const interval = query.interval === 0 ? QUERY_INTERVAL : query.interval;
      // RFC 3376 section 8.12 (MUST): so long an older querier counts as present.
      const timeout = state.robustness * interval + query.maximumDelay;
      state.oldUntil[query.version] = now + timeout;
    }
    this.#updateVersion(state, now);
  }

  /** Finds the version that is spoken. */
  #updateVersion(state: LinkState, due: number): void {
    const { dialect } = this.#parts;
    for (const [version, until] of state.oldUntil.entries()) {
      if (until <= due) state.oldUntil[version] = -Infinity;
    }
    const oldest = state.oldUntil.findIndex((until) => until > due);
    // RFC 3376 section 7.2.1 (MUST): the oldest version that is present is spoken.
    const version = oldest < 0 ? dialect.newest : oldest;
    if (version === state.version) return;
    state.version = version;
    // RFC 3376 section 7.2.1 (MUST): all that was to be told is forgotten.
    state.generalDeadline = Infinity;
    state.changeDeadline = Infinity;
    for (const entry of this.#groups(state)) {
      entry.report.clearChanges();
      entry.report.queryDeadline = Infinity;
      if (isNothing(entry.filter)) this.#parts.onSettled(entry);
    }
  }

  /** Takes a report of somebody else, in an older version. */
  onOldReport(link: LinkInterface, group: IpAddress): void {
    const { counters, dialect } = this.#parts;
    counters.add(GroupCounter.REPORTS_RECEIVED);
    const state = this.#stateOf(link);
    if (state.version === dialect.newest) return;
    const entry = this.#groups(state).find((known) => isSame(known.group, group));
    if (entry === undefined || isNothing(entry.filter)) return;
    // RFC 2236 section 3 (MUST): one report is enough: ours is not sent, and we were not the last.
    entry.wasLastReporter = false;
    if (entry.report.queryDeadline !== Infinity) {
      counters.add(GroupCounter.SUPPRESSED);
      entry.report.queryDeadline = Infinity;
      this.#schedule(state);
    }
  }

  #schedule(state: LinkState): void {
    let earliest = Math.min(state.generalDeadline, state.changeDeadline);
    for (const { report } of this.#groups(state)) {
      earliest = Math.min(earliest, report.queryDeadline);
    }
    for (const until of state.oldUntil) {
      if (until !== -Infinity) earliest = Math.min(earliest, until);
    }
    state.deadline = earliest;
    this.#agenda.rearm();
  }

  #onDue(state: LinkState, due: number): void {
    this.#updateVersion(state, due);
    if (state.changeDeadline <= due) this.#tellChanges(state);
    if (state.generalDeadline <= due) {
      state.generalDeadline = Infinity;
      const records = this.#groups(state).flatMap(({ group, filter }) =>
        currentState(group, filter)
      );
      this.#send(state, records);
    }
    this.#answerGroups(state, due);
    this.#schedule(state);
  }

  #answerGroups(state: LinkState, due: number): void {
    const { dialect } = this.#parts;
    const records: GroupRecord<IpAddress>[] = [];
    for (const entry of this.#groups(state)) {
      if (entry.report.queryDeadline > due) continue;
      if (state.version < dialect.newest) {
        entry.report.queryDeadline = Infinity;
        this.#reportOld(state, entry);
      } else {
        records.push(...entry.report.takeAnswer(entry.filter));
      }
    }
    this.#send(state, records);
  }

  #tellChanges(state: LinkState): void {
    const { environment: { now, random }, onSettled } = this.#parts;
    const records: GroupRecord<IpAddress>[] = [];
    let isLeft = false;
    for (const entry of this.#groups(state)) {
      if (!entry.report.isChanged) continue;
      records.push(...entry.report.takeChanges(entry.filter));
      if (entry.report.isChanged) isLeft = true;
      else if (isNothing(entry.filter)) onSettled(entry);
    }
    // RFC 3376 section 5.1 (MUST): the repetitions are random parts of an interval apart.
    const delay = 1 + randomBelow(random, UNSOLICITED_REPORT_INTERVAL);
    state.changeDeadline = isLeft ? now + delay : Infinity;
    this.#send(state, records);
  }

  #send(state: LinkState, records: readonly GroupRecord<IpAddress>[]): void {
    const { counters, dialect } = this.#parts;
    if (!state.link.isUp) return;
    for (const part of packRecords(records, state.link, dialect, counters)) {
      const isSent = dialect.sendReport(state.link, part);
      counters.add(isSent ? GroupCounter.REPORTS_SENT : GroupCounter.DROPPED_NO_PACKET);
    }
  }
}
