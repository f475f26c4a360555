/**
 * What the stack's memory costs each packet: sums and copies, by vectors and in plain TypeScript,
 * and packets taken and given back. Where a name says how many, divide by that.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import {
  PacketArena,
  PacketMemory,
  PlainBulkChecksummer,
  sizeClasses,
  sliceChain,
} from "../stack/memory/mod.ts";

printMachine();

/** An acknowledgement's headers, a segment of Ethernet, and the longest packet. */
const LENGTHS = [40, 1460, 65536];
/** Calls for each run: the clock that measures costs more than one. */
const BATCH = 100;
/** Behind an Ethernet header nothing is aligned. */
const FROM = 64 + 14;
const TO = 1 << 19;

const memory = new PacketMemory(1 << 20);
for (let at = 0; at < memory.length; at++) memory.bytes[at] = at * 131 + 7;
const vectors = memory.checksummer;
const plain = new PlainBulkChecksummer(memory);
if (vectors instanceof PlainBulkChecksummer) console.log("no vectors here: both are the same");

let sum = 0;

for (const length of LENGTHS) {
  const group = `${length} bytes`;
  const bench = (name: string, call: () => void, baseline = false) =>
    Deno.bench({
      name: `${BATCH} x ${name} of ${length} bytes`,
      group,
      baseline,
      fn() {
        for (let count = 0; count < BATCH; count++) call();
      },
    });
  bench("sum, by vectors", () => sum ^= vectors.sum(FROM, length), true);
  bench("sum, plain", () => sum ^= plain.sum(FROM, length));
  bench("copy, by WebAssembly", () => vectors.copy(TO, FROM, length));
  bench("copy, plain", () => plain.copy(TO, FROM, length));
  bench("copy and sum, by vectors", () => sum ^= vectors.copyAndSum(TO, FROM, length));
  bench("copy, then sum, by vectors", () => {
    vectors.copy(TO, FROM, length);
    sum ^= vectors.sum(TO, length);
  });
  bench("copy and sum, plain", () => sum ^= plain.copyAndSum(TO, FROM, length));
}

const arena = new PacketArena({
  classes: sizeClasses({ small: 1024, medium: 1024, large: 16 }),
  slices: 1024,
});
const taken = new Int32Array(BATCH);

Deno.bench({
  name: `${BATCH} x take and release`,
  group: "packets",
  baseline: true,
  fn() {
    for (let count = 0; count < BATCH; count++) arena.release(arena.take(1460));
  },
});

Deno.bench({
  name: `${BATCH} x take, then ${BATCH} x release`,
  group: "packets",
  fn() {
    for (let count = 0; count < BATCH; count++) taken[count] = arena.take(1460);
    for (let count = 0; count < BATCH; count++) arena.release(taken[count]);
  },
});

Deno.bench({
  name: `${BATCH} x take, three headers in front, and release`,
  group: "packets",
  fn() {
    for (let count = 0; count < BATCH; count++) {
      const packet = arena.take(1460);
      arena.prepend(packet, 20);
      arena.prepend(packet, 20);
      arena.prepend(packet, 14);
      arena.release(packet);
    }
  },
});

const payload = arena.take(64_000);

Deno.bench({
  name: `44 segments of 1460 bytes, headers and a slice each, of one payload`,
  group: "packets",
  fn() {
    for (let offset = 0; offset + 1460 <= 64_000; offset += 1460) {
      const packet = arena.take(0);
      arena.prepend(packet, 54);
      arena.append(packet, sliceChain(arena, payload, offset, 1460));
      arena.release(packet);
    }
  },
});
