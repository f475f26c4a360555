import { assertEquals } from "@std/assert";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { canonicalizeHost } from "./ip_text.ts";

/** Spells a part of an IPv4 address in one of C's notations. */
function spell(value: number, random: Random): string {
  const zeros = "0".repeat(random.integer(0, 2));
  switch (random.integer(0, 2)) {
    case 0:
      return String(value);
    case 1:
      return `0${zeros}${value.toString(8)}`;
    default:
      return `0${random.pick(["x", "X"])}${zeros}${value.toString(16)}`;
  }
}

Deno.test(
  "random spellings of an IPv4 address lead to the same address",
  withSeed((random) => {
    for (let round = 0; round < scale(10_000, 200_000); round++) {
      const bytes = Uint8Array.from({ length: 4 }, () => random.integer(0, 255));
      const parts = 1 + random.integer(0, 3);
      let rest = 0;
      const texts: string[] = [];
      for (let i = 0; i < 4; i++) {
        if (i < parts - 1) texts.push(spell(bytes[i], random));
        else rest = rest * 256 + bytes[i];
      }
      texts.push(spell(rest, random));
      const text = texts.join(".");
      assertEquals([...canonicalizeHost(text)?.bytes ?? []], [...bytes], text);
    }
  }),
);
