/**
 * What few senders know of themselves: a sender has an object of its own for it only once any of it
 * differs from what all begin with.
 *
 * @module
 */

/** What few senders know of themselves. */
export class SenderExtras {
  /** `s.ceb` of RFC 9768: what the peer said last. */
  markedBytes = 0;
  /** SND.UP. */
  sendUrgent = 0;
  /** `TCP_NOTSENT_LOWAT`. */
  notSentLowWater = 0x7fffffff;
  /** See `SenderPart.userTimeout`. */
  userTimeout = 0;
  /** `SO_MAX_PACING_RATE`, 0 for none. */
  pacingLimit = 0;
  /** The name of the congestion control that was chosen; undefined for the stack's. */
  controlName: string | undefined = undefined;
  /** What was sent again. */
  segmentsRetransmitted = 0;
  bytesRetransmitted = 0;
  duplicateSacks = 0;
}

/** What all senders begin with: nobody writes to it. */
export const NO_EXTRAS: SenderExtras = new SenderExtras();
