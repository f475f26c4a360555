/**
 * Adopting: taking over sockets that somebody else made, by their descriptors. What a descriptor is
 * gets looked at first; until everything fits it stays the caller's.
 *
 * @module
 */

import type { EndpointParts } from "../listener/acceptor.ts";
import type { Authorization } from "../authorization.ts";
import type { NetworkCapability } from "../capability.ts";
import { type CompactAddress, expand } from "../compact_address.ts";
import { busy, netError } from "../errors.ts";
import { ACCEPT_KEYS, type ListenOptions, planAccept } from "../listener/listen_options.ts";
import { Want } from "../network.ts";
import { checkKeys, type ListenOptionValues } from "../options/options.ts";
import type { Scope } from "../scope.ts";
import { Socket } from "../socket.ts";
import { LEASES_PER_STREAM, requireLeases, type StreamParts } from "../stream/stream_socket.ts";
import {
  makeBlocking,
  OwnedFd,
  protectDescriptor,
  requireDescriptors,
  requireFd,
} from "../unix/unix_descriptors.ts";
import { canonicalize, type SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../ring/abi/sockaddr.ts";
import type { Transport } from "../../ring/authority/mod.ts";

const { SOL_SOCKET, SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN } = SockOpt;

/** `IPPROTO_MPTCP`: TCP over several paths, which is used as TCP is. */
const IPPROTO_MPTCP = 262;

/** Options of `adopt` for connections. */
export interface AdoptOptions {
  /** The most leases a program may hold of the stream at a time; 64 unless said otherwise. */
  readonly leasesPerStream?: number;
}

/** Options of `adopt` for endpoints: those of `listen` that are about accepting. */
export type AdoptListenOptions = Omit<ListenOptions, keyof ListenOptionValues | "backlog">;

/** What a socket is for. */
export const Role = { LISTENER: 0, CONNECTION: 1, DATAGRAMS: 2, UNUSED: 3 } as const;
/** One of {@linkcode Role}. */
export type Role = typeof Role[keyof typeof Role];

/** What a descriptor turned out to be. */
export interface SocketFacts {
  readonly fd: number;
  readonly transport: Exclude<Transport, "raw"> | null;
  readonly role: Role;
  /** `SOCK_STREAM` and so on. */
  readonly type: number;
  /** In words: "a listening TCP socket". */
  readonly description: string;
}

/** What a descriptor has to be. */
export interface Expected {
  readonly transport: Exclude<Transport, "raw">;
  readonly role: Role;
  /** In words: "a TCP connection". */
  readonly description: string;
}

/** See {@linkcode Expected}. */
export const TCP_LISTENER: Expected = {
  transport: "tcp",
  role: Role.LISTENER,
  description: "a listening TCP socket",
};
/** See {@linkcode Expected}. */
export const TCP_CONNECTION: Expected = {
  transport: "tcp",
  role: Role.CONNECTION,
  description: "a TCP connection",
};
/** See {@linkcode Expected}. */
export const UNIX_LISTENER: Expected = {
  transport: "unix",
  role: Role.LISTENER,
  description: "a listening Unix socket",
};
/** See {@linkcode Expected}. */
export const UNIX_CONNECTION: Expected = {
  transport: "unix",
  role: Role.CONNECTION,
  description: "a Unix connection",
};
/** See {@linkcode Expected}. */
export const UDP_SOCKET: Expected = {
  transport: "udp",
  role: Role.DATAGRAMS,
  description: "a UDP socket",
};
/** See {@linkcode Expected}. */
export const UNIX_DATAGRAM_SOCKET: Expected = {
  transport: "unix",
  role: Role.DATAGRAMS,
  description: "a Unix datagram socket",
};

/** A descriptor that was taken over: it counts as the capability's, and is closed by its owner. */
export interface Adopted {
  readonly authorization: Authorization;
  readonly fd: number;
  readonly facts: SocketFacts;
  readonly local: SocketAddress;
  /** Null without a peer. */
  readonly remote: CompactAddress | null;
}

/**
 * Takes a socket over for a connection.
 *
 * @throws {NetError} as {@linkcode adoptSocket}
 */
export async function adoptConnection(
  capability: NetworkCapability,
  fd: number | OwnedFd,
  expected: Expected,
  options: AdoptOptions,
): Promise<StreamParts & { readonly type: "stream" | "seqpacket" }> {
  checkKeys("adopt", options, ["leasesPerStream"]);
  const leasesPerStream = options.leasesPerStream === undefined
    ? LEASES_PER_STREAM
    : requireLeases(options.leasesPerStream);
  const adopted = await adoptSocket(capability, fd, expected);
  const { network, scope } = adopted.authorization;
  return {
    network,
    owner: scope,
    fd: adopted.fd,
    local: adopted.local,
    remote: adopted.remote!,
    leasesPerStream,
    type: typeOf(adopted.facts),
  };
}

/**
 * Takes a socket over for an endpoint.
 *
 * @throws {NetError} as {@linkcode adoptSocket}
 */
export async function adoptListener(
  capability: NetworkCapability,
  fd: number | OwnedFd,
  expected: Expected,
  options: AdoptListenOptions,
): Promise<EndpointParts & { readonly type: "stream" | "seqpacket" }> {
  checkKeys("adopt", options, ACCEPT_KEYS);
  const plan = planAccept(options);
  const { authorization, fd: number, facts, local } = await adoptSocket(capability, fd, expected);
  const { network, scope } = authorization;
  return { network, scope, fd: number, local, plan, type: typeOf(facts) };
}

function typeOf({ type }: SocketFacts): "stream" | "seqpacket" {
  return type === Sock.SEQPACKET ? "seqpacket" : "stream";
}

/**
 * Takes a socket over: proves that it is what is expected and that the capability allows it, makes
 * it fit for a ring, and counts it.
 *
 * @param fd its number, or an object whose ownership ends here
 * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what it is instead, EBUSY when this library has
 * it already, EMFILE at the limit `sockets`, ENOTSUP where descriptors are not the system's
 * @throws {Deno.errors.NotCapable} without `adopt`, or when no rule allows its addresses
 */
export async function adoptSocket(
  capability: NetworkCapability,
  fd: number | OwnedFd,
  expected: Expected,
): Promise<Adopted> {
  const { authorization } = capability;
  requireDescriptors(authorization.network, "adopting descriptors", "adopt");
  authorization.requireRight("adopt", "adopt");
  return await authorization.scope.track(takeOver(authorization, fd, expected), null);
}

async function takeOver(
  authorization: Authorization,
  from: number | OwnedFd,
  expected: Expected,
): Promise<Adopted> {
  const { network, scope } = authorization;
  const owned = from instanceof OwnedFd ? from : null;
  const fd = owned?.pin("adopt") ?? from;
  try {
    requireFd("adopt", "fd", fd);
    requireStranger(scope, fd);
    const facts = await inspectSocket(authorization, fd);
    if (facts.transport !== expected.transport || facts.role !== expected.role) {
      throw adoptError(Errno.EINVAL, fd, `is ${facts.description}, not ${expected.description}`);
    }
    const { local, remote } = await judge(authorization, facts);
    await protectDescriptor(network, fd, "adopt");
    await makeBlocking(network, fd, "adopt");
    authorization.requireLive("adopt");
    requireStranger(scope, fd);
    if (owned === null) {
      authorization.takeSocket("adopt");
      network.opened(fd);
    } else {
      owned.surrender({ network, owner: scope });
    }
    return { authorization, fd, facts, local, remote };
  } finally {
    owned?.unpin();
  }
}

/**
 * Finds out what a descriptor is.
 *
 * @throws {NetError} EBADF when it is not open, ENOTSOCK when it is no socket
 */
export async function inspectSocket(
  authorization: Authorization,
  fd: number,
): Promise<SocketFacts> {
  const domain = await readOption(authorization, fd, SO_DOMAIN);
  const type = await readOption(authorization, fd, SO_TYPE);
  const protocol = await readOption(authorization, fd, SO_PROTOCOL);
  const isListening = await readOption(authorization, fd, SO_ACCEPTCONN) === 1;
  const transport = transportOf(domain, type, protocol);
  const kind = kindOf(domain, type, protocol, transport);
  // An address of a family that nobody here knows could not be read.
  if (transport === null) {
    return { fd, transport, role: Role.UNUSED, type, description: `a ${kind} socket` };
  }
  if (type === Sock.DGRAM) {
    return { fd, transport, role: Role.DATAGRAMS, type, description: `a ${kind} socket` };
  }
  if (isListening) {
    const description = `a listening ${kind} socket`;
    return { fd, transport, role: Role.LISTENER, type, description };
  }
  const names = await authorization.network.names(fd, Want.PEER);
  if (typeof names !== "number") {
    return { fd, transport, role: Role.CONNECTION, type, description: `a ${kind} connection` };
  }
  const description = `a ${kind} socket that neither listens nor is connected`;
  return { fd, transport, role: Role.UNUSED, type, description };
}

function transportOf(
  domain: number,
  type: number,
  protocol: number,
): SocketFacts["transport"] {
  if (domain === AF_UNIX) return "unix";
  if (domain !== AF_INET && domain !== AF_INET6) return null;
  const isTcp = protocol === SockOpt.IPPROTO_TCP || protocol === IPPROTO_MPTCP;
  if (type === Sock.STREAM && isTcp) return "tcp";
  return type === Sock.DGRAM && protocol === SockOpt.IPPROTO_UDP ? "udp" : null;
}

function kindOf(
  domain: number,
  type: number,
  protocol: number,
  transport: SocketFacts["transport"],
): string {
  if (transport === "tcp" || transport === "udp") return transport.toUpperCase();
  if (transport === null) return `family ${domain}, type ${type}, protocol ${protocol}`;
  if (type === Sock.SEQPACKET) return "Unix seqpacket";
  return type === Sock.DGRAM ? "Unix datagram" : "Unix stream";
}

/** Proves that rules admit a socket's addresses. @returns them */
async function judge(
  authorization: Authorization,
  { fd, transport, role }: SocketFacts,
): Promise<{ local: SocketAddress; remote: CompactAddress | null }> {
  const mayHavePeer = role === Role.CONNECTION || role === Role.DATAGRAMS;
  let names = await authorization.network.names(fd, mayHavePeer ? Want.BOTH : Want.LOCAL);
  if (names === -Errno.ENOTCONN && role === Role.DATAGRAMS) {
    names = await authorization.network.names(fd, Want.LOCAL);
  }
  if (typeof names === "number") throw adoptError(-names, fd);
  const local = expand(names.local!);
  const remote = names.peer;
  // What was connected was either accepted here or connected to there.
  const { authority } = authorization.scope;
  const mayConnect = remote !== null && role === Role.CONNECTION &&
    authority.check(transport!, "connect", canonicalize(expand(remote), "destination")) === null;
  if (!mayConnect) {
    authorization.requireAddress(transport!, "listen", canonicalize(local, "listen"), "adopt");
  }
  return { local, remote };
}

/** Two owners would close a descriptor twice, the second time somebody else's. */
function requireStranger(scope: Scope, fd: number): void {
  for (const socket of scope.allSockets()) {
    if (!(socket instanceof Socket) || socket.descriptor !== fd) continue;
    throw busy("adopt", `descriptor ${fd} is a socket of this capability already`);
  }
}

async function readOption(
  authorization: Authorization,
  fd: number,
  name: number,
): Promise<number> {
  const words = new Int32Array(1);
  const result = await authorization.network.getOption(fd, SOL_SOCKET, name, words);
  if (result === -Errno.EBADF) throw adoptError(Errno.EBADF, fd, "is not open");
  if (result === -Errno.ENOTSOCK) throw adoptError(Errno.ENOTSOCK, fd, "is no socket");
  if (result < 0) throw adoptError(-result, fd);
  return words[0];
}

function adoptError(errno: number, fd: number, what?: string): Error {
  const detail = what === undefined ? undefined : `descriptor ${fd} ${what}`;
  return netError(errno, { operation: "adopt", detail });
}
