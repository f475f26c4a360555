/**
 * The kernel backend: Linux io_uring by FFI.
 *
 * @module
 */

export { openKernelDriver } from "./open.ts";
export { reapDescriptors } from "./reap.ts";
