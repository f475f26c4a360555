import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  coversName,
  formatNamePattern,
  isLocalName,
  matchesName,
  type NamePattern,
  readNamePattern,
} from "./names.ts";

function pattern(text: string): NamePattern {
  const read = readNamePattern(text);
  if ("reason" in read) throw new Error(`${text}: ${read.reason}`);
  return read;
}

Deno.test("*.example.com matches every name below example.com, but not example.com itself", () => {
  const below = pattern("*.Example.COM.");
  assertEquals(formatNamePattern(below), "*.example.com");
  for (const name of ["sub.example.com", "a.b.example.com", "_x.example.com"]) {
    assert(matchesName(below, name), name);
  }
  for (
    const name of ["example.com", "badexample.com", "example.com.evil.org", "com", ".example.com"]
  ) {
    assertFalse(matchesName(below, name), name);
  }
});

Deno.test("a plain name matches only itself and * matches everything", () => {
  assert(matchesName(pattern("Example.com."), "example.com"));
  assertFalse(matchesName(pattern("example.com"), "sub.example.com"));
  assertFalse(matchesName(pattern("example.com"), "example.co"));
  assert(matchesName(pattern("*"), "anything.at.all"));
});

Deno.test("malformed patterns are refused with their position", () => {
  const table: [string, number][] = [
    ["", 0],
    ["*.", 2],
    ["**", 0],
    ["*.*.com", 2],
    ["a.*.com", 2],
    ["*a.com", 0],
    ["a*", 1],
    ["*..com", 2],
    ["*.com!", 5],
    ["a b", 1],
    ["127.0.0.1", 8],
    ["*.1", 2],
    ["*.example.0x7f", 10],
  ];
  for (const [text, position] of table) {
    const read = readNamePattern(text);
    assert("reason" in read, text);
    assertEquals(read.position, position, text);
  }
});

Deno.test("coversName() is exactly inclusion, over every small pattern and name", () => {
  const names = ["a", "b", "x"];
  for (let depth = 1; depth < 4; depth++) {
    for (const name of [...names]) {
      for (const label of ["a", "b", "x"]) {
        const longer = `${label}.${name}`;
        if (!names.includes(longer)) names.push(longer);
      }
    }
  }
  const short = names.filter((name) => name.split(".").length < 4 && !name.includes("x"));
  const patterns = ["*", ...short, ...short.map((name) => `*.${name}`)].map(pattern);
  for (const parent of patterns) {
    for (const child of patterns) {
      const included = names.every((name) =>
        !matchesName(child, name) || matchesName(parent, name)
      );
      const text = `${formatNamePattern(parent)} over ${formatNamePattern(child)}`;
      assertEquals(coversName(parent, child), included, text);
    }
  }
});

Deno.test("localhost and the names below it are local", () => {
  for (const name of ["localhost", "a.localhost", "a.b.localhost"]) assert(isLocalName(name), name);
  for (const name of ["localhost.example", "mylocalhost", "local", ".localhost"]) {
    assertFalse(isLocalName(name), name);
  }
});
