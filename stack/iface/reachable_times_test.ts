import { assert, assertEquals } from "@std/assert";
import { S, TestEnvironment } from "../../tests/support/stack/links.ts";
import { ReachableTimes } from "./reachable_times.ts";

// covers RFC 4861 6.3.2 SHOULD
Deno.test("ReachableTime is drawn between half and one and a half times 30 s", () => {
  const drawn = Array.from({ length: 200 }, (_, seed) => {
    const time = new ReachableTimes(new TestEnvironment(seed + 1), 1).reachable(1) / S;
    assert(time >= 15 && time <= 45, `${time}`);
    return time;
  });
  assert(Math.min(...drawn) < 17 && Math.max(...drawn) > 43);
});

// covers RFC 4861 6.3.4 SHOULD
Deno.test("ReachableTime is drawn anew after hours, and when a router says another base", () => {
  const environment = new TestEnvironment();
  const times = new ReachableTimes(environment, 2);
  const first = times.reachable(1);
  assertEquals(times.reachable(1), first);
  environment.now = 3 * 3600 * S;
  assert(times.reachable(1) !== first);
  times.advertise(1, 600_000, 500);
  assert(times.reachable(1) >= 300 * S);
  const drawn = times.reachable(1);
  times.advertise(1, 600_000, 0);
  assertEquals([times.reachable(1), times.retransmit(1)], [drawn, 500_000]);
  assert(times.reachable(2) <= 45 * S, "other interfaces have their own");
  times.advertise(1, 0xffff_ffff, 1);
  assert(times.reachable(1) <= 5400 * S && times.retransmit(1) >= 10_000, "within bounds");
  times.reset(1);
  assertEquals([times.reachable(1) <= 45 * S, times.retransmit(1)], [true, 1 * S]);
});

Deno.test("no router makes hosts wait for a neighbour by more than a minute a request", () => {
  const times = new ReachableTimes(new TestEnvironment(1), 1);
  times.advertise(1, 0, 0xffff_ffff);
  assertEquals(times.retransmit(1), 60 * S);
});
