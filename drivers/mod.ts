/**
 * The backends: whoever consumes a ring's submission queue.
 *
 * @module
 */

export { openDriver, openPrivateDriver, reapWorker } from "./open.ts";
export { WAKE_PLAN } from "./options.ts";
export type { ReapReport } from "./kernel/reap.ts";
export type {
  BackendName,
  DriverOptions,
  DriverOutcome,
  DriverRequest,
  FeatureMask,
} from "./options.ts";
