import { assertEquals } from "@std/assert";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";
import { FastOpenCache } from "./fast_open_cache.ts";

const COOKIE = Uint8Array.of(1, 2, 3, 4);

function setUp(capacity: number): { cache: FastOpenCache; environment: { now: number } } {
  const { environment } = new TestNetwork().addHost();
  return { cache: new FastOpenCache(environment, capacity, 1000), environment };
}

// covers RFC 7413 4.1.3 MUST
Deno.test("cookies of both families are remembered, with the size that was announced", () => {
  const { cache } = setUp(4);
  cache.remember(7, COOKIE, 1400);
  cache.remember([0, 0, 0, 7], Uint8Array.of(9, 9, 9, 9), 1200);
  assertEquals([cache.cookie(7), cache.segment(7)], [COOKIE, 1400]);
  assertEquals(cache.segment([0, 0, 0, 7]), 1200);
  assertEquals([cache.cookie(8), cache.segment(8)], [null, 0]);
});

Deno.test("whoever was asked for longest ago is forgotten first", () => {
  const { cache } = setUp(2);
  cache.remember(1, COOKIE, 1);
  cache.remember(2, COOKIE, 2);
  cache.cookie(1);
  cache.remember(3, COOKIE, 3);
  assertEquals([cache.segment(1), cache.segment(2), cache.segment(3), cache.size], [1, 0, 3, 2]);
});

Deno.test("a server that vanished is left alone for longer each time, until it is back", () => {
  const { cache, environment } = setUp(2);
  for (const wait of [1000, 2000, 4000]) {
    cache.onVanished(1);
    environment.now += wait - 1;
    assertEquals(cache.isPermitted(1), false);
    environment.now += 1;
    assertEquals(cache.isPermitted(1), true);
  }
  cache.onVanished(1);
  cache.onSuccess(1);
  assertEquals(cache.isPermitted(1), true);
  cache.onVanished(1);
  environment.now += 1000;
  assertEquals(cache.isPermitted(1), true);
});

Deno.test("a cache without room remembers nothing", () => {
  const { cache } = setUp(0);
  cache.remember(1, COOKIE, 1);
  assertEquals([cache.cookie(1), cache.size], [null, 0]);
});
