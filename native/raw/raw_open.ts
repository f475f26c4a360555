/**
 * Opening raw sockets: makes the socket, sets its options, binds it.
 *
 * @module
 */

import { type Authorization, domainOf, requireInteger, requireSuccess } from "../authorization.ts";
import { expand } from "../compact_address.ts";
import type { DatagramParts } from "../datagram/datagram_socket.ts";
import { NAME_ROOMS } from "../datagram/datagram_template.ts";
import { netError, unsupported } from "../errors.ts";
import { Want } from "../network.ts";
import { checkKeys, checkOptionValues, DATAGRAM_OPTIONS, setOptions } from "../options/options.ts";
import type { RawOptions } from "./raw.ts";
import { canonicalize, SocketAddress } from "../../ring/abi/address.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";

const FLAGS = ["headerIncluded", "receiveTimeToLive", "receiveTrafficClass"] as const;
const KEYS: readonly string[] = [
  ...DATAGRAM_OPTIONS,
  ...FLAGS,
  "family",
  "localAddress",
  "leasesPerEndpoint",
  "messageTypes",
];
const PROTOCOL_MAX = 255;
const LEASES = 256;
const LEASES_MAX = 65536;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
/** Sends whatever has a header, and receives nothing. */
const IPPROTO_RAW = 255;
/** `struct icmp_filter` has a bit for each of the first 32 types. */
const ICMP_FILTERED = 32;
const ICMPV6_FILTERED = 256;
const ON = new Int32Array([1]);
const { SOL_IP, SOL_SOCKET, SOL_RAW, IPPROTO_IPV6 } = SockOpt;

/** What was asked for, with its defaults. */
interface Wanted {
  readonly protocol: number;
  readonly options: RawOptions;
  readonly local: SocketAddress;
  readonly isIPv6: boolean;
  readonly hasHeader: boolean;
}

/** What an endpoint is made of, and whether its program writes IP headers. */
export interface OpenedRaw {
  readonly parts: DatagramParts;
  readonly hasHeader: boolean;
}

/** Opens a raw socket: see {@linkcode RawEndpoint.open}. */
export async function openRaw(
  authorization: Authorization,
  protocol: number,
  options: RawOptions,
): Promise<OpenedRaw> {
  authorization.requireLive("open");
  const wanted = check(protocol, options);
  const { local, hasHeader } = wanted;
  authorization.requireAddress("raw", "listen", canonicalize(local, "listen"), "open");
  const opened = await authorization.scope.track(open(authorization, wanted), null);
  const { network, scope: owner } = authorization;
  const leasesMax = options.leasesPerEndpoint ?? LEASES;
  const nameRoom = NAME_ROOMS[opened.local.family];
  const layout = { nameRoom, localPort: 0, leasesMax, filter: null };
  const parts = { network, owner, ...opened, layout, canJoin: false, transport: "raw" } as const;
  return { parts, hasHeader };
}

/** The address of a host, whose port counts for nothing. @throws {TypeError} for what is none */
export function hostAddress(what: string, text: string): SocketAddress {
  const host = typeof text === "string" ? canonicalizeHost(text) : undefined;
  if (host === undefined) {
    throw new TypeError(`${what} must be a numeric address, not ${JSON.stringify(text)}`);
  }
  return withoutPort(host);
}

/** The same host with port 0, as raw sockets have it. */
export function withoutPort(
  { family, bytes, scope }: Pick<SocketAddress, "family" | "bytes" | "scope">,
): SocketAddress {
  return family === "IPv4" ? SocketAddress.ipv4(bytes, 0) : SocketAddress.ipv6(bytes, 0, scope);
}

function check(protocol: number, options: RawOptions): Wanted {
  checkKeys("RawEndpoint.open", options, KEYS);
  checkOptionValues("datagram", options);
  requireInteger("protocol", protocol, 1, PROTOCOL_MAX);
  requireInteger("leasesPerEndpoint", options.leasesPerEndpoint ?? LEASES, 1, LEASES_MAX);
  for (const name of FLAGS) {
    const value = options[name];
    if (value === undefined || typeof value === "boolean") continue;
    throw new TypeError(`option ${name} must be a boolean, not ${String(value)}`);
  }
  const local = localOf(options);
  const isIPv6 = local.family === "IPv6";
  // Linux has it so for this protocol.
  const hasHeader = options.headerIncluded ?? protocol === IPPROTO_RAW;
  if (protocol === IPPROTO_RAW && !hasHeader) {
    throw new RangeError(`protocol ${IPPROTO_RAW} is that of packets with headerIncluded`);
  }
  checkTypes(protocol, options.messageTypes, isIPv6);
  return { protocol, options, local, isIPv6, hasHeader };
}

