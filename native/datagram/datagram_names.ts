/**
 * Names as destinations of datagrams: each is admitted and resolved for one call.
 *
 * @module
 */

import { withPort } from "../authorization.ts";
import { netError, notCapable } from "../errors.ts";
import { resolveName } from "../resolver.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import type { HostPort } from "../../ring/abi/address_text.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { isDenial } from "../../ring/authority/mod.ts";
import { Counter } from "../../ring/counters.ts";

/**
 * Resolves a name to the first of its addresses that the socket can reach and the rules allow.
 *
 * @throws {NetError} ENOENT when there is no such name, EAFNOSUPPORT when it has no address of the
 * socket's family
 * @throws {Deno.errors.NotCapable} when the name, or where it leads, is not allowed
 */
export async function resolveDestination(
  socket: Socket,
  target: HostPort,
  operation: string,
  options: OpOptions,
): Promise<SocketAddress> {
  const { network, owner, family } = socket;
  const remote = `${target.name}:${target.port}`;
  const context = { operation, local: socket.localName, remote };
  if (family === "unix") {
    throw netError(Errno.EAFNOSUPPORT, { ...context, detail: "it is no address of a Unix socket" });
  }
  const { counters } = network.reactor;
  const admission = owner.authority.admitName("udp", "connect", target.name, target.port);
  if (isDenial(admission)) {
    counters.add(Counter.denied, 1);
    throw notCapable(admission, operation);
  }
  const found = await resolveName(network, target.name, options);
  // A socket of IPv6 reaches addresses of IPv4, too, unless `ipv6Only` is set.
  const reachable = found.filter((each) => family === "IPv6" || each.family === family)
    .map((each) => withPort(each, target.port));
  if (reachable.length === 0) {
    throw netError(Errno.EAFNOSUPPORT, { ...context, detail: `it has no address of ${family}` });
  }
  const allowed = reachable.find((each) => admission.allows(each));
  if (allowed !== undefined) return allowed;
  counters.add(Counter.denied, 1);
  throw notCapable(admission.check(reachable[0])!, operation);
}
