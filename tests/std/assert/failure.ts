import { AssertionError, withMessage } from "./assertion_error.ts";

// deno-lint-ignore no-explicit-any -- any constructor will do, whatever it takes
type ErrorConstructor<E extends Error> = abstract new (...args: any[]) => E;

/**
 * Asserts that a value is an error of some class, with some text in its message.
 *
 * @param error The value.
 * @param ErrorClass The class, any if left out.
 * @param msgMatches What the message should contain or match.
 * @param msg What to add to the message.
 */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(withMessage(`Expected "error" to be an Error object`, msg));
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    const sentence = `Expected error to be instance of "${ErrorClass.name}", ` +
      `but was "${(error as Error).constructor.name}"`;
    throw new AssertionError(withMessage(sentence, msg), { cause: error });
  }
  const matches = msgMatches instanceof RegExp
    ? msgMatches.test(error.message)
    : error.message.includes(msgMatches ?? "");
  if (matches) return;
  const wanted = msgMatches instanceof RegExp ? String(msgMatches) : JSON.stringify(msgMatches);
  const sentence = `Expected error message to include ${wanted}, ` +
    `but got ${JSON.stringify(error.message)}`;
  throw new AssertionError(withMessage(sentence, msg), { cause: error });
}

/** The arguments after the function, which come in two orders. */
interface Expectation<E extends Error> {
  ErrorClass: ErrorConstructor<E> | undefined;
  msgIncludes: string | undefined;
  msg: string | undefined;
}

function readExpectation<E extends Error>(
  errorClassOrMsg?: ErrorConstructor<E> | string,
  msgIncludes?: string,
  msg?: string,
): Expectation<E> {
  return typeof errorClassOrMsg === "string"
    ? { ErrorClass: undefined, msgIncludes: undefined, msg: errorClassOrMsg }
    : { ErrorClass: errorClassOrMsg, msgIncludes, msg };
}

function checkError<E extends Error>(error: unknown, how: string, wanted: Expectation<E>) {
  const { ErrorClass, msgIncludes, msg } = wanted;
  if (!ErrorClass) return;
  if (!(error instanceof Error)) {
    throw new AssertionError(withMessage(`A non-Error object was ${how}`, msg), { cause: error });
  }
  assertIsError(error, ErrorClass, msgIncludes, msg);
}

/**
 * Asserts that a function throws.
 *
 * @param fn The function.
 * @param msg What to add to the message.
 * @returns What it threw.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Asserts that a function throws an error of some class, with some text in its message.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes What the message should contain.
 * @param msg What to add to the message.
 * @returns The error.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorConstructor<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const wanted = readExpectation(errorClassOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    checkError(error, "thrown", wanted);
    return error;
  }
  throw new AssertionError(withMessage("Expected function to throw", wanted.msg));
}

/**
 * Asserts that a function returns a promise that rejects.
 *
 * @param fn The function.
 * @param msg What to add to the message.
 * @returns What it rejected with.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Asserts that a function returns a promise that rejects with an error of some class, with
 * some text in its message.
 *
 * @param fn The function.
 * @param ErrorClass The class.
 * @param msgIncludes What the message should contain.
 * @param msg What to add to the message.
 * @returns The error.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorConstructor<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const wanted = readExpectation(errorClassOrMsg, msgIncludes, msg);
  const promise = callForPromise(fn, wanted.msg);
  try {
    await promise;
  } catch (error) {
    checkError(error, "rejected", wanted);
    return error;
  }
  throw new AssertionError(withMessage("Expected function to reject", wanted.msg));
}

/** A function that throws, or returns no promise, does not reject. */
function callForPromise(fn: () => PromiseLike<unknown>, msg?: string): PromiseLike<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  let cause: unknown;
  try {
    promise = fn();
  } catch (error) {
    cause = error;
  }
  if (typeof promise?.then === "function") return promise;
  const sentence = "Function throws when expected to reject";
  throw new AssertionError(withMessage(sentence, msg), { cause });
}
