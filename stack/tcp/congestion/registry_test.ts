import { assertEquals } from "@std/assert";
import { SeededRandom } from "../../random.ts";
import { CONGESTION_CONTROLS, makeCongestionControl } from "./registry.ts";

Deno.test("every name makes a control of that name, and no other name makes one", () => {
  const environment = { random: new SeededRandom(1) };
  for (const name of CONGESTION_CONTROLS) {
    const control = makeCongestionControl(name, 1448, environment);
    assertEquals(control?.name, name);
    assertEquals(control?.window, 14_480);
  }
  for (const name of ["", "Cubic", "vegas", "__proto__"]) {
    assertEquals(makeCongestionControl(name, 1448, environment), null);
  }
});
