/** Medians over rounds, ratios of peers measured in the same round, and verdicts on goals. */
import type { Goal, Measurement, PeerName } from "./row.ts";

/** What each peer gave in each round of a row; null where it failed. */
export type Rounds = Readonly<Partial<Record<PeerName, readonly (Measurement | null)[]>>>;

/** How one goal was met. `value` is a ratio, or the number itself for an absolute goal. */
export interface Verdict {
  readonly goal: Goal;
  readonly value: number | null;
  readonly verdict: "met" | "missed" | "not measured";
}

/**
 * The median.
 *
 * @param values any numbers, in any order
 * @returns the middle one, the mean of the middle two, or null if there are none
 */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The median over the rounds of one number of one peer.
 *
 * @returns null if no round has it
 */
export function medianOf(rounds: Rounds, peer: PeerName, metric: string): number | null {
  return median(
    (rounds[peer] ?? []).map((measurement) => measurement?.[metric])
      .filter((value) => value !== undefined),
  );
}

/**
 * The median over the rounds of the ratio of two peers. Each ratio is of one round, where both
 * were measured within seconds of each other, so drift of a shared machine falls out.
 *
 * @returns null if no round has both
 */
export function medianRatio(
  rounds: Rounds,
  peer: PeerName,
  against: PeerName,
  metric: string,
): number | null {
  const others = rounds[against] ?? [];
  const ratios: number[] = [];
  for (const [index, measurement] of (rounds[peer] ?? []).entries()) {
    const value = measurement?.[metric];
    const other = others[index]?.[metric];
    if (value !== undefined && other !== undefined && other > 0) ratios.push(value / other);
  }
  return median(ratios);
}

/**
 * Judges one goal.
 *
 * @returns "not measured" where the peer or the one it is held against gave nothing
 */
export function judge(goal: Goal, rounds: Rounds): Verdict {
  const value = goal.against === undefined
    ? medianOf(rounds, goal.peer, goal.metric)
    : medianRatio(rounds, goal.peer, goal.against, goal.metric);
  if (value === null) return { goal, value, verdict: "not measured" };
  const met = value >= (goal.atLeast ?? -Infinity) && value <= (goal.atMost ?? Infinity);
  return { goal, value, verdict: met ? "met" : "missed" };
}
