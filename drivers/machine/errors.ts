/**
 * Deno's errors as the numbers that Linux would have given.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";

const OS_ERROR = /\(os error (\d+)\)/;

/** Where Deno gives neither a name nor a number, its class is all there is. */
const BY_CLASS: Readonly<Record<string, number>> = {
  AddrInUse: Errno.EADDRINUSE,
  AddrNotAvailable: Errno.EADDRNOTAVAIL,
  BadResource: Errno.ECANCELED,
  BrokenPipe: Errno.EPIPE,
  Busy: Errno.EBUSY,
  ConnectionAborted: Errno.ECONNABORTED,
  ConnectionRefused: Errno.ECONNREFUSED,
  ConnectionReset: Errno.ECONNRESET,
  HostUnreachable: Errno.EHOSTUNREACH,
  // What a pending read, write or accept ends with when its resource is closed.
  Interrupted: Errno.ECANCELED,
  InvalidData: Errno.EINVAL,
  NetworkUnreachable: Errno.ENETUNREACH,
  NotCapable: Errno.EACCES,
  NotConnected: Errno.ENOTCONN,
  NotFound: Errno.ENOENT,
  NotSupported: Errno.ENOTSUP,
  PermissionDenied: Errno.EACCES,
  RangeError: Errno.EINVAL,
  TimedOut: Errno.ETIMEDOUT,
  TypeError: Errno.EINVAL,
  UnexpectedEof: Errno.ECONNRESET,
  WouldBlock: Errno.EAGAIN,
  WriteZero: Errno.EPIPE,
};

/**
 * The number of an error that one of Deno's network calls threw or rejected with.
 *
 * The name of the error number, which Deno gives on every system, wins; then the number in the
 * text, which is Linux's own on Linux only; then the class.
 *
 * @param error what was thrown
 * @returns a positive errno of Linux; EIO for what is none of Deno's
 */
export function errnoOf(error: unknown): number {
  if (!(error instanceof Error)) return Errno.EIO;
  const code = (error as Error & { code?: unknown }).code;
  // A closed resource says EINTR, which on Linux would mean a signal.
  if (typeof code === "string" && code in Errno && error.name !== "Interrupted") {
    return Errno[code as keyof typeof Errno];
  }
  if (Deno.build.os === "linux") {
    const number = OS_ERROR.exec(error.message);
    if (number !== null) return Number(number[1]);
  }
  return BY_CLASS[error.name] ?? Errno.EIO;
}
