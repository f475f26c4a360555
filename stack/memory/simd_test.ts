import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type BulkChecksummer, MAXIMUM_SUM_BYTES } from "./checksummer.ts";
import { PacketMemory } from "./packet_memory.ts";
import { PlainBulkChecksummer } from "./plain.ts";
import { createChecksummer, createSimdChecksummer } from "./simd.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";

/** RFC 1071 section 1, word by word: in network order, a zero behind an odd length. */
function sumOf(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let index = 0; index < length; index++) {
    sum += index % 2 === 0 ? bytes[at + index] * 256 : bytes[at + index];
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

const ALIGNMENTS = 16;
const SHORT = 300;
const LONG = 65535;

/** Runs a test with vectors and without; a machine without vectors fails it. */
function eachKind(
  name: string,
  body: (checksummer: BulkChecksummer, memory: PacketMemory, random: Random) => void,
): void {
  const kinds = {
    "by vectors": (memory: PacketMemory) => createSimdChecksummer(memory.memory)!,
    "in plain TypeScript": (memory: PacketMemory) => new PlainBulkChecksummer(memory),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    Deno.test(
      `${name}, ${kind}`,
      withSeed((random) => {
        const memory = new PacketMemory(1 << 20);
        memory.bytes.set(random.bytes(memory.length));
        body(make(memory), memory, random);
      }),
    );
  }
}

eachKind("sum() is RFC 1071's at every alignment and length", (checksummer, { bytes }) => {
  for (let at = 0; at < ALIGNMENTS; at++) {
    for (let length = 0; length <= SHORT; length++) {
      assertEquals(checksummer.sum(at, length), sumOf(bytes, at, length), `${length} at ${at}`);
    }
  }
});

eachKind("sum() is RFC 1071's for long ranges anywhere", (checksummer, { bytes }, random) => {
  for (let round = 0; round < scale(50, 1000); round++) {
    const length = random.integer(0, LONG);
    const at = random.integer(0, bytes.length - length);
    assertEquals(checksummer.sum(at, length), sumOf(bytes, at, length), `${length} at ${at}`);
  }
});

eachKind("sum() loses no carry of the largest words", (checksummer, { bytes }) => {
  bytes.fill(0xff, 0, MAXIMUM_SUM_BYTES + 2);
  for (const at of [0, 1, 2]) {
    for (const length of [1, 2, 15, 16, 17, 63, 64, 65, LONG, MAXIMUM_SUM_BYTES]) {
      assertEquals(checksummer.sum(at, length), length % 2 === 0 ? 0xffff : 0xff00, `${length}`);
    }
  }
});

eachKind("sum() is 0 for zeros only", (checksummer, { bytes }) => {
  bytes.fill(0, 0, 1000);
  assertEquals(checksummer.sum(3, 0), 0);
  assertEquals(checksummer.sum(3, 900), 0);
  bytes[4] = 1;
  assertEquals(checksummer.sum(3, 900), 1);
  bytes.set([0xff, 0xff], 3);
  assertEquals(checksummer.sum(3, 900), 0xffff);
});

eachKind("copy() copies exactly the range, where the two overlap, too", (checksummer, memory) => {
  const { bytes } = memory;
  for (const distance of [-40, -17, -16, -1, 0, 1, 8, 16, 33, 5000]) {
    for (const length of [0, 1, 7, 16, 31, 200]) {
      const expected = new Uint8Array(bytes);
      expected.copyWithin(1000 + distance, 1000, 1000 + length);
      checksummer.copy(1000 + distance, 1000, length);
      assertEquals(bytes.subarray(0, 8000), expected.subarray(0, 8000), `${length} by ${distance}`);
    }
  }
});

eachKind("copyAndSum() copies and sums from any alignment to any", (checksummer, memory) => {
  const { bytes } = memory;
  const [target, guard] = [4096, 32];
  for (let from = 0; from < ALIGNMENTS; from++) {
    for (let length = 0; length <= SHORT; length++) {
      const expected = sumOf(bytes, from, length);
      for (let to = target; to < target + ALIGNMENTS; to++) {
        bytes.fill(0xee, to - guard, to + length + guard);
        const isRight = checksummer.copyAndSum(to, from, length) === expected &&
          isCopied(bytes, to, from, length, guard);
        assert(isRight, `${length} bytes from ${from} to ${to}`);
      }
    }
  }
});

/** Whether the range is copied, and all bytes around it are as they were. */
function isCopied(
  bytes: Uint8Array,
  to: number,
  from: number,
  length: number,
  guard: number,
): boolean {
  for (let index = -guard; index < length + guard; index++) {
    const isInside = index >= 0 && index < length;
    if (bytes[to + index] !== (isInside ? bytes[from + index] : 0xee)) return false;
  }
  return true;
}

eachKind("copyAndSum() copies and sums long ranges", (checksummer, { bytes }, random) => {
  for (let round = 0; round < scale(20, 500); round++) {
    const length = random.integer(0, LONG);
    const from = random.integer(0, 100);
    const to = random.integer(200_000, 200_100);
    assertEquals(checksummer.copyAndSum(to, from, length), sumOf(bytes, from, length));
    assertEquals(bytes.subarray(to, to + length), bytes.subarray(from, from + length));
  }
});

Deno.test("by vectors, what is too long or outside the memory throws", () => {
  const memory = new PacketMemory(1 << 20);
  const checksummer = createSimdChecksummer(memory.memory)!;
  const { RuntimeError } = WebAssembly;
  assertThrows(() => checksummer.sum(0, MAXIMUM_SUM_BYTES + 1), RuntimeError, "unreachable");
  assertThrows(() => checksummer.sum(0, -1), RuntimeError, "unreachable");
  assertThrows(() => checksummer.copyAndSum(0, 0, -1), RuntimeError, "unreachable");
  for (const length of [1, 2, 4, 16, 64, 1000]) {
    const at = memory.length - length;
    checksummer.sum(at, length);
    assertThrows(() => checksummer.sum(at + 1, length), RuntimeError, "out of bounds");
    assertThrows(() => checksummer.copy(at + 1, 0, length), RuntimeError, "out of bounds");
    assertThrows(() => checksummer.copyAndSum(at + 1, 0, length), RuntimeError, "out of bounds");
  }
});

Deno.test("where WebAssembly refuses vectors, a plain checksummer takes their place", async () => {
  const memory = new PacketMemory(65536);
  const { validate } = WebAssembly;
  WebAssembly.validate = () => false;
  try {
    // A module of its own: this one has compiled its code already.
    const simd = await import("./simd.ts?without_vectors");
    assertEquals(simd.createSimdChecksummer(memory.memory), null);
    const plain = simd.createChecksummer(memory.memory, memory);
    memory.bytes.set([0x12, 0x34, 0x56], 1);
    assertEquals(plain.copyAndSum(100, 1, 3), 0x1234 + 0x5600);
    assertEquals(memory.bytes[102], 0x56);
  } finally {
    WebAssembly.validate = validate;
  }
  assertNotEquals(createSimdChecksummer(memory.memory), null);
  assertEquals(createChecksummer(memory.memory, memory).sum(1, 3), 0x1234 + 0x5600);
});
