/**
 * Socket options: those that this side keeps itself, and the values of those that nobody here can
 * change, which may be set to what they are.
 *
 * @module
 */

import type { Bytes } from "./open_file.ts";
import * as constants from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

const INT_BYTES = 4;
const TIMEVAL_BYTES = 16;
const INT_MAX = 0x7fffffff;
/** `SO_RCVTIMEO_NEW`, `SO_SNDTIMEO_NEW`: the same struct where `long` has 64 bits. */
const SO_RCVTIMEO_NEW = 66;
const SO_SNDTIMEO_NEW = 67;

const { SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_TCP, AF_INET, AF_INET6, AF_UNIX } = constants;
const { SOCK_STREAM, SOCK_DGRAM } = constants;

/** Options that change nothing where the system has them all the same: they are kept here. */
const IDLE: readonly Omit<Fixed, "value">[] = [
  { level: SOL_SOCKET, name: constants.SO_BROADCAST, type: SOCK_STREAM },
  { level: SOL_SOCKET, name: constants.SO_BROADCAST, family: AF_UNIX },
  { level: SOL_SOCKET, name: constants.SO_KEEPALIVE, type: SOCK_DGRAM },
  { level: SOL_SOCKET, name: constants.SO_KEEPALIVE, family: AF_UNIX },
  { level: SOL_SOCKET, name: constants.SO_OOBINLINE, type: SOCK_DGRAM },
  { level: SOL_SOCKET, name: constants.SO_DONTROUTE, family: AF_UNIX },
];

function applies(row: Omit<Fixed, "value">, family: number, type: number): boolean {
  return (row.family ?? family) === family && (row.type ?? type) === type;
}

/** `SO_PASSCRED`, `SO_PASSSEC`, `SO_PASSPIDFD` and `SO_PASSRIGHTS`: of Unix sockets only. */
const PASSING: readonly number[] = [constants.SO_PASSCRED, 34, 76, 83];

/** An option that a backend leaves as the system has it from the start. */
interface Fixed {
  readonly level: number;
  readonly name: number;
  readonly value: number;
  /** Families and type that have it; 0 for all. */
  readonly family?: number;
  readonly type?: number;
}

const FIXED: readonly Fixed[] = [
  { level: SOL_SOCKET, name: constants.SO_DEBUG, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_DONTROUTE, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_OOBINLINE, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_PRIORITY, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_MARK, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_TIMESTAMP, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_TIMESTAMPNS, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_RXQ_OVFL, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_ZEROCOPY, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_REUSEPORT, value: 0 },
  { level: SOL_SOCKET, name: constants.SO_PASSCRED, value: 0, family: AF_UNIX },
  { level: SOL_TCP, name: constants.TCP_CORK, value: 0, type: SOCK_STREAM },
  { level: SOL_TCP, name: constants.TCP_DEFER_ACCEPT, value: 0, type: SOCK_STREAM },
  { level: SOL_TCP, name: constants.TCP_USER_TIMEOUT, value: 0, type: SOCK_STREAM },
  { level: SOL_TCP, name: constants.TCP_FASTOPEN, value: 0, type: SOCK_STREAM },
  { level: SOL_IP, name: constants.IP_TOS, value: 0, family: AF_INET },
  { level: SOL_IP, name: constants.IP_PKTINFO, value: 0, family: AF_INET },
  { level: SOL_IP, name: constants.IP_RECVTTL, value: 0, family: AF_INET },
  { level: SOL_IP, name: constants.IP_RECVTOS, value: 0, family: AF_INET },
  { level: SOL_IP, name: constants.IP_RECVERR, value: 0, family: AF_INET },
  { level: SOL_IP, name: constants.IP_MULTICAST_ALL, value: 1, family: AF_INET },
  { level: SOL_IPV6, name: constants.IPV6_V6ONLY, value: 0, family: AF_INET6, type: SOCK_STREAM },
  { level: SOL_IPV6, name: constants.IPV6_RECVPKTINFO, value: 0, family: AF_INET6 },
  { level: SOL_IPV6, name: constants.IPV6_RECVHOPLIMIT, value: 0, family: AF_INET6 },
  { level: SOL_IPV6, name: constants.IPV6_RECVTCLASS, value: 0, family: AF_INET6 },
  { level: SOL_IPV6, name: constants.IPV6_RECVERR, value: 0, family: AF_INET6 },
  { level: SOL_IPV6, name: constants.IPV6_TCLASS, value: 0, family: AF_INET6 },
];

