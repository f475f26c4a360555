/**
 * The options of TCP's sockets by Linux' levels and names: setsockopt(2), tcp(7), ip(7), ipv6(7),
 * socket(7).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { Protocol } from "../wire/numbers.ts";
import { fixedOption } from "../datagram/fixed_options.ts";
import { isMembershipOption } from "../datagram/membership_options.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import { Ipv4Name, Ipv6Name, SocketName, TcpName } from "./option_names.ts";
import { MAXIMUM_HOPS, type OptionRow, optionRow, Phase } from "./option_rows.ts";
import { State } from "./states.ts";
import { tcpInfo } from "./tcp_info.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_TCP } = SockOpt;

const INT_BYTES = 4;
const LINGER_BYTES = 8;
const SECOND = 1_000_000;
const INT_MAXIMUM = 2 ** 31 - 1;
const AF_INET = 2;
const AF_INET6 = 10;
const DEFAULT_HOPS = 64;
const DEFAULT_SEGMENT = 536;
const NAME_BYTES = 16;
/** A switch beside those of `option_rows.ts`: TCP_QUICKACK was turned off. */
const DELAYS = 1 << 25;
/** Every struct about a group that names a source, or is of IPv6, is at least as long. */
const LEAST_MEMBERSHIP = 12;
/** Linux' `SOCK_MIN_RCVBUF` and `SOCK_MIN_SNDBUF`, and what `SO_RCVBUF` can be set to at most. */
const MINIMUM_RECEIVE_BUFFER = 2304;
const MINIMUM_SEND_BUFFER = 4608;
const MAXIMUM_BUFFER = 212_992;
/** Linux' `TCP_MIN_MSS` and `MAX_TCP_WINDOW`. */
const MINIMUM_SEGMENT = 88;
const MAXIMUM_SEGMENT = 32767;
/** Linux' `TCP_FIN_TIMEOUT_MAX`, in seconds. */
const LONGEST_FIN_WAIT = 120;
/** The bits of ECN in the type of service are TCP's own. */
const ECN_MASK = 3;

/** What options need of their socket. */
export interface OptionHost {
  readonly isIpv6: boolean;
  readonly context: TcpContext;
  readonly state: State;
  readonly connection: Connection | null;
  /** Whether it has an address already. */
  readonly isBound: boolean;
  /** A number that no other socket has. */
  readonly cookie: number;
  /** What is set now. */
  readonly configuration: Configuration;
  /** The same, to be changed. */
  change(): Configuration;
  /** Something was changed: whoever has to know is told. @returns 0 or `-errno` */
  onChanged(level: number, name: number): number;
  /** Takes the pending error. */
  takeError(): number;
}

/** Sets an option; see `StackSocket.setOption`. */
export function setSocketOption(
  host: OptionHost,
  level: number,
  name: number,
  value: Uint8Array,
): number {
  if (!isKnownLevel(host, level)) return -Errno.ENOPROTOOPT;
  if (level === SOL_SOCKET && name === SockOpt.SO_BINDTODEVICE) return bindToName(host, value);
  if (level === IPPROTO_TCP && name === SockOpt.TCP_CONGESTION) return setCongestion(host, value);
  if (level === IPPROTO_TCP && name === TcpName.ULP) {
    return value.length === 0 ? -Errno.EINVAL : -Errno.ENOENT;
  }
  if (level === IPPROTO_TCP && name === TcpName.FAST_OPEN_KEY) {
    return host.context.fastOpenCookies.setKeys(value) ? 0 : -Errno.EINVAL;
  }
  const group = ofGroups(level, name, value.length);
  if (group !== 0) return group;
  // As on Linux: options of IP may be a single byte.
  const isByte = level === SOL_IP && value.length < INT_BYTES &&
    (value.length > 0 || !NEEDS_A_BYTE.includes(name));
  const row = optionRow(level, name);
  const set = row === undefined ? SPECIAL_SETTERS.get(key(level, name)) : undefined;
  if (row === undefined && set === undefined) return -Errno.ENOPROTOOPT;
  if (value.length < INT_BYTES && !isByte) return -Errno.EINVAL;
  const number = isByte ? value[0] ?? 0 : intOf(value);
  const result = row === undefined ? set!(host, number, value) : setRow(host, row, number);
  return result < 0 ? result : host.onChanged(level, name);
}

