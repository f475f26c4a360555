/**
 * The ring's memory as the stack's sockets see it: bytes go straight from packets to where a
 * program wants them, and back, in one copy. Rings of this backend lie in a `WebAssembly.Memory`
 * for that.
 *
 * @module
 */

import { checkPlan, layOut, type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import type { PacketMemory } from "../../stack/memory/mod.ts";
import type { UserMemory } from "../../stack/socket.ts";
import { createCopier, sharedBufferOf } from "../machine/two_memories.ts";

const PAGE_BYTES = 65536;

/** A ring's memory, and how to hand it to another thread. */
export interface StackRingMemory {
  readonly memory: RingMemory;
  /** What it lies in: any thread can {@linkcode attachRingMemory} it. */
  readonly handle: StackRingHandle;
}

/** What another thread needs to see a ring's memory. */
export interface StackRingHandle {
  readonly memory: WebAssembly.Memory;
  readonly plan: MemoryPlan;
}

/**
 * Allocates the memory of a ring.
 *
 * @throws {RangeError} when a size is out of its range, naming it
 */
export function allocateRingMemory(plan: MemoryPlan): StackRingMemory {
  checkPlan(plan);
  const pages = Math.ceil(layOut(plan, 0).end / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return attachRingMemory({ memory, plan });
}

/** Views a ring's memory that another thread allocated. */
export function attachRingMemory(handle: StackRingHandle): StackRingMemory {
  return { memory: RingMemory.adopt(sharedBufferOf(handle.memory), handle.plan), handle };
}

/**
 * Makes what copies between a ring's memory and that of packets.
 *
 * @param ring the ring's
 * @param packets the stack's
 */
export function createUserMemory(ring: StackRingMemory, packets: PacketMemory): UserMemory {
  return createCopier(packets.memory, ring.handle.memory);
}
