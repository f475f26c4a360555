/**
 * Listening: makes the socket of an endpoint, sets its options, binds it.
 *
 * @module
 */

import type { EndpointParts } from "./acceptor.ts";
import { type Authorization, domainOf, requireInteger, requireSuccess } from "./authorization.ts";
import { expand } from "./compact_address.ts";
import { netError } from "./errors.ts";
import type { ListenOptions } from "./listener_socket.ts";
import { Want } from "./network.ts";
import { checkKeys, checkOptionValues, OPTION_NAMES, setOption } from "./options.ts";
import { requireLeases } from "./stream_socket.ts";
import { TcpEndpoint } from "./tcp_endpoint.ts";
import { UnixEndpoint } from "./unix_endpoint.ts";
import type { AddressInput, SocketAddress } from "../ring/abi/address.ts";
import { Sock } from "../ring/abi/opcodes.ts";

const KEYS: readonly string[] = [...OPTION_NAMES, "backlog", "leasesPerStream"];
/** Connections that may wait to be accepted; the system caps it (`net.core.somaxconn`). */
const BACKLOG = 4096;
const BACKLOG_MAX = 65535;

/** Opens an endpoint: a {@linkcode UnixEndpoint} where the address is of a Unix socket. */
export async function listen(
  authorization: Authorization,
  address: AddressInput,
  options: ListenOptions,
): Promise<TcpEndpoint | UnixEndpoint> {
  authorization.requireLive("listen");
  checkKeys("listen", options, KEYS);
  checkOptionValues(options);
  const backlog = requireInteger("backlog", options.backlog ?? BACKLOG, 1, BACKLOG_MAX);
  const leasesPerStream = requireLeases(options.leasesPerStream);
  const opening = open(authorization, address, options, backlog, leasesPerStream);
  const parts = await authorization.scope.track(opening, null);
  return parts.local.family === "unix"
    ? new UnixEndpoint(parts)
    : new TcpEndpoint<Deno.NetAddr>(parts);
}

async function open(
  authorization: Authorization,
  address: AddressInput,
  options: ListenOptions,
  backlog: number,
  leasesPerStream: number,
): Promise<EndpointParts> {
  const local = await authorization.localAddress(address, "tcp");
  const { network, scope } = authorization;
  authorization.takeSocket("listen");
  let fd = -1;
  try {
    fd = await network.socket(domainOf(local), Sock.STREAM | Sock.CLOEXEC, "listen");
    requireSuccess(fd, "listen", local);
    await prepare(authorization, fd, local, options);
    requireSuccess(await network.listen(fd, backlog), "listen", local);
    const names = await network.names(fd, Want.LOCAL);
    if (typeof names === "number") throw netError(names, { operation: "listen" });
    authorization.requireLive("listen");
    return { network, scope, fd, local: expand(names.local!), leasesPerStream };
  } catch (error) {
    if (fd >= 0) await network.close(fd);
    authorization.returnSocket();
    throw error;
  }
}

/** Sets the options of a listener and binds it. */
async function prepare(
  { network }: Authorization,
  fd: number,
  local: SocketAddress,
  options: ListenOptions,
): Promise<void> {
  const isUnix = local.family === "unix";
  const values = { ...(isUnix ? {} : { reuseAddress: true, noDelay: true }), ...options };
  // Any free port must be free indeed: bound with SO_REUSEADDR, two sockets may be given the
  // same one. Set afterwards, it still lets the port be listened on again at once.
  const isAnyPort = !isUnix && local.port === 0 && values.reuseAddress === true;
  for (const name of OPTION_NAMES) {
    const value = isAnyPort && name === "reuseAddress" ? undefined : values[name];
    if (value !== undefined) await setOption(network, fd, name, value, false, "listen");
  }
  requireSuccess(await network.bind(fd, local), "listen", local);
  if (isAnyPort) await setOption(network, fd, "reuseAddress", true, false, "listen");
}
