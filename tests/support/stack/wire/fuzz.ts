/**
 * What every reader of packets has to stand: random bytes, golden packets with bytes changed, and
 * golden packets cut off at every length.
 *
 * @module
 */

import { assert } from "@std/assert";
import fc from "fast-check";
import { Fault, FAULT_COUNT, faultName } from "../../../../stack/wire/fault.ts";
import type { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";
import { scale, SEED } from "../../seed.ts";
import { guardedPackets } from "./guarded.ts";

/** A packet to start from. */
export interface Seed {
  /** Everything that may be read, such as from the IP header to the end. */
  readonly bytes: Uint8Array;
  /** Where in it the protocol begins. */
  readonly at: number;
}

/** A reader of packets. */
export interface Reader {
  readonly seeds: readonly Seed[];
  /** Bytes that random packets begin with, so that they get past the first look. */
  readonly starts?: readonly (readonly number[])[];
  /** @param ipAt where the window begins */
  check(packets: PacketBytes, at: number, length: number, ipAt: number): number;
  /** Reads all of a packet that `check` found nothing wrong with. */
  read(packets: PacketBytes, at: number, length: number, ipAt: number): unknown;
}

/**
 * What fuzzing saw: a fault that never occurs was not tested. It is the same in every run as far as
 * {@linkcode FIRST_SEED} goes, so that a test may ask for a fault by name.
 */
export interface Seen {
  readonly good: number;
  readonly faults: ReadonlySet<string>;
}

/** The longest random packet. */
const RANDOM_BYTES = 160;

/** What every run begins with; what follows is from this run's own seed. */
const FIRST_SEED = 1;

/**
 * Proves that a reader never throws and never reads outside of its packet.
 *
 * @param reader The reader.
 * @returns What it said.
 */
export function fuzz(reader: Reader): Seen {
  const counts = new Int32Array(FAULT_COUNT);
  const run = (bytes: Uint8Array, at: number, before: number) => {
    const packets = guardedPackets(bytes, before);
    const length = bytes.length - at;
    const fault = reader.check(packets, before + at, length, before);
    assert(fault >= 0 && fault < FAULT_COUNT, `a fault ${fault}`);
    counts[fault]++;
    if (fault === Fault.NONE) reader.read(packets, before + at, length, before);
  };
  for (const { bytes, at } of reader.seeds) {
    for (let length = at; length <= bytes.length; length++) run(bytes.subarray(0, length), at, 3);
  }
  for (const seed of [FIRST_SEED, SEED]) {
    fc.assert(
      fc.property(mutations(reader.seeds), fc.nat(9), ({ bytes, at }, before) => {
        run(bytes, at, before);
      }),
      { seed, numRuns: scale(3000, 200_000) },
    );
    fc.assert(
      fc.property(randoms(reader), fc.nat(9), ({ bytes, at }, before) => run(bytes, at, before)),
      { seed, numRuns: scale(1000, 50_000) },
    );
  }
  const faults = [...counts.keys()].filter((fault) => counts[fault] > 0).map(faultName);
  return { good: counts[Fault.NONE], faults: new Set(faults) };
}

/** Golden packets with some bytes changed, taken out, put in or cut off. */
function mutations(seeds: readonly Seed[]): fc.Arbitrary<Seed> {
  const edit = fc.record({
    kind: fc.constantFrom("set", "set", "set", "flip", "remove", "insert"),
    where: fc.nat(0xffff),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff)),
  });
  const keep = fc.oneof(fc.constant(0xffff), fc.nat(0xffff));
  return fc.tuple(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 5 }), keep).map(
    ([{ bytes, at }, edits, rest]) => {
      const list = [...bytes];
      for (const { kind, where, byte } of edits) {
        const i = where % list.length;
        if (kind === "set") list[i] = byte;
        else if (kind === "flip") list[i] ^= 1 << (byte & 7);
        else if (kind === "insert") list.splice(Math.max(i, at), 0, byte);
        else if (list.length > at + 1) list.splice(Math.max(i, at), 1);
      }
      const length = rest === 0xffff ? list.length : at + rest % (list.length - at + 1);
      return { bytes: new Uint8Array(list.slice(0, length)), at };
    },
  );
}

function randoms({ seeds, starts = [[]] }: Reader): fc.Arbitrary<Seed> {
  const bytes = fc.uint8Array({ maxLength: RANDOM_BYTES, size: "max" });
  return fc.tuple(fc.constantFrom(...seeds), fc.constantFrom(...starts), bytes).map(
    ([seed, start, rest]) => ({
      bytes: new Uint8Array([...seed.bytes.subarray(0, seed.at), ...start, ...rest]),
      at: seed.at,
    }),
  );
}
