import { AssertionError, withMessage } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { format, formatDiff } from "./format.ts";

/**
 * Asserts that two values are equal by structure.
 *
 * @param actual What was found.
 * @param expected What should have been found.
 * @param msg What to add to the message.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const sentence = withMessage("Values are not equal", msg);
  throw new AssertionError(`${sentence}\n${formatDiff(actual, expected)}`);
}

/**
 * Asserts that two values differ in structure.
 *
 * @param actual What was found.
 * @param expected What should not have been found.
 * @param msg What to add to the message.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  const sentence = `Expected actual: ${format(actual)} not to be: ${format(expected)}`;
  throw new AssertionError(withMessage(sentence, msg));
}

/**
 * Asserts that two values are the same, by `Object.is`.
 *
 * @param actual What was found.
 * @param expected What should have been found.
 * @param msg What to add to the message.
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const text = format(actual);
  if (text === format(expected)) {
    const sentence = "Values have the same structure but are not reference-equal";
    throw new AssertionError(`${withMessage(sentence, msg)}\n\n${text}\n`);
  }
  const sentence = withMessage("Values are not strictly equal", msg);
  throw new AssertionError(`${sentence}\n${formatDiff(actual, expected)}`);
}

/**
 * Asserts that two values are not the same, by `Object.is`.
 *
 * @param actual What was found.
 * @param expected What should not have been found.
 * @param msg What to add to the message.
 */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  const sentence = `Expected "actual" to not be strictly equal to: ${format(actual)}`;
  throw new AssertionError(withMessage(sentence, msg));
}

/**
 * Asserts that a list contains every item of another one, in any order.
 *
 * @param actual The list.
 * @param expected What should be among its items.
 * @param msg What to add to the message.
 */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const items = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !items.some((one) => equal(one, item)));
  if (missing.length === 0) return;
  const sentence = `Expected actual: "${format(actual)}" to include: "${format(expected)}"`;
  throw new AssertionError(`${withMessage(sentence, msg)}\nmissing: ${format(missing)}`);
}

/**
 * Asserts that two numbers are close to each other.
 *
 * @param actual What was found.
 * @param expected What should have been found.
 * @param tolerance How far apart they may be, by default 1e-7 of the expected number.
 * @param msg What to add to the message.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  const limit = tolerance ?? (isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (delta <= limit) return;
  const sentence = `Expected actual: "${actual}" to be close to "${expected}": ` +
    `delta "${delta}" is greater than "${limit}"`;
  throw new AssertionError(withMessage(sentence, msg));
}
