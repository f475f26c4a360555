/**
 * Which engine carries the calls out.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import { KernelEngine } from "./kernel/engine.ts";
import { createRingEngine } from "./ring/engine.ts";
import { LookupRing } from "./ring/resolver.ts";
import type { NetworkCapability } from "../native/capability.ts";

/**
 * Opens the engine of a capability's backend.
 *
 * @param ownsDescriptors whether no other thread has the same table
 */
export function openEngine(capability: NetworkCapability, ownsDescriptors: boolean): Engine {
  const { systemCalls: calls } = capability.network.reactor.driver;
  if (calls === undefined) return createRingEngine(capability);
  return new KernelEngine(capability, calls, new LookupRing(capability), ownsDescriptors);
}
