import { assert, assertEquals } from "@std/assert";
import { formatSkip, hasProgram, parseSkip, skipUnless } from "./skip.ts";

Deno.test("a test whose condition holds is not skipped", () => {
  assertEquals(Object.values(skipUnless("name", true, "needs root")), ["name", false]);
});

Deno.test("a recorded skip is read back from its line", () => {
  for (const name of ["plain", 'says "no": twice', "back\\slash", "two\nlines"]) {
    const skip = { name, reason: 'needs "nc" (1)' };
    assertEquals(parseSkip(formatSkip(skip)), skip);
  }
  assertEquals(parseSkip("some other line"), undefined);
});

Deno.test("programs are found on the search path", () => {
  assert(Deno.build.os === "windows" || hasProgram("sh"));
  assert(!hasProgram("no_such_program"));
});
