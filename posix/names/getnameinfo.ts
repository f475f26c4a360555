/**
 * `getnameinfo` as glibc means it, in two steps like `getaddrinfo`.
 *
 * @module
 */

import { domainToUnicode } from "node:url";
import {
  IN6_ADDRESS,
  IN6_PORT,
  IN_ADDRESS,
  IN_PORT,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
} from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  EAI_BADFLAGS,
  EAI_FAMILY,
  EAI_NONAME,
  EAI_SYSTEM,
  NI_DGRAM,
  NI_IDN,
  NI_NAMEREQD,
  NI_NOFQDN,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
} from "../constants/names.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import type { NameInfo, Sockaddr } from "../types.ts";
import { inet_ntop } from "./inet.ts";
import type { LocalHost } from "./local_host.ts";
import { errorOf, type NameAnswer, type NameQuery } from "./query.ts";
import { decodeName, encodeName } from "./sockaddr.ts";

/** A call that has been judged: what is left of it to do. */
export interface NameInfoPlan {
  /** What a resolver has to be asked, in this order; often nothing. */
  readonly queries: readonly NameQuery[];
  /** @ignore */
  readonly flags: number;
  /** @ignore The host as far as no resolver knows better; null where only a name will do. */
  readonly host: string | null;
  /** @ignore */
  readonly service: string;
  /** @ignore The name of this machine, as `NI_NOFQDN` needs it. */
  readonly hostName: string | null;
}

const CALL = "getnameinfo";
/** Room for `sockaddr_storage`. */
const NAME_ROOM = 128;
/** Flags that glibc takes and passes over: those of an older way to encode names. */
const DEPRECATED_FLAGS = 0xc0;
const KNOWN_FLAGS = NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM |
  NI_IDN | DEPRECATED_FLAGS;

const IPV4_LOOPBACK = new Uint8Array([127, 0, 0, 1]);

/**
 * The first step: judges the arguments and finds out what a resolver has to be asked.
 *
 * @param address an address of `AF_INET`, `AF_INET6` or `AF_UNIX`
 * @param flags `NI_NUMERICHOST` and others
 * @param host what is known of this machine
 * @throws {PosixError} with `errno` = `EAI_*`. Source: getnameinfo(3)
 *
 * @example
 * ```ts
 * import { finishNameInfo, planNameInfo } from "./getnameinfo.ts";
 * import { systemHost } from "./local_host.ts";
 * const address = { family: 2, address: "192.0.2.1", port: 80 };
 * const plan = planNameInfo(address, 1, systemHost());
 * const { host, service } = finishNameInfo(plan, []);
 * if (host !== "192.0.2.1" || service !== "http") throw new Error("unreachable");
 * ```
 */
export function planNameInfo(address: Sockaddr, flags: number, host: LocalHost): NameInfoPlan {
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new PosixError(EAI_BADFLAGS, CALL);
  const { family } = address;
  if (family === AF_UNIX) return planUnix(address, flags, host);
  if (family !== AF_INET && family !== AF_INET6) throw new PosixError(EAI_FAMILY, CALL);
  const bytes = new Uint8Array(NAME_ROOM);
  const length = encode(address, bytes);
  const isIpv4 = family === AF_INET;
  if (length < (isIpv4 ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE)) {
    throw new PosixError(EAI_FAMILY, CALL);
  }
  const raw = bytes.slice(isIpv4 ? IN_ADDRESS : IN6_ADDRESS).slice(0, isIpv4 ? 4 : 16);
  const isNumeric = (flags & NI_NUMERICHOST) !== 0;
  if (isNumeric && (flags & NI_NAMEREQD) !== 0) throw new PosixError(EAI_NONAME, CALL);
  const at = isIpv4 ? IN_PORT : IN6_PORT;
  const scope = isIpv4 ? "" : scopeText(raw, decodeName(bytes, length)!.scopeId!, host);
  const isShort = !isNumeric && (flags & NI_NOFQDN) !== 0;
  const hostName = isShort ? host.hostName() : null;
  const queries: NameQuery[] = isNumeric ? [] : [{ kind: "reverse", address: raw }];
  return {
    queries: isShort ? [...queries, ...domainQueries(hostName)] : queries,
    flags,
    host: (flags & NI_NAMEREQD) !== 0 ? null : inet_ntop(family, raw) + scope,
    service: serviceText(bytes[at] << 8 | bytes[at + 1], flags, host),
    hostName,
  };
}

