/**
 * The backends: whoever consumes a ring's submission queue.
 *
 * @module
 */

export { openDriver } from "./open.ts";
export type {
  BackendName,
  DriverOptions,
  DriverOutcome,
  DriverRequest,
  FeatureMask,
} from "./options.ts";
