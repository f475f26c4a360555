/**
 * What a stack tells its owner.
 *
 * @module
 */

/** Counters of one protocol, by name. */
export type StackCounters = Readonly<Record<string, number>>;

/** Counters by protocol, and by the name of an interface those of its port. */
export type StackStatistics = Readonly<
  Record<string, StackCounters | Readonly<Record<string, StackCounters | null>>>
>;

/** Something that happened in a stack; its other fields are about what: address, state, mac ... */
export interface StackEventInfo extends Readonly<Record<string, unknown>> {
  /** Such as "link-up", "address-added", "neighbour-changed", "route-added". */
  readonly event: string;
  /** The name of the interface. */
  readonly interface: string;
  /** Events before this one that nobody took in time. */
  readonly missed?: number;
}

/** Events as they come. */
export type StackEventIterator = AsyncIterableIterator<StackEventInfo>;
