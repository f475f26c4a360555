/**
 * Binding: makes the socket of an endpoint of datagrams, sets its options, binds it.
 *
 * @module
 */

import { type Authorization, domainOf, requireSuccess } from "../authorization.ts";
import { expand } from "../compact_address.ts";
import { type BindOptions, layoutOf, planDatagrams, prepareDatagrams } from "./datagram_options.ts";
import { UnixDatagramEndpoint } from "./datagram_unix.ts";
import { netError, unsupported } from "../errors.ts";
import { Want } from "../network.ts";
import { UdpEndpoint } from "./udp.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock } from "../../ring/abi/opcodes.ts";

/** Opens the socket of an endpoint; the address says whether it is UDP's or a Unix one. */
export async function bindDatagrams(
  authorization: Authorization,
  address: AddressInput,
  options: BindOptions,
): Promise<UdpEndpoint | UnixDatagramEndpoint> {
  authorization.requireLive("bind");
  const plan = planDatagrams(authorization.network, "bind", options);
  const opening = open(authorization, address, options);
  const opened = await authorization.scope.track(opening, null);
  const { local } = opened;
  const { network, scope: owner } = authorization;
  const parts = { network, owner, ...opened, layout: layoutOf(plan, local) };
  return local.family === "unix" ? new UnixDatagramEndpoint(parts) : new UdpEndpoint(parts);
}

async function open(
  authorization: Authorization,
  address: AddressInput,
  options: BindOptions,
): Promise<{ fd: number; local: SocketAddress; canJoin: boolean }> {
  const { network } = authorization;
  const local = address === UNNAMED
    ? autobound(authorization)
    : await authorization.localAddress(address, "udp");
  authorization.takeSocket("bind");
  let fd = -1;
  try {
    fd = await network.socket(domainOf(local), Sock.DGRAM | Sock.CLOEXEC, "bind");
    if (fd === -Errno.ENOTSUP && local.family === "unix") {
      throw unsupported(network.kind, "Unix sockets of datagrams", "bind");
    }
    requireSuccess(fd, "bind", local);
    const canJoin = await prepareDatagrams(network, fd, local, options);
    requireSuccess(await network.bind(fd, local), "bind", local);
    const names = await network.names(fd, Want.LOCAL);
    if (typeof names === "number") throw netError(names, { operation: "bind" });
    authorization.requireLive("bind");
    return { fd, local: expand(names.local!), canJoin };
  } catch (error) {
    if (fd >= 0) await network.close(fd);
    authorization.returnSocket();
    throw error;
  }
}

/** The address of a Unix socket to which the system gives an abstract name of its choice. */
const UNNAMED = "unix:";

function autobound(authorization: Authorization): SocketAddress {
  const unnamed = SocketAddress.unix("");
  authorization.requireAddress("unix", "listen", unnamed, "bind");
  return unnamed;
}
