// Stand-in until the real one lands (its owner replaces this file); keep this call signature.
import type { RingMemory } from "../ring/memory.ts";
/** Executes a RESOLVE entry; calls `done` once with the count or `-errno`. */
export function completeResolve(
  _memory: RingMemory,
  _words: Int32Array<ArrayBufferLike>,
  _at: number,
  done: (result: number) => void,
): void {
  setTimeout(() => done(-95), 0);
}
