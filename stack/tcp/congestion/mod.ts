/**
 * Congestion control: how much may be in flight, and how fast it may leave.
 *
 * @module
 */

export { CONGESTION_CONTROLS, type CongestionOptions, makeCongestionControl } from "./registry.ts";
