/**
 * How the options of TCP's sockets are read that are no plain integers of `option_rows.ts`.
 *
 * @module
 */

import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import { Protocol } from "../wire/numbers.ts";
import { Ipv4Name, Ipv6Name, SocketName, TcpName } from "../option_names.ts";
import {
  cookieBytes,
  deviceBytes,
  INT_BYTES,
  intBytes,
  LINGER_BYTES,
  NAME_BYTES,
  nameBytes,
} from "../option_values.ts";
import type { OptionHost } from "./socket_options.ts";
import { State } from "./states.ts";
import { tcpInfo } from "./tcp_info.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_TCP } = SockOpt;

const SECOND = 1_000_000;
const DEFAULT_HOPS = 64;
const DEFAULT_SEGMENT = 536;
/** A switch beside those of `option_rows.ts`: TCP_QUICKACK was turned off. */
export const DELAYS: number = 1 << 25;

/**
 * Reads an option.
 *
 * @param room how many bytes the caller can take
 * @returns its value as getsockopt(2) gives it, or `-errno`
 */
export type Getter = (host: OptionHost, room: number) => Uint8Array | number;

/** What stands for a level and a name in a table. */
export function key(level: number, name: number): number {
  return level << 16 | name & 0xffff;
}

/** How each is read. */
export const SPECIAL_GETTERS: ReadonlyMap<number, Getter> = new Map<number, Getter>([
  [key(SOL_SOCKET, SockOpt.SO_TYPE), () => intBytes(Sock.STREAM)],
  [key(SOL_SOCKET, SockOpt.SO_PROTOCOL), () => intBytes(Protocol.TCP)],
  [key(SOL_SOCKET, SockOpt.SO_DOMAIN), ({ isIpv6 }) => intBytes(isIpv6 ? AF_INET6 : AF_INET)],
  [key(SOL_SOCKET, SockOpt.SO_ERROR), (host) => intBytes(host.takeError())],
  [key(SOL_SOCKET, SockOpt.SO_ACCEPTCONN), ({ state }) => intBytes(Number(state === State.LISTEN))],
  [key(SOL_SOCKET, SockOpt.SO_LINGER), ({ configuration }) => {
    const bytes = new Uint8Array(LINGER_BYTES);
    bytes.set(intBytes(Number(configuration.linger >= 0)));
    bytes.set(intBytes(configuration.lingerSeconds), INT_BYTES);
    return bytes;
  }],
  [key(SOL_SOCKET, SockOpt.SO_SNDBUF), ({ configuration, connection, context }) => {
    const limit = connection?.sender.bufferLimit ?? context.parts.defaultBuffers.send;
    return intBytes(2 * (configuration.sendBuffer || limit));
  }],
  [key(SOL_SOCKET, SockOpt.SO_RCVBUF), ({ configuration, connection, context }) => {
    const limit = connection?.receiver.bufferLimit ?? context.parts.defaultBuffers.receive;
    return intBytes(2 * (configuration.receiveBuffer || limit));
  }],
  [
    key(SOL_SOCKET, SocketName.RECEIVE_LOW_WATER),
    ({ configuration }) => intBytes(configuration.receiveLowWater),
  ],
  [key(SOL_SOCKET, SocketName.SEND_LOW_WATER), () => intBytes(1)],
  [
    key(SOL_SOCKET, SocketName.MAX_PACING_RATE),
    ({ configuration }) =>
      intBytes(configuration.maximumPacingRate === Infinity ? -1 : configuration.maximumPacingRate),
  ],
  [key(SOL_SOCKET, SocketName.COOKIE), ({ cookie }) => cookieBytes(cookie)],
  [
    key(SOL_SOCKET, SockOpt.SO_BINDTODEVICE),
    ({ context, configuration }) => deviceBytes(context.interfaces, configuration.device),
  ],
  [
    key(SOL_SOCKET, SocketName.BIND_TO_INTERFACE),
    ({ configuration }) => intBytes(configuration.device),
  ],
  [key(IPPROTO_TCP, SockOpt.TCP_MAXSEG), segmentBytes],
  [
    key(IPPROTO_TCP, TcpName.LINGER2),
    ({ configuration: { finWait2 } }) => intBytes(finWait2 < 0 ? -1 : finWait2 / SECOND),
  ],
  [
    key(IPPROTO_TCP, SockOpt.TCP_DEFER_ACCEPT),
    ({ configuration }) => intBytes(configuration.deferAccept / SECOND),
  ],
  [
    key(IPPROTO_TCP, TcpName.WINDOW_CLAMP),
    ({ configuration }) => intBytes(configuration.windowClamp),
  ],
  [
    key(IPPROTO_TCP, SockOpt.TCP_QUICKACK),
    ({ connection, configuration: { switches } }) =>
      intBytes(Number(connection?.receiver.quickAcknowledgment ?? (switches & DELAYS) === 0)),
  ],
  [
    key(IPPROTO_TCP, SockOpt.TCP_FASTOPEN),
    ({ configuration }) => intBytes(configuration.fastOpenQueue),
  ],
  [key(IPPROTO_TCP, TcpName.FAST_OPEN_KEY), ({ context }) => context.fastOpenCookies.keyBytes()],
  [
    key(IPPROTO_TCP, TcpName.TIMESTAMP),
    ({ connection, context }) =>
      intBytes(connection?.timestampNow ?? context.secrets.timestampClock),
  ],
  [key(IPPROTO_TCP, TcpName.ULP), () => new Uint8Array(0)],
  [key(IPPROTO_TCP, TcpName.SAVED_SYN), takeSavedSyn],
  [key(SOL_IP, Ipv4Name.OPTIONS), () => new Uint8Array(0)],
  [key(SOL_IP, Ipv4Name.UNICAST_INTERFACE), () => intBytes(0)],
  [key(IPPROTO_TCP, SockOpt.TCP_INFO), ({ state, connection }) => tcpInfo(state, connection)],
  [key(IPPROTO_TCP, SockOpt.TCP_CONGESTION), ({ configuration }) => {
    const bytes = new Uint8Array(NAME_BYTES);
    bytes.set(nameBytes(configuration.congestionControl).subarray(0, NAME_BYTES - 1));
    return bytes;
  }],
  [key(SOL_IP, SockOpt.IP_TOS), ({ configuration }) => intBytes(configuration.typeOfService)],
  [
    key(SOL_IP, SockOpt.IP_TTL),
    ({ configuration }) => intBytes(configuration.timeToLive || DEFAULT_HOPS),
  ],
  [
    key(SOL_IP, Ipv4Name.MINIMUM_TIME_TO_LIVE),
    ({ configuration }) => intBytes(configuration.minimumTimeToLive),
  ],
  [
    key(IPPROTO_IPV6, Ipv6Name.MINIMUM_HOPS),
    ({ configuration }) => intBytes(configuration.minimumHops),
  ],
  [key(SOL_IP, Ipv4Name.MTU), pathMtu],
  [key(IPPROTO_IPV6, Ipv6Name.MTU), pathMtu],
  [
    key(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS),
    ({ configuration }) => intBytes(configuration.hopLimit || DEFAULT_HOPS),
  ],
  [
    key(IPPROTO_IPV6, SockOpt.IPV6_TCLASS),
    ({ configuration }) => intBytes(configuration.trafficClass),
  ],
]);

function segmentBytes({ configuration, connection, state }: OptionHost): Uint8Array {
  const isIdle = state === State.CLOSED || state === State.LISTEN;
  if (isIdle && configuration.maximumSegment > 0) return intBytes(configuration.maximumSegment);
  return intBytes(connection === null ? DEFAULT_SEGMENT : connection.payloadBase);
}

function pathMtu({ connection }: OptionHost): Uint8Array | number {
  const mtu = connection?.flow.path?.mtu ?? 0;
  return mtu === 0 ? -Errno.ENOTCONN : intBytes(mtu);
}

/** Gives the headers of the SYN, once: tcp(7). Who has too little room for them may ask again. */
function takeSavedSyn({ connection, context }: OptionHost, room: number): Uint8Array | number {
  const headers = connection === null ? null : context.savedSyns.of(connection);
  if (connection === null || headers === null) return new Uint8Array(0);
  if (room < headers.length) return -Errno.EINVAL;
  context.savedSyns.forget(connection);
  return headers;
}
