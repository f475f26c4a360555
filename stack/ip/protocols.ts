/**
 * Who takes packets, by the numbers of their protocols.
 *
 * @module
 */

import { Protocol } from "../wire/numbers.ts";
import type { EchoListener, RawListener, TransportProtocol } from "./types.ts";

/** Numbers of protocols are bytes. */
const PROTOCOLS = 256;
/** What IP takes itself. */
const BUILT_IN: readonly number[] = [Protocol.ICMPV4, Protocol.IGMP, Protocol.ICMPV6];

/** Protocols over IP, and those who look at packets before them. */
export class Protocols {
  /** Looks at packets before their protocols do, null for nobody. */
  raw: RawListener | null = null;
  /** Takes answers to echoes, null for nobody. */
  echo: EchoListener | null = null;
  readonly #protocols: (TransportProtocol | null)[] = new Array(PROTOCOLS).fill(null);

  /**
   * Registers a protocol.
   *
   * @throws {RangeError} when its number is none, or another one's
   */
  register(protocol: TransportProtocol): void {
    const { protocol: number } = protocol;
    if (!(Number.isInteger(number) && number >= 0 && number < PROTOCOLS)) {
      throw new RangeError(`${number} is no number of a protocol`);
    }
    if (this.#protocols[number] !== null || BUILT_IN.includes(number)) {
      throw new RangeError(`protocol ${number} is registered already`);
    }
    this.#protocols[number] = protocol;
  }

  /** Forgets a protocol. @returns whether it was known */
  unregister(number: number): boolean {
    const isKnown = (this.#protocols[number] ?? null) !== null;
    if (isKnown) this.#protocols[number] = null;
    return isKnown;
  }

  /** The protocol of a number, null where nobody knows it. */
  get(number: number): TransportProtocol | null {
    return this.#protocols[number];
  }
}
