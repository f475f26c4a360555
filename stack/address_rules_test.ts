import { assert, assertEquals } from "@std/assert";
import { Errno } from "../ring/abi/errno.ts";
import { isAny, isMulticast, isSame } from "./ip/addresses.ts";
import { ipv4Of, ipv6Of } from "./wire/mod.ts";
import {
  ANY_6,
  canonical,
  destinationOf,
  isScopeGood,
  judgeFamily,
  needsScope,
} from "./address_rules.ts";

const FOUR = ipv4Of("10.0.0.1");
const SIX = ipv6Of("fd00::1");

Deno.test("a mapped address is the one of IPv4 that it stands for, others stay as they are", () => {
  assertEquals(canonical(ipv6Of("::ffff:10.0.0.1")), FOUR);
  assertEquals(canonical(FOUR), FOUR);
  assertEquals(canonical(SIX), SIX);
  assertEquals(canonical(ipv6Of("::10.0.0.1")), ipv6Of("::10.0.0.1"));
});

Deno.test("the any-addresses and the groups of both families are known", () => {
  assertEquals([0, FOUR, ANY_6, SIX].map(isAny), [true, false, true, false]);
  const groups = [ipv4Of("239.1.1.1"), FOUR, ipv6Of("ff02::1"), SIX];
  assertEquals(groups.map(isMulticast), [true, false, true, false]);
});

Deno.test("what goes to the any-address goes to loopback", () => {
  assertEquals(destinationOf(0), ipv4Of("127.0.0.1"));
  assertEquals(destinationOf(ANY_6), ipv6Of("::1"));
  assertEquals(destinationOf(SIX), SIX);
});

Deno.test("addresses are compared by value, and families are never the same", () => {
  assert(isSame(FOUR, FOUR));
  assert(isSame(SIX, ipv6Of("fd00::1")));
  assert(!isSame(SIX, ipv6Of("fd00::2")));
  assert(!isSame(FOUR, SIX));
});

Deno.test("addresses that are of one link only need a scope, and no other than the socket's", () => {
  const linkLocal = ipv6Of("fe80::1");
  const scoped = [linkLocal, ipv6Of("ff02::1"), ipv6Of("ff01::1"), ipv6Of("ff05::1"), SIX, FOUR];
  assertEquals(scoped.map(needsScope), [true, true, true, false, false, false]);
  assert(!isScopeGood(linkLocal, 0, 0));
  assert(isScopeGood(linkLocal, 1, 0));
  assert(isScopeGood(linkLocal, 0, 1));
  assert(isScopeGood(linkLocal, 1, 1));
  assert(!isScopeGood(linkLocal, 1, 2));
  assert(isScopeGood(SIX, 1, 2));
});

Deno.test("families go together as on Linux", () => {
  assertEquals(judgeFamily("ipv4", FOUR, false), 0);
  assertEquals(judgeFamily("ipv4", SIX, false), -Errno.EAFNOSUPPORT);
  assertEquals(judgeFamily("ipv6", SIX, true), 0);
  assertEquals(judgeFamily("ipv6", FOUR, false), 0);
  assertEquals(judgeFamily("ipv6", FOUR, true), -Errno.ENETUNREACH);
});
