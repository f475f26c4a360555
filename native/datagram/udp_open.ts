/**
 * Binding: makes the socket of an endpoint of datagrams, sets its options, binds it.
 *
 * @module
 */

import { type Authorization, domainOf, requireInteger, requireSuccess } from "../authorization.ts";
import { expand } from "../compact_address.ts";
import { filterOf } from "./datagram_filter.ts";
import { fitsJoined, NAME_ROOMS } from "./datagram_template.ts";
import { UnixDatagramEndpoint } from "./datagram_unix.ts";
import { netError, unsupported } from "../errors.ts";
import { type Network, Want } from "../network.ts";
import {
  checkKeys,
  checkOptionValues,
  DATAGRAM_OPTIONS,
  type DatagramOptionValues,
  setOptions,
} from "../options/options.ts";
import type { AddressLimiter } from "../limits/rate_limiter.ts";
import { UdpEndpoint } from "./udp.ts";
import { type AddressInput, SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";

/** Options of `bind`: those of datagram sockets, and what is told about what arrives. */
export interface BindOptions extends Partial<DatagramOptionValues> {
  /** Datagrams that the program may hold at a time, those of a batch aside; 256, up to 65536. */
  readonly leasesPerEndpoint?: number;
  /** Drops what is over the limit of its sender, and counts it. */
  readonly rateLimiter?: AddressLimiter;
  /** Tell how many routers each datagram might still have passed (`IP_RECVTTL`). */
  readonly receiveTimeToLive?: boolean;
  /** Tell the byte with DSCP and ECN of each datagram (`IP_RECVTOS`, `IPV6_RECVTCLASS`). */
  readonly receiveTrafficClass?: boolean;
}

const KEYS: readonly string[] = [
  ...DATAGRAM_OPTIONS,
  "leasesPerEndpoint",
  "rateLimiter",
  "receiveTimeToLive",
  "receiveTrafficClass",
];
const FLAGS: readonly (keyof BindOptions)[] = ["receiveTimeToLive", "receiveTrafficClass"];
const LEASES = 256;
const LEASES_MAX = 65536;
const ON = new Int32Array([1]);
const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;

/** Opens the socket of an endpoint; the address says whether it is UDP's or a Unix one. */
export async function bindDatagrams(
  authorization: Authorization,
  address: AddressInput,
  options: BindOptions,
): Promise<UdpEndpoint | UnixDatagramEndpoint> {
  authorization.requireLive("bind");
  checkKeys("bind", options, KEYS);
  checkOptionValues("datagram", options);
  for (const name of FLAGS) {
    const value = options[name];
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(`option ${name} must be a boolean, not ${String(value)}`);
  }
  const leasesMax = options.leasesPerEndpoint ?? LEASES;
  requireInteger("leasesPerEndpoint", leasesMax, 1, LEASES_MAX);
  const filter = filterOf(options.rateLimiter);
  if (authorization.network.reactor.datagramBuffers.count === 0) {
    const detail = "the ring was made without datagramBuffers";
    throw netError(Errno.ENOBUFS, { operation: "bind", detail });
  }
  const opening = open(authorization, address, options);
  const opened = await authorization.scope.track(opening, null);
  const { local } = opened;
  const layout = { nameRoom: NAME_ROOMS[local.family], localPort: local.port, leasesMax, filter };
  const { network, scope: owner } = authorization;
  const parts = { network, owner, ...opened, layout };
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
    const canJoin = await prepare(network, fd, local, options);
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

/** Sets options. @returns whether joined datagrams can be cut apart by the system */
async function prepare(
  network: Network,
  fd: number,
  local: SocketAddress,
  options: BindOptions,
): Promise<boolean> {
  const { family } = local;
  const target = { network, descriptor: fd, kind: "datagram", family, localName: local.toString() };
  await setOptions({ ...target, kind: "datagram" }, options, "bind");
  await attempt(network, fd, SOL_SOCKET, SockOpt.SO_RXQ_OVFL);
  if (family === "unix") {
    for (const name of FLAGS) {
      if (options[name] === true) {
        throw unsupported(network.kind, `${name} on Unix sockets`, "bind");
      }
    }
    return false;
  }
  const isIPv6 = family === "IPv6";
  if (options.receiveTimeToLive === true) {
    await demand(network, fd, isIPv6, SockOpt.IP_RECVTTL, SockOpt.IPV6_RECVHOPLIMIT, FLAGS[0]);
  }
  if (options.receiveTrafficClass === true) {
    await demand(network, fd, isIPv6, SockOpt.IP_RECVTOS, SockOpt.IPV6_RECVTCLASS, FLAGS[1]);
  }
  if (!fitsJoined(network.reactor.memory.plan.datagramBytes)) return true;
  await attempt(network, fd, IPPROTO_UDP, SockOpt.UDP_GRO);
  return true;
}

/** Sets what makes things faster or is nice to know, where the backend can. */
async function attempt(network: Network, fd: number, level: number, name: number): Promise<void> {
  await network.setOption(fd, level, name, ON);
}

/** Sets what a program asked to be told; a socket of IPv6 may receive datagrams of IPv4, too. */
async function demand(
  network: Network,
  fd: number,
  isIPv6: boolean,
  name: number,
  name6: number,
  option: string,
): Promise<void> {
  const result = isIPv6
    ? await network.setOption(fd, IPPROTO_IPV6, name6, ON)
    : await network.setOption(fd, SOL_IP, name, ON);
  if (isIPv6 && result >= 0) await network.setOption(fd, SOL_IP, name, ON);
  if (result >= 0) return;
  const isUnsupported = result === -Errno.ENOTSUP || result === -Errno.ENOPROTOOPT;
  if (isUnsupported) throw unsupported(network.kind, `the option ${option}`, "bind");
  throw netError(result, { operation: "bind", detail: `the option ${option}` });
}
