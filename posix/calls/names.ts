/**
 * Names and addresses.
 *
 * @module
 */

import { AF_INET, AF_INET6, AF_UNSPEC, SOCK_DGRAM } from "../constants/mod.ts";
import { type Core, Parked, type Step } from "../core.ts";
import { andThen, emptyName, type Outcome, type Waiting } from "../engine.ts";
import { finishAddrInfo, planAddrInfo } from "../names/getaddrinfo.ts";
import { finishNameInfo, planNameInfo } from "../names/getnameinfo.ts";
import { type LocalHost, systemHost } from "../names/local_host.ts";
import type { NameAnswer, NameQuery } from "../names/query.ts";
import { encodeName } from "../names/sockaddr.ts";
import type { AddrInfo, AddrInfoHints, NameInfo, Sockaddr } from "../types.ts";
import { decodeName } from "../names/sockaddr.ts";
import { inet_ntop, inet_pton } from "../names/inet.ts";

let machine: LocalHost | null = null;

function localHost(): LocalHost {
  return machine ??= systemHost();
}

/** `getaddrinfo(3)`. */
export function getaddrinfo(
  core: Core,
  node: string | null,
  service: string | null,
  hints?: AddrInfoHints,
): Step<AddrInfo[]> {
  const plan = planAddrInfo(node, service, hints, localHost());
  return ask(core, "getaddrinfo", plan.queries, (answers) => {
    // Who asks without blocking must not be blocked by this: the resolver's order stays.
    if (!core.engine.isImmediate) return finishAddrInfo(plan, answers);
    return finishAddrInfo(plan, answers, (destination, scopeId) => {
      return sourceFor(core, destination, scopeId);
    });
  });
}

/** `getnameinfo(3)`. */
export function getnameinfo(core: Core, address: Sockaddr, flags = 0): Step<NameInfo> {
  const plan = planNameInfo(address, flags, localHost());
  return ask(core, "getnameinfo", plan.queries, (answers) => finishNameInfo(plan, answers));
}

/** Asks one thing after the other. */
function ask<Result>(
  core: Core,
  call: string,
  queries: readonly NameQuery[],
  finish: (answers: readonly NameAnswer[]) => Result,
): Step<Result> {
  const answers: NameAnswer[] = [];
  const from = (index: number): Outcome => {
    if (index === queries.length) return 0;
    const found: Uint8Array[] = [];
    const names: string[] = [];
    return andThen(askOne(core, queries[index], found, names), (result) => {
      answers.push({ result, addresses: found, names });
      return from(index + 1);
    });
  };
  const outcome = from(0);
  const end = (): Result => finish(answers);
  return typeof outcome === "number" ? end() : new Parked(core, call, -1, outcome, end);
}

function askOne(
  core: Core,
  query: NameQuery,
  found: Uint8Array[],
  names: string[],
): Outcome {
  switch (query.kind) {
    case "addresses":
      core.authority.requireName("getaddrinfo", query.name);
      return core.engine.resolver.lookup(query.name, query.family, found);
    case "canonical":
      core.authority.requireName("getaddrinfo", query.name);
      return core.engine.resolver.canonicalName(query.name, query.family, names);
    case "reverse":
      core.authority.requireName("getnameinfo", null);
      return core.engine.resolver.reverseLookup(query.address, names);
  }
}

/** As glibc learns it: by connecting a datagram socket, which sends nothing. Source: RFC 6724. */
function sourceFor(core: Core, destination: Uint8Array, scopeId: number): Uint8Array | null {
  const family = destination.length === 4 ? AF_INET : AF_INET6;
  const { engine } = core;
  const handle = settle(engine.socket(family, SOCK_DGRAM, 0));
  if (handle < 0) return null;
  try {
    const name = emptyName();
    const address = { family, address: inet_ntop(family, destination), port: 53, scopeId };
    name.length = encodeName(address, name.bytes);
    if (settle(engine.connect(handle, name)) < 0) return null;
    if (settle(engine.localName(handle, name)) < 0) return null;
    const local = decodeName(name.bytes, name.length);
    if (local === null || local.family === AF_UNSPEC) return null;
    return inet_pton(local.family, (local.address ?? "").split("%")[0]);
  } finally {
    settle(engine.close(handle));
  }
}

function settle(outcome: number | Waiting): number {
  return typeof outcome === "number" ? outcome : outcome.block();
}