/** A Unix socket is on this machine, and its service is its path. */
function planUnix(address: Sockaddr, flags: number, host: LocalHost): NameInfoPlan {
  const bytes = new Uint8Array(NAME_ROOM);
  const { path = "" } = decodeName(bytes, encode(address, bytes))!;
  const name = (flags & NI_NUMERICHOST) === 0 ? host.hostName() : null;
  if (name === null && (flags & NI_NAMEREQD) !== 0) throw new PosixError(EAI_NONAME, CALL);
  // An abstract name starts with a NUL: as a string of C it is empty.
  const service = path.startsWith("\0") ? "" : path;
  return { queries: [], flags, host: name ?? "localhost", service, hostName: null };
}

function encode(address: Sockaddr, bytes: Uint8Array): number {
  try {
    return encodeName(address, bytes, CALL);
  } catch (cause) {
    throw new PosixError(EAI_SYSTEM, CALL, { cause });
  }
}

function serviceText(port: number, flags: number, host: LocalHost): string {
  if ((flags & NI_NUMERICSERV) !== 0) return String(port);
  const protocol = (flags & NI_DGRAM) !== 0 ? "udp" : "tcp";
  return host.services.nameOf(port, protocol) ?? String(port);
}

/** The interface of an address that is only one of a link; any other scope is a number. */
function scopeText(address: Uint8Array, scopeId: number, host: LocalHost): string {
  if (scopeId === 0) return "";
  const isLinkLocal = address[0] === 0xfe && (address[1] & 0xc0) === 0x80 ||
    address[0] === 0xff && (address[1] & 0x0f) === 2;
  const name = isLinkLocal ? host.interfaceName(scopeId) : null;
  return `%${name ?? scopeId}`;
}

/**
 * What tells the domain of this machine, in glibc's order: the full name of `localhost`, that of
 * the machine, the name of 127.0.0.1.
 */
function domainQueries(hostName: string | null): NameQuery[] {
  const queries: NameQuery[] = [{ kind: "canonical", name: "localhost", family: 0 }];
  if (hostName !== null && !hostName.includes(".")) {
    queries.push({ kind: "canonical", name: hostName, family: 0 });
  }
  queries.push({ kind: "reverse", address: IPV4_LOOPBACK });
  return queries;
}

/**
 * The second step: the names.
 *
 * @param answers one for each query of the plan, in the same order
 * @throws {PosixError} with `errno` = `EAI_*`
 */
export function finishNameInfo(plan: NameInfoPlan, answers: readonly NameAnswer[]): NameInfo {
  const { host, service } = plan;
  if (plan.queries.length === 0) return { host: host!, service };
  const [{ result, names = [] }, ...rest] = answers;
  const found = result < 0 ? undefined : names[0];
  if (found !== undefined) {
    const name = (plan.flags & NI_NOFQDN) === 0 ? found : shorten(found, domainOf(plan, rest));
    const isEncoded = (plan.flags & NI_IDN) !== 0;
    return { host: isEncoded ? domainToUnicode(name) || name : name, service };
  }
  // Who has no name is shown by address; that nobody could be asked is an error.
  const isMissing = result >= 0 || result === -Errno.ENOENT;
  if (!isMissing) throw errorOf(result, CALL);
  if (host === null) throw new PosixError(EAI_NONAME, CALL);
  return { host, service };
}

function domainOf(plan: NameInfoPlan, answers: readonly NameAnswer[]): string | null {
  const candidates = answers.map(({ result, names = [] }) => result < 0 ? undefined : names[0]);
  // After that of localhost, the machine's own name counts before anything that was looked up.
  if (plan.hostName !== null) candidates.splice(1, 0, plan.hostName);
  const full = candidates.find((name) => name?.includes("."));
  return full === undefined ? null : full.slice(full.indexOf(".") + 1);
}

/** Cuts the domain off, and whatever comes after it. */
function shorten(name: string, domain: string | null): string {
  if (domain === null || domain === "") return name;
  const at = name.indexOf(domain);
  return at > 1 && name[at - 1] === "." ? name.slice(0, at - 1) : name;
}
