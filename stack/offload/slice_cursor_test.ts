import { assertEquals } from "@std/assert";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import { bytesOf } from "../../tests/support/stack/segments.ts";
import { withSeed } from "../../tests/support/seed.ts";
import { PacketArena, sizeClasses, takenPackets } from "../memory/mod.ts";
import { SliceCursor } from "./slice_cursor.ts";

Deno.test(
  "slices of any lengths, one behind the other, are the chain",
  withSeed((random) => {
    const environment = makeEnvironment();
    const { arena } = environment;
    for (let turn = 0; turn < 200; turn++) {
      let first = -1;
      for (let piece = random.integer(1, 5); piece > 0; piece--) {
        const packet = arena.take(random.integer(0, 100));
        const at = arena.start(packet);
        arena.memory.bytes.set(random.bytes(arena.length(packet)), at);
        if (first < 0) first = packet;
        else arena.append(first, packet);
      }
      const whole = bytesOf(environment, first);
      const skip = random.integer(0, whole.length);
      const cursor = new SliceCursor(arena);
      cursor.begin(first, skip);
      const seen: number[] = [];
      for (let left = whole.length - skip; left > 0;) {
        const bytes = random.integer(1, left);
        const slice = cursor.take(bytes);
        seen.push(...bytesOf(environment, slice));
        arena.release(slice);
        left -= bytes;
      }
      assertEquals(seen, [...whole.subarray(skip)]);
      arena.release(first);
    }
    assertEquals(takenPackets(arena), []);
  }),
);

Deno.test("where slices run out, none is kept", () => {
  const classes = sizeClasses({ small: 4, medium: 0, large: 0 });
  const arena = new PacketArena({ classes, slices: 1 });
  const packet = arena.take(10);
  arena.append(packet, arena.take(10));
  const cursor = new SliceCursor(arena);
  cursor.begin(packet, 0);
  assertEquals(cursor.take(20), -1);
  arena.release(packet);
  assertEquals(takenPackets(arena), []);
});
