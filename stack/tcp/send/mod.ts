/**
 * The sending half of a connection of TCP.
 *
 * @module
 */

export { SendCounter } from "./counters.ts";
export { Sender } from "./sender.ts";
export {
  type MakeCongestionControl,
  type SenderOptions,
  SenderSettings,
  SERVER_SENDER,
  SMALL_SENDER,
} from "./settings.ts";
