/**
 * `getaddrinfo` as glibc means it, in two steps: what can be said at once and what a resolver has
 * to be asked, then the results. In between, the caller asks, blocking or not.
 *
 * @module
 */

import { domainToASCII, domainToUnicode } from "node:url";
import { isMapped } from "../../ring/abi/address_class.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  AI_ADDRCONFIG,
  AI_ALL,
  AI_CANONIDN,
  AI_CANONNAME,
  AI_IDN,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  AI_PASSIVE,
  AI_V4MAPPED,
  EAI_ADDRFAMILY,
  EAI_BADFLAGS,
  EAI_FAMILY,
  EAI_IDN_ENCODE,
  EAI_NONAME,
} from "../constants/names.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import type { AddrInfo, AddrInfoHints, Sockaddr } from "../types.ts";
import { orderAddresses, type SourceAddress } from "./address_order.ts";
import { inet_ntop, inet_pton, readWholeIpv4 } from "./inet.ts";
import type { LocalHost } from "./local_host.ts";
import { errorOf, type NameAnswer, type NameQuery } from "./query.ts";
import { expandService, type ServiceType } from "./service_types.ts";

/** Gives the address that would be sent from, or null for a destination out of reach. */
export type SourceFor = (
  destination: Uint8Array,
  scopeId: number,
) => SourceAddress | Uint8Array | null;

/** A call that has been judged: what is left of it to do. */
export interface AddrInfoPlan {
  /** What a resolver has to be asked, in this order; often nothing. */
  readonly queries: readonly NameQuery[];
  /** @ignore */
  readonly hints: ResolvedHints;
  /** @ignore What the answers are combined with. */
  readonly types: readonly ServiceType[];
  /** @ignore Addresses that need no resolver. */
  readonly known: readonly Host[];
  /** @ignore The canonical name, as far as no resolver knows better. */
  readonly canonname: string | null;
  /** @ignore */
  readonly host: LocalHost;
}

interface ResolvedHints {
  readonly flags: number;
  readonly family: number;
  readonly socktype: number;
  readonly protocol: number;
}

interface Host {
  readonly bytes: Uint8Array;
  readonly scopeId: number;
}

const CALL = "getaddrinfo";

/** Flags that glibc takes and passes over: those of an older way to encode names. */
const DEPRECATED_FLAGS = 0x300;
const KNOWN_FLAGS = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL |
  AI_ADDRCONFIG | AI_NUMERICSERV | AI_IDN | AI_CANONIDN | DEPRECATED_FLAGS;

/** What NULL hints stand for. Source: getaddrinfo(3), NOTES. */
const DEFAULT_FLAGS = AI_V4MAPPED | AI_ADDRCONFIG;

/**
 * The first step: judges the arguments and finds out what a resolver has to be asked.
 *
 * @param node a name, an address, or null for this machine
 * @param service a name, a port, or null for port 0
 * @param hints null (or nothing) for glibc's defaults, which are not those of empty hints
 * @param host what is known of this machine
 * @throws {PosixError} with `errno` = `EAI_*`. Source: getaddrinfo(3)
 *
 * @example
 * ```ts
 * import { finishAddrInfo, planAddrInfo } from "./getaddrinfo.ts";
 * import { systemHost } from "./local_host.ts";
 * const plan = planAddrInfo("127.1", "http", { socktype: 1 }, systemHost());
 * const [first] = finishAddrInfo(plan, []);
 * if (first.addr.address !== "127.0.0.1") throw new Error("unreachable");
 * ```
 */
export function planAddrInfo(
  node: string | null,
  service: string | null,
  hints: AddrInfoHints | null | undefined,
  host: LocalHost,
): AddrInfoPlan {
  const name = node === "*" ? null : node;
  const wanted = service === "*" ? null : service;
  if (name === null && wanted === null) throw new PosixError(EAI_NONAME, CALL);
  const judged = judgeHints(name, hints, host);
  const types = expandService(wanted, {
    socktype: judged.socktype,
    protocol: judged.protocol,
    isNumeric: (judged.flags & AI_NUMERICSERV) !== 0,
  }, host.services);
  const plan = { queries: [], hints: judged, types, known: [], canonname: null, host };
  if (name === null) return { ...plan, known: localAddresses(judged) };
  const encoded = encodeHost(name, judged.flags);
  const numeric = readNumericHost(encoded, judged, host);
  if (numeric !== null) return { ...plan, known: [numeric], canonname: encoded };
  // A NUL would end the name for whoever is asked.
  if ((judged.flags & AI_NUMERICHOST) !== 0 || encoded === "" || encoded.includes("\0")) {
    throw new PosixError(EAI_NONAME, CALL);
  }
  return { ...plan, queries: queriesFor(encoded, judged), canonname: name };
}