/** The value of an option that cannot be changed, undefined where there is no such. */
export function fixedOption(
  family: number,
  type: number,
  level: number,
  name: number,
): number | undefined {
  return FIXED.find((row) => row.level === level && row.name === name && applies(row, family, type))
    ?.value;
}

/**
 * What Linux says of an option that there is not.
 *
 * @param isSet whether it was to be set, not read
 */
export function unknownOption(
  family: number,
  type: number,
  level: number,
  name: number,
  isSet: boolean,
): number {
  const isPassing = level === SOL_SOCKET && PASSING.includes(name);
  if (isPassing && family !== AF_UNIX) return -Errno.EOPNOTSUPP;
  // Unix sockets have options at one level only.
  if (family === AF_UNIX) return level === SOL_SOCKET ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
  const own = type === SOCK_STREAM ? SOL_TCP : constants.SOL_UDP;
  const isKnown = level === SOL_SOCKET || level === own || level === SOL_IP ||
    family === AF_INET6;
  return isKnown || isSet ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
}

/** What this side keeps of every socket. */
export class SocketOptions {
  /** `SO_RCVTIMEO` in milliseconds, Infinity for none. */
  receiveTimeoutMs = Infinity;
  /** `SO_SNDTIMEO`. */
  sendTimeoutMs = Infinity;
  /** `SO_RCVLOWAT`. */
  receiveLowWater = 1;
  /** Options that are only kept, by name. */
  readonly #idle: Map<number, number> = new Map();
  readonly #linger: Int32Array = new Int32Array(2);
  readonly #family: number;
  readonly #type: number;
  readonly #protocol: number;
  /** Whether the other side obeys `SO_LINGER` and `SO_RCVLOWAT`, too. */
  readonly #hasStack: boolean;

  /** @param type without flags @param hasStack whether the other side is a stack */
  constructor(family: number, type: number, protocol: number, hasStack = false) {
    this.#hasStack = hasStack;
    this.#family = family;
    this.#type = type;
    this.#protocol = protocol;
  }

  /** Takes over what an accepted socket has from its listener. */
  inherit(listener: SocketOptions): void {
    this.receiveTimeoutMs = listener.receiveTimeoutMs;
    this.sendTimeoutMs = listener.sendTimeoutMs;
    this.receiveLowWater = listener.receiveLowWater;
    this.#linger.set(listener.#linger);
  }

  /** Whether the other side is told of an option that was kept here as well. */
  isShared(level: number, name: number, result: number): boolean {
    const isStream = this.#hasStack && this.#type === SOCK_STREAM && level === SOL_SOCKET;
    return isStream && result === 0 &&
      (name === constants.SO_LINGER || name === constants.SO_RCVLOWAT);
  }

