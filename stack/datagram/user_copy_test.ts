import { assertEquals } from "@std/assert";
import { FakeUser, makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { takenPackets } from "../memory/mod.ts";
import { copyFromUser, copyToUser, rangesBytes } from "./user_copy.ts";

/** Ranges that do not overlap, some of them empty. */
function randomRanges(random: Random, total: number): Int32Array {
  const ranges: number[] = [];
  let at = 0;
  for (let left = total; left > 0 || random.chance(0.3);) {
    const bytes = random.chance(0.2) ? 0 : random.integer(0, left);
    at += random.integer(0, 5);
    ranges.push(at, bytes);
    at += bytes;
    left -= bytes;
  }
  return Int32Array.from(ranges);
}

Deno.test(
  "what goes from ranges into a chain and back is the same, wherever the seams are",
  withSeed((random) => {
    const environment = makeEnvironment();
    const { arena } = environment;
    for (let turn = 0; turn < scale(500, 20_000); turn++) {
      const user = new FakeUser(environment);
      const total = random.integer(1, 400);
      const from = random.integer(0, 20);
      const data = random.bytes(from + total);
      const ranges = randomRanges(random, data.length);
      const count = ranges.length / 2;
      assertEquals(rangesBytes(ranges, count), data.length);
      let placed = 0;
      for (let range = 0; range < count; range++) {
        const bytes = ranges[2 * range + 1];
        user.bytes.set(data.subarray(placed, placed + bytes), ranges[2 * range]);
        placed += bytes;
      }
      const cut = random.integer(0, total);
      const packet = arena.take(cut);
      arena.append(packet, arena.take(total - cut));
      copyFromUser(arena, packet, user, ranges, count, from);
      user.bytes.fill(0);
      const skip = random.integer(0, total);
      const room = random.integer(0, total);
      const into = Int32Array.of(3, Math.min(room, 9), 50, Math.max(0, room - 9));
      const copied = copyToUser(arena, packet, skip, total - skip, user, into, 2);
      assertEquals(copied, Math.min(room, total - skip));
      const first = Math.min(copied, into[1]);
      const seen = [
        ...user.bytes.subarray(3, 3 + first),
        ...user.bytes.subarray(50, 50 + copied - first),
      ];
      assertEquals(seen, [...data.subarray(from + skip, from + skip + copied)]);
      arena.release(packet);
    }
    assertEquals(takenPackets(arena), []);
  }),
);
