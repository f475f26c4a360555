/**
 * Whose ports are whose, in memory that all shards of a host share. Each port of TCP and UDP, each
 * identifier of ICMP echo, and each protocol that raw sockets can have, has a few words:
 *
 * ```text
 *   |state: holder, who asked for it, listeners, what all allow, lock|shards that hold it|...|
 * ```
 *
 * The director reads one word for each packet. A shard that claims a port, or gives it up, does so
 * under the lock of the port, which is held for a handful of instructions. How many bindings a
 * shard has at a port only that shard counts.
 *
 * Two shards may have a port together when all of its holders allow it, as two sockets of one stack
 * may; but here neither addresses nor interfaces tell bindings apart.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { compareExchange, loadAcquire, storeRelease, type Words } from "../../../ring/barrier.ts";
import { BindingFlag } from "../../../stack/binding_flag.ts";
import {
  MAXIMUM_SHARDS,
  NOBODY,
  type PortClaims,
  type PortHolders,
  SEVERAL,
} from "../../../stack/steering/mod.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";

const { REUSE_ADDRESS, REUSE_PORT, LISTENING, FOR_CONNECTION, SHARED, UNCLAIMED } = BindingFlag;

/** Ports are numbers below this. */
const PORT_COUNT = 65536;
/** Whose ports there are: TCP's, UDP's, identifiers of ICMP, and numbers of protocols. */
const SPACES = 4;
/** Words of a port, of which the last one is not used. */
const PORT_WORDS = 4;
const STATE = 0;
const HOLDERS = 1;

/** Bits of a state: a shard's number and 1, 0 for none, or {@linkcode MANY}. */
const SHARD_MASK = 0x7f;
const MANY = 0x7f;
/** The shard whose sockets asked for the port by its number; connections need not have. */
const ASKER_SHIFT = 7;
const ALL_REUSE_ADDRESS = 1 << 14;
const ALL_REUSE_PORT = 1 << 15;
/** How many shards listen at it; all others listen for them, and each has what hashes to it. */
const LISTENER_SHIFT = 16;
const ONE_LISTENER: number = 1 << LISTENER_SHIFT;
const LISTENERS: number = SHARD_MASK << LISTENER_SHIFT;
const LOCKED = 1 << 30;
/** Looks for an open lock. Whoever has one is done with it in far less. */
const LOCK_LOOKS = 10_000_000;

const BYTES = SPACES * PORT_COUNT * PORT_WORDS * Int32Array.BYTES_PER_ELEMENT;

/** Whose claims {@linkcode PortTable.claimsOf} makes. */
export type PortSpace = "tcp" | "udp" | "echo" | "raw";

const SPACE_OF: Readonly<Record<PortSpace, number>> = { tcp: 0, udp: 1, echo: 2, raw: 3 };

/** The ports of all shards. */
export class PortTable implements PortHolders {
  readonly #words: Words;

  /** @param buffer of {@linkcode PortTable.allocate} */
  constructor(buffer: SharedArrayBuffer) {
    if (buffer.byteLength !== BYTES) {
      throw new RangeError(`a table of ports has ${BYTES} bytes, not ${buffer.byteLength}`);
    }
    this.#words = new Int32Array(buffer);
  }