  /** Reads an option. @returns its length, `-errno`, or undefined where it is none of these */
  get(level: number, name: number, value: Bytes, length: number): number | undefined {
    if (length < 0) return -Errno.EINVAL;
    if (level !== SOL_SOCKET) return undefined;
    switch (name) {
      case constants.SO_TYPE:
        return putInt(value, length, this.#type);
      case constants.SO_DOMAIN:
        return putInt(value, length, this.#family);
      case constants.SO_PROTOCOL:
        return putInt(value, length, this.#protocol);
      case constants.SO_RCVLOWAT:
        return putInt(value, length, this.receiveLowWater);
      case constants.SO_SNDLOWAT:
        return putInt(value, length, 1);
      case constants.SO_RCVTIMEO:
      case SO_RCVTIMEO_NEW:
        return putTime(value, length, this.receiveTimeoutMs);
      case constants.SO_SNDTIMEO:
      case SO_SNDTIMEO_NEW:
        return putTime(value, length, this.sendTimeoutMs);
      case constants.SO_LINGER:
        return putBytes(value, length, new Uint8Array(this.#linger.slice().buffer));
      default:
        return this.#isIdle(name) ? putInt(value, length, this.#idle.get(name) ?? 0) : undefined;
    }
  }

  /** Sets an option. @returns 0, `-errno`, or undefined where it is none of these */
  set(level: number, name: number, value: Bytes, length: number): number | undefined {
    if (level !== SOL_SOCKET || name === constants.SO_BINDTODEVICE) return undefined;
    if (length < INT_BYTES) return -Errno.EINVAL;
    switch (name) {
      case constants.SO_TYPE:
      case constants.SO_DOMAIN:
      case constants.SO_PROTOCOL:
      case constants.SO_ERROR:
      case constants.SO_ACCEPTCONN:
      case constants.SO_SNDLOWAT:
        return -Errno.ENOPROTOOPT;
      case constants.SO_RCVLOWAT:
        this.#setLowWater(intOf(value));
        return 0;
      case constants.SO_RCVTIMEO:
      case SO_RCVTIMEO_NEW:
      case constants.SO_SNDTIMEO:
      case SO_SNDTIMEO_NEW:
        return this.#setTime(name, value, length);
      case constants.SO_LINGER:
        return length < 8 ? -Errno.EINVAL : this.#setLinger(value);
      default:
        if (!this.#isIdle(name)) return undefined;
        this.#idle.set(name, Number(intOf(value) !== 0));
        return 0;
    }
  }

  #isIdle(name: number): boolean {
    return IDLE.some((row) => row.name === name && applies(row, this.#family, this.#type));
  }

  /** Only TCP would linger, and cannot here. */
  #setLinger(value: Bytes): number {
    const onoff = intOf(value);
    const isTcp = this.#family !== AF_UNIX && this.#type === SOCK_STREAM;
    if (isTcp && onoff !== 0 && !this.#hasStack) return -Errno.ENOPROTOOPT;
    this.#linger[0] = Number(onoff !== 0);
    if (onoff !== 0) this.#linger[1] = intOf(value.subarray(4));
    return 0;
  }

  #setLowWater(value: number): void {
    this.receiveLowWater = value < 0 ? INT_MAX : Math.max(1, value);
  }

  #setTime(name: number, value: Bytes, length: number): number {
    const timeoutMs = timeOf(value, length);
    if (timeoutMs < 0) return timeoutMs;
    if (name === constants.SO_RCVTIMEO || name === SO_RCVTIMEO_NEW) {
      this.receiveTimeoutMs = timeoutMs;
    } else {
      this.sendTimeoutMs = timeoutMs;
    }
    return 0;
  }
}

/** Writes an int, cut off at `length` bytes. @returns bytes written */
export function putInt(value: Bytes, length: number, int: number): number {
  return putBytes(value, length, new Uint8Array(new Int32Array([int]).buffer));
}

function putBytes(value: Bytes, length: number, bytes: Uint8Array): number {
  const count = Math.min(length, bytes.length);
  value.set(bytes.subarray(0, count));
  return count;
}

/** Reads an int. */
export function intOf(value: Bytes): number {
  return value[0] | (value[1] << 8) | (value[2] << 16) | (value[3] << 24);
}

function putTime(value: Bytes, length: number, timeoutMs: number): number {
  const view = new DataView(new ArrayBuffer(TIMEVAL_BYTES));
  if (timeoutMs !== Infinity) {
    const microseconds = Math.round(timeoutMs * 1000);
    view.setBigInt64(0, BigInt(Math.floor(microseconds / 1e6)), true);
    view.setBigInt64(8, BigInt(microseconds % 1e6), true);
  }
  return putBytes(value, length, new Uint8Array(view.buffer));
}

/** A `struct timeval` in milliseconds, Infinity for none, or `-errno`. Source: `net/core/sock.c`. */
function timeOf(value: Bytes, length: number): number {
  if (length < TIMEVAL_BYTES) return -Errno.EINVAL;
  const view = new DataView(value.buffer, value.byteOffset, TIMEVAL_BYTES);
  const seconds = Number(view.getBigInt64(0, true));
  const microseconds = Number(view.getBigInt64(8, true));
  if (microseconds < 0 || microseconds >= 1e6) return -Errno.EDOM;
  if (seconds < 0) return 0;
  return seconds === 0 && microseconds === 0 ? Infinity : seconds * 1000 + microseconds / 1000;
}
