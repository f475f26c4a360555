/**
 * What the two sides of a measurement between stacks share: which is which, their addresses, and
 * how each opens its stack. Each side is one Worker, which runs its application and its stack.
 */
import { NetworkCapability, type PipeHandle, type RingOptions } from "../../../mod.ts";

/** The addresses of the serving side and of the other one. */
export const SERVER = "10.9.0.1";
/** See {@linkcode SERVER}. */
export const CLIENT = "10.9.0.2";
/** Where the server listens. */
export const PORT = 4000;

/**
 * What is not counted at the start, in milliseconds. Both cores are busy, so that V8 compiles beside
 * the programs it compiles: a run speeds up for some two seconds.
 */
export const WARM_UP_MS = 3000;

/** Opens a stack in this very Worker. */
export async function openStack(
  port: PipeHandle,
  address: string,
  ring?: RingOptions,
): Promise<NetworkCapability> {
  return await NetworkCapability.request({
    backend: "stack",
    ring,
    stack: {
      worker: false,
      ports: [{ port, addresses: [`${address}/24`], autoconfigure: false }],
    },
  });
}
