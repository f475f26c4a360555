import { assert, assertEquals } from "@std/assert";
import { IpHarness, pattern } from "../../tests/support/stack/ip.ts";
import { withSeed } from "../../tests/support/seed.ts";
import { cutBack, ownHead, pullUp } from "./chain_head.ts";

const DATA = pattern(900);

Deno.test("what is asked for lies in the first segment, however the chain was cut", () => {
  for (const segments of [[], [1], [100, 100], [10, 10, 10, 10, 10], [899]]) {
    for (const bytes of [0, 1, 60, 256, 900]) {
      const harness = new IpHarness();
      const { arena, packets } = harness.environment;
      const packet = harness.packet(DATA, ...segments);
      packets.network[packet] = arena.start(packet);
      packets.transport[packet] = arena.start(packet) + 20;
      packets.flags[packet] = 5;
      const first = pullUp(arena, packets, packet, bytes);
      assert(first >= 0 && arena.length(first) >= bytes);
      assertEquals(harness.bytesOf(first), DATA);
      assertEquals(packets.transport[first] - packets.network[first], 20);
      assertEquals([packets.network[first], packets.flags[first]], [arena.start(first), 5]);
      arena.release(first);
      harness.assertClean();
    }
  }
});

Deno.test("a chain that others hold is brought together in a packet of its own", () => {
  const harness = new IpHarness();
  const { arena, packets } = harness.environment;
  const packet = harness.packet(DATA, 10, 20);
  arena.retain(packet);
  const first = pullUp(arena, packets, packet, 200);
  assert(first !== packet);
  for (const one of [first, packet]) {
    assertEquals(harness.bytesOf(one), DATA);
    arena.release(one);
  }
  harness.assertClean();
});

Deno.test("headers become the caller's own, and others see none of what is written", () => {
  const harness = new IpHarness();
  const { arena, packets } = harness.environment;
  const alone = harness.packet(DATA);
  assertEquals(ownHead(arena, packets, alone, 40), alone);
  arena.release(alone);
  for (const how of ["retained", "sliced", "a slice"] as const) {
    const packet = harness.packet(DATA, 300);
    let given = packet;
    let other = packet;
    if (how === "retained") arena.retain(packet);
    else if (how === "sliced") other = arena.slice(packet, 0, 300);
    else {
      given = arena.slice(packet, 0, 300);
      arena.append(given, harness.packet(DATA.slice(300)));
    }
    const first = ownHead(arena, packets, given, 40);
    assertEquals(harness.bytesOf(first), DATA);
    arena.memory.bytes.fill(0, arena.start(first), arena.start(first) + 40);
    assertEquals(harness.bytesOf(other).slice(0, 300), DATA.slice(0, 300), how);
    arena.release(first);
    arena.release(other);
    harness.assertClean();
  }
});

Deno.test("a header that is all there is becomes the caller's own as well", () => {
  const harness = new IpHarness();
  const { arena, packets } = harness.environment;
  const packet = harness.packet(DATA.slice(0, 40));
  arena.retain(packet);
  const first = ownHead(arena, packets, packet, 40);
  assertEquals(harness.bytesOf(first), DATA.slice(0, 40));
  for (const one of [first, packet]) arena.release(one);
  harness.assertClean();
});

Deno.test(
  "what is behind a number of bytes is cut off",
  withSeed((random) => {
    for (let round = 0; round < 300; round++) {
      const harness = new IpHarness();
      const { arena, packets } = harness.environment;
      const segments = Array.from({ length: random.integer(0, 4) }, () => random.integer(1, 300));
      const packet = harness.packet(DATA, ...segments);
      const isHeld = random.integer(0, 1) === 0;
      if (isHeld) arena.retain(packet);
      const bytes = random.integer(1, DATA.length);
      const first = cutBack(arena, packets, packet, bytes);
      assertEquals(harness.bytesOf(first), DATA.slice(0, bytes));
      if (isHeld) {
        assertEquals(harness.bytesOf(packet), DATA);
        arena.release(packet);
      }
      arena.release(first);
      harness.assertClean();
    }
  }),
);

Deno.test("without memory the chain is released, and the caller told", () => {
  const harness = new IpHarness({}, 1, 0);
  const { arena, packets } = harness.environment;
  const hoard: number[] = [];
  const packet = harness.packet(DATA, 10, 20);
  arena.retain(packet);
  for (let taken = 0; (taken = arena.take(10)) >= 0;) hoard.push(taken);
  for (let taken = 0; (taken = arena.take(1000)) >= 0;) hoard.push(taken);
  for (const call of [pullUp, ownHead, cutBack]) {
    arena.retain(packet);
    assertEquals(call(arena, packets, packet, 15), -1);
  }
  arena.release(packet);
  for (const taken of [...hoard, packet]) {
    if (arena.references(taken) > 0) arena.release(taken);
  }
  harness.assertClean();
});