/** Reads an option; see `StackSocket.getOption`. */
export function getSocketOption(
  host: OptionHost,
  level: number,
  name: number,
): Uint8Array | number {
  if (!isKnownLevel(host, level)) {
    return host.isIpv6 ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
  }
  const { configuration } = host;
  const row = optionRow(level, name);
  if (row !== undefined) {
    if (row.flag !== undefined) return intBytes(Number(configuration[row.flag]));
    if (row.switch !== undefined) {
      const isSet = (configuration.switches & row.switch) !== 0;
      return intBytes(Number(isSet !== isInverted(host, row)));
    }
    return intBytes(Math.floor(configuration[row.number!] / row.unit));
  }
  const fixed = fixedOption(level, name, true);
  if (fixed !== undefined) return fixed;
  return SPECIAL_GETTERS.get(key(level, name))?.(host) ?? -Errno.ENOPROTOOPT;
}

/** Options of IPv4 that may not go without a value. */
const NEEDS_A_BYTE: readonly number[] = [
  SockOpt.IP_TTL,
  SockOpt.IP_MULTICAST_LOOP,
  SockOpt.IP_MULTICAST_ALL,
  Ipv4Name.FREE_BIND,
];

/** Why an option of groups cannot be set, 0 where it is another one: streams have no groups. */
function ofGroups(level: number, name: number, length: number): number {
  if (level !== SOL_IP && level !== IPPROTO_IPV6) return 0;
  if (level === SOL_IP && (name === SockOpt.IP_MULTICAST_IF || name === SockOpt.IP_MULTICAST_TTL)) {
    return -Errno.EINVAL;
  }
  if (!isMembershipOption(level, name) || name === SockOpt.IPV6_MULTICAST_IF) return 0;
  const isOwn = name === SockOpt.IP_ADD_MEMBERSHIP || name === SockOpt.IP_DROP_MEMBERSHIP;
  if (level === SOL_IP && isOwn) return -Errno.EPROTO;
  return length < LEAST_MEMBERSHIP ? -Errno.EINVAL : -Errno.EPROTO;
}

function isKnownLevel(host: OptionHost, level: number): boolean {
  return level === SOL_SOCKET || level === SOL_IP || level === IPPROTO_TCP ||
    level === IPPROTO_IPV6 && host.isIpv6;
}

/** Whether a switch is on from the start; Linux' sockets of IPv6 begin without IP_MULTICAST_ALL. */
function isInverted({ isIpv6 }: OptionHost, row: OptionRow): boolean {
  const isOfGroups = row.level === SOL_IP && row.name === SockOpt.IP_MULTICAST_ALL;
  return row.isInverted === true && !(isOfGroups && isIpv6);
}

function setRow(host: OptionHost, row: OptionRow, value: number): number {
  if (value < row.minimum || value > row.maximum) return -Errno.EINVAL;
  if (row.phase === Phase.UNBOUND && host.isBound) return -Errno.EINVAL;
  const isIdle = host.state === State.CLOSED || host.state === State.LISTEN;
  if (row.phase === Phase.UNCONNECTED && !isIdle) return -Errno.EINVAL;
  const configuration = host.change();
  if (row.flag !== undefined) configuration[row.flag] = value !== 0;
  else if (row.number !== undefined) configuration[row.number] = value * row.unit;
  else if ((value !== 0) !== isInverted(host, row)) configuration.switches |= row.switch!;
  else configuration.switches &= ~row.switch!;
  return 0;
}

type Setter = (host: OptionHost, number: number, value: Uint8Array) => number;
type Getter = (host: OptionHost) => Uint8Array | number;

function key(level: number, name: number): number {
  return level << 16 | name & 0xffff;
}

