/**
 * The host backend: a ring whose consumer is Deno itself.
 *
 * @module
 */

export { openHostDriver } from "./open.ts";
