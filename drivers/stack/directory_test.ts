import { assertEquals, assertThrows } from "@std/assert";
import { Directory, parseAddress } from "./directory.ts";
import { formatAddress } from "../../stack/iface/ip_address.ts";
import { formatPrefix, parsePrefix } from "./prefixes.ts";

const directory = new Directory(
  { "One.Example": ["192.0.2.1", "2001:db8::1"], "two.example": "192.0.2.1" },
  "me",
  () => [0x0a00_0001, [0xfd00_0000 | 0, 0, 0, 1]],
);

Deno.test("names are found without regard to case and to the last dot", () => {
  const texts = (name: string) => directory.find(name)?.map(formatAddress);
  assertEquals(texts("one.example"), ["192.0.2.1", "2001:db8::1"]);
  assertEquals(texts("ONE.EXAMPLE."), ["192.0.2.1", "2001:db8::1"]);
  assertEquals(texts("me"), ["10.0.0.1", "fd00::1"]);
  assertEquals(texts("10.1.2.3"), ["10.1.2.3"]);
  assertEquals(texts("three.example"), undefined);
});

Deno.test("names of localhost are loopback, whoever lists them", () => {
  for (const name of ["localhost", "LocalHost.", "a.localhost"]) {
    assertEquals(directory.find(name)?.map(formatAddress), ["::1", "127.0.0.1"]);
  }
  assertEquals(directory.find("notlocalhost"), null);
});

Deno.test("an address has the name that it was listed under first", () => {
  assertEquals(directory.nameOf(parseAddress("192.0.2.1")!), "one.example");
  assertEquals(directory.nameOf(parseAddress("::1")!), "localhost");
  assertEquals(directory.nameOf(parseAddress("fd00::1")!), "me");
  assertEquals(directory.nameOf(parseAddress("203.0.113.1")!), null);
});

Deno.test("what is no address is a TypeError that says where", () => {
  assertThrows(() => new Directory({ a: "b" }, "", () => []), TypeError, "stack.hosts: a: b");
});

Deno.test("prefixes are read and written", () => {
  for (const text of ["192.168.1.10/24", "0.0.0.0/0", "2001:db8::1/64", "::/0"]) {
    const { address, length } = parsePrefix(text);
    assertEquals(formatPrefix(address, length), text);
  }
  assertEquals(parsePrefix("10.0.0.1").length, 32);
  assertEquals(parsePrefix("::1").length, 128);
  for (
    const text of ["10.0.0.1/33", "::1/129", "10.0.0.1/", "10.0.0.1/8/8", "x/8", "10.0.0.1/-1"]
  ) {
    assertThrows(() => parsePrefix(text), TypeError);
  }
});
