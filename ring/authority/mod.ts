/**
 * Authority: rights, rules and limits, checked where entries enter a ring.
 *
 * @module
 */

export {
  Authority,
  AuthorityDenied,
  type Denial,
  isDenial,
  LAYERS_MAX,
  type NameAdmission,
} from "./authority.ts";
export {
  type CountedLimit,
  LimitCounter,
  type LimitReached,
  type Limits,
  parseLimits,
  RateGate,
  tightestLimits,
} from "./limits.ts";
export { type FlagRight, type NetworkRights, RULES_MAX } from "./rights.ts";
export type { Rule, Transport, Verb } from "./rules.ts";
