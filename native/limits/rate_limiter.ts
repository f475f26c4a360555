/**
 * Rate limits by address: how often, or how many bytes, each peer may have.
 *
 * @module
 */

import { checkKeys } from "../options/options.ts";
import { BucketTable, Outcome } from "./rate_buckets.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";
import type { SipKey } from "../../ring/abi/sip_hash.ts";

/** Whoever decides whether a peer may go on; endpoints ask it before they accept or receive. */
export interface AddressLimiter {
  /**
   * Takes tokens for an address.
   *
   * @param address whose; the port does not count
   * @param amount how many: 1 for a connection or a datagram
   * @returns whether it had them; if not, nothing was taken
   */
  tryConsume(address: SocketAddress, amount?: number): boolean;
}

/** What {@linkcode RateLimiter} takes. */
export interface RateLimiterOptions {
  /** Tokens that flow into each bucket per second, more than 0 and up to 1e9. */
  readonly perSecond: number;
  /** Tokens that a bucket holds, so many may be taken at once; `perSecond`, at least 1. */
  readonly burst?: number;
  /** Bits of an IPv4 address that count, 0 to 32; 32: each address has a bucket. */
  readonly ipv4Prefix?: number;
  /** Bits of an IPv6 address that count, 0 to 128; 64, since a host may choose the others. */
  readonly ipv6Prefix?: number;
  /** Prefixes that can have buckets of their own at a time, 16 to 2^24; 65536. */
  readonly maxEntries?: number;
  /** Reads a clock that never goes back, in milliseconds; `performance.now`. */
  readonly clock?: () => number;
  /** Two numbers of 32 bits that key the table's hash; random, so that nobody can guess them. */
  readonly seed?: readonly [number, number];
}

/** What a {@linkcode RateLimiter} did. */
export interface RateLimiterStats {
  /** Requests that had their tokens. */
  readonly allowed: number;
  /** Requests that had not. */
  readonly refused: number;
  /** Of both, those that had to share a bucket with their neighbours. */
  readonly shared: number;
  /** Prefixes that have a bucket of their own now, which is not full. */
  readonly entries: number;
  /** Prefixes that can have one at a time. */
  readonly capacity: number;
}

const KEYS: readonly string[] = [
  "perSecond",
  "burst",
  "ipv4Prefix",
  "ipv6Prefix",
  "maxEntries",
  "clock",
  "seed",
];
const RATE_MAX = 1e9;
const ENTRIES = 65536;
const ENTRIES_MIN = 16;
const ENTRIES_MAX = 2 ** 24;
const IPV4_BITS = 32;
const IPV6_BITS = 128;
const IPV6_PREFIX = 64;
/** How much wider the network is whose members share a bucket when there is none left. */
const IPV4_WIDER_BITS = 8;
const IPV6_WIDER_BITS = 16;
const WORD_BITS = 32;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const KIND_IPV4 = 0;
const KIND_IPV6 = 1;
/** `::ffff:0:0/96`. RFC 4291 section 2.5.5.2. */
const MAPPED_WORD = 0xffff;

/**
 * Token buckets by address or prefix, in bounded memory: what an accept or a receive asks before it
 * serves a peer.
 *
 * Each IPv4 address, and each /64 of IPv6, has a bucket of `burst` tokens into which `perSecond`
 * flow. IPv4-mapped addresses are IPv4; ports and zones do not count; all peers of Unix sockets
 * share one bucket, because nothing tells them apart.
 *
 * Memory is fixed, about 40 bytes for each of `maxEntries`. Under a flood of more addresses than
 * that, those that come new share a bucket with others of their /24 (IPv4) or /48 (IPv6); who has a
 * bucket keeps it until it is full again. An attacker with any number of addresses is therefore
 * given no token that the rates do not grant.
 *
 * @example
 * ```ts
 * import { RateLimiter } from "./rate_limiter.ts";
 * let now = 0;
 * const limiter = new RateLimiter({ perSecond: 1, burst: 2, clock: () => now });
 * console.log(limiter.tryConsume("192.0.2.1:1000")); // true
 * console.log(limiter.tryConsume("192.0.2.1:2000")); // true
 * console.log(limiter.tryConsume("::ffff:192.0.2.1")); // false
 * now += 1000;
 * console.log(limiter.tryConsume("192.0.2.1")); // true
 * ```
 */
