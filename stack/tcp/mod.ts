/**
 * TCP: RFC 9293 and what belongs to it.
 *
 * @module
 */

export { CONGESTION_CONTROLS } from "./congestion/mod.ts";
export { ConnectionInfo } from "./connection_info.ts";
export { TcpCounter } from "./counters.ts";
export {
  DEFAULT_RECEIVER_OPTIONS,
  ReceiverCounter,
  type ReceiverOptions,
  SERVER_RECEIVER_OPTIONS,
  SMALL_RECEIVER_OPTIONS,
} from "./receive/mod.ts";
export { SendCounter, type SenderOptions, SERVER_SENDER, SMALL_SENDER } from "./send/mod.ts";
export { TCP_DEFAULTS, TCP_SERVER, TCP_SMALL, type TcpSettings } from "./settings.ts";
export { TcpSocket } from "./socket.ts";
export { State, stateName } from "./states.ts";
export { Tcp } from "./tcp.ts";
