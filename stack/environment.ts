/**
 * What every part of a stack is given: memory for packets, timers, randomness, and the time.
 *
 * Time is in microseconds, an integer, on a clock that never goes back and starts anywhere. It is
 * set once at the beginning of each step; nobody in here asks a clock.
 *
 * @module
 */

import type { PacketArena } from "./memory/mod.ts";
import type { PacketTable } from "./packet_table.ts";
import type { RandomSource } from "./random.ts";
import type { StackTimers } from "./stack_timers.ts";

/** Microseconds of a millisecond. */
export const MILLISECOND = 1000;
/** Microseconds of a second. */
export const SECOND = 1_000_000;
/** Microseconds of a minute. */
export const MINUTE: number = 60 * SECOND;

/** What every part of a stack is given. */
export interface Environment {
  /** Where packets are taken from. */
  readonly arena: PacketArena;
  /** What is known of them. */
  readonly packets: PacketTable;
  /** Timers that call back within a step. */
  readonly timers: StackTimers;
  /** Randomness that peers cannot guess, or a seeded sequence of a simulation. */
  readonly random: RandomSource;
  /** The time of this step, in microseconds. */
  readonly now: number;
}
