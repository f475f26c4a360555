import { assertEquals, assertThrows } from "@std/assert";
import { NONE, PrefixTrie } from "./prefix_trie.ts";
import { withSeed } from "../../tests/support/seed.ts";

function word(value: number): Int32Array {
  return Int32Array.of(value);
}

Deno.test("nodes are as many as prefixes and forks, and come back when they are of no use", () => {
  const trie = new PrefixTrie(1, 3);
  assertEquals(trie.walk().length, 1);
  const first = trie.add(word(0x0a000000), 24);
  trie.keep(first, 1);
  const second = trie.add(word(0x0a000100), 24);
  trie.keep(second, 2);
  // The root, a fork of 23 bits, and the two.
  assertEquals(trie.walk().map((node) => trie.length(node)), [0, 23, 24, 24]);
  const third = trie.add(word(0x0a000000), 23);
  trie.keep(third, 3);
  assertEquals(trie.walk().length, 4);
  assertEquals([trie.above(first), trie.above(third)], [third, NONE]);
  trie.verify();
  // It stays as a fork, and goes with the first of those that it parts.
  trie.keep(third, NONE);
  trie.prune(third);
  assertEquals(trie.walk().length, 4);
  assertEquals(trie.above(first), NONE);
  trie.keep(first, NONE);
  trie.prune(first);
  assertEquals(trie.walk().map((node) => trie.kept(node)), [NONE, 2]);
  trie.keep(second, NONE);
  trie.prune(second);
  assertEquals(trie.walk().length, 1);
  trie.verify();
});

Deno.test("walk() comes to each prefix before longer ones, and to lower ones first", () => {
  const trie = new PrefixTrie(1, 5);
  const prefixes: [number, number][] = [[0xff, 8], [0x80, 1], [0x01, 16], [0x00, 2], [0x81, 8]];
  for (const [top, length] of prefixes) trie.keep(trie.add(word(top << 24), length), length);
  const kept = trie.walk().filter((node) => trie.kept(node) !== NONE);
  const found = kept.map((node) => [trie.prefix(node)[0] >>> 24, trie.length(node)]);
  assertEquals(found, [[0x00, 2], [0x01, 16], [0x80, 1], [0x81, 8], [0xff, 8]]);
});

Deno.test(
  "as many prefixes as there is room for always find nodes",
  withSeed((random) => {
    for (let round = 0; round < 50; round++) {
      const trie = new PrefixTrie(1, 30);
      for (let count = 0; count < 30; count++) {
        const node = trie.add(word(random.uint32() | 0), random.integer(1, 32));
        trie.keep(node, count);
      }
      trie.verify();
    }
  }),
);

Deno.test("verify() finds a node that should have been pruned", () => {
  const trie = new PrefixTrie(1, 3);
  const node = trie.add(word(0x0a000000), 24);
  assertThrows(() => trie.verify(), Error, "is of no use");
  trie.prune(node);
  trie.verify();
});
