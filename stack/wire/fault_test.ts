import { assertEquals } from "@std/assert";
import { Fault, FAULT_COUNT, faultName } from "./fault.ts";

Deno.test("faults are numbered from 0 without gaps, so that they index counters", () => {
  assertEquals(Object.values(Fault), [...Array(FAULT_COUNT).keys()]);
  assertEquals(Fault.NONE, 0);
});

Deno.test("every fault has its name", () => {
  for (const [name, fault] of Object.entries(Fault)) assertEquals(faultName(fault), name);
  assertEquals(faultName(FAULT_COUNT), `fault ${FAULT_COUNT}`);
});
