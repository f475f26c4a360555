/**
 * Loads simulations when somebody asks for one: programs without them load no stack.
 *
 * @module
 */

/** What {@linkcode loadSimulator} loads. */
export type Simulator = typeof import("./simulation/mod.ts");

/** Loads the virtual network and the stacks that run on it. */
export async function loadSimulator(): Promise<Simulator> {
  return await import("./simulation/mod.ts");
}
