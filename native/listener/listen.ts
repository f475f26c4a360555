/**
 * Listening: makes the socket of an endpoint, sets its options, binds it.
 *
 * @module
 */

import { type Authorization, requireSuccess } from "../authorization.ts";
import { expand } from "../compact_address.ts";
import { netError } from "../errors.ts";
import { type ListenOptions, type ListenPlan, planListen } from "./listen_options.ts";
import { type Network, Want } from "../network.ts";
import { type OptionTarget, setOption, setOptions } from "../options/options.ts";
import { TcpEndpoint } from "../tcp/tcp_endpoint.ts";
import {
  planUnix,
  UnixEndpoint,
  type UnixEndpointParts,
  type UnixListenOptions,
  type UnixPlan,
} from "../unix/unix_endpoint.ts";
import { bindUnix, type SocketFile } from "../unix/unix_path.ts";
import { openSocket } from "../unix/unix_types.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";

/** Opens an endpoint: a {@linkcode UnixEndpoint} where the address is of a Unix socket. */
export async function listen(
  authorization: Authorization,
  address: AddressInput,
  options: UnixListenOptions,
): Promise<TcpEndpoint | UnixEndpoint> {
  authorization.requireLive("listen");
  const { unix, shared } = isUnix(address) ? planUnix(options) : { unix: {}, shared: options };
  const opening = open(authorization, address, shared, unix, planListen(shared));
  const parts = await authorization.scope.track(opening, null);
  return parts.local.family === "unix"
    ? new UnixEndpoint(parts)
    : new TcpEndpoint<Deno.NetAddr>(parts);
}

function isUnix(address: AddressInput): boolean {
  const target = parseAddress(address);
  return !isHostPort(target) && target.family === "unix";
}

async function open(
  authorization: Authorization,
  address: AddressInput,
  options: ListenOptions,
  unix: UnixPlan,
  plan: ListenPlan,
): Promise<UnixEndpointParts> {
  const local = await authorization.localAddress(address, "tcp");
  const { network, scope } = authorization;
  authorization.takeSocket("listen");
  let fd = -1;
  let file: SocketFile | null = null;
  try {
    fd = await openSocket(network, local, unix.type, "listen");
    requireSuccess(fd, "listen", local);
    await setListenOptions(authorization, fd, local, options);
    if (local.family === "unix") file = await bindUnix(network, fd, local, unix);
    else await bind(authorization, fd, local, options);
    requireSuccess(await network.listen(fd, plan.backlog), "listen", local);
    const names = await network.names(fd, Want.LOCAL);
    if (typeof names === "number") throw netError(names, { operation: "listen" });
    authorization.requireLive("listen");
    return { network, scope, fd, local: expand(names.local!), plan, type: unix.type, file };
  } catch (error) {
    if (file?.isRemoved === true) await file.remove();
    if (fd >= 0) await network.close(fd);
    authorization.returnSocket();
    throw error;
  }
}

/** Whether any free port is wanted, which must be free indeed. */
function isAnyPort(local: SocketAddress, options: ListenOptions): boolean {
  // Bound with SO_REUSEADDR, two sockets may be given the same one. Set afterwards, it still lets
  // the port be listened on again at once.
  return local.family !== "unix" && local.port === 0 && options.reuseAddress !== false;
}

/** Sets the options of a listener that is not bound yet. */
async function setListenOptions(
  { network }: Authorization,
  fd: number,
  local: SocketAddress,
  options: ListenOptions,
): Promise<void> {
  const isUnix = local.family === "unix";
  const values = { ...(isUnix ? {} : { reuseAddress: true, noDelay: true }), ...options };
  const isLater = isAnyPort(local, options);
  const target = targetOf(network, fd, local);
  await setOptions(target, isLater ? { ...values, reuseAddress: undefined } : values, "listen");
}

async function bind(
  { network }: Authorization,
  fd: number,
  local: SocketAddress,
  options: ListenOptions,
): Promise<void> {
  requireSuccess(await network.bind(fd, local), "listen", local);
  if (!isAnyPort(local, options)) return;
  await setOption(targetOf(network, fd, local), "reuseAddress", true, false, "listen");
}

function targetOf(network: Network, fd: number, local: SocketAddress): OptionTarget {
  return {
    network,
    descriptor: fd,
    kind: "listener",
    family: local.family,
    localName: local.toString(),
  };
}
