/**
 * How the ends of a connection agree on ECN: RFC 3168 section 6.1.1 and, for accurate ECN, RFC 9768
 * section 3.1. Three flags of SYNs say it; the three in an answer to a SYN of accurate ECN, and in
 * the client's first acknowledgment, tell as well how the packet arrived that they answer.
 *
 * @module
 */

import * as tcp from "../wire/tcp.ts";
import { Bit } from "./connection_bits.ts";

const { AE, CWR, ECE } = tcp.Flag;

/** The flags of both kinds. */
export const ECN_FLAGS: number = AE | CWR | ECE;

/** The two bits of ECN in the header of IP. RFC 3168 section 5. */
export const CodePoint = { NOT_ECT: 0, ECT_1: 1, ECT_0: 2, CE: 3 } as const;

/** RFC 9768 section 3.1.2, table 2: a code point as a SYN with ACK tells it. */
const FEEDBACK: readonly number[] = [CWR, CWR | ECE, AE, AE | CWR];

/** How the stack deals with ECN: the setting `ecn`. */
export type EcnMode = "off" | "passive" | "classic" | "accurate";

/**
 * The flags of a SYN that offers ECN.
 *
 * @param attempts how often it was sent before
 */
export function offeredEcnFlags(mode: EcnMode, attempts: number): number {
  // RFC 9768 section 3.1.4.1 (SHOULD): offered once more, and then no longer: a middlebox may drop
  // what has these flags. RFC 3168 section 6.1.1.1 permits the same.
  if (attempts > 1) return 0;
  if (mode === "accurate") return ECN_FLAGS;
  return mode === "classic" ? CWR | ECE : 0;
}

/**
 * What a server agrees to.
 *
 * @param flags those of the SYN
 * @returns bits of {@linkcode Bit}
 */
export function agreeToOffer(mode: EcnMode, flags: number): number {
  if (mode === "off") return 0;
  const offer = flags & ECN_FLAGS;
  const isClassic = offer === (CWR | ECE);
  // RFC 9768 section 3.1.2 (MUST): all three flags ask for accurate ECN, two for that of RFC 3168.
  // RFC 9768 section 3.1.3 (MUST): any other combination is taken for an offer of accurate ECN.
  const isAccurate = offer !== 0 && !isClassic;
  if (isAccurate && mode !== "classic") return Bit.ECN_ACCURATE | Bit.ECN_CAPABLE;
  return isClassic || offer === ECN_FLAGS ? Bit.ECN_CLASSIC | Bit.ECN_CAPABLE : 0;
}

/**
 * The flags of a SYN with ACK.
 *
 * @param bits what was agreed to
 * @param ecn how the SYN arrived
 */
export function answeredEcnFlags(bits: number, ecn: number): number {
  // RFC 9768 section 3.1.2 (MUST): the answer reflects the code point of the SYN.
  if ((bits & Bit.ECN_ACCURATE) !== 0) return FEEDBACK[ecn];
  // RFC 3168 section 6.1.1 (MUST): ECE alone answers a SYN with both flags, and only such a one.
  return (bits & Bit.ECN_CLASSIC) !== 0 ? ECE : 0;
}

/**
 * What a client makes of the answer to its offer.
 *
 * @param offered the flags of its SYN
 * @param flags those of the answer
 * @returns bits of {@linkcode Bit}
 */
export function agreeToAnswer(offered: number, flags: number): number {
  const answer = flags & ECN_FLAGS;
  if ((offered & ECN_FLAGS) === 0 || answer === 0) return 0;
  // RFC 9768 section 3.1.2: all three reflected is a broken server: no ECN at all.
  if (answer === ECN_FLAGS) return 0;
  if (answer === ECE || answer === (AE | ECE)) return Bit.ECN_CLASSIC | Bit.ECN_CAPABLE;
  if ((offered & AE) === 0) return 0;
  return Bit.ECN_ACCURATE | Bit.ECN_CAPABLE;
}

/**
 * The flags of a client's first acknowledgment, which tell how the SYN with ACK arrived. RFC 9768
 * section 3.2.2.1 (MUST).
 */
export function firstEcnFlags(ecn: number): number {
  return FEEDBACK[ecn];
}

/**
 * Reads what such flags tell.
 *
 * @returns a code point, or -1 where the flags tell none
 */
export function reportedCodePoint(flags: number): number {
  return FEEDBACK.indexOf(flags & ECN_FLAGS);
}

/** Puts a count of packets that were marked into the three flags. RFC 9768 section 3.2.1. */
export function withCount(flags: number, count: number): number {
  return flags & ~ECN_FLAGS | ((count & 4) === 0 ? 0 : AE) | ((count & 2) === 0 ? 0 : CWR) |
    ((count & 1) === 0 ? 0 : ECE);
}
