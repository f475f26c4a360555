/**
 * The states of neighbours, of either family, and the timers that move them: RFC 4861 section
 * 7.3.2.
 *
 * ```text
 *              packet                 answer
 *   (none) -------------> INCOMPLETE ---------> REACHABLE <------------------------+
 *     ^  ^                    |                  |     ^ confirmation, answer      |
 *     |  +-- 3 unanswered ----+   reachable time |     |                           |
 *     |      requests                passed      v     |                           |
 *     |        unsolicited address ----------> STALE --+-- packet --> DELAY --+----+
 *     |                                                                5 s    |
 *     +------------------------- 3 unanswered requests ---- PROBE <-----------+
 * ```
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import { TokenBucket } from "../token_bucket.ts";
import type { MacAddress } from "../wire/addresses.ts";
import { NeighbourCounter } from "./counters.ts";
import type { StackEvents } from "./events.ts";
import type { LinkHooks } from "./link_hooks.ts";
import type { LinkInterface } from "./link_interface.ts";
import { NeighbourState, neighbourStateName, NeighbourTable } from "./neighbour_table.ts";
import type { LinkOptions } from "./options.ts";
import { PendingPackets } from "./pending_packets.ts";
import { ReachableTimes } from "./reachable_times.ts";

const NONE = -1;
// RFC 4861 section 10: the constants of nodes.
const MAX_MULTICAST_SOLICIT = 3;
const MAX_UNICAST_SOLICIT = 3;
const DELAY_FIRST_PROBE_TIME: number = 5 * SECOND;

/** Asks neighbours for their addresses. */
export interface Solicitor {
  /**
   * Asks.
   *
   * @param isUnicast whether to ask the neighbour itself, at the address that is known
   * @param prompt the packet that waits, or -1: its source is to be that of the question
   */
  solicit(
    link: LinkInterface,
    address: IpAddress,
    isUnicast: boolean,
    toHigh: number,
    toLow: number,
    prompt: number,
  ): void;
}

/** Is told of neighbours that are of use no more. */
export interface NeighbourWatcher {
  /** It did not answer. */
  onUnreachable(interfaceIndex: number, address: IpAddress): void;
  /** It answers, after it did not, or for the first time. */
  onReachable(interfaceIndex: number, address: IpAddress): void;
  /** It was a router, and says that it is none. */
  onRouterGone(interfaceIndex: number, address: IpAddress): void;
}

/** What a cache is made of. */
export interface NeighbourCacheParts {
  readonly family: 4 | 6;
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof NeighbourCounter>;
  readonly events: StackEvents;
  readonly hooks: LinkHooks;
  readonly solicitor: Solicitor;
  readonly watcher: NeighbourWatcher;
  /** The interface of an index. */
  readonly interfaceOf: (index: number) => LinkInterface | undefined;
}

/** The entries of one family. */
export class NeighbourStates {
  readonly table: NeighbourTable;
  /** Packets that wait. */
  readonly pending: PendingPackets;
  /** How long neighbours count as reachable, and how often they are asked. */
  readonly times: ReachableTimes;
  readonly #parts: NeighbourCacheParts;
  readonly #limit: TokenBucket;
  readonly #timers: number;

  /** Makes an empty table. */
  constructor(parts: NeighbourCacheParts) {
    const { environment, options, family } = parts;
    this.#parts = parts;
    this.table = new NeighbourTable(environment, options.neighbours, family === 4 ? 1 : 4);
    this.pending = new PendingPackets(environment, this.table);
    this.times = new ReachableTimes(environment, options.interfaces);
    const { solicitationsPerSecond } = options;
    this.#limit = new TokenBucket(solicitationsPerSecond, solicitationsPerSecond, environment.now);
    this.#timers = environment.timers.register((entry) => this.#onTimer(entry));
  }

  /** Makes an entry. @returns -1 when there is no room */
  add(interfaceIndex: number, address: IpAddress): number {
    const { counters, environment } = this.#parts;
    const table = this.table;
    if (table.size === table.capacity) this.#evict();
    const entry = table.add(interfaceIndex, address);
    const timer = entry < 0 ? NONE : environment.timers.take(this.#timers, entry);
    if (timer < 0) {
      if (entry >= 0) table.remove(entry);
      counters.add(NeighbourCounter.REFUSED);
      return NONE;
    }
    table.timer[entry] = timer;
    table.usedAt[entry] = environment.now;
    table.confirmedAt[entry] = environment.now;
    counters.add(NeighbourCounter.CREATED);
    return entry;
  }

  #evict(): void {
    const entry = this.table.candidate();
    if (entry < 0) return;
    this.#parts.counters.add(NeighbourCounter.EVICTED);
    this.forget(entry);
  }

