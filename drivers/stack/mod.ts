/**
 * The stack backend: a ring whose consumer is this library's own TCP/IP stack.
 *
 * @module
 */

export { attachStack, openStackDriver, type RunningStack, startStack } from "./open.ts";