  /** Memory for a table. */
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(BYTES);
  }

  /** See {@linkcode PortHolders.holderOf}. */
  holderOf(protocol: number, port: number): number {
    return this.#holderAt(placeOf(protocol === Protocol.TCP ? SPACE_OF.tcp : SPACE_OF.udp, port));
  }

  /** See {@linkcode PortHolders.rawHolderOf}. */
  rawHolderOf(protocol: number): number {
    return this.#holderAt(placeOf(SPACE_OF.raw, protocol));
  }

  #holderAt(at: number): number {
    const state = loadAcquire(this.#words, at);
    if ((state & LISTENERS) !== 0) return SEVERAL;
    const holder = state & SHARD_MASK;
    return holder === MANY ? SEVERAL : holder - 1;
  }

  /** See {@linkcode PortHolders.choose}. */
  choose(protocol: number, port: number, hash: number): number {
    // Connections live where they hash to.
    if (protocol === Protocol.TCP) return NOBODY;
    const at = placeOf(SPACE_OF.udp, port);
    const low = loadAcquire(this.#words, at + HOLDERS);
    const high = loadAcquire(this.#words, at + HOLDERS + 1);
    const count = bitCount(low) + bitCount(high);
    if (count === 0) return NOBODY;
    let left = (hash >>> 0) % count;
    for (let shard = 0; shard < MAXIMUM_SHARDS; shard++) {
      const isHolder = ((shard < 32 ? low : high) >>> (shard & 31) & 1) !== 0;
      if (isHolder && left-- === 0) return shard;
    }
    return NOBODY;
  }

  /** The claims of one shard. */
  claimsOf(space: PortSpace, shard: number): ShardPortClaims {
    return new ShardPortClaims(this.#words, SPACE_OF[space], shard);
  }
}

/** The ports of one protocol, as one shard claims them. */
export class ShardPortClaims implements PortClaims {
  readonly #words: Words;
  readonly #space: number;
  readonly #shard: number;
  /** The bindings of this shard at each port, those of them that asked for it, and listeners. */
  readonly #bindings = new Uint32Array(PORT_COUNT);
  readonly #asked = new Uint32Array(PORT_COUNT);
  readonly #listening = new Uint32Array(PORT_COUNT);
  #suspensions = 0;

  /** @param words the table's */
  constructor(words: Words, space: number, shard: number) {
    this.#words = words;
    this.#space = space;
    this.#shard = shard;
  }

  /** See {@linkcode PortClaims.isSuspended}. */
  get isSuspended(): boolean {
    return this.#suspensions > 0;
  }

  /** Makes a call within which what is bound claims nothing. */
  suspended<Result>(call: () => Result): Result {
    this.#suspensions++;
    try {
      return call();
    } finally {
      this.#suspensions--;
    }
  }

  /** See {@linkcode PortClaims.claim}. */
  claim(port: number, flags: number): number {
    if ((flags & UNCLAIMED) !== 0) return 0;
    const at = placeOf(this.#space, port);
    const state = this.#lock(at);
    if (!this.#admits(at, state, flags)) {
      this.#unlock(at, state);
      return -Errno.EADDRINUSE;
    }
    const isFirst = (state & SHARD_MASK) === 0;
    this.#bindings[port]++;
    this.#setHolder(at, true);
    const kept = isFirst ? allowedBy(flags) : state & (allowedBy(flags) | ~ALLOWED);
    let next = kept & ~SHARD_MASK | this.#holderWord(at);
    if ((flags & (FOR_CONNECTION | SHARED)) === 0) {
      this.#asked[port]++;
      next = withAsker(next, this.#shard + 1);
    }
    this.#unlock(at, next + this.#begin(port, flags));
    return 0;
  }

  /** Whether another binding may come to what is at a port. */
  #admits(at: number, state: number, flags: number): boolean {
    // A connection that shares its socket's port, or its listener's, conflicts with nobody.
    if ((flags & SHARED) !== 0 || (state & SHARD_MASK) === 0) return true;
    const asker = state >>> ASKER_SHIFT & SHARD_MASK;
    if ((flags & FOR_CONNECTION) !== 0) return asker === 0;
    // To what this stack alone has, its own table has no objection.
    if (asker === this.#shard + 1 || asker === 0 && !this.#hasOthers(at)) return true;
    const allowed = allowedBy(flags) & state;
    if ((allowed & ALL_REUSE_PORT) !== 0) return true;
    if ((allowed & ALL_REUSE_ADDRESS) === 0) return false;
    return this.#space !== SPACE_OF.tcp || (state & LISTENERS) === 0;
  }

  /** See {@linkcode PortClaims.change}. */
  change(port: number, before: number, after: number): void {
    if ((after & UNCLAIMED) !== 0) return;
    const at = placeOf(this.#space, port);
    const state = this.#lock(at);
    const isAlone = this.#bindings[port] === 1 && !this.#hasOthers(at);
    const allowed = isAlone ? allowedBy(after) : state & allowedBy(after);
    const listening = this.#begin(port, after) - this.#end(port, before);
    this.#unlock(at, (state & ~ALLOWED | allowed) + listening);
  }

  /** Counts a binding that may listen. @returns what that adds to the state */
  #begin(port: number, flags: number): number {
    if ((flags & LISTENING) === 0) return 0;
    return this.#listening[port]++ === 0 ? ONE_LISTENER : 0;
  }

  /** Counts one no more. @returns what that takes from the state */
  #end(port: number, flags: number): number {
    if ((flags & LISTENING) === 0) return 0;
    return --this.#listening[port] === 0 ? ONE_LISTENER : 0;
  }

  /** See {@linkcode PortClaims.release}. */
  release(port: number, flags: number): void {
    if ((flags & UNCLAIMED) !== 0) return;
    const at = placeOf(this.#space, port);
    let state = this.#lock(at) - this.#end(port, flags);
    const hasAsked = (flags & (FOR_CONNECTION | SHARED)) === 0;
    if (hasAsked && --this.#asked[port] === 0) {
      const asker = state >>> ASKER_SHIFT & SHARD_MASK;
      if (asker === this.#shard + 1) state &= ~(SHARD_MASK << ASKER_SHIFT);
    }
    if (--this.#bindings[port] === 0) this.#setHolder(at, false);
    const holder = this.#holderWord(at);
    this.#unlock(at, holder === 0 ? 0 : state & ~SHARD_MASK | holder);
  }

  #setHolder(at: number, isHolder: boolean): void {
    const word = at + HOLDERS + (this.#shard >> 5);
    const bit = 1 << (this.#shard & 31);
    const known = loadAcquire(this.#words, word);
    storeRelease(this.#words, word, isHolder ? known | bit : known & ~bit);
  }

  /** The holders, as the state has them. */
  #holderWord(at: number): number {
    const low = loadAcquire(this.#words, at + HOLDERS);
    const high = loadAcquire(this.#words, at + HOLDERS + 1);
    if ((low | high) === 0) return 0;
    if (bitCount(low) + bitCount(high) > 1) return MANY;
    return low !== 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  }

  #hasOthers(at: number): boolean {
    const holder = this.#holderWord(at);
    return holder !== 0 && holder !== this.#shard + 1;
  }

  /** @returns the state, without the lock */
  #lock(at: number): number {
    for (let look = 0; look < LOCK_LOOKS; look++) {
      const state = loadAcquire(this.#words, at + STATE) & ~LOCKED;
      if (compareExchange(this.#words, at + STATE, state, state | LOCKED) === state) return state;
    }
    throw new Error("a shard that ended holds the lock of a port");
  }

  #unlock(at: number, state: number): void {
    storeRelease(this.#words, at + STATE, state);
  }
}

const ALLOWED = ALL_REUSE_ADDRESS | ALL_REUSE_PORT;

function placeOf(space: number, port: number): number {
  return (space * PORT_COUNT + port) * PORT_WORDS;
}

function allowedBy(flags: number): number {
  return ((flags & REUSE_ADDRESS) !== 0 ? ALL_REUSE_ADDRESS : 0) |
    ((flags & REUSE_PORT) !== 0 ? ALL_REUSE_PORT : 0);
}

/** A state in which one more shard has asked for the port. */
function withAsker(state: number, shard: number): number {
  const before = state >>> ASKER_SHIFT & SHARD_MASK;
  const asker = before === 0 || before === shard ? shard : MANY;
  return state & ~(SHARD_MASK << ASKER_SHIFT) | asker << ASKER_SHIFT;
}

function bitCount(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}
