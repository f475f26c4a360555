/**
 * The listeners of a stack, by port: which of them a SYN is for.
 *
 * @module
 */

import type { Flow, IpAddress } from "../ip/types.ts";
import { putFlow } from "./secrets.ts";
import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import type { Listener } from "./listener.ts";

/** Two addresses and the ports. */
const WORDS = 9;

/** All listeners. */
export class ListenerTable {
  readonly #byPort = new Map<number, Listener[]>();
  readonly #hashKey: SipKey;
  readonly #words = new Int32Array(WORDS);
  readonly #best: Listener[] = [];

  /** @param hashKey by which connections are spread over a group of listeners */
  constructor(hashKey: SipKey) {
    this.#hashKey = hashKey;
  }

  /** Adds a listener. */
  add(listener: Listener): void {
    const { localPort } = listener.flow;
    const listeners = this.#byPort.get(localPort);
    // RFC 9293 section 3.9.1 (MUST-41, MUST-42): any number of listeners, each by itself; the ports
    // know which may be there beside each other.
    if (listeners === undefined) this.#byPort.set(localPort, [listener]);
    else listeners.push(listener);
  }

  /** Removes one. */
  remove(listener: Listener): void {
    const { localPort } = listener.flow;
    const listeners = this.#byPort.get(localPort);
    if (listeners === undefined) return;
    const left = listeners.filter((other) => other !== listener);
    if (left.length === 0) this.#byPort.delete(localPort);
    else this.#byPort.set(localPort, left);
  }

  /** All of them. */
  all(): Listener[] {
    return [...this.#byPort.values()].flat();
  }

  /**
   * Finds who listens: whoever names the address comes before whoever takes any, and whoever is
   * bound to the interface before who is not; among equals whoever listens for itself comes before
   * who stands for another shard's listener, and then the flow's hash decides.
   *
   * @param flow the ends of a segment that arrived
   * @param arrivedBy the interface that it came in by
   */
  find(flow: Flow, arrivedBy: number): Listener | null {
    const listeners = this.#byPort.get(flow.localPort);
    if (listeners === undefined) return null;
    const best = this.#best;
    best.length = 0;
    let most = 0;
    for (const listener of listeners) {
      const score = scoreOf(listener, flow.local, arrivedBy);
      if (score === 0 || score < most) continue;
      if (score > most) best.length = 0;
      most = score;
      best.push(listener);
    }
    if (best.length <= 1) return best.length === 0 ? null : best[0];
    return best[this.#hash(flow) % best.length];
  }

  #hash(flow: Flow): number {
    putFlow(this.#words, flow);
    this.#words[8] = flow.localPort << 16 | flow.remotePort;
    return hashWords(this.#hashKey, this.#words, WORDS) >>> 0;
  }
}

/** How well a listener suits: 0 not at all. */
function scoreOf(listener: Listener, local: IpAddress, arrivedBy: number): number {
  const { flow, configuration, isDual, isMirror } = listener;
  const device = configuration.device === 0 ? flow.scope : configuration.device;
  if (device !== 0 && device !== arrivedBy) return 0;
  const address = addressScore(flow.local, local, isDual);
  if (address === 0) return 0;
  return 2 * (address + (device === 0 ? 0 : 4)) + (isMirror ? 0 : 1);
}

function addressScore(bound: IpAddress, local: IpAddress, isDual: boolean): number {
  if (typeof bound === "number") {
    if (typeof local !== "number") return 0;
    if (bound === 0) return 2;
    return bound === local ? 3 : 0;
  }
  const isAny = (bound[0] | bound[1] | bound[2] | bound[3]) === 0;
  if (typeof local === "number") return isAny && isDual ? 1 : 0;
  if (isAny) return 2;
  const isSame = bound[0] === local[0] && bound[1] === local[1] && bound[2] === local[2] &&
    bound[3] === local[3];
  return isSame ? 3 : 0;
}
