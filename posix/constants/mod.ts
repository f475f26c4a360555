/**
 * The constants of POSIX sockets, with the values of Linux on x86-64 on every backend.
 *
 * @module
 */

export * from "./sockets.ts";
export * from "./options.ts";
export * from "./readiness.ts";
export * from "./files.ts";
export * from "./names.ts";
