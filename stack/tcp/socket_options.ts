/**
 * The options of TCP's sockets by Linux' levels and names: setsockopt(2), tcp(7), ip(7), ipv6(7),
 * socket(7).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { changedDefaults, NO_IPV6_DEFAULTS } from "../ipv6_defaults.ts";
import { fixedOption } from "../fixed_options.ts";
import { Ipv4Name, Ipv6Name, SocketName, TcpName } from "../option_names.ts";
import {
  bufferAsked,
  bufferForced,
  deviceNamed,
  INT_BYTES,
  intBytes,
  intOf,
  LINGER_BYTES,
  MINIMUM_RECEIVE_BUFFER,
  MINIMUM_SEND_BUFFER,
  nameOf,
} from "../option_values.ts";
import { DELAYS, key, SPECIAL_GETTERS } from "./option_getters.ts";
import { isInverted, NEEDS_A_BYTE, ofGroups } from "./group_options.ts";
import type { Configuration } from "./configuration.ts";
import type { Connection } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import { MAXIMUM_HOPS, type OptionRow, optionRow, Phase } from "./option_rows.ts";
import { State } from "./states.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_TCP } = SockOpt;

const SECOND = 1_000_000;
const INT_MAXIMUM = 2 ** 31 - 1;
/** What `SO_SNDBUF` and `SO_RCVBUF` can be set to at most: `net.core.wmem_max`, `rmem_max`. */
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
  room: number,
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
  return SPECIAL_GETTERS.get(key(level, name))?.(host, room) ?? -Errno.ENOPROTOOPT;
}

function isKnownLevel(host: OptionHost, level: number): boolean {
  return level === SOL_SOCKET || level === SOL_IP || level === IPPROTO_TCP ||
    level === IPPROTO_IPV6 && host.isIpv6;
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

const SPECIAL_SETTERS: ReadonlyMap<number, Setter> = new Map<number, Setter>([
  [key(SOL_SOCKET, SockOpt.SO_LINGER), setLinger],
  [key(SOL_SOCKET, SockOpt.SO_SNDBUF), (host, number) => {
    host.change().sendBuffer = bufferAsked(number, MINIMUM_SEND_BUFFER, MAXIMUM_BUFFER);
    return 0;
  }],
  [key(SOL_SOCKET, SockOpt.SO_RCVBUF), (host, number) => {
    host.change().receiveBuffer = bufferAsked(number, MINIMUM_RECEIVE_BUFFER, MAXIMUM_BUFFER);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.SEND_BUFFER_FORCE), (host, number) => {
    host.change().sendBuffer = bufferForced(number, MINIMUM_SEND_BUFFER);
    return 0;
  }],
  [key(SOL_SOCKET, SocketName.RECEIVE_BUFFER_FORCE), (host, number) => {
    host.change().receiveBuffer = bufferForced(number, MINIMUM_RECEIVE_BUFFER);
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
    host.change().windowClamp = number === 0 ? 0 : Math.max(MINIMUM_RECEIVE_BUFFER, number);
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
  [key(IPPROTO_TCP, TcpName.SAVED_SYN), () => -Errno.ENOPROTOOPT],
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
  [key(SOL_IP, Ipv4Name.MINIMUM_TIME_TO_LIVE), (host, number) => {
    if (number < 0 || number > MAXIMUM_HOPS) return -Errno.EINVAL;
    host.change().minimumTimeToLive = number;
    if (number > 0) host.context.looksAtHops = true;
    return 0;
  }],
  [key(IPPROTO_IPV6, Ipv6Name.MINIMUM_HOPS), (host, number) => {
    if (number < 0 || number > MAXIMUM_HOPS) return -Errno.EINVAL;
    host.change().minimumHops = number;
    if (number > 0) host.context.looksAtHops = true;
    return 0;
  }],
  [key(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS), (host, number) => {
    if (number < -1 || number > MAXIMUM_HOPS) return -Errno.EINVAL;
    host.change().hopLimit = Math.max(0, number);
    return 0;
  }],
  [key(IPPROTO_IPV6, Ipv6Name.MTU), ofDatagrams(Ipv6Name.MTU)],
  [key(IPPROTO_IPV6, SockOpt.IPV6_PKTINFO), ofDatagrams(SockOpt.IPV6_PKTINFO)],
  [key(IPPROTO_IPV6, SockOpt.IPV6_TCLASS), (host, number) => {
    if (number < -1 || number > 0xff) return -Errno.EINVAL;
    const configuration = host.change();
    const wanted = Math.max(0, number);
    configuration.trafficClass = wanted & ~ECN_MASK | configuration.trafficClass & ECN_MASK;
    return 0;
  }],
]);

/** What holds for datagrams is judged, and means nothing to a stream. */
function ofDatagrams(name: number): Setter {
  return ({ configuration: { device } }, _, value) => {
    const changed = changedDefaults(NO_IPV6_DEFAULTS, name, value, device);
    return typeof changed === "number" ? changed : 0;
  };
}

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
  const name = nameOf(value);
  if (!host.context.parts.hasCongestionControl(name)) return -Errno.ENOENT;
  host.change().congestionControl = name;
  return host.onChanged(IPPROTO_TCP, SockOpt.TCP_CONGESTION);
}

function bindToName(host: OptionHost, value: Uint8Array): number {
  const index = deviceNamed(host.context.interfaces, value);
  return index < 0 ? index : bindToDevice(host, index);
}

function bindToDevice(host: OptionHost, index: number): number {
  if (index !== 0 && host.context.interfaces.get(index) === undefined) return -Errno.ENODEV;
  host.change().device = index;
  return host.onChanged(SOL_SOCKET, SockOpt.SO_BINDTODEVICE);
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
