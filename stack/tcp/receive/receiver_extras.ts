/**
 * What few receivers know of themselves: a receiver has an object of its own for it only once any of
 * it differs from what all begin with.
 *
 * @module
 */

import type { EcnEcho } from "./ecn_echo.ts";
import type { Urgent } from "./urgent.ts";

/** What few receivers know of themselves. */
export class ReceiverExtras {
  /** The number of the FIN, once it is known. */
  finSequence = 0;
  /** `TCP_WINDOW_CLAMP` in bytes, 0 for none. */
  windowClamp = 0;
  /** `SO_RCVLOWAT` in bytes. */
  lowWater = 1;
  /** Segments that came behind gaps. */
  segmentsOutOfOrder = 0;
  /** What is told of marks of congestion, where ECN is agreed on. */
  ecn: EcnEcho | null = null;
  /** Urgent data. */
  urgent: Urgent | null = null;
}

/** What all receivers begin with: nobody writes to it. */
export const NO_EXTRAS: ReceiverExtras = new ReceiverExtras();
