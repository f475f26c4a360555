/**
 * What network cards do for a stack, in software: checksums, segmentation, and coalescing of what
 * was received.
 *
 * @module
 */

export { OffloadCounter } from "./counters.ts";
export { MAXIMUM_COALESCED, ReceiveCoalescer } from "./receive_coalescer.ts";
export { SoftwareOffload } from "./software_offload.ts";