export class RateLimiter implements AddressLimiter {
  readonly #table: BucketTable;
  readonly #unix: BucketTable;
  readonly #clock: () => number;
  readonly #startMs: number;
  readonly #burst: number;
  readonly #ipv4Mask: Int32Array;
  readonly #ipv6Mask: Int32Array;
  readonly #ipv4Wider: Int32Array;
  readonly #ipv6Wider: Int32Array;
  /** The address at hand, in words, then its prefix; never longer than an address. */
  readonly #words = new Int32Array(IPV6_BYTES / 4);
  readonly #wider = new Int32Array(IPV6_BYTES / 4);
  #nowMs = 0;
  #allowed = 0;
  #refused = 0;
  #shared = 0;

  /**
   * Makes a limiter under which every bucket is full.
   *
   * @throws {TypeError} for an unknown key or a value of the wrong type, naming it
   * @throws {RangeError} for a number out of its range, naming it
   */
  constructor(options: RateLimiterOptions) {
    checkKeys("RateLimiter", options, KEYS);
    const { perSecond, clock = () => performance.now() } = options;
    if (typeof clock !== "function") throw new TypeError("RateLimiter: clock must be a function");
    requireNumber("perSecond", perSecond, Number.MIN_VALUE, RATE_MAX);
    const burst = options.burst ?? Math.max(1, perSecond);
    requireNumber("burst", burst, Number.MIN_VALUE, RATE_MAX);
    const ipv4Prefix = requireInteger("ipv4Prefix", options.ipv4Prefix ?? IPV4_BITS, 0, IPV4_BITS);
    const ipv6Prefix = requireInteger(
      "ipv6Prefix",
      options.ipv6Prefix ?? IPV6_PREFIX,
      0,
      IPV6_BITS,
    );
    const entries = requireInteger(
      "maxEntries",
      options.maxEntries ?? ENTRIES,
      ENTRIES_MIN,
      ENTRIES_MAX,
    );
    const key = keyOf(options.seed);
    this.#ipv4Mask = maskOf(ipv4Prefix, 1);
    this.#ipv6Mask = maskOf(ipv6Prefix, Math.ceil(ipv6Prefix / WORD_BITS));
    this.#ipv4Wider = maskOf(Math.max(0, ipv4Prefix - IPV4_WIDER_BITS), 1);
    this.#ipv6Wider = maskOf(Math.max(0, ipv6Prefix - IPV6_WIDER_BITS), this.#ipv6Mask.length);
    const keyWords = Math.max(this.#ipv4Mask.length, this.#ipv6Mask.length);
    this.#burst = burst;
    this.#table = new BucketTable(entries, keyWords, perSecond, burst, key);
    this.#unix = new BucketTable(1, 1, perSecond, burst, key);
    this.#clock = clock;
    this.#startMs = clock();
  }

  /**
   * Takes tokens for an address, all or none.
   *
   * @param address a {@linkcode SocketAddress}, a `Deno.NetAddr`, or text with or without a port;
   * the first is the fastest
   * @param amount how many, 0 or more; more than `burst` is always refused
   * @returns whether it had them
   * @throws {TypeError} when it is no address, or a name
   * @throws {RangeError} when the amount is negative or no number
   */
  tryConsume(address: AddressInput, amount = 1): boolean {
    const parsed = typeof address === "object" && address instanceof SocketAddress
      ? address
      : addressOf(address);
    if (parsed.family === "unix") return this.#decide(this.#unix, 1, KIND_IPV4, amount);
    const words = this.#words;
    const count = parsed.byteLength >> 2;
    for (let word = 0; word < count; word++) {
      const at = word << 2;
      words[word] = (parsed.byteAt(at) << 24) | (parsed.byteAt(at + 1) << 16) |
        (parsed.byteAt(at + 2) << 8) | parsed.byteAt(at + 3);
    }
    return this.#consume(count, amount);
  }

  /**
   * {@linkcode RateLimiter.tryConsume} for an address that is still bytes, such as in a received
   * sockaddr: it makes no object.
   *
   * @param bytes where the address is, in network order
   * @param offset its first byte
   * @param length 4 for IPv4, 16 for IPv6
   * @throws {RangeError} when there is no such address, or the amount is negative or no number
   */
  tryConsumeBytes(bytes: Uint8Array, offset: number, length: number, amount = 1): boolean {
    const isAddress = length === IPV4_BYTES || length === IPV6_BYTES;
    if (!isAddress || !(offset >= 0) || offset + length > bytes.length) {
      throw new RangeError(
        `tryConsumeBytes: ${length} bytes at ${offset} of ${bytes.length} are no address`,
      );
    }
    const count = length >> 2;
    for (let word = 0; word < count; word++) {
      const at = offset + (word << 2);
      this.#words[word] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) |
        bytes[at + 3];
    }
    return this.#consume(count, amount);
  }

  /** What it did, and how much of its table is in use; counting that takes a look at all of it. */
  stats(): RateLimiterStats {
    return {
      allowed: this.#allowed,
      refused: this.#refused,
      shared: this.#shared,
      entries: this.#table.inUse(this.#readClock()),
      capacity: this.#table.capacity,
    };
  }

  /** Takes tokens for the address whose words were written last. */
  #consume(count: number, amount: number): boolean {
    const words = this.#words;
    if (count === 1) return this.#consumeMasked(this.#ipv4Mask, this.#ipv4Wider, KIND_IPV4, amount);
    if (words[0] === 0 && words[1] === 0 && words[2] === MAPPED_WORD) {
      words[0] = words[3];
      return this.#consumeMasked(this.#ipv4Mask, this.#ipv4Wider, KIND_IPV4, amount);
    }
    return this.#consumeMasked(this.#ipv6Mask, this.#ipv6Wider, KIND_IPV6, amount);
  }

