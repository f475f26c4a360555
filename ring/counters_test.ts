import { assert, assertEquals } from "@std/assert";
import { Counter, Counters } from "./counters.ts";
import { layRing, laySideRing } from "./geometry.ts";
import { RingMemory } from "./memory.ts";
import { SMALL_PLAN } from "../tests/support/ring.ts";

Deno.test("counters are seen by another thread that has the memory", () => {
  const memory = RingMemory.create(SMALL_PLAN);
  const counters = new Counters(memory);
  const seen = new Counters(RingMemory.attach(memory.handle()));
  counters.add(Counter.bytesSent, 2 ** 40);
  counters.add(Counter.bytesSent, 1);
  counters.add(Counter.sockets, -1);
  assertEquals(seen.values[Counter.bytesSent], 2 ** 40 + 1);
  assertEquals(seen.values[Counter.sockets], -1);
});

Deno.test("each counter has a place of its own, apart from the rings' words", () => {
  const places = Object.values(Counter);
  assertEquals(new Set(places).size, places.length);
  assertEquals(Math.max(...places), places.length - 1);
  for (const address of [0, 1, 16, 4095]) {
    const memory = RingMemory.create(SMALL_PLAN, () => 0x7f00_0000_0000 + address);
    const { values } = new Counters(memory);
    const words = [layRing(memory), laySideRing(memory)].map(({ cqOverflow }) => cqOverflow * 4);
    assert(values.byteOffset > Math.max(...words) + 3, "it overlaps a ring's header");
    assert(values.byteOffset + values.byteLength <= memory.at.rings, "it leaves the page");
  }
});
