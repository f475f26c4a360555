/**
 * Timers by number.
 *
 * @module
 */

export {
  MAXIMUM_TIMERS,
  TimerWheel,
  type TimerWheelOptions,
  type TimerWheelStatistics,
} from "./timer_wheel.ts";
