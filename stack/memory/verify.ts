/**
 * Proves that an arena's books are right.
 *
 * @module
 */

import { NONE } from "./packet_columns.ts";
import type { PacketArena } from "./packet_arena.ts";

/**
 * Checks everything that has to hold between two calls. It reads every packet: for tests.
 *
 * - Every packet is either free, and on its class's list exactly once, or taken; the counts agree.
 * - Nobody holds a free packet. Each taken one is held at least by the segments before it; one that
 *   nobody holds has a slice that shows its memory.
 * - Data lies inside the packet's slot, or that of the packet that a slice shows.
 * - Chains end, and consist of taken packets.
 *
 * @param arena The arena.
 * @throws {Error} When something does not hold; it says what.
 */
export function verifyArena(arena: PacketArena): void {
  const free = markFree(arena);
  checkCounts(arena, free);
  const holders = new Int32Array(arena.capacity);
  const slices = new Int32Array(arena.capacity);
  for (let packet = 0; packet < arena.capacity; packet++) {
    if (free[packet] === 1) continue;
    checkPlace(arena, packet);
    const { owner, next } = arena.columns;
    if (owner[packet] !== packet) slices[owner[packet]]++;
    if (next[packet] === NONE) continue;
    expect(free[next[packet]] === 0, `packet ${packet} is followed by a free one`);
    holders[next[packet]]++;
  }
  checkHolders(arena, free, holders, slices);
  checkChains(arena, free);
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`packet arena: ${otherwise}`);
}

/** 1 for every packet on a list of free ones. */
function markFree({ columns, heads, capacity }: PacketArena): Uint8Array {
  const { next, sizeClass, references, slices, owner } = columns;
  const free = new Uint8Array(capacity);
  for (const [at, head] of heads.entries()) {
    for (let packet = head; packet !== NONE; packet = next[packet]) {
      expect(packet >= 0 && packet < capacity, `${packet} is on the list of free packets`);
      expect(free[packet] === 0, `packet ${packet} is free twice`);
      expect(sizeClass[packet] === at, `packet ${packet} is on the list of another size`);
      expect(references[packet] === 0, `somebody holds packet ${packet}, which is free`);
      expect(slices[packet] === 0, `a slice shows packet ${packet}, which is free`);
      expect(owner[packet] === packet, `packet ${packet} is free and shows another one`);
      free[packet] = 1;
    }
  }
  return free;
}

function checkCounts({ columns, used }: PacketArena, free: Uint8Array): void {
  const { firsts } = columns;
  for (const [sizeClass, count] of used.entries()) {
    const [first, end] = [firsts[sizeClass], firsts[sizeClass + 1]];
    const taken = free.subarray(first, end).reduce((sum, isFree) => sum - isFree, end - first);
    expect(count === taken, `of size ${sizeClass} ${taken} are taken, not ${count}`);
  }
}

function checkPlace({ columns }: PacketArena, packet: number): void {
  const { slot, slotBytes, sizeClass, start, length, owner } = columns;
  const storage = owner[packet];
  const end = slot[storage] + slotBytes[sizeClass[storage]];
  const isInside = start[packet] >= slot[storage] && length[packet] >= 0 &&
    start[packet] + length[packet] <= end;
  expect(isInside, `the data of packet ${packet} is not in its slot`);
}

function checkHolders(
  { columns, capacity }: PacketArena,
  free: Uint8Array,
  holders: Int32Array,
  slices: Int32Array,
): void {
  const { references } = columns;
  for (let packet = 0; packet < capacity; packet++) {
    const count = references[packet];
    expect(columns.slices[packet] === slices[packet], `packet ${packet}: slices are miscounted`);
    expect(count >= holders[packet], `packet ${packet} has more holders than are counted`);
    if (free[packet] === 0) {
      expect(count > 0 || slices[packet] > 0, `packet ${packet} is taken, but nobody holds it`);
    }
  }
}

/** Follows every chain as far as it was not followed before. */
function checkChains({ columns, capacity }: PacketArena, free: Uint8Array): void {
  const seenFrom = new Int32Array(capacity).fill(NONE);
  for (let first = 0; first < capacity; first++) {
    if (free[first] === 1) continue;
    let at = first;
    while (at !== NONE && seenFrom[at] === NONE) {
      seenFrom[at] = first;
      at = columns.next[at];
    }
    expect(at === NONE || seenFrom[at] !== first, `packet ${at} follows itself`);
  }
}

/**
 * Lists the packets that are taken: after everything is closed there are none.
 *
 * @param arena The arena.
 * @returns Their numbers.
 */
export function takenPackets(arena: PacketArena): number[] {
  const free = markFree(arena);
  return [...free.keys()].filter((packet) => free[packet] === 0);
}
