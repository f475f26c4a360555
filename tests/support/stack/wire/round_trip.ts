/**
 * `parse(emit(x))` is `x`, and `emit(parse(y))` is `y`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Fault, faultName } from "../../../../stack/wire/fault.ts";
import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";
import { scale, SEED } from "../../seed.ts";

/** A protocol by its three functions. */
export interface Codec<Meaning> {
  emit(packets: PacketBytes, at: number, meaning: Meaning): number;
  parse(packets: PacketBytes, at: number, length: number): Meaning;
  /** Judges what was emitted; what follows it is 0. */
  check?(packets: PacketBytes, at: number, length: number): number;
  /** The bytes that emitting takes, where the protocol tells. */
  emittedBytes?(meaning: Meaning): number;
  /** The bytes that are there behind what was emitted. */
  readonly payload?: number;
}

const ROOM = 4096;

/**
 * Proves that meanings survive the wire, and that writing them leaves no byte as it was.
 *
 * @param arbitrary Meanings.
 * @param codec How they are written and read.
 */
export function assertRoundTrips<Meaning>(
  arbitrary: fc.Arbitrary<Meaning>,
  codec: Codec<Meaning>,
): void {
  const property = fc.property(arbitrary, fc.nat(5), (meaning, at) => {
    const { payload = 0 } = codec;
    const [bytes, length] = emitOver(codec, meaning, at, 0x00);
    const [again, againLength] = emitOver(codec, meaning, at, 0xff);
    assertEquals(length, againLength);
    const wire = bytes.bytes.slice(at, at + length);
    assertEquals(wire, again.bytes.slice(at, at + length), "every byte is written");
    assertEquals(again.bytes.subarray(0, at).every((byte) => byte === 0xff), true);
    assertEquals(again.bytes.subarray(at + length).every((byte) => byte === 0xff), true);
    if (codec.emittedBytes !== undefined) assertEquals(codec.emittedBytes(meaning), length);
    if (codec.check !== undefined) {
      const fault = codec.check(bytes, at, length + payload);
      assertEquals(faultName(fault), faultName(Fault.NONE));
    }
    const parsed = codec.parse(bytes, at, length + payload);
    assertEquals(parsed, meaning);
    const [third] = emitOver(codec, parsed, at, 0x00);
    assertEquals(third.bytes.slice(at, at + length), wire);
  });
  fc.assert(property, { seed: SEED, numRuns: scale(500, 20_000) });
}

function emitOver<Meaning>(
  codec: Codec<Meaning>,
  meaning: Meaning,
  at: number,
  fill: number,
): [PacketBytes, number] {
  const packets = new PacketBytes(new ArrayBuffer(ROOM));
  packets.bytes.fill(fill);
  return [packets, codec.emit(packets, at, meaning)];
}
