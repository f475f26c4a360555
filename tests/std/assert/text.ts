import { AssertionError, withMessage } from "./assertion_error.ts";

/**
 * Asserts that a text contains another.
 *
 * @param actual The text.
 * @param expected What it should contain.
 * @param msg What to add to the message.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  const sentence = `Expected actual: "${actual}" to contain: "${expected}"`;
  throw new AssertionError(withMessage(sentence, msg));
}

/**
 * Asserts that a text matches a regular expression.
 *
 * @param actual The text.
 * @param expected What it should match.
 * @param msg What to add to the message.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  const sentence = `Expected actual: "${actual}" to match: "${expected}"`;
  throw new AssertionError(withMessage(sentence, msg));
}
