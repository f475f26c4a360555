import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { RoundTrip } from "./round_trip.ts";

Deno.test("the first measurement and those behind it count as RFC 6298 says", () => {
  const roundTrip = new RoundTrip();
  roundTrip.measured(100);
  // Section 2.2: SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 RTTVAR.
  assertEquals([roundTrip.smoothedMs, roundTrip.timeoutMs], [100, 300]);
  roundTrip.measured(140);
  // Section 2.3: RTTVAR = 3/4 * 50 + 1/4 * 40, SRTT = 7/8 * 100 + 1/8 * 140.
  assertAlmostEquals(roundTrip.smoothedMs, 105);
  assertAlmostEquals(roundTrip.timeoutMs, 105 + 4 * 47.5);
});

Deno.test("waits double until an answer comes, up to a bound", () => {
  const roundTrip = new RoundTrip();
  for (let count = 0; count < 20; count++) roundTrip.measured(10);
  const first = roundTrip.timeoutMs;
  assert(first >= 30 && first < 40, `${first} ms`);
  roundTrip.expired();
  assertEquals(roundTrip.timeoutMs, 2 * first);
  for (let count = 0; count < 20; count++) roundTrip.expired();
  assertEquals(roundTrip.timeoutMs, 2_000);
  roundTrip.answered();
  assertEquals(roundTrip.timeoutMs, first);
});
