import { assert, assertEquals } from "@std/assert";
import { type Acknowledgement, WINDOW_BLOCKS } from "./protocol.ts";
import { SendWindow } from "./send_window.ts";
import { withSeed } from "../../tests/support/seed.ts";

function ack(fields: Partial<Acknowledgement>): Acknowledgement {
  return { next: 0, edge: 100, reached: 0, duplicates: 0, bitmap: new Uint8Array(), ...fields };
}

/** A window of which the first blocks have left, one each millisecond. */
function sent(blocks: number): SendWindow {
  const window = new SendWindow();
  window.edge = WINDOW_BLOCKS;
  for (let block = 0; block < blocks; block++) window.leaves(block, block);
  return window;
}

Deno.test("what well later ones have overtaken is lost, and leaves again once", () => {
  const window = sent(10);
  // Blocks 0, 2, 3 and 4 have arrived: block 1 was overtaken by three.
  const progress = window.acknowledged(
    ack({ next: 1, reached: 5, bitmap: Uint8Array.of(14) }),
    9,
    50,
  );
  assertEquals(progress, { arrived: 4, lost: 1, roundTripMs: 5 });
  assertEquals([window.base, window.inFlight], [1, 5]);
  assertEquals([window.takeLost(), window.takeLost()], [1, undefined]);
});

Deno.test("what was overtaken by a little, or not yet for long, is not lost", () => {
  const window = sent(10);
  const early = window.acknowledged(ack({ next: 1, reached: 4, bitmap: Uint8Array.of(6) }), 9, 50);
  assertEquals(early!.lost, 0);
  const late = window.acknowledged(ack({ next: 1, reached: 4, bitmap: Uint8Array.of(6) }), 90, 50);
  assertEquals(late, { arrived: 0, lost: 1, roundTripMs: undefined });
});

Deno.test("a retransmission that is lost is found out, too", () => {
  const window = sent(10);
  window.acknowledged(ack({ next: 1, reached: 5, bitmap: Uint8Array.of(14) }), 9, 50);
  assertEquals(window.leaves(window.takeLost()!, 9), 10);
  for (let block = 10; block < 14; block++) window.leaves(block, 10);
  const bitmap = Uint8Array.of(0xfe, 0x1f);
  const progress = window.acknowledged(ack({ next: 1, reached: 15, bitmap }), 20, 50);
  assertEquals(progress, { arrived: 9, lost: 1, roundTripMs: 10 });
  assertEquals(window.takeLost(), 1);
});

Deno.test("what arrives after all does not leave again", () => {
  const window = sent(10);
  window.acknowledged(ack({ next: 1, reached: 5, bitmap: Uint8Array.of(14) }), 9, 50);
  const progress = window.acknowledged(ack({ next: 5, reached: 5 }), 10, 50);
  assertEquals(progress, { arrived: 1, lost: 0, roundTripMs: undefined });
  assertEquals(window.takeLost(), undefined);
});

Deno.test("a path that reorders is given more patience", () => {
  const window = sent(40);
  const first = ack({ next: 1, reached: 5, duplicates: 1, bitmap: Uint8Array.of(14) });
  assertEquals(window.acknowledged(first, 9, 50)!.lost, 0);
  const second = ack({ next: 1, reached: 9, duplicates: 1, bitmap: Uint8Array.of(0xfe) });
  assertEquals(window.acknowledged(second, 9, 50)!.lost, 1);
});

Deno.test("acknowledgements that cannot be true change nothing", () => {
  const window = sent(10);
  for (
    const forged of [
      { next: 11 },
      { reached: 11 },
      { next: 2 ** 32 - 1, reached: 2 ** 32 - 1 },
      { bitmap: new Uint8Array(1000).fill(0xff) },
    ]
  ) {
    assertEquals(window.acknowledged(ack(forged), 20, 50), undefined);
  }
  assertEquals([window.base, window.arrived, window.inFlight], [0, 0, 10]);
});

Deno.test("after a silence the first block tells what became of the others", () => {
  const window = sent(10);
  assertEquals(window.probe(), 0);
  assertEquals(window.leaves(0, 300), 10);
  assertEquals(window.acknowledged(ack({ next: 1, reached: 11 }), 301, 50)!.lost, 9);
});

Deno.test(
  "through any loss and order every block arrives, and the counts agree",
  withSeed((random) => {
    const blocks = 3 * WINDOW_BLOCKS;
    const window = new SendWindow();
    const has = new Uint8Array(blocks);
    let [next, highest, reached, duplicates, now] = [0, 0, 0, 0, 0];
    let path: [number, number][] = [];
    while (window.base < blocks) {
      assert(++now < 100_000, `stuck at block ${window.base}`);
      window.edge = Math.min(blocks, next + WINDOW_BLOCKS);
      for (let count = random.integer(0, 400); count > 0 && window.hasRoom; count--) {
        const end = Math.min(window.edge, window.base + WINDOW_BLOCKS);
        const block = window.takeLost() ?? (window.next < end ? window.next : window.probe());
        if (block !== undefined) path.push([block, window.leaves(block, now)]);
      }
      if (random.chance(0.3)) random.shuffle(path);
      for (const [block, transmission] of path) {
        if (random.chance(0.2)) continue;
        reached = Math.max(reached, transmission + 1);
        duplicates += has[block];
        has[block] = 1;
        highest = Math.max(highest, block + 1);
      }
      path = [];
      while (next < blocks && has[next] === 1) next++;
      const bitmap = new Uint8Array(Math.ceil(Math.max(0, highest - next) / 8));
      for (let block = next; block < highest; block++) {
        bitmap[(block - next) >> 3] |= has[block] << ((block - next) & 7);
      }
      if (random.chance(0.2)) continue;
      const told = { next, edge: window.edge, reached, duplicates, bitmap };
      assert(window.acknowledged(told, now, 1) !== undefined);
      assertEquals(window.arrived, has.reduce((sum, one) => sum + one, 0));
      assert(window.inFlight >= 0 && window.inFlight <= WINDOW_BLOCKS);
    }
    assertEquals([window.arrived, window.inFlight], [blocks, 0]);
  }),
);
