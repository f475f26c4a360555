import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { ICMP6_FILTER_BYTES, ICMP_FILTER_BYTES, IcmpFilter } from "./icmp_filter.ts";

Deno.test("a filter blocks the types whose bits are set, and nothing at first", () => {
  const filter = new IcmpFilter(ICMP_FILTER_BYTES);
  for (let type = 0; type < 256; type++) assert(!filter.blocks(type));
  assertEquals(filter.set(Uint8Array.of(1, 0, 0, 0x80)), 0);
  const blocked = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
    filter.blocks(type)
  );
  assertEquals(blocked, [0, 31]);
  assertEquals(filter.get(), Uint8Array.of(1, 0, 0, 0x80));
});

Deno.test("a filter of ICMPv6 has a bit for each type, and may be set in part", () => {
  const filter = new IcmpFilter(ICMP6_FILTER_BYTES);
  const all = new Uint8Array(40).fill(0xff);
  assertEquals(filter.set(all), 0);
  assert(filter.blocks(255));
  assertEquals(filter.set(Uint8Array.of(0)), 0);
  assertEquals([filter.blocks(7), filter.blocks(8)], [false, true]);
});

Deno.test("a filter of ICMPv4 that is too short is refused", () => {
  const filter = new IcmpFilter(ICMP_FILTER_BYTES);
  assertEquals(filter.set(Uint8Array.of(1, 2, 3)), -Errno.EINVAL);
  assertEquals(filter.get(), new Uint8Array(4));
});