function judgeHints(
  name: string | null,
  hints: AddrInfoHints | null | undefined,
  host: LocalHost,
): ResolvedHints {
  const flags = hints === null || hints === undefined ? DEFAULT_FLAGS : hints.flags ?? 0;
  const { family = AF_UNSPEC, socktype = 0, protocol = 0 } = hints ?? {};
  if ((flags & ~KNOWN_FLAGS) !== 0 || (flags & AI_CANONNAME) !== 0 && name === null) {
    throw new PosixError(EAI_BADFLAGS, CALL);
  }
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) {
    throw new PosixError(EAI_FAMILY, CALL);
  }
  const judged = { flags, family, socktype, protocol };
  const configured = (flags & AI_ADDRCONFIG) === 0 ? null : host.configuredFamilies();
  if (configured === null) return judged;
  const { ipv4, ipv6 } = configured;
  if (family === AF_INET && !ipv4 || family === AF_INET6 && !ipv6) {
    throw new PosixError(EAI_NONAME, CALL);
  }
  if (family !== AF_UNSPEC || ipv4 === ipv6) return judged;
  return { ...judged, family: ipv4 ? AF_INET : AF_INET6 };
}

/** The addresses of this machine that a socket can be bound to, or connect to. */
function localAddresses({ flags, family }: ResolvedHints): Host[] {
  const six = new Uint8Array(16);
  const four = new Uint8Array(4);
  if ((flags & AI_PASSIVE) === 0) {
    six[15] = 1;
    four.set([127, 0, 0, 1]);
  }
  const hosts: Host[] = [];
  if (family !== AF_INET) hosts.push({ bytes: six, scopeId: 0 });
  if (family !== AF_INET6) hosts.push({ bytes: four, scopeId: 0 });
  return hosts;
}

/** With `AI_IDN`, a name in any script is asked for in its ASCII form. */
function encodeHost(name: string, flags: number): string {
  if ((flags & AI_IDN) === 0 || /^[\0-\x7f]*$/.test(name)) return name;
  const encoded = domainToASCII(name);
  if (encoded === "") throw new PosixError(EAI_IDN_ENCODE, CALL);
  return encoded;
}

/** An address as text, in any legal form, or null for what has to be looked up. */
function readNumericHost(text: string, hints: ResolvedHints, host: LocalHost): Host | null {
  const { family, flags } = hints;
  const four = readWholeIpv4(text);
  if (four !== null) {
    if (family !== AF_INET6) return { bytes: four, scopeId: 0 };
    if ((flags & AI_V4MAPPED) === 0) throw new PosixError(EAI_ADDRFAMILY, CALL);
    return { bytes: mapped(four), scopeId: 0 };
  }
  const delimiter = text.indexOf("%");
  const six = inet_pton(AF_INET6, delimiter < 0 ? text : text.slice(0, delimiter));
  if (six === null) return null;
  if (family === AF_INET && !isMapped(six)) throw new PosixError(EAI_ADDRFAMILY, CALL);
  const scopeId = delimiter < 0 ? 0 : readScope(text.slice(delimiter + 1), six, host);
  return { bytes: family === AF_INET ? six.slice(12) : six, scopeId };
}

/** The name of an interface, where the address is one of a link or a node; or a number. */
function readScope(text: string, address: Uint8Array, host: LocalHost): number {
  if (hasInterfaceScope(address)) {
    const index = host.interfaceIndex(text);
    if (index !== 0) return index;
  }
  const number = /^[0-9]+$/.test(text) ? Number(text) : Infinity;
  if (number > 0xffff_ffff) throw new PosixError(EAI_NONAME, CALL);
  return number;
}

function hasInterfaceScope(address: Uint8Array): boolean {
  if (address[0] === 0xff) return (address[1] & 0xf) === 1 || (address[1] & 0xf) === 2;
  return address[0] === 0xfe && (address[1] & 0xc0) === 0x80;
}

