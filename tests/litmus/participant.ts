/**
 * One thread of a litmus test; see `participants.ts`.
 *
 * @module
 */

import { coherence, messagePassing, storeBuffering } from "./memory_programs.ts";
import { popPackets, pushPackets } from "./packet_programs.ts";
import type { Assignment, Findings } from "./participants.ts";
import { claimPorts } from "./port_programs.ts";
import { consume, produce } from "./ring_programs.ts";

type Program = (assignment: Assignment) => Findings | Promise<Findings>;

const PROGRAMS: Readonly<Record<string, Program>> = {
  storeBuffering,
  messagePassing,
  coherence,
  claimPorts,
  ring: (assignment) => assignment.role === 0 ? produce(assignment) : consume(assignment),
  packets: (assignment) => assignment.role === 0 ? pushPackets(assignment) : popPackets(assignment),
};

const worker = self as unknown as {
  onmessage: ((event: MessageEvent<Assignment>) => void) | null;
  postMessage(findings: Findings): void;
};

worker.onmessage = async ({ data }) => {
  worker.postMessage(await PROGRAMS[data.program](data));
};
