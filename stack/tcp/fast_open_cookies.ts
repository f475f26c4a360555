/**
 * Cookies that a server gives to whoever may send data with a SYN: RFC 7413 section 4.1.2. A cookie
 * is a keyed hash of both addresses. The key changes every now and then; cookies of the key before
 * stay good until it changes again.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Flow } from "../ip/types.ts";
import { KEY_WORDS, KeyedHash } from "../keyed_hash.ts";
import { putFlow } from "./secrets.ts";

/** The bytes of a cookie. RFC 7413 section 4.1.1: 4 to 16. */
const COOKIE_BYTES = 8;

const WORDS = 8;
const KEY_BYTES = 4 * KEY_WORDS;

/** What a cookie is worth. */
export const CookieVerdict = {
  /** It is none of ours, or too old. */
  BAD: 0,
  GOOD: 1,
  /** It is good, but its key will go: a new one is to be given. */
  OLD: 2,
} as const;
/** One of {@linkcode CookieVerdict}. */
export type CookieVerdict = typeof CookieVerdict[keyof typeof CookieVerdict];

/** Makes cookies, and knows them again. */
export class FastOpenCookies {
  readonly #environment: Environment;
  readonly #keyLife: number;
  readonly #secret: KeyedHash | null;
  readonly #words = new Int32Array(WORDS);
  readonly #cookie = new Uint8Array(COOKIE_BYTES);
  #key: Int32Array;
  #hash: KeyedHash;
  #previous: KeyedHash | null = null;
  #changesAt: number;
  /** How often the key has changed. */
  #changes = 0;

  /**
   * @param keyLife microseconds until the key changes
   * @param secret what the keys are made from, as stacks do that answer for the same address; they
   * are drawn where it is null
   */
  constructor(environment: Environment, keyLife: number, secret: readonly number[] | null) {
    this.#environment = environment;
    this.#keyLife = keyLife;
    this.#secret = secret === null ? null : new KeyedHash(secret);
    this.#key = this.#newKey(0);
    this.#hash = new KeyedHash(this.#key);
    this.#changesAt = environment.now + keyLife;
  }

  /**
   * Chooses the keys, as machines do that answer for the same address; they do not change by
   * themselves any more.
   *
   * @param bytes one key of 16 bytes, or that and the one before (`TCP_FASTOPEN_KEY`)
   * @returns false when it has another length
   */
  setKeys(bytes: Uint8Array): boolean {
    if (bytes.length !== KEY_BYTES && bytes.length !== 2 * KEY_BYTES) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const keys = Int32Array.from(
      { length: bytes.length / 4 },
      (_, at) => view.getInt32(4 * at, true),
    );
    this.#key = keys.slice(0, KEY_WORDS);
    this.#hash = new KeyedHash(this.#key);
    this.#previous = keys.length > KEY_WORDS ? new KeyedHash(keys.slice(KEY_WORDS)) : null;
    this.#changesAt = Infinity;
    return true;
  }

  /** The key, as `TCP_FASTOPEN_KEY` gives it. */
  keyBytes(): Uint8Array {
    const bytes = new Uint8Array(KEY_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [at, word] of this.#key.entries()) view.setInt32(4 * at, word, true);
    return bytes;
  }

  /** Makes the cookie of a flow. @returns 8 bytes, which the next call overwrites */
  make(flow: Flow): Uint8Array {
    this.#rotate();
    return this.#compute(this.#hash, flow);
  }

  /**
   * Judges a cookie.
   *
   * @param cookie its bytes are the first ones
   * @param bytes how many it has
   */
  judge(flow: Flow, cookie: Uint8Array, bytes: number): CookieVerdict {
    this.#rotate();
    if (bytes !== COOKIE_BYTES) return CookieVerdict.BAD;
    if (isSame(this.#compute(this.#hash, flow), cookie)) return CookieVerdict.GOOD;
    if (this.#previous === null) return CookieVerdict.BAD;
    const isOld = isSame(this.#compute(this.#previous, flow), cookie);
    return isOld ? CookieVerdict.OLD : CookieVerdict.BAD;
  }

  #compute(hash: KeyedHash, flow: Flow): Uint8Array {
    putFlow(this.#words, flow);
    const low = hash.hash(this.#words, WORDS);
    const view = new DataView(this.#cookie.buffer);
    view.setInt32(0, low);
    view.setInt32(4, hash.high);
    return this.#cookie;
  }

  /** RFC 7413 section 4.1.2 (MUST): the key has to change; cookies expire. */
  #rotate(): void {
    const { now } = this.#environment;
    if (now < this.#changesAt) return;
    const passed = 1 + Math.floor((now - this.#changesAt) / this.#keyLife);
    this.#changes += passed;
    // After two lives without anybody asking, nothing of the old one is good any more.
    this.#previous = passed === 1 ? this.#hash : null;
    this.#key = this.#newKey(this.#changes);
    this.#hash = new KeyedHash(this.#key);
    // Those who have one secret change their keys together, whenever they are asked.
    const isAlone = this.#secret === null;
    this.#changesAt = isAlone ? now + this.#keyLife : this.#changesAt + passed * this.#keyLife;
  }

  #newKey(number: number): Int32Array {
    const { random } = this.#environment;
    const secret = this.#secret;
    if (secret === null) return Int32Array.from({ length: KEY_WORDS }, () => random.uint32());
    return Int32Array.from({ length: KEY_WORDS }, (_, word) => {
      return secret.hash(Int32Array.of(number, word), 2);
    });
  }
}

/** Compares all bytes, whichever is the first to differ. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (let at = 0; at < COOKIE_BYTES; at++) difference |= one[at] ^ other[at];
  return difference === 0;
}