function checkTypes(
  protocol: number,
  types: readonly number[] | undefined,
  isIPv6: boolean,
): void {
  if (types === undefined) return;
  if (protocol !== (isIPv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
    throw new TypeError("messageTypes are those of ICMP, or of ICMPv6 with the family IPv6");
  }
  if (!Array.isArray(types)) throw new TypeError("messageTypes must be a list of numbers");
  const most = (isIPv6 ? ICMPV6_FILTERED : ICMP_FILTERED) - 1;
  types.forEach((type, index) => requireInteger(`messageTypes[${index}]`, type, 0, most));
}

function localOf({ family, localAddress }: RawOptions): SocketAddress {
  if (family !== undefined && family !== "IPv4" && family !== "IPv6") {
    throw new TypeError(`family must be "IPv4" or "IPv6", not ${String(family)}`);
  }
  if (localAddress === undefined) {
    return family === "IPv6"
      ? SocketAddress.ipv6(new Uint8Array(16), 0)
      : SocketAddress.ipv4(new Uint8Array(4), 0);
  }
  const local = hostAddress("localAddress", localAddress);
  if (family === undefined || family === local.family) return local;
  throw new TypeError(`localAddress ${localAddress} is not of the family ${family}`);
}

async function open(
  authorization: Authorization,
  wanted: Wanted,
): Promise<{ fd: number; local: SocketAddress }> {
  const { network } = authorization;
  const { local, protocol } = wanted;
  authorization.takeSocket("open");
  let fd = -1;
  try {
    fd = await network.socket(domainOf(local), Sock.RAW | Sock.CLOEXEC, "open", protocol);
    if (fd === -Errno.ENOTSUP) throw unsupported(network.kind, "raw sockets", "open");
    if (fd === -Errno.EPERM) {
      const detail = "a raw socket needs the privilege CAP_NET_RAW";
      throw netError(Errno.EPERM, { operation: "open", detail });
    }
    requireSuccess(fd, "open", local);
    await prepare(authorization, fd, wanted);
    requireSuccess(await network.bind(fd, local), "open", local);
    const names = await network.names(fd, Want.LOCAL);
    if (typeof names === "number") throw netError(names, { operation: "open" });
    authorization.requireLive("open");
    // The port of a raw socket's name is its protocol.
    return { fd, local: withoutPort(expand(names.local!)) };
  } catch (error) {
    if (fd >= 0) await network.close(fd);
    authorization.returnSocket();
    throw error;
  }
}

async function prepare(
  { network }: Authorization,
  fd: number,
  { options, local, isIPv6, hasHeader }: Wanted,
): Promise<void> {
  const { family } = local;
  if (hasHeader && isIPv6) {
    throw unsupported(network.kind, "headerIncluded with IPv6", "open");
  }
  const target = { network, descriptor: fd, family, localName: local.toString() };
  await setOptions({ ...target, kind: "datagram" }, options, "open");
  // Nice to know where it can be known.
  await network.setOption(fd, SOL_SOCKET, SockOpt.SO_RXQ_OVFL, ON);
  const demand = async (level: number, name: number, value: Int32Array) => {
    requireSuccess(await network.setOption(fd, level, name, value), "open", local);
  };
  if (hasHeader) await demand(SOL_IP, SockOpt.IP_HDRINCL, ON);
  if (options.receiveTimeToLive === true) {
    if (isIPv6) await demand(IPPROTO_IPV6, SockOpt.IPV6_RECVHOPLIMIT, ON);
    else await demand(SOL_IP, SockOpt.IP_RECVTTL, ON);
  }
  if (options.receiveTrafficClass === true) {
    if (isIPv6) await demand(IPPROTO_IPV6, SockOpt.IPV6_RECVTCLASS, ON);
    else await demand(SOL_IP, SockOpt.IP_RECVTOS, ON);
  }
  if (options.messageTypes === undefined) return;
  const filter = filterOf(options.messageTypes, isIPv6 ? ICMPV6_FILTERED : ICMP_FILTERED);
  if (isIPv6) await demand(SockOpt.IPPROTO_ICMPV6, SockOpt.ICMPV6_FILTER, filter);
  else await demand(SOL_RAW, SockOpt.ICMP_FILTER, filter);
}

/** A bit that is set keeps a type out. */
function filterOf(types: readonly number[], bits: number): Int32Array {
  const filter = new Int32Array(bits / 32).fill(-1);
  for (const type of types) filter[type >> 5] &= ~(1 << (type & 31));
  return filter;
}
