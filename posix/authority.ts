/**
 * Which sockets a capability lets the calls make, and which addresses they may use.
 *
 * What is judged is the bytes that the backend will read, as it will read them: an address that is
 * too short for its family is not judged, because no backend takes it.
 *
 * @module
 */

import type { Name } from "./engine.ts";
import { PosixError } from "./errors.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_UNSPEC,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "./constants/mod.ts";
import type { NetworkCapability } from "../native/capability.ts";
import { decodeSockaddr, SOCKADDR_IN6_SIZE, SOCKADDR_IN_SIZE } from "../ring/abi/sockaddr.ts";
import { Errno } from "../ring/abi/errno.ts";

/** What kind of file a descriptor names, as far as authority asks. */
export const Kind = { OTHER: 0, TCP: 1, UDP: 2, UNIX: 3, RAW: 4, EPOLL: 5 } as const;

type Verb = "connect" | "listen";

const TRANSPORTS = ["raw", "tcp", "udp", "unix", "raw", "raw"] as const;
/** RFC 2133's `sockaddr_in6` ends before the scope; Linux still takes it. */
const SOCKADDR_IN6_LEAST = SOCKADDR_IN6_SIZE - 4;

/** Judges sockets and addresses for one capability. */
export class CallAuthority {
  readonly #capability: NetworkCapability;
  /** The destination judged last: most programs send to the same peer again. */
  readonly #last = new Uint8Array(SOCKADDR_IN6_SIZE);
  #lastLength = -1;
  #lastKind = 0;

  constructor(capability: NetworkCapability) {
    this.#capability = capability;
  }

  /** @throws {PosixError} EACCES once the capability is withdrawn */
  requireLive(call: string): void {
    this.#attempt(call, () => this.#capability.authorization.requireLive(call));
  }

  /** Judges a socket to be made. @returns its kind @throws {PosixError} EACCES */
  requireSocket(call: string, domain: number, type: number, protocol: number): number {
    this.requireLive(call);
    const kind = kindOf(domain, type, protocol);
    const { authorization } = this.#capability;
    this.#attempt(call, () => authorization.requireRight(TRANSPORTS[kind], call));
    return kind;
  }

  /** Judges an address to bind or listen on. @throws {PosixError} EACCES */
  requireLocal(call: string, kind: number, name: Name): void {
    if (isJudged(kind, name, AF_UNSPEC)) this.#require(call, kind, "listen", name);
  }

  /** Judges a destination. @param isSend whether `AF_UNSPEC` means IPv4 @throws {PosixError} EACCES */
  requirePeer(call: string, kind: number, name: Name, isSend: boolean): void {
    if (!isJudged(kind, name, isSend ? AF_UNSPEC : -1)) return;
    if (kind === this.#lastKind && this.#isLast(name)) {
      this.requireLive(call);
      return;
    }
    this.#require(call, kind, "connect", name);
    this.#lastKind = kind;
    this.#lastLength = name.length <= this.#last.length ? name.length : -1;
    for (let index = 0; index < this.#lastLength; index++) this.#last[index] = name.bytes[index];
  }

  /** Whether descriptors that come in messages may be kept. */
  get mayAdopt(): boolean {
    return this.#capability.authorization.scope.authority.has("adopt") === null;
  }

  /** Judges a name to resolve, null for an address's own. @throws {PosixError} EACCES */
  requireName(call: string, name: string | null): void {
    this.requireLive(call);
    if (name === null) return;
    const { authorization } = this.#capability;
    const denial = authorization.scope.authority.checkResolve(name);
    if (denial !== null) this.#attempt(call, () => throwIt(authorization.denied(denial, call)));
  }

  /** Judges a file by its resolved path. @throws {PosixError} EACCES */
  requireFile(call: string, path: string, isWritten: boolean, isRead: boolean): void {
    const { authorization } = this.#capability;
    const { authority } = authorization.scope;
    for (const right of ["files", "writableFiles"] as const) {
      if (right === "files" ? !isRead : !isWritten) continue;
      const denial = authority.checkFile(path, right);
      if (denial !== null) this.#attempt(call, () => throwIt(authorization.denied(denial, call)));
    }
  }

  #isLast(name: Name): boolean {
    if (name.length !== this.#lastLength) return false;
    for (let index = 0; index < name.length; index++) {
      if (this.#last[index] !== name.bytes[index]) return false;
    }
    return true;
  }

  #require(call: string, kind: number, verb: Verb, name: Name): void {
    const { authorization } = this.#capability;
    this.requireLive(call);
    const bytes = name.bytes.slice(0, name.length);
    if (familyOf(name) === AF_UNSPEC) bytes[0] = AF_INET;
    const address = decodeSockaddr(bytes, 0, bytes.length);
    this.#attempt(call, () => {
      authorization.requireAddress(TRANSPORTS[kind], verb, address, call);
    });
  }

  /** A denial is EACCES here, and says what was denied as its cause. */
  #attempt(call: string, check: () => void): void {
    try {
      check();
    } catch (cause) {
      throw new PosixError(Errno.EACCES, call, { cause });
    }
  }
}

function throwIt(error: Error): never {
  throw error;
}

function familyOf(name: Name): number {
  return name.length < 2 ? -1 : name.bytes[0] | (name.bytes[1] << 8);
}

/**
 * What no backend takes is for the backend to refuse: an address of the Internet for a Unix socket,
 * or the other way round, and any for what is no socket.
 *
 * @param alsoIpv4 the family that stands for IPv4 in this call, -1 for none
 */
function isJudged(kind: number, name: Name, alsoIpv4: number): boolean {
  const family = familyOf(name);
  if (kind === Kind.OTHER || kind === Kind.EPOLL) return false;
  if (kind === Kind.UNIX) return family === AF_UNIX;
  if (family === AF_UNIX && (kind === Kind.TCP || kind === Kind.UDP)) return false;
  if (family === AF_INET || family === alsoIpv4) return name.length >= SOCKADDR_IN_SIZE;
  if (family === AF_INET6) return name.length >= SOCKADDR_IN6_LEAST;
  return family === AF_UNIX;
}

/** The kind of a socket. @param type with or without its flags */
export function kindOf(domain: number, type: number, protocol: number): number {
  const plain = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (domain === AF_UNIX) return Kind.UNIX;
  if (domain !== AF_INET && domain !== AF_INET6) return Kind.RAW;
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6 || plain === SOCK_RAW) {
    return Kind.RAW;
  }
  if (plain === SOCK_DGRAM) return Kind.UDP;
  return plain === SOCK_STREAM || plain === SOCK_SEQPACKET ? Kind.TCP : Kind.RAW;
}
