/**
 * What a TCP/IP stack stands on: memory, timers, tables, counters, hashes and randomness.
 *
 * @module
 */

export * from "./memory/mod.ts";
export * from "./tables/mod.ts";
export * from "./timers/mod.ts";
export { KEY_WORDS, KeyedHash } from "./keyed_hash.ts";
export {
  BatchedRandom,
  randomBelow,
  randomChance,
  type RandomSource,
  randomTableKey,
  SeededRandom,
} from "./random.ts";
export {
  type CounterNames,
  Counters,
  type CounterValues,
  Statistics,
  type StatisticsValues,
} from "./statistics.ts";
