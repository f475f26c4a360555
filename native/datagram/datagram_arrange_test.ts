import { assert, assertEquals } from "@std/assert";
import { arrange } from "./datagram_arrange.ts";
import { Destinations } from "./datagram_destinations.ts";
import type { DatagramToSend } from "./datagram_jobs.ts";
import { ScriptedUdp } from "../../tests/support/scripted_udp.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";

const DATA = new Uint8Array(1);

function batchOf(ports: readonly number[]): DatagramToSend[] {
  return ports.map((port) => ({ data: DATA, to: port === 0 ? "nonsense" : `127.0.0.1:${port}` }));
}

function destinations(): Destinations {
  return new Destinations(new ScriptedUdp().endpoint, "IPv4", "udp");
}

Deno.test("batches in runs, and to one place, are left as they are", () => {
  for (const ports of [[1], [1, 1, 1], [1, 1, 1, 2, 2], []]) {
    assertEquals(arrange(batchOf(ports), destinations()), null);
  }
});

Deno.test("a batch to as many places as it has datagrams is not moved", () => {
  const found = arrange(batchOf([1, 2, 3, 4]), destinations())!;
  assertEquals(found.places, null);
  assertEquals(
    found.targets.map((target) => target?.text),
    [1, 2, 3, 4].map((port) => `127.0.0.1:${port}`),
  );
});

Deno.test(
  "datagrams to one place come together, in their order, and places tell where they were",
  withSeed((random) => {
    const known = destinations();
    for (let round = 0; round < scale(200, 5000); round++) {
      const ports = Array.from({ length: random.integer(3, 200) }, () => random.integer(0, 9));
      const batch = batchOf(ports);
      const found = arrange(batch, known);
      if (found === null || found.places === null) continue;
      const { items, places, targets } = found;
      assertEquals([...places].sort((a, b) => a - b), ports.map((_, index) => index));
      assertEquals(items, [...places].map((place) => batch[place]));
      const lasts = new Map<unknown, number>();
      let runs = 0;
      for (const [index, place] of places.entries()) {
        const target = targets[index];
        assertEquals(target === null, ports[place] === 0);
        if (target === null) continue;
        assertEquals(target.text, `127.0.0.1:${ports[place]}`);
        assert(place > (lasts.get(target) ?? -1), "the order of one place was kept");
        lasts.set(target, place);
        if (targets[index - 1] !== target) runs++;
      }
      assertEquals(runs, new Set(ports.filter((port) => port > 0)).size);
    }
  }),
);
