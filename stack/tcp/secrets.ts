/**
 * The numbers that nobody may guess, made of a flow and of keys that only this stack has: initial
 * sequence numbers (RFC 6528) and where a flow's timestamps begin (RFC 7323 section 5.4).
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Flow, IpAddress } from "../ip/types.ts";
import { KeyedHash } from "../keyed_hash.ts";

/** Two addresses, the ports, and one more. */
const WORDS = 10;
const ADDRESS_WORDS = 4;
const MAPPED = 0xffff;

/** Microseconds of a tick of the clock that sequence numbers begin by. */
const SEQUENCE_TICK = 4;
const TIMESTAMP_TICK = 1000;

/** What a stack makes such numbers of. */
export class Secrets {
  readonly #environment: Environment;
  readonly #sequences: KeyedHash;
  readonly #timestamps: KeyedHash;
  readonly #words = new Int32Array(WORDS);

  /** Draws the keys. */
  constructor(environment: Environment) {
    this.#environment = environment;
    this.#sequences = KeyedHash.random(environment.random);
    this.#timestamps = KeyedHash.random(environment.random);
  }

  /**
   * The initial sequence number of a connection that begins now.
   *
   * @param flow its two ends
   * @returns a signed word
   */
  initialSequence(flow: Flow): number {
    putFlow(this.#words, flow);
    this.#words[8] = flow.localPort << 16 | flow.remotePort;
    this.#words[9] = flow.scope;
    // RFC 9293 section 3.4.1 (MUST-8): by a clock that ticks about every four microseconds.
    const clock = Math.floor(this.#environment.now / SEQUENCE_TICK) % 2 ** 32;
    // RFC 9293 section 3.4.1 (MUST-9): ISN = M + F(the two ends, a key that nobody knows), as RFC
    // 6528 section 3 has it.
    return clock + this.#sequences.hash(this.#words, WORDS) | 0;
  }

  /**
   * What is added to the clock to get a flow's timestamps. It depends on the addresses alone: so
   * timestamps between two hosts grow from one connection to the next, which RFC 6191 needs.
   *
   * @returns a signed word
   */
  timestampOffset(flow: Flow): number {
    putFlow(this.#words, flow);
    // RFC 7323 section 5.4 (SHOULD): a random offset, so that timestamps do not tell the uptime.
    return this.#timestamps.hash(this.#words, 8);
  }

  /** The clock of timestamps, before the offset: milliseconds, as a signed word. */
  get timestampClock(): number {
    // RFC 7323 section 5.4 (MUST): between 1 ms and 1 s a tick, and at least proportional to time.
    return Math.floor(this.#environment.now / TIMESTAMP_TICK) | 0;
  }
}

/** Writes both addresses of a flow as eight words, those of IPv4 as mapped. */
export function putFlow(words: Int32Array, flow: Flow): void {
  putAddress(words, 0, flow.local);
  putAddress(words, ADDRESS_WORDS, flow.remote);
}

/** Writes an address as four words, one of IPv4 as mapped. */
function putAddress(words: Int32Array, at: number, address: IpAddress): void {
  if (typeof address === "number") {
    words[at] = words[at + 1] = 0;
    words[at + 2] = MAPPED;
    words[at + 3] = address;
    return;
  }
  for (let word = 0; word < ADDRESS_WORDS; word++) words[at + word] = address[word];
}
