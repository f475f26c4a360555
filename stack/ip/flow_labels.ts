/**
 * Flow labels of IPv6: RFC 6437. Routers choose among equal ways by them, so that all packets of a
 * flow have one.
 *
 * @module
 */

import { KeyedHash } from "../keyed_hash.ts";
import type { RandomSource } from "../random.ts";
import type { Flow } from "./types.ts";

const LABEL_MASK = 0xf_ffff;
const KEY_WORDS = 10;

/** Labels that tell flows apart, and tell strangers nothing. */
export class FlowLabels {
  readonly #hash: KeyedHash;
  readonly #words: Int32Array = new Int32Array(KEY_WORDS);

  /** Draws the key. */
  constructor(random: RandomSource) {
    this.#hash = KeyedHash.random(random);
  }

  /** The label of a flow, 1 to 2^20 - 1; 0 for one of IPv4. */
  of(flow: Flow, protocol: number): number {
    const { local, remote } = flow;
    if (typeof local === "number" || typeof remote === "number") return 0;
    const words = this.#words;
    words.set(local, 0);
    words.set(remote, 4);
    words[8] = flow.localPort << 16 | flow.remotePort;
    words[9] = protocol;
    // RFC 6437 section 3 (SHOULD): labels are spread evenly and hard to predict. 0 means none.
    return (this.#hash.hash(words, KEY_WORDS) & LABEL_MASK) || 1;
  }
}
