/**
 * The receiving half of TCP connections.
 *
 * @module
 */

export { ReceiverCounter, type ReceiverCounters } from "./counters.ts";
export {
  DEFAULT_RECEIVER_OPTIONS,
  type ReceiverOptions,
  SERVER_RECEIVER_OPTIONS,
  SMALL_RECEIVER_OPTIONS,
} from "./options.ts";
export { Receiver } from "./receiver.ts";
export { ReceiverSettings } from "./settings.ts";
