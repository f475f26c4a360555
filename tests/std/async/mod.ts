/**
 * Stand-in for `@std/async`: the same names and contracts, as far as this project uses them.
 *
 * @module
 */

export * from "./deadline.ts";
export * from "./delay.ts";
export * from "./pool.ts";
