import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { TestNetwork } from "../../../tests/support/stack/tcp/network.ts";
import { Counters } from "../../statistics.ts";
import { makeCongestionControl } from "../congestion/mod.ts";
import { SendCounter } from "./counters.ts";
import { SenderSettings, SMALL_SENDER } from "./settings.ts";

const SEGMENT = 1448;

function makeSettings(): SenderSettings {
  const { environment } = new TestNetwork().addHost();
  const counters = new Counters(
    SendCounter,
    new Float64Array(Object.keys(SendCounter).length),
  );
  return new SenderSettings(environment, counters, SMALL_SENDER, "cubic", makeCongestionControl);
}

Deno.test("a congestion control that is as new serves the next connection that needs such a one", () => {
  const settings = makeSettings();
  const control = settings.takeControl("cubic", SEGMENT);
  assert(control !== null);
  assert(settings.takesBack(control));
  assert(settings.takeControl("reno", SEGMENT) !== control);
  assert(settings.takeControl("cubic", 500) !== control);
  assertStrictEquals(settings.takeControl("cubic", SEGMENT), control);
  assert(settings.takeControl("cubic", SEGMENT) !== control, "it is somebody's now");
});

Deno.test("a congestion control that remembers something stays with its connection", () => {
  const settings = makeSettings();
  for (const name of ["reno", "cubic", "bbr"]) {
    const control = settings.takeControl(name, SEGMENT)!;
    control.onTimeout(1_000_000, 0, true);
    assertEquals(settings.takesBack(control), false, name);
  }
  assertEquals(settings.takeControl("none of these", SEGMENT), null);
});
