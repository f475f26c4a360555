/**
 * Stand-in for `@std/assert`: the same names and contracts, as far as this project uses them.
 *
 * @module
 */

export { AssertionError } from "./assertion_error.ts";
export { equal } from "./equal.ts";
export * from "./equality.ts";
export * from "./failure.ts";
export * from "./order.ts";
export * from "./text.ts";
export * from "./truth.ts";
