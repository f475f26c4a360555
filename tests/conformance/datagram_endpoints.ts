/**
 * Endpoints of datagrams for behaviours, and what arrives at them.
 *
 * @module
 */

import type { Context } from "./context.ts";
import type { BindOptions, NetworkCapability, UdpEndpoint } from "../../mod.ts";

/** A datagram that does not come within this time was lost. */
export const LOST_MS = 5_000;

/** Binds an endpoint to a free port of loopback. */
export async function bound(
  t: Context,
  options: BindOptions = {},
  capability: NetworkCapability = t.capability,
): Promise<UdpEndpoint> {
  const endpoint = await capability.bind("127.0.0.1:0", options);
  t.defer(() => endpoint.close());
  return endpoint;
}

/** A datagram as a program of its own has it. */
export interface Taken {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: string;
}

/** Receives `count` datagrams, in batches. */
export async function take(endpoint: UdpEndpoint, count: number): Promise<Taken[]> {
  const taken: Taken[] = [];
  for await (const batch of endpoint.receiveMany({ timeoutMs: LOST_MS })) {
    for (const datagram of batch) {
      taken.push({ bytes: datagram.copy(), from: datagram.remoteName });
    }
    if (taken.length >= count) break;
  }
  return taken;
}

/** Receives one datagram. @returns its bytes */
export async function takeOne(endpoint: UdpEndpoint): Promise<Uint8Array<ArrayBuffer>> {
  using datagram = await endpoint.receive({ timeoutMs: LOST_MS });
  return datagram.copy();
}

/** Arrays of the given lengths, each filled with its place. */
export function filled(lengths: readonly number[]): Uint8Array<ArrayBuffer>[] {
  return lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
}