  /** The one way into a state, with its timer and its first request. */
  enter(entry: number, state: NeighbourState): void {
    const { environment, events, watcher } = this.#parts;
    const table = this.table;
    const { timers, now } = environment;
    const link = table.interface[entry];
    const address = table.address[entry] as IpAddress;
    const before = table.state[entry];
    table.state[entry] = state;
    table.probes[entry] = 0;
    switch (state) {
      case NeighbourState.INCOMPLETE:
        this.#ask(entry);
        break;
      case NeighbourState.REACHABLE:
        table.confirmedAt[entry] = now;
        this.#armReachable(entry);
        break;
      case NeighbourState.DELAY:
        timers.arm(table.timer[entry], now + DELAY_FIRST_PROBE_TIME);
        break;
      case NeighbourState.PROBE:
        this.#ask(entry);
        break;
      default:
        timers.disarm(table.timer[entry]);
    }
    if (before === state) return;
    const mac = this.macOf(entry);
    const name = neighbourStateName(state);
    events.onEvent({ event: "neighbour-changed", interface: link, address, state: name, mac });
    const wasUnknown = before === NeighbourState.NONE || before === NeighbourState.INCOMPLETE;
    if (wasUnknown && state !== NeighbourState.INCOMPLETE) watcher.onReachable(link, address);
  }

  /** The address of an entry on the link. */
  macOf(entry: number): MacAddress {
    return this.table.macHigh[entry] * 2 ** 32 + (this.table.macLow[entry] >>> 0);
  }

  /** Sends a request, and waits for its answer. */
  #ask(entry: number): void {
    const { environment, counters, solicitor, interfaceOf } = this.#parts;
    const table = this.table;
    const index = table.interface[entry];
    const address = table.address[entry] as IpAddress;
    const isUnicast = table.state[entry] === NeighbourState.PROBE;
    table.probes[entry]++;
    // RFC 4861 section 7.2.2 (MUST): requests for one neighbour are RetransTimer apart at least.
    // RFC 1122 section 2.3.2.1 (MUST): floods of requests for one address are prevented by the
    // same.
    environment.timers.arm(table.timer[entry], environment.now + this.times.retransmit(index));
    const link = interfaceOf(index);
    if (link === undefined) return;
    if (isUnicast) {
      counters.add(NeighbourCounter.PROBED);
    } else if (this.#limit.takeOne(environment.now)) {
      counters.add(NeighbourCounter.SOLICITED);
    } else {
      counters.add(NeighbourCounter.SOLICITATIONS_LIMITED);
      return;
    }
    const prompt = table.pendingHead[entry];
    solicitor.solicit(link, address, isUnicast, table.macHigh[entry], table.macLow[entry], prompt);
  }

  #armReachable(entry: number): void {
    const table = this.table;
    const from = table.confirmedAt[entry];
    table.armedFrom[entry] = from;
    const until = from + this.times.reachable(table.interface[entry]);
    this.#parts.environment.timers.arm(table.timer[entry], until);
  }

  #onTimer(entry: number): void {
    const table = this.table;
    switch (table.state[entry]) {
      case NeighbourState.INCOMPLETE:
        // RFC 4861 section 7.2.2 (MUST): without an answer to MAX_MULTICAST_SOLICIT requests, it
        // has failed, and ICMP tells so of each packet that waited.
        if (table.probes[entry] < MAX_MULTICAST_SOLICIT) this.#ask(entry);
        else this.#fail(entry);
        break;
      case NeighbourState.REACHABLE:
        // Confirmations only note the time: there is one for each acknowledgement.
        if (table.confirmedAt[entry] > table.armedFrom[entry]) {
          this.#armReachable(entry);
          break;
        }
        // RFC 4861 section 7.3.3 (MUST): after ReachableTime without a confirmation it is stale.
        this.enter(entry, NeighbourState.STALE);
        break;
      case NeighbourState.DELAY:
        // RFC 4861 section 7.3.3 (MUST): still unconfirmed after the delay, it is probed.
        this.enter(entry, NeighbourState.PROBE);
        break;
      case NeighbourState.PROBE:
        // RFC 4861 section 7.3.3 (SHOULD): after MAX_UNICAST_SOLICIT probes the entry is deleted.
        if (table.probes[entry] < MAX_UNICAST_SOLICIT) this.#ask(entry);
        else this.#fail(entry);
    }
  }

  /** It does not answer: forgets it, and hands on what waited. */
  #fail(entry: number): void {
    const { counters, environment, hooks, interfaceOf, watcher } = this.#parts;
    const table = this.table;
    const index = table.interface[entry];
    const address = table.address[entry] as IpAddress;
    const link = interfaceOf(index);
    const first = this.pending.detach(entry);
    counters.add(NeighbourCounter.UNREACHABLE);
    this.forget(entry);
    watcher.onUnreachable(index, address);
    for (let packet = first; packet !== NONE;) {
      const next = this.pending.follow(packet);
      counters.add(NeighbourCounter.DROPPED_UNREACHABLE);
      if (link === undefined) environment.arena.release(packet);
      else hooks.unreachable.onUnreachable(packet, link);
      packet = next;
    }
  }

  /** Removes an entry, and releases what waited for it. */
  forget(entry: number): void {
    const { counters, environment, events } = this.#parts;
    const table = this.table;
    const released = this.pending.release(entry);
    counters.add(NeighbourCounter.DROPPED_REMOVED, released);
    environment.timers.release(table.timer[entry]);
    const link = table.interface[entry];
    const address = table.address[entry] as IpAddress;
    const mac = this.macOf(entry);
    table.remove(entry);
    const state = neighbourStateName(NeighbourState.NONE);
    events.onEvent({ event: "neighbour-changed", interface: link, address, state, mac });
  }
}
