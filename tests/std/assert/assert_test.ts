import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

/**
 * The message an assertion fails with. Written without assertions, since those are under test.
 */
function failureOf(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error(`did not fail: ${fn}`);
}

async function rejectionOf(fn: () => Promise<unknown>): Promise<string> {
  try {
    await fn();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error(`did not fail: ${fn}`);
}

function includes(text: string, ...parts: string[]): void {
  for (const part of parts) {
    if (!text.includes(part)) throw new Error(`"${part}" is missing in: ${text}`);
  }
}

Deno.test("assert() and assertFalse() look at truth", () => {
  assert(1);
  assertFalse(0);
  if (failureOf(() => assert(0, "because")) !== "because") throw new Error("message");
  if (failureOf(() => assertFalse("x", "because")) !== "because") throw new Error("message");
});

Deno.test("assertEquals() passes equal structures and shows where others differ", () => {
  assertEquals({ a: [1, new Map([["k", new Set([1])]])] }, {
    a: [1, new Map([["k", new Set([1])]])],
  });
  const lines = failureOf(() => assertEquals({ a: 1, b: 2 }, { a: 1, b: 3 }, "because"));
  includes(lines, "Values are not equal: because", "b: 2", "b: 3", "Actual", "Expected");
  const text = failureOf(() => assertEquals("one\ntwo", "one\nthree"));
  includes(text, "one", "two", "three");
});

Deno.test("assertEquals() describes long values without taking for ever", () => {
  const long = new Uint8Array(65_536);
  const other = long.slice();
  other[30_000] = 255;
  includes(failureOf(() => assertEquals(long, other)), "255");
});

Deno.test("assertNotEquals() fails for equal structures", () => {
  assertNotEquals<unknown>({ a: 1 }, { a: "1" });
  includes(failureOf(() => assertNotEquals([1], [1], "because")), "not to be", "because");
});

Deno.test("assertStrictEquals() compares identity", () => {
  const value = {};
  assertStrictEquals(value, value);
  assertStrictEquals(NaN, NaN);
  assertNotStrictEquals({}, {});
  includes(failureOf(() => assertStrictEquals({}, {})), "reference-equal");
  includes(failureOf(() => assertStrictEquals(1, 2)), "strictly equal", "1", "2");
  includes(failureOf(() => assertNotStrictEquals(value, value)), "strictly equal");
});

Deno.test("assertArrayIncludes() names what is missing", () => {
  assertArrayIncludes([{ a: 1 }, { b: 2 }], [{ b: 2 }]);
  includes(failureOf(() => assertArrayIncludes([1, 2], [2, 37])), "missing", "37");
});

Deno.test("assertAlmostEquals() allows a tolerance", () => {
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(100, 104, 5);
  includes(failureOf(() => assertAlmostEquals(1, 1.1)), "close to");
  failureOf(() => assertAlmostEquals(100, 106, 5));
});

Deno.test("comparisons fail on the wrong side", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertLess(1, 2);
  assertLessOrEqual(2n, 2n);
  includes(failureOf(() => assertGreater(1, 1)), "1 > 1");
  includes(failureOf(() => assertGreaterOrEqual(1, 2)), "1 >= 2");
  includes(failureOf(() => assertLess(1, 1)), "1 < 1");
  includes(failureOf(() => assertLessOrEqual(2, 1)), "2 <= 1");
});

Deno.test("texts are searched and matched", () => {
  assertStringIncludes("one two", "two");
  assertMatch("one two", /^one/);
  includes(failureOf(() => assertStringIncludes("one", "two", "because")), "one", "because");
  includes(failureOf(() => assertMatch("one", /two/)), "/two/");
});

Deno.test("assertExists() and assertInstanceOf() narrow types", () => {
  const value: string | undefined = ["text"].at(0);
  assertExists(value);
  value.toUpperCase();
  const error: unknown = new RangeError("range");
  assertInstanceOf(error, Error);
  error.message.toUpperCase();
  includes(failureOf(() => assertExists(null)), "null");
  includes(failureOf(() => assertInstanceOf(new Map(), Set)), '"Set"', '"Map"');
  includes(failureOf(() => assertInstanceOf(null, Set)), "null");
});

Deno.test("fail() and unreachable() always fail", () => {
  includes(failureOf(() => fail("because")), "because");
  includes(failureOf(() => unreachable("because")), "because");
});

Deno.test("assertThrows() returns what was thrown and checks class and text", () => {
  const error = new RangeError("one too many");
  assertStrictEquals(assertThrows(() => raise(error)), error);
  assertStrictEquals(assertThrows(() => raise(error), RangeError, "too many"), error);
  assertStrictEquals(assertThrows(() => raise("text")), "text");
  includes(failureOf(() => assertThrows(() => {}, "because")), "to throw", "because");
  includes(failureOf(() => assertThrows(() => raise(error), TypeError)), "TypeError");
  includes(failureOf(() => assertThrows(() => raise(error), RangeError, "few")), "few");
  includes(failureOf(() => assertThrows(() => raise("text"), Error)), "non-Error");
});

function raise(error: unknown): never {
  throw error;
}

Deno.test("assertRejects() returns what was rejected and checks class and text", async () => {
  const error = new RangeError("one too many");
  const reject = () => Promise.reject(error);
  assertStrictEquals(await assertRejects(reject), error);
  assertStrictEquals(await assertRejects(reject, RangeError, "too many"), error);
  const resolve = () => Promise.resolve();
  includes(await rejectionOf(() => assertRejects(resolve, "because")), "to reject", "because");
  includes(await rejectionOf(() => assertRejects(reject, TypeError)), "TypeError");
  includes(await rejectionOf(() => assertRejects(reject, RangeError, "few")), "few");
  includes(
    await rejectionOf(() => assertRejects(() => Promise.reject("text"), Error)),
    "non-Error",
  );
  includes(await rejectionOf(() => assertRejects(() => raise(error))), "throws when expected");
});

Deno.test("assertIsError() takes a text or a regular expression", () => {
  const error: unknown = new RangeError("one too many");
  assertIsError(error, RangeError, /^one/);
  assertIsError(error, Error, "many");
  failureOf(() => assertIsError(error, RangeError, /^many/));
  failureOf(() => assertIsError("text"));
});
