import { assert, assertEquals, assertThrows } from "@std/assert";
import { Maglev, type MaglevBackend } from "./maglev.ts";
import { withSeed } from "../../tests/support/seed.ts";

const KEYS = Array.from({ length: 20_000 }, (_, index) => `192.0.${index >> 8}.${index & 255}`);

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.0.0.${index}:80`);
}

function owners(maglev: Maglev<MaglevBackend>): string[] {
  return KEYS.map((key) => {
    const backend = maglev.lookup(key);
    return typeof backend === "string" ? backend : backend.name;
  });
}

/** The share of keys that moved although both their owners are there before and after. */
function moved(before: readonly string[], after: readonly string[], gone: string): number {
  const count = before.filter((owner, index) => owner !== gone && after[index] !== owner).length;
  return count / before.length;
}

Deno.test("every entry of the table is filled, in shares that differ by one entry at most", () => {
  for (const count of [1, 2, 3, 10, 100, 650]) {
    const shares = new Maglev(names(count)).shares();
    assertEquals(shares.length, count);
    assert(Math.abs(shares.reduce((sum, share) => sum + share) - 1) < 1e-9);
    const difference = (Math.max(...shares) - Math.min(...shares)) * 65537;
    assert(difference < 1.5, `${difference} entries, ${count} backends`);
  }
});

Deno.test("keys spread as evenly as the table", () => {
  const counts = new Map<string, number>();
  for (const owner of owners(new Maglev(names(10)))) {
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  assertEquals(counts.size, 10);
  for (const count of counts.values()) assert(Math.abs(count / KEYS.length - 0.1) < 0.01);
});

Deno.test("without one of ten backends fewer than 2 % of the other keys move", () => {
  const before = owners(new Maglev(names(10)));
  for (let gone = 0; gone < 10; gone++) {
    const rest = names(10);
    const [name] = rest.splice(gone, 1);
    const share = moved(before, owners(new Maglev(rest)), name);
    assert(share < 0.02, `${share} of the keys moved without ${name}`);
  }
});

Deno.test("an eleventh backend takes its share, and fewer than 2 % of the rest move", () => {
  const before = owners(new Maglev(names(10)));
  const after = owners(new Maglev(names(11)));
  const taken = after.filter((owner) => owner === "10.0.0.10:80");
  assert(Math.abs(taken.length / KEYS.length - 1 / 11) < 0.01);
  const others = after.filter((owner, index) =>
    owner !== "10.0.0.10:80" && owner !== before[index]
  );
  assert(others.length / KEYS.length < 0.02, `${others.length} keys moved`);
});

Deno.test("weights decide the shares", () => {
  const backends = [{ name: "a", weight: 1 }, { name: "b", weight: 2.5 }, { name: "c" }];
  const shares = new Maglev(backends).shares();
  for (const [index, expected] of [1 / 4.5, 2.5 / 4.5, 1 / 4.5].entries()) {
    assert(Math.abs(shares[index] - expected) < 0.001, `${shares}`);
  }
});

Deno.test(
  "the order of the backends does not count",
  withSeed((random) => {
    const before = owners(new Maglev(names(20)));
    assertEquals(owners(new Maglev(random.shuffle(names(20)))), before);
  }),
);

Deno.test("the table is the same on every machine", () => {
  const maglev = new Maglev(["a", "b", "c"], 251);
  const text = KEYS.slice(0, 24).map((key) => maglev.lookup(key)).join("");
  assertEquals(text, "aaaacbcccbbacabccaababac");
  assertEquals(maglev.lookup(new TextEncoder().encode(KEYS[0])), maglev.lookup(KEYS[0]));
});

Deno.test("a backend that is passed over leaves the keys of the others alone", () => {
  const maglev = new Maglev(names(10));
  const before = owners(maglev);
  const counts = new Map<string, number>();
  for (const [index, key] of KEYS.entries()) {
    const owner = maglev.lookup(key, (name) => name !== "10.0.0.3:80")!;
    if (before[index] !== "10.0.0.3:80") assertEquals(owner, before[index]);
    else counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  assertEquals(counts.size, 9);
  const most = Math.max(...counts.values());
  assert(most / Math.min(...counts.values()) < 1.6, `${[...counts.values()]}`);
  assertEquals(maglev.lookup("key", () => false), undefined);
  const asked: string[] = [];
  maglev.lookup("key", (name) => asked.push(name) < 0);
  assertEquals(asked.toSorted(), maglev.backends.toSorted(), "each is asked once");
});

Deno.test("names, weights and sizes that cannot be are refused", () => {
  assertThrows(() => new Maglev([]), RangeError, "backends");
  assertThrows(() => new Maglev(["a", "a"]), TypeError, '"a"');
  assertThrows(() => new Maglev([""]), TypeError, "backend 0");
  for (const size of [65536, 1, 0, -7, 2.5, NaN]) {
    assertThrows(() => new Maglev(["a"], size), RangeError, "prime");
  }
  assertThrows(() => new Maglev(names(10), 7), RangeError, "backends");
  for (const weight of [0, -1, NaN, Infinity]) {
    assertThrows(() => new Maglev([{ name: "a", weight }]), RangeError, '"a"');
  }
});
