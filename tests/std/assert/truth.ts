import { AssertionError, withMessage } from "./assertion_error.ts";

/**
 * Asserts that a value is truthy.
 *
 * @param expr The value.
 * @param msg The message.
 */
export function assert(expr: unknown, msg: string = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** What {@linkcode assertFalse} lets pass. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/**
 * Asserts that a value is falsy.
 *
 * @param expr The value.
 * @param msg The message.
 */
export function assertFalse(expr: unknown, msg: string = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Asserts that a value is neither null nor undefined.
 *
 * @param actual The value.
 * @param msg What to add to the message.
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  const sentence = `Expected actual: "${actual}" to not be null or undefined`;
  throw new AssertionError(withMessage(sentence, msg));
}

/**
 * Asserts that a value is an instance of a class.
 *
 * @param actual The value.
 * @param expectedType The class.
 * @param msg What to add to the message.
 */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any -- any constructor will do, whatever it takes
  T extends abstract new (...args: any[]) => any,
>(
  actual: unknown,
  expectedType: T,
  msg: string = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const found = typeof actual === "object" && actual !== null
    ? actual.constructor?.name ?? "Object"
    : actual === null
    ? "null"
    : typeof actual;
  const sentence = `Expected object to be an instance of "${expectedType.name}"`;
  const but = found === "function" ? "was not an instanced object" : `was "${found}"`;
  throw new AssertionError(
    withMessage(found === expectedType.name ? sentence : `${sentence} but ${but}`, msg),
  );
}

/**
 * Fails.
 *
 * @param msg What to add to the message.
 */
export function fail(msg?: string): never {
  throw new AssertionError(withMessage("Failed assertion", msg));
}

/**
 * Fails where the test should never arrive.
 *
 * @param msg What to add to the message.
 */
export function unreachable(msg?: string): never {
  throw new AssertionError(withMessage("Unreachable", msg));
}
