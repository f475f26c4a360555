/**
 * Raw sockets, sockets of ICMP echo, and protocols that programs bring along.
 *
 * @module
 */

export { RawCounter } from "./counters.ts";
export {
  type Action,
  type CustomProtocolHandler,
  type CustomProtocolParts,
  CustomProtocols,
  type PacketAction,
  type SocketProtocolHandler,
} from "./custom_protocols.ts";
export type { IcmpReport } from "../ip/types.ts";
export type { PacketView } from "./packet_view.ts";
export { type PingParts, PingSocket, PingSockets } from "./ping_sockets.ts";
export { IPPROTO_RAW, RawSocket } from "./raw_socket.ts";
export { type RawParts, RawSockets } from "./raw_sockets.ts";