const SPECIAL_SETTERS: ReadonlyMap<number, Setter> = new Map<number, Setter>([
  [key(SOL_SOCKET, SockOpt.SO_LINGER), setLinger],
  [key(SOL_SOCKET, SockOpt.SO_SNDBUF), (host, number) => {
    host.change().sendBuffer = bufferOf(number, MINIMUM_SEND_BUFFER, MAXIMUM_BUFFER);
    return 0;
  }],
  [key(SOL_SOCKET, SockOpt.SO_RCVBUF), (host, number) => {
    host.change().receiveBuffer = bufferOf(number, MINIMUM_RECEIVE_BUFFER, MAXIMUM_BUFFER);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.SEND_BUFFER_FORCE), (host, number) => {
    host.change().sendBuffer = bufferOf(Math.max(0, number), MINIMUM_SEND_BUFFER, INT_MAXIMUM >> 1);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.RECEIVE_BUFFER_FORCE), (host, number) => {
    const most = INT_MAXIMUM >> 1;
    host.change().receiveBuffer = bufferOf(Math.max(0, number), MINIMUM_RECEIVE_BUFFER, most);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.RECEIVE_LOW_WATER), (host, number) => {
    host.change().receiveLowWater = number < 0 ? INT_MAXIMUM : Math.max(1, number);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.MAX_PACING_RATE), (host, number) => {
    host.change().maximumPacingRate = number === -1 ? Infinity : number >>> 0;
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.BIND_TO_INTERFACE), (host, number) => {
    if (number < 0) return -Errno.EINVAL;
    return bindToDevice(host, number);
  }],
  [key(IPPROTO_TCP, SockOpt.TCP_MAXSEG), (host, number) => {
    if (number !== 0 && (number < MINIMUM_SEGMENT || number > MAXIMUM_SEGMENT)) {
      return -Errno.EINVAL;
    }
    host.change().maximumSegment = number;
    return 0;
  }],
  [key(IPPROTO_TCP, TcpName.LINGER2), (host, number) => {
    const { settings } = host.context;
    host.change().finWait2 = number < 0
      ? -1
      : number === 0
      ? settings.finWait2
      : Math.min(number, LONGEST_FIN_WAIT) * SECOND;
    return 0;
  }],
  [key(IPPROTO_TCP, SockOpt.TCP_DEFER_ACCEPT), (host, number) => {
    host.change().deferAccept = deferredSeconds(number) * SECOND;
    return 0;
  }],
  [key(IPPROTO_TCP, TcpName.WINDOW_CLAMP), (host, number) => {
    if (number === 0 && host.state !== State.CLOSED) return -Errno.EINVAL;
    const least = MINIMUM_RECEIVE_BUFFER / 2;
    host.change().windowClamp = number === 0 ? 0 : Math.max(least, number);
    return 0;
  }],
  [key(IPPROTO_TCP, SockOpt.TCP_QUICKACK), (host, number) => {
    const configuration = host.change();
    if (number === 0) configuration.switches |= DELAYS;
    else configuration.switches &= ~DELAYS;
    if (host.connection !== null) host.connection.receiver.quickAcknowledgment = number !== 0;
    return 0;
  }],
  [key(IPPROTO_TCP, SockOpt.TCP_FASTOPEN), (host, number) => {
    const isIdle = host.state === State.CLOSED || host.state === State.LISTEN;
    if (number < 0 || !isIdle) return -Errno.EINVAL;
    host.change().fastOpenQueue = number;
    return 0;
  }],
  [key(IPPROTO_TCP, TcpName.TIMESTAMP), () => -Errno.EPERM],
  // Connections have none of both: only that can be asked for.
  [
    key(SOL_IP, Ipv4Name.OPTIONS),
    (_, __, value) => value.every((byte) => byte === 0) ? 0 : -Errno.ENOPROTOOPT,
  ],
  [
    key(SOL_IP, Ipv4Name.UNICAST_INTERFACE),
    (_, number) => number === 0 ? 0 : -Errno.ENOPROTOOPT,
  ],
  [key(SOL_IP, SockOpt.IP_TOS), (host, number) => {
    const configuration = host.change();
    // As on Linux: a stream socket's own bits of ECN stay as they are.
    configuration.typeOfService = number & 0xff & ~ECN_MASK |
      configuration.typeOfService & ECN_MASK;
    return 0;
  }],
  [key(SOL_IP, SockOpt.IP_TTL), (host, number) => {
    if (number !== -1 && (number < 1 || number > MAXIMUM_HOPS)) return -Errno.EINVAL;
    host.change().timeToLive = Math.max(0, number);
    return 0;
  }],
  [key(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS), (host, number) => {
    if (number < -1 || number > MAXIMUM_HOPS) return -Errno.EINVAL;
    host.change().hopLimit = Math.max(0, number);
    return 0;
  }],
  [key(IPPROTO_IPV6, SockOpt.IPV6_TCLASS), (host, number) => {
    if (number < -1 || number > 0xff) return -Errno.EINVAL;
    const configuration = host.change();
    const wanted = Math.max(0, number);
    configuration.trafficClass = wanted & ~ECN_MASK | configuration.trafficClass & ECN_MASK;
    return 0;
  }],
]);

