/**
 * Taking over sockets of datagrams that were opened elsewhere.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import { type CompactAddress, expand } from "../compact_address.ts";
import {
  type AdoptDatagramOptions,
  layoutOf,
  planDatagrams,
  prepareDatagrams,
} from "./datagram_options.ts";
import type { DatagramParts, DatagramSocket } from "./datagram_socket.ts";
import { adoptSocket, type Expected } from "../process/adopt.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";

/**
 * Takes a socket over for an endpoint of datagrams, and the association that it may have with it.
 *
 * @throws {NetError} as {@linkcode adoptSocket}
 */
export async function adoptDatagrams<Endpoint extends DatagramSocket<Deno.Addr>>(
  capability: NetworkCapability,
  fd: number | OwnedFd,
  expected: Expected,
  options: AdoptDatagramOptions,
  make: (parts: DatagramParts) => Endpoint,
): Promise<Endpoint> {
  const plan = planDatagrams(capability.authorization.network, "adopt", options);
  const adopted = await adoptSocket(capability, fd, expected);
  const { authorization: { network, scope: owner }, local, remote } = adopted;
  const canJoin = await prepareDatagrams(network, adopted.fd, local, options);
  const layout = layoutOf(plan, local);
  const endpoint = make({ network, owner, fd: adopted.fd, local, layout, canJoin });
  if (remote !== null) await associate(endpoint, remote);
  return endpoint;
}

/** The system has it already: to say it again tells the endpoint, too. */
async function associate(
  endpoint: DatagramSocket<Deno.Addr>,
  remote: CompactAddress,
): Promise<void> {
  try {
    await endpoint.connect(expand(remote));
  } catch (error) {
    await endpoint[Symbol.asyncDispose]();
    throw error;
  }
}
