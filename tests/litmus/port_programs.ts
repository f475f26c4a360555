/**
 * Two threads that claim the same ports of a host's shards, over and over.
 *
 * @module
 */

import { compareExchange, storeRelease } from "../../ring/barrier.ts";
import { PortTable } from "../../drivers/stack/shards/port_table.ts";
import { Random } from "../support/seed.ts";
import { type Assignment, type Findings, VIOLATIONS_MAX } from "./participants.ts";

/** Few ports, so that the threads meet. */
const PORTS = 3;
/** The fourth word of a port is not used by the table: who has the port says so there. */
const PORT_WORDS = 4;
const WITNESS = 3;

/** A few cycles, so that the other thread finds the port held. */
function hold(random: Random): number {
  let sum = 0;
  for (let count = random.integer(0, 40); count > 0; count--) sum += count;
  return sum;
}

/**
 * Mutual exclusion: of two shards that do not share a port only one ever has it. A broken one does
 * not ask.
 */
export function claimPorts(assignment: Assignment): Findings {
  const { role, rounds, seed, shared, isBroken } = assignment;
  const words = new Int32Array(shared);
  const claims = new PortTable(shared).claimsOf("tcp", role);
  const random = new Random(seed, role);
  const violations: string[] = [];
  const counts = { had: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const port = random.integer(1, PORTS);
    const witness = port * PORT_WORDS + WITNESS;
    if (!isBroken && claims.claim(port, 0) !== 0) {
      counts.refused++;
      continue;
    }
    counts.had++;
    const other = compareExchange(words, witness, 0, role + 1);
    if (other !== 0 && violations.length < VIOLATIONS_MAX) {
      violations.push(`round ${round}: shard ${other - 1} has port ${port} as well as ${role}`);
    }
    hold(random);
    storeRelease(words, witness, 0);
    if (!isBroken) claims.release(port, 0);
  }
  return { violations, counts };
}