const SPECIAL_GETTERS: ReadonlyMap<number, Getter> = new Map<number, Getter>([
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
    const limit = connection?.sender.bufferLimit ?? context.defaultBuffers.send;
    return intBytes(2 * (configuration.sendBuffer || limit));
  }],
  [key(SOL_SOCKET, SockOpt.SO_RCVBUF), ({ configuration, connection, context }) => {
    const limit = connection?.receiver.bufferLimit ?? context.defaultBuffers.receive;
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
  [key(SOL_SOCKET, SocketName.COOKIE), ({ cookie }) => {
    const bytes = new Uint8Array(2 * INT_BYTES);
    bytes.set(intBytes(cookie));
    return bytes;
  }],
  [key(SOL_SOCKET, SockOpt.SO_BINDTODEVICE), ({ context, configuration }) => {
    const device = context.interfaces.get(configuration.device);
    return device === undefined ? new Uint8Array(0) : textBytes(`${device.name}\0`);
  }],
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
  [key(SOL_IP, Ipv4Name.OPTIONS), () => new Uint8Array(0)],
  [key(SOL_IP, Ipv4Name.UNICAST_INTERFACE), () => intBytes(0)],
  [key(IPPROTO_TCP, SockOpt.TCP_INFO), ({ state, connection }) => tcpInfo(state, connection)],
  [key(IPPROTO_TCP, SockOpt.TCP_CONGESTION), ({ configuration }) => {
    const bytes = new Uint8Array(NAME_BYTES);
    bytes.set(textBytes(configuration.congestionControl).subarray(0, NAME_BYTES - 1));
    return bytes;
  }],
  [key(SOL_IP, SockOpt.IP_TOS), ({ configuration }) => intBytes(configuration.typeOfService)],
  [
    key(SOL_IP, SockOpt.IP_TTL),
    ({ configuration }) => intBytes(configuration.timeToLive || DEFAULT_HOPS),
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

function setLinger(host: OptionHost, isOn: number, value: Uint8Array): number {
  if (value.length < LINGER_BYTES) return -Errno.EINVAL;
  const configuration = host.change();
  if (isOn === 0) {
    configuration.linger = -1;
    return 0;
  }
  const seconds = intOf(value, INT_BYTES);
  configuration.lingerSeconds = seconds;
  // As on Linux: what is negative is longer than anybody waits.
  configuration.linger = seconds < 0 ? INT_MAXIMUM * SECOND : seconds * SECOND;
  return 0;
}

function setCongestion(host: OptionHost, value: Uint8Array): number {
  if (value.length === 0) return -Errno.EINVAL;
  const end = value.indexOf(0);
  const name = String.fromCharCode(...value.subarray(0, end < 0 ? NAME_BYTES - 1 : end));
  if (!host.context.hasCongestionControl(name)) return -Errno.ENOENT;
  host.change().congestionControl = name;
  return host.onChanged(IPPROTO_TCP, SockOpt.TCP_CONGESTION);
}

function bindToName(host: OptionHost, value: Uint8Array): number {
  const end = value.indexOf(0);
  const name = String.fromCharCode(...value.subarray(0, end < 0 ? NAME_BYTES - 1 : end));
  if (name === "") return bindToDevice(host, 0);
  const device = host.context.interfaces.named(name);
  return device === undefined ? -Errno.ENODEV : bindToDevice(host, device.index);
}

function bindToDevice(host: OptionHost, index: number): number {
  if (index !== 0 && host.context.interfaces.get(index) === undefined) return -Errno.ENODEV;
  host.change().device = index;
  return host.onChanged(SOL_SOCKET, SockOpt.SO_BINDTODEVICE);
}

function segmentBytes({ configuration, connection, state }: OptionHost): Uint8Array {
  const isIdle = state === State.CLOSED || state === State.LISTEN;
  if (isIdle && configuration.maximumSegment > 0) return intBytes(configuration.maximumSegment);
  return intBytes(connection === null ? DEFAULT_SEGMENT : connection.payloadBase);
}

function pathMtu({ connection }: OptionHost): Uint8Array | number {
  const mtu = connection?.flow.path?.mtu ?? 0;
  return mtu === 0 ? -Errno.ENOTCONN : intBytes(mtu);
}

/** What `SO_SNDBUF` and its like ask for, in bytes of payload: Linux shows it doubled. */
function bufferOf(asked: number, minimum: number, maximum: number): number {
  // Linux compares without a sign.
  const bounded = asked < 0 ? maximum : Math.min(asked, maximum);
  return Math.max(bounded, minimum / 2);
}

/** Linux counts SYNs that are sent again, one second after the other, then two, four ... */
function deferredSeconds(seconds: number): number {
  if (seconds <= 0) return 0;
  let [sum, timeout] = [1, 1];
  for (let count = 1; sum < seconds && count < 255; count++) {
    timeout = Math.min(2 * timeout, LONGEST_FIN_WAIT);
    sum += timeout;
  }
  return sum;
}

/** An int as it lies in memory: little-endian, as all machines here are. */
function intBytes(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

function intOf(value: Uint8Array, at = 0): number {
  return value[at] | value[at + 1] << 8 | value[at + 2] << 16 | value[at + 3] << 24;
}

function textBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
