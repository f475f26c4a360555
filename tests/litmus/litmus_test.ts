import { assert, assertEquals } from "@std/assert";
import { PortTable } from "../../drivers/stack/shards/port_table.ts";
import { type PacketPlan, PacketRing } from "../../ring/packet_ring.ts";
import { NEAR_2_31, NEAR_2_32, ringAt } from "../support/ring.ts";
import { scale, withSeed } from "../support/seed.ts";
import { type Findings, runPair } from "./participants.ts";

const LIMIT_MS = scale(60_000, 1_800_000);

function assertNothingForbidden(findings: readonly Findings[]): void {
  assertEquals(findings.flatMap(({ violations }) => violations), []);
}

function print(findings: readonly Findings[]): void {
  for (const { counts } of findings) {
    const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    console.log(parts.join(", "));
  }
}

Deno.test(
  "store buffering: whoever sleeps sees what was published, or is seen sleeping",
  withSeed(async () => {
    const rounds = scale(10_000, 1_000_000);
    const findings = await runPair({ program: "storeBuffering", rounds, limitMs: LIMIT_MS });
    print(findings);
    assertNothingForbidden(findings);
  }),
);

Deno.test(
  "message passing: an entry is visible as a whole once its tail is",
  withSeed(async () => {
    const rounds = scale(100_000, 1_000_000);
    const findings = await runPair({ program: "messagePassing", rounds, limitMs: LIMIT_MS });
    assertNothingForbidden(findings);
  }),
);

Deno.test(
  "coherence: index words are never seen to go back, also across 2^32",
  withSeed(async () => {
    const rounds = scale(1_000_000, 50_000_000);
    const findings = await runPair({ program: "coherence", rounds, limitMs: LIMIT_MS });
    print(findings);
    assertNothingForbidden(findings);
  }),
);

for (const isBroken of [false, true]) {
  Deno.test(
    isBroken
      ? "shards that have a port without a claim are caught having it together"
      : "of two shards that do not share a port only one ever has it",
    withSeed(async () => {
      const findings = await runPair({
        program: "claimPorts",
        rounds: scale(1_000_000, 30_000_000),
        sharedBytes: PortTable.allocate().byteLength,
        isBroken,
        limitMs: LIMIT_MS,
      });
      print(findings);
      const violations = findings.flatMap((found) => found.violations);
      assertEquals(violations.length > 0, isBroken, violations.join("\n"));
      if (isBroken) return;
      for (const { counts } of findings) assert(counts.refused > 0, "they never met");
    }),
  );
}

for (const [where, index] of [["2^31", NEAR_2_31], ["2^32", NEAR_2_32]] as const) {
  Deno.test(
    `two threads over one ring lose no entry, no completion and no wake-up, across ${where}`,
    withSeed(async () => {
      const { memory } = ringAt(index);
      const rounds = scale(8_000, 1_000_000);
      const findings = await runPair({
        program: "ring",
        rounds,
        ring: memory.handle(),
        limitMs: LIMIT_MS,
      });
      print(findings);
      assertNothingForbidden(findings);
      for (const { counts } of findings) {
        assert(counts.sleeps > 0, "both sides must have slept for this to mean anything");
        assertEquals(counts.lost, 0, "a wake-up was lost");
      }
    }),
  );
}

Deno.test(
  "a consumer that does not look once more before it sleeps is caught losing a wake-up",
  withSeed(async () => {
    const { memory } = ringAt(0);
    const findings = await runPair({
      program: "ring",
      rounds: scale(200_000, 200_000),
      ring: memory.handle(),
      isBroken: true,
      limitMs: LIMIT_MS,
    }).catch((error) => error as Error);
    assert(!(findings instanceof Error), String(findings));
    assert(findings[1].counts.lost > 0, "the test would not notice a lost wake-up");
  }),
);

/** A handful of slots and of blocks: both sides wait for each other all the time. */
const PACKETS: PacketPlan = { slots: 8, inlineBytes: 56, arenaBytes: 8192 };

for (const [where, index] of [["2^31", NEAR_2_31], ["2^32", NEAR_2_32]] as const) {
  Deno.test(
    `two threads over one packet ring lose no packet, no block and no wake-up, across ${where}`,
    withSeed(async () => {
      const findings = await runPair({
        program: "packets",
        rounds: scale(20_000, 1_000_000),
        packets: PacketRing.create(PACKETS, index).handle,
        limitMs: LIMIT_MS,
      });
      print(findings);
      assertNothingForbidden(findings);
      for (const { counts } of findings) {
        assert(counts.sleeps > 0, "both sides must have slept for this to mean anything");
        assertEquals(counts.lost, 0, "a wake-up was lost");
      }
    }),
  );
}

Deno.test(
  "a consumer of packets that does not look once more before it sleeps is caught",
  withSeed(async () => {
    const findings = await runPair({
      program: "packets",
      rounds: 1_000_000,
      packets: PacketRing.create(PACKETS).handle,
      isBroken: true,
      limitMs: LIMIT_MS,
    }).catch((error) => error as Error);
    assert(!(findings instanceof Error), String(findings));
    assert(findings[1].counts.lost > 0, "the test would not notice a lost wake-up");
  }),
);
