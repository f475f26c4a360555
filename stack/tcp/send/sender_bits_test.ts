import { assertEquals } from "@std/assert";
import { SenderBits } from "./sender_bits.ts";

function numbersOf(bits: SenderBits): number[] {
  return [
    bits.peerWindowScale,
    bits.ecn,
    bits.markedPackets,
    bits.backoff,
    bits.reorderMultiplier,
    bits.reorderPersistence,
  ];
}

Deno.test("a sender begins with what RFC 9768 and RFC 8985 say", () => {
  assertEquals(numbersOf(new SenderBits()), [0, 0, 5, 0, 1, 0]);
});

Deno.test("numbers and bits that share a word do not touch each other", () => {
  const bits = new SenderBits();
  bits.peerWindowScale = 14;
  bits.ecn = 2;
  bits.markedPackets = 7;
  bits.backoff = 30;
  bits.reorderMultiplier = 255;
  bits.reorderPersistence = 16;
  bits.hasSent = true;
  assertEquals(numbersOf(bits), [14, 2, 7, 30, 255, 16]);
  bits.ecn = 1;
  bits.markedPackets = 0;
  bits.backoff = 0;
  bits.hasSent = false;
  assertEquals(numbersOf(bits), [14, 1, 0, 0, 255, 16]);
  assertEquals([bits.isAutotuned, bits.isAgreed, bits.hasSent], [true, false, false]);
});
