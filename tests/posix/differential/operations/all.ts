/**
 * What random sequences are made of: each operation is a call, legal or not, whose arguments are
 * picked by small numbers, so that a sequence that fails shrinks to one that can be read.
 *
 * Nothing waits for longer than a moment: descriptors do not block, or have timeouts of 50 ms. TCP
 * delivers on loopback before a send returns, as long as nothing holds it back: no Nagle, no pacing.
 *
 * @module
 */

import { DESCRIPTORS } from "./descriptors.ts";
import { OPENERS } from "./openers.ts";
import { READINESS } from "./readiness.ts";
import { SOCKETS } from "./sockets.ts";
import { TRANSFERS } from "./transfers.ts";
import type { Operation } from "./world.ts";

export { OPENERS } from "./openers.ts";
export { choicesOf, type Operation, type Step, World } from "./world.ts";

/** Every operation. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...OPENERS,
  ...SOCKETS,
  ...TRANSFERS,
  ...DESCRIPTORS,
  ...READINESS,
};
