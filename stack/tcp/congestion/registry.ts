/**
 * Congestion controls by name, as `TCP_CONGESTION` chooses them.
 *
 * @module
 */

import type { Environment } from "../../environment.ts";
import type { CongestionControl } from "../types.ts";
import { Bbr } from "./bbr.ts";
import { Cubic } from "./cubic.ts";
import { Reno } from "./reno.ts";

/** What congestion controls are told. */
export interface CongestionOptions {
  /** Whether slow start ends when delay grows: HyStart++, RFC 9406; it does. */
  readonly hyStart?: boolean;
  /** Whether reno and cubic pace, at Linux' rates; they do not. BBR always does. */
  readonly pacing?: boolean;
}

/** The names that there are. */
export const CONGESTION_CONTROLS: readonly string[] = ["cubic", "reno", "bbr"];

/**
 * Makes the congestion control of a name.
 *
 * @param name one of {@linkcode CONGESTION_CONTROLS}
 * @param segmentBytes bytes of payload of a full segment
 * @param environment whose randomness spreads what connections do
 * @returns it, or null where there is none of that name
 */
export function makeCongestionControl(
  name: string,
  segmentBytes: number,
  environment: Pick<Environment, "random">,
  options: CongestionOptions = {},
): CongestionControl | null {
  const hasHyStart = options.hyStart ?? true;
  const lossBased = { segmentBytes, hasHyStart, isPaced: options.pacing ?? false };
  switch (name) {
    case "cubic":
      return new Cubic(lossBased);
    case "reno":
      return new Reno(lossBased);
    case "bbr":
      return new Bbr(segmentBytes, environment.random);
    default:
      return null;
  }
}
