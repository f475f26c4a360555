/**
 * What sockets of datagrams are opened with: options, and what is told about what arrives.
 *
 * @module
 */

import { requireInteger } from "../authorization.ts";
import { filterOf } from "./datagram_filter.ts";
import { fitsJoined, NAME_ROOMS, type ReceiveLayout } from "./datagram_template.ts";
import { netError, unsupported } from "../errors.ts";
import type { Network } from "../network.ts";
import {
  checkKeys,
  checkOptionValues,
  DATAGRAM_OPTIONS,
  type DatagramOptionValues,
  setOptions,
} from "../options/options.ts";
import type { AddressLimiter } from "../limits/rate_limiter.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

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

const OWN_KEYS: readonly string[] = [
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

/** Options of `adopt`: what is told about what arrives; the socket keeps its own options. */
export type AdoptDatagramOptions = Pick<
  BindOptions,
  "leasesPerEndpoint" | "rateLimiter" | "receiveTimeToLive" | "receiveTrafficClass"
>;

/** What is left of options once they are checked. */
export interface DatagramPlan {
  readonly options: BindOptions;
  readonly leasesMax: number;
  readonly filter: ReturnType<typeof filterOf>;
}

/** Checks the options of `bind` or `adopt`. */
export function planDatagrams(
  network: Network,
  operation: "bind" | "adopt",
  options: BindOptions,
): DatagramPlan {
  const keys = operation === "bind" ? [...DATAGRAM_OPTIONS, ...OWN_KEYS] : OWN_KEYS;
  checkKeys(operation, options, keys);
  checkOptionValues("datagram", options);
  for (const name of FLAGS) {
    const value = options[name];
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(`option ${name} must be a boolean, not ${String(value)}`);
  }
  const leasesMax = options.leasesPerEndpoint ?? LEASES;
  requireInteger("leasesPerEndpoint", leasesMax, 1, LEASES_MAX);
  const filter = filterOf(options.rateLimiter);
  if (network.reactor.datagramBuffers.count === 0) {
    const detail = "the ring was made without datagramBuffers";
    throw netError(Errno.ENOBUFS, { operation, detail });
  }
  return { options, leasesMax, filter };
}

/** How an endpoint that is bound to an address receives. */
export function layoutOf(plan: DatagramPlan, local: SocketAddress): ReceiveLayout {
  const { leasesMax, filter } = plan;
  return { nameRoom: NAME_ROOMS[local.family], localPort: local.port, leasesMax, filter };
}

/** Sets options. @returns whether joined datagrams can be cut apart by the system */
export async function prepareDatagrams(
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