  #consumeMasked(mask: Int32Array, wider: Int32Array, kind: number, amount: number): boolean {
    const words = this.#words;
    for (let word = 0; word < IPV6_BYTES / 4; word++) {
      const isCounted = word < mask.length;
      this.#wider[word] = isCounted ? words[word] & wider[word] : 0;
      words[word] = isCounted ? words[word] & mask[word] : 0;
    }
    return this.#decide(this.#table, mask.length, kind, amount);
  }

  #decide(table: BucketTable, count: number, kind: number, amount: number): boolean {
    if (!(amount >= 0)) {
      throw new RangeError(`tryConsume: amount must be 0 or more, not ${String(amount)}`);
    }
    if (amount > this.#burst) {
      this.#refused++;
      return false;
    }
    if (table === this.#unix) this.#words[0] = this.#wider[0] = 0;
    const outcome = table.take(
      this.#words,
      count,
      this.#wider,
      kind,
      amount,
      this.#readClock(),
    );
    if (outcome >= Outcome.SHARED) this.#shared++;
    const isAllowed = outcome === Outcome.OWN || outcome === Outcome.SHARED;
    if (isAllowed) this.#allowed++;
    else this.#refused++;
    return isAllowed;
  }

  /** A clock that went back, against its promise, stands still until it has caught up. */
  #readClock(): number {
    const now = this.#clock() - this.#startMs;
    if (now > this.#nowMs) this.#nowMs = now;
    return this.#nowMs;
  }
}

function addressOf(input: AddressInput): SocketAddress {
  if (typeof input === "string") {
    const host = canonicalizeHost(input);
    if (host !== undefined) {
      return host.family === "IPv4"
        ? SocketAddress.ipv4(host.bytes, 0)
        : SocketAddress.ipv6(host.bytes, 0);
    }
  }
  const parsed = parseAddress(input);
  if (!isHostPort(parsed)) return parsed;
  throw new TypeError(`tryConsume: "${parsed.name}" is a name, not an address`);
}

function maskOf(prefix: number, words: number): Int32Array {
  return Int32Array.from({ length: words }, (_, word) => {
    const bits = Math.min(WORD_BITS, Math.max(0, prefix - word * WORD_BITS));
    // A shift by 32 shifts by nothing.
    return bits === 0 ? 0 : -1 << (WORD_BITS - bits);
  });
}

function keyOf(seed: readonly [number, number] | undefined): SipKey {
  const [low, high] = seed ?? crypto.getRandomValues(new Int32Array(2));
  if (seed === undefined) return { low, high };
  if (
    seed.length !== 2 || ![low, high].every((word) => word === word >> 0 || word === word >>> 0)
  ) {
    throw new RangeError(`RateLimiter: seed must be two integers of 32 bits, not ${seed}`);
  }
  return { low: low | 0, high: high | 0 };
}

function requireNumber(name: string, value: number, least: number, most: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`RateLimiter: ${name} must be a number, not ${String(value)}`);
  }
  if (!(value >= least && value <= most)) {
    throw new RangeError(`RateLimiter: ${name} must be above 0 and up to ${most}, not ${value}`);
  }
}

function requireInteger(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `RateLimiter: ${name} must be an integer from ${least} to ${most}, not ${value}`,
    );
  }
  return value;
}
