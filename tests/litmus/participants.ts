/**
 * Runs a litmus test: two Workers over one shared memory, each with a role.
 *
 * @module
 */

import type { MemoryHandle } from "../../ring/memory.ts";
import type { PacketHandle } from "../../ring/packet_ring.ts";
import { SEED } from "../support/seed.ts";

/** What a participant is told. */
export interface Assignment {
  /** Which test, see `participant.ts`. */
  readonly program: string;
  readonly role: 0 | 1;
  readonly rounds: number;
  readonly seed: number;
  /** Words that both share, zero at first. */
  readonly shared: SharedArrayBuffer;
  /** The ring that both share, in tests of rings. */
  readonly ring: MemoryHandle | null;
  /** The packet ring that both share, in tests of packet rings. */
  readonly packets: PacketHandle | null;
  /** Leave out what the protocol needs, to prove that the test would notice. */
  readonly isBroken: boolean;
}

/** What a participant found. */
export interface Findings {
  /** What must never happen, in words; empty when all is well. */
  readonly violations: readonly string[];
  /** How often things happened that the test is about. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Violations that are reported one by one; a broken protocol has millions. */
export const VIOLATIONS_MAX = 5;

const SHARED_BYTES = 4096;

/** What two participants are to do. */
export interface LitmusTest {
  readonly program: string;
  readonly rounds: number;
  /** Bytes of the shared words; a page unless said otherwise. */
  readonly sharedBytes?: number;
  readonly ring?: MemoryHandle;
  readonly packets?: PacketHandle;
  readonly isBroken?: boolean;
  /** Both are ended and the test fails after this time, in milliseconds. */
  readonly limitMs: number;
}

/** Runs both participants to their ends. @returns what each found, by role */
export async function runPair(test: LitmusTest): Promise<readonly [Findings, Findings]> {
  const shared = new SharedArrayBuffer(test.sharedBytes ?? SHARED_BYTES);
  const workers: Worker[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    const late = () => reject(new Error(`${test.program}: not over after ${test.limitMs} ms`));
    timer = setTimeout(late, test.limitMs);
  });
  const start = (role: 0 | 1): Promise<Findings> => {
    const worker = new Worker(import.meta.resolve("./participant.ts"), { type: "module" });
    workers.push(worker);
    const { program, rounds, ring = null, packets = null, isBroken = false } = test;
    const assignment: Assignment = {
      program,
      role,
      rounds,
      seed: SEED,
      shared,
      ring,
      packets,
      isBroken,
    };
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`${program}, role ${role}: ${event.message}`));
      };
      worker.postMessage(assignment);
    });
  };
  try {
    return await Promise.race([Promise.all([start(0), start(1)]), limit]);
  } finally {
    clearTimeout(timer);
    for (const worker of workers) worker.terminate();
  }
}
