/**
 * One round: when it is over, whatever was ready before it has made itself known.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { EntryCall } from "./wait.ts";
import { Scratch } from "../../ring/slots.ts";
import { TIMESPEC, W_ADDRESS, W_LENGTH } from "../../ring/abi/layout.ts";
import { Op } from "../../ring/abi/opcodes.ts";

/** Calls back after a TIMEOUT of no time, which ends once the other side has looked at its sockets. */
export function afterRound(ring: BlockingRing, done: () => void): void {
  const { reactor } = ring;
  const { bytes, base } = reactor.memory;
  new EntryCall(ring, Op.TIMEOUT, -1, (at, slot) => {
    const offset = reactor.scratchOf(slot) + Scratch.TIMESPEC;
    bytes.fill(0, offset, offset + TIMESPEC.SIZE);
    reactor.setLong(at + W_ADDRESS, base + offset);
    reactor.entries[at + W_LENGTH] = 1;
  }).onDone(done);
}
