/**
 * UDP and its sockets.
 *
 * @module
 */

export { UdpCounter } from "./counters.ts";
export { Udp, type UdpParts } from "./udp.ts";
export { MAXIMUM_SEGMENTS, UdpSocket } from "./udp_socket.ts";
