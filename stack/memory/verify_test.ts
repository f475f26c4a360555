import { assertEquals, assertThrows } from "@std/assert";
import { PacketArena } from "./packet_arena.ts";
import { takenPackets, verifyArena } from "./verify.ts";

/** Damages an arena in which 0 is a chain with 1, 2 is free, and the slice 6 shows 3. */
function damage(act: (arena: PacketArena) => void): () => void {
  const arena = new PacketArena({
    classes: [{ roomBytes: 64, count: 4 }, { roomBytes: 128, count: 2 }],
    slices: 2,
  });
  const packets = [arena.take(1), arena.take(1), arena.take(1), arena.take(1)];
  assertEquals(packets, [0, 1, 2, 3]);
  arena.append(0, 1);
  assertEquals(arena.slice(3, 0, 1), 6);
  arena.release(2);
  verifyArena(arena);
  assertEquals(takenPackets(arena), [0, 1, 3, 6]);
  act(arena);
  return () => verifyArena(arena);
}

const DAMAGES: Record<string, (arena: PacketArena) => void> = {
  "9 is on the list of free packets": ({ heads }) => heads[0] = 9,
  "packet 2 is free twice": ({ columns }) => columns.next[2] = 2,
  "packet 4 is on the list of another size": ({ columns }) => columns.next[2] = 4,
  "somebody holds packet 2, which is free": ({ columns }) => columns.references[2] = 1,
  "a slice shows packet 2, which is free": ({ columns }) => columns.slices[2] = 1,
  "packet 2 is free and shows another one": ({ columns }) => columns.owner[2] = 3,
  "of size 0 3 are taken, not 2": ({ used }) => used[0]--,
  "the data of packet 0 is not in its slot": ({ columns }) => columns.length[0] = 65,
  "the data of packet 3 is not in its slot": ({ columns }) => columns.start[3] -= 200,
  "the data of packet 6 is not in its slot": ({ columns }) => columns.start[6] += 64,
  "packet 1 is followed by a free one": ({ columns }) => columns.next[1] = 2,
  "packet 3: slices are miscounted": ({ columns }) => columns.slices[3] = 2,
  "packet 1 has more holders than are counted": ({ columns }) => columns.next[3] = 1,
  "packet 0 is taken, but nobody holds it": ({ columns }) => columns.references[0] = 0,
  "packet 0 follows itself": ({ columns }) => {
    columns.next[1] = 0;
    columns.references[0]++;
  },
};

for (const [said, act] of Object.entries(DAMAGES)) {
  Deno.test(`verifyArena() finds that ${said}`, () => {
    assertThrows(damage(act), Error, said);
  });
}
