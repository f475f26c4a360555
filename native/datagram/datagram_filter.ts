/**
 * The rate limit of an endpoint of datagrams.
 *
 * @module
 */

import type { DatagramFilter } from "./datagram_inbox.ts";
import { type AddressLimiter, RateLimiter } from "../limits/rate_limiter.ts";
import { AF_INET, AF_INET6, decodeSockaddr } from "../../ring/abi/sockaddr.ts";

/** Where the address is in a sockaddr, and how long it is. */
const IPV4 = { offset: 4, bytes: 4 };
const IPV6 = { offset: 8, bytes: 16 };

/**
 * Makes a filter of a program's limiter.
 *
 * @throws {TypeError} when it is none
 */
export function filterOf(limiter: AddressLimiter | undefined): DatagramFilter | null {
  if (limiter === undefined) return null;
  if (typeof limiter?.tryConsume !== "function") {
    throw new TypeError("rateLimiter must have a method tryConsume");
  }
  const consume = limiter instanceof RateLimiter ? consumeBytes : consumeAddress;
  return {
    admit(bytes, offset, length, count): number {
      if (consume(limiter as RateLimiter, bytes, offset, length, count)) return count;
      // Not all of them: those that came first may pass as far as there are tokens.
      let admitted = 0;
      while (admitted < count && consume(limiter as RateLimiter, bytes, offset, length, 1)) {
        admitted++;
      }
      return admitted;
    },
  };
}

/** Our own limiter takes the address as it is. */
function consumeBytes(
  limiter: RateLimiter,
  bytes: Uint8Array,
  offset: number,
  length: number,
  amount: number,
): boolean {
  const family = length < 2 ? 0 : bytes[offset];
  if (family === AF_INET) {
    return limiter.tryConsumeBytes(bytes, offset + IPV4.offset, IPV4.bytes, amount);
  }
  if (family === AF_INET6) {
    return limiter.tryConsumeBytes(bytes, offset + IPV6.offset, IPV6.bytes, amount);
  }
  return consumeAddress(limiter, bytes, offset, length, amount);
}

function consumeAddress(
  limiter: AddressLimiter,
  bytes: Uint8Array,
  offset: number,
  length: number,
  amount: number,
): boolean {
  return limiter.tryConsume(decodeSockaddr(bytes, offset, length), amount);
}
