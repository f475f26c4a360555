import { assert, assertEquals } from "@std/assert";
import { SECOND } from "../environment.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import { Limit, RateLimiter } from "./rate_limiter.ts";

const LIMITS = {
  perSecond: 100,
  burst: 1000,
  destinationPerSecond: 5,
  destinationBurst: 5,
  destinations: 64,
};

Deno.test("what one destination is denied, others are not", () => {
  const environment = makeEnvironment();
  environment.now = 0;
  const limiter = new RateLimiter(environment, LIMITS);
  const [one, other] = [ipv4Of("10.0.0.1"), ipv4Of("10.0.0.2")];
  const results = Array.from({ length: 8 }, () => limiter.admitTo(one));
  assertEquals(results, [
    ...new Array(5).fill(Limit.PASSED),
    ...new Array(3).fill(Limit.DESTINATION),
  ]);
  assertEquals(limiter.admitTo(other), Limit.PASSED);
  environment.now = SECOND / 5;
  assertEquals([limiter.admitTo(one), limiter.admitTo(one)], [Limit.PASSED, Limit.DESTINATION]);
});

Deno.test("addresses of IPv6 with the same first half are one destination", () => {
  const limiter = new RateLimiter(makeEnvironment(), LIMITS);
  const results = Array.from(
    { length: 6 },
    (_, host) => limiter.admitTo(ipv6Of(`2001:db8:0:7::${host + 1}`)),
  );
  assertEquals(results.at(-1), Limit.DESTINATION);
  assertEquals(limiter.admitTo(ipv6Of("2001:db8:0:8::1")), Limit.PASSED);
});

Deno.test("all destinations together are denied what is too much, about as often as told", () => {
  const environment = makeEnvironment();
  environment.now = 0;
  const limiter = new RateLimiter(environment, { ...LIMITS, burst: 50, destinations: 4096 });
  let passed = 0;
  for (let host = 0; host < 20_000; host++) {
    environment.now += 1000;
    if (limiter.admitTo(ipv4Of("10.0.0.0") + host) === Limit.PASSED) passed++;
  }
  // 20 seconds at 100 a second, and the burst.
  assert(Math.abs(passed - 2050) < 300, `${passed} passed`);
});

Deno.test("where destinations do not matter only the total counts", () => {
  const limiter = new RateLimiter(makeEnvironment(), { ...LIMITS, burst: 2 });
  assertEquals([1, 2, 3].map(() => limiter.admit()), [Limit.PASSED, Limit.PASSED, Limit.TOTAL]);
});
