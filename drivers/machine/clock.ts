/**
 * The time that a ring's timeouts run on: the system's, or a virtual one.
 *
 * @module
 */

/** A clock, and who is called when a time has come. All times are in milliseconds. */
export interface Clock {
  /** Now, on the monotonic clock of the ring's program. */
  now(): number;
  /** Now, since 1970. */
  date(): number;
  /**
   * Has `onTime` called once, when a time of {@linkcode Clock.now} has come, in place of what was
   * asked for before; `Infinity` for never.
   */
  wakeAt(at: number, onTime: () => void): void;
  /** Calls back once what is ready now has made itself known. */
  soon(done: () => void): void;
}