function queriesFor(name: string, { flags, family }: ResolvedHints): NameQuery[] {
  const number = family === AF_INET ? 4 : family === AF_INET6 ? 6 : 0;
  const queries: NameQuery[] = [{ kind: "addresses", name, family: number }];
  if (number === 6 && (flags & AI_V4MAPPED) !== 0) {
    queries.push({ kind: "addresses", name, family: 4 });
  }
  if ((flags & AI_CANONNAME) !== 0) queries.push({ kind: "canonical", name, family: number });
  return queries;
}

/**
 * The second step: the results, in the order in which they should be tried.
 *
 * @param answers one for each query of the plan, in the same order
 * @param sourceFor orders the addresses by RFC 6724; without it they keep the resolver's order, and
 * this machine's own that of a machine with both families
 * @throws {PosixError} with `errno` = `EAI_*`
 */
export function finishAddrInfo(
  plan: AddrInfoPlan,
  answers: readonly NameAnswer[],
  sourceFor?: SourceFor,
): AddrInfo[] {
  const { hints, types } = plan;
  const isKnown = plan.queries.length === 0;
  let hosts = isKnown ? plan.known : findHosts(plan, answers);
  const sources = sourceFor ?? (isKnown ? loopbackOf : undefined);
  if (sources !== undefined && hosts.length > 1) hosts = order(hosts, sources, plan.host);
  const results: AddrInfo[] = [];
  for (const { bytes, scopeId } of hosts) {
    const family = bytes.length === 4 ? AF_INET : AF_INET6;
    const address = inet_ntop(family, bytes);
    for (const { socktype, protocol, port } of types) {
      const addr: Sockaddr = family === AF_INET
        ? { family, address, port }
        : { family, address, port, flowinfo: 0, scopeId };
      results.push({ flags: hints.flags, family, socktype, protocol, addr });
    }
  }
  if ((hints.flags & AI_CANONNAME) !== 0) results[0].canonname = canonicalName(plan, answers);
  return results;
}

function findHosts(plan: AddrInfoPlan, answers: readonly NameAnswer[]): Host[] {
  const { flags, family } = plan.hints;
  const hosts: Host[] = [];
  let failure = 0;
  plan.queries.forEach((query, index) => {
    if (query.kind !== "addresses") return;
    // Mapped addresses are for want of others, unless all are asked for.
    const isMapping = family === AF_INET6 && query.family === 4;
    if (isMapping && hosts.length > 0 && (flags & AI_ALL) === 0) return;
    const { result, addresses = [] } = answers[index];
    // A failure that may pass, or that has a reason, says more than "nothing found".
    if (result < 0 && (failure === 0 || failure === -Errno.ENOENT)) failure = result;
    for (const bytes of addresses) {
      hosts.push({ bytes: isMapping ? mapped(bytes) : bytes, scopeId: 0 });
    }
  });
  if (hosts.length === 0) throw errorOf(failure, CALL);
  return hosts;
}

/** Where this machine talks to itself from. */
function loopbackOf(destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(destination.length);
  if (bytes.length === 4) bytes[0] = 127;
  bytes[bytes.length - 1] = 1;
  return bytes;
}

function order(hosts: readonly Host[], sourceFor: SourceFor, host: LocalHost): Host[] {
  const indexes = orderAddresses(hosts.map(({ bytes }) => bytes), (destination, index) => {
    const source = sourceFor(destination, hosts[index].scopeId);
    if (!(source instanceof Uint8Array)) return source;
    const prefixBits = host.prefixBits(source);
    return prefixBits === undefined ? { bytes: source } : { bytes: source, prefixBits };
  });
  return indexes.map((index) => hosts[index]);
}

function canonicalName(plan: AddrInfoPlan, answers: readonly NameAnswer[]): string {
  const at = plan.queries.findIndex(({ kind }) => kind === "canonical");
  const found = at < 0 ? undefined : answers[at]?.names?.[0];
  const name = found ?? plan.canonname!;
  if ((plan.hints.flags & AI_CANONIDN) === 0) return name;
  return domainToUnicode(name) || name;
}

function mapped(four: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  bytes.set(four, 12);
  return bytes;
}
