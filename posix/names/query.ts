/**
 * Questions to a resolver, and its answers: what calls about names leave to a backend.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { EAI_AGAIN, EAI_MEMORY, EAI_NONAME, EAI_SYSTEM } from "../constants/names.ts";
import { PosixError } from "../errors.ts";

/** Something that only a resolver knows. */
export type NameQuery =
  /** The addresses of a name, of one family or of both (0). */
  | { readonly kind: "addresses"; readonly name: string; readonly family: 0 | 4 | 6 }
  /** The canonical name that belongs to a name. */
  | { readonly kind: "canonical"; readonly name: string; readonly family: 0 | 4 | 6 }
  /** The name of an address of 4 or 16 bytes. */
  | { readonly kind: "reverse"; readonly address: Uint8Array };

/** What a resolver answered. */
export interface NameAnswer {
  /** 0 or more where it found something, else `-errno`: ENOENT for nothing, EAGAIN for not now. */
  readonly result: number;
  /** 4 or 16 bytes each, in the resolver's order. */
  readonly addresses?: readonly Uint8Array[];
  /** A name, for the two kinds that ask for one; of several, the first one counts. */
  readonly names?: readonly string[];
}

/**
 * The error that a query which found nothing stands for.
 *
 * @param result `-errno`, or 0 where the answer was empty
 * @param call `getaddrinfo` or `getnameinfo`
 */
export function errorOf(result: number, call: string): PosixError {
  switch (-result) {
    case 0:
    case Errno.ENOENT:
    // What is too long for a name, or no text of one, is nobody's name.
    case Errno.ENAMETOOLONG:
    case Errno.EINVAL:
      return new PosixError(EAI_NONAME, call);
    case Errno.EAGAIN:
    case Errno.ETIMEDOUT:
      return new PosixError(EAI_AGAIN, call);
    case Errno.ENOMEM:
      return new PosixError(EAI_MEMORY, call);
    default:
      // C's program reads errno then; here it is the cause.
      return new PosixError(EAI_SYSTEM, call, { cause: new PosixError(-result, call) });
  }
}
