import { assertEquals, assertThrows } from "@std/assert";
import { type CounterNames, Counters, Statistics } from "./statistics.ts";
import { Fault } from "./wire/fault.ts";

const Link = { RECEIVED: 0, BYTES: 1, DROPPED: 2 } as const;
const Groups = { link: Link, faults: Fault } as const;

Deno.test("counters start at zero and show what was added, by group and name", () => {
  const statistics = new Statistics(Groups);
  const { link, faults } = statistics.groups;
  link.add(Link.RECEIVED);
  link.add(Link.RECEIVED);
  link.add(Link.BYTES, 2 ** 40);
  faults.add(Fault.TCP_CHECKSUM);
  assertEquals(link.snapshot(), { RECEIVED: 2, BYTES: 2 ** 40, DROPPED: 0 });
  const shown = statistics.snapshot();
  assertEquals(shown.link, link.snapshot());
  assertEquals(shown.faults.TCP_CHECKSUM, 1);
  assertEquals(Object.keys(shown.faults), Object.keys(Fault));
  assertEquals(Object.values(shown.faults).reduce((sum, count) => sum + count, 0), 1);
});

Deno.test("a snapshot does not change when counting goes on", () => {
  const statistics = new Statistics(Groups);
  const before = statistics.snapshot();
  statistics.groups.link.add(Link.DROPPED);
  assertEquals(before.link.DROPPED, 0);
});

Deno.test("counters in shared memory are seen by whoever has the memory and the names", () => {
  const buffer = new SharedArrayBuffer(64 + Statistics.bytesOf(Groups));
  const [writer, reader] = [new Statistics(Groups, buffer, 64), new Statistics(Groups, buffer, 64)];
  writer.groups.link.add(Link.BYTES, 1500);
  writer.groups.faults.add(Fault.NONE, 3);
  assertEquals(reader.snapshot(), writer.snapshot());
  assertEquals(reader.snapshot().link.BYTES, 1500);
  assertEquals(new Float64Array(buffer).slice(0, 8), new Float64Array(8));
});

Deno.test("names with gaps, or two of one number, are refused", () => {
  const wrong: CounterNames[] = [{ A: 1 }, { A: 0, B: 0 }, { A: 0, B: 2 }];
  for (const names of wrong) {
    assertThrows(() => new Statistics({ names }), RangeError, "without gaps");
  }
  assertThrows(() => new Counters({ A: 0 }, new Float64Array(2)), RangeError, "without gaps");
});
