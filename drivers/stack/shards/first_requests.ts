/**
 * How the options of a stack of shards become interfaces and routes of all of them.
 *
 * @module
 */

import type { StackOptions } from "../options.ts";

/** The requests that give a stack the interfaces and routes of its options, in their order. */
export function firstRequests(options: StackOptions): readonly Record<string, unknown>[] {
  return [
    ...(options.ports ?? []).map((port) => ({ command: "addInterface", ...port })),
    ...(options.routes ?? []).map((route) => ({ command: "addRoute", ...route })),
  ];
}
