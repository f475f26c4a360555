/**
 * What the bench files share: where they ran, and the backends there are.
 *
 * @module
 */

import { NetworkCapability, type NetworkRights, type RingOptions } from "../mod.ts";

/** A ring that is made quickly. */
const SMALL: RingOptions = { entries: 64, arenaBytes: 1 << 20 };

/** Backends that start on this machine, the default one first. */
export const BACKENDS: readonly string[] = await available();

async function available(): Promise<string[]> {
  const found: string[] = [];
  for (const backend of ["kernel", "host"] as const) {
    try {
      await (await NetworkCapability.request({ backend, ring: SMALL }))[Symbol.asyncDispose]();
      found.push(backend);
    } catch (error) {
      console.log(`${backend}: ${(error as Error).message}`);
    }
  }
  return found;
}

/** Prints machine and versions, once per file. */
export function printMachine(): void {
  const { deno, v8 } = Deno.version;
  const cores = navigator.hardwareConcurrency;
  console.log(`Deno ${deno}, V8 ${v8}, ${Deno.build.os} ${Deno.osRelease()}, ${cores} cores`);
}

/** Everything a bench needs. */
const RIGHTS: NetworkRights = {
  tcp: true,
  udp: true,
  unix: true,
  listen: true,
  connect: true,
  ring: true,
};

/** Opens a capability that lives as long as the bench, with rights beyond the usual. */
export function open(backend: string, more: NetworkRights = {}): Promise<NetworkCapability> {
  return NetworkCapability.request({
    backend: backend as "kernel",
    rights: { ...RIGHTS, ...more },
  });
}
