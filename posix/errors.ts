/**
 * What a failed call throws.
 *
 * @module
 */

import { Errno, errnoName } from "../ring/abi/errno.ts";
import { strerror } from "./strerror.ts";

/**
 * A call that failed: `errno` and everything that follows from it. Source: errno(3).
 *
 * @example
 * ```ts
 * import { PosixError } from "./errors.ts";
 * const error = new PosixError(111, "connect");
 * console.log(error.code, error.message); // ECONNREFUSED connect: Connection refused
 * ```
 */
export class PosixError extends Error {
  /** The error number, positive; negative (`EAI_*`) where `getaddrinfo` or `getnameinfo` failed. */
  readonly errno: number;
  /** The number's name, such as `"ECONNREFUSED"`; the same as `name`. */
  readonly code: string;
  /** The call, such as `"connect"`. */
  readonly call: string;

  /**
   * Makes an error of its number.
   *
   * @param errno the error number, positive, or `EAI_*`
   * @param call the name of the call
   * @param options `cause`: the error behind this one
   */
  constructor(errno: number, call: string, options?: ErrorOptions) {
    super(`${call}: ${strerror(errno)}`, options);
    this.errno = errno;
    this.code = errno < 0 ? addressErrorName(errno) : errnoName(errno);
    this.name = this.code;
    this.call = call;
  }

  /** Whether it says "not now": `EAGAIN`, `EWOULDBLOCK` or `EINPROGRESS`. */
  get isTransient(): boolean {
    return this.errno === Errno.EAGAIN || this.errno === Errno.EINPROGRESS;
  }
}

/** `EAI_*` by number. Source: `netdb.h`. */
const ADDRESS_ERRORS: Readonly<Record<number, string>> = {
  [-1]: "EAI_BADFLAGS",
  [-2]: "EAI_NONAME",
  [-3]: "EAI_AGAIN",
  [-4]: "EAI_FAIL",
  [-5]: "EAI_NODATA",
  [-6]: "EAI_FAMILY",
  [-7]: "EAI_SOCKTYPE",
  [-8]: "EAI_SERVICE",
  [-9]: "EAI_ADDRFAMILY",
  [-10]: "EAI_MEMORY",
  [-11]: "EAI_SYSTEM",
  [-12]: "EAI_OVERFLOW",
  [-105]: "EAI_IDN_ENCODE",
};

function addressErrorName(code: number): string {
  return ADDRESS_ERRORS[code] ?? `EAI_${-code}`;
}
