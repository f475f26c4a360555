/**
 * Stand-in for `@std/bytes`: the same names and contracts, as far as this project uses them.
 *
 * @module
 */

export * from "./compare.ts";
export * from "./copy.ts";
