import { AssertionError } from "./assertion_error.ts";
import { format } from "./format.ts";

function check(holds: boolean, actual: unknown, sign: string, expected: unknown, msg?: string) {
  if (holds) return;
  throw new AssertionError(msg ?? `Expect ${format(actual)} ${sign} ${format(expected)}`);
}

/**
 * Asserts that a value is greater than another.
 *
 * @param actual What was found.
 * @param expected What it should be greater than.
 * @param msg The message to use instead.
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, actual, ">", expected, msg);
}

/**
 * Asserts that a value is greater than another or as great.
 *
 * @param actual What was found.
 * @param expected The least it should be.
 * @param msg The message to use instead.
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual >= expected, actual, ">=", expected, msg);
}

/**
 * Asserts that a value is less than another.
 *
 * @param actual What was found.
 * @param expected What it should be less than.
 * @param msg The message to use instead.
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, actual, "<", expected, msg);
}

/**
 * Asserts that a value is less than another or as great.
 *
 * @param actual What was found.
 * @param expected The most it should be.
 * @param msg The message to use instead.
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual <= expected, actual, "<=", expected, msg);
}
