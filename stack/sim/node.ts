/**
 * The one seam of a virtual network: whatever takes frames at a time, and gives frames.
 *
 * @module
 */

import type { FrameQueue } from "../frame_queue.ts";

/** The number of a node's port: the order in which its links were attached, from 0 on. */
export type PortNumber = number;

/** Whatever is attached to links: a stack, a switch, a hub, or what a test makes up. */
export interface SimNode {
  /**
   * Takes what has arrived, does what is due, and gives what is to be sent. It asks no clock, waits
   * for nothing, and draws lots only from what it was seeded with.
   *
   * @param now the virtual time, in microseconds
   * @param received the frames, with the ports they came in by: it takes all of them, and their
   * holds. A frame is one packet of the network's arena that nobody else holds
   * @param sent where it puts frames, with the ports they leave by; their holds are handed over.
   * A frame may be a chain, and may be held by others, who then do not write into it
   */
  step(now: number, received: FrameQueue, sent: FrameQueue): void;
  /** When it has to be stepped without frames, in microseconds; Infinity when it need not. */
  nextDeadline(): number;
  /** Is told that a link was attached: frames may come in by one more port. */
  onPort?(port: PortNumber, mtu: number): void;
}
