/**
 * `getaddrinfo` and `getnameinfo` of `posix/` with the answers of Deno's resolver and the kernel's
 * sources: the whole of them without a backend.
 *
 * @module
 */

import { resolveName, reverseName } from "../../drivers/resolve.ts";
import { PosixError } from "../../posix/errors.ts";
import { finishAddrInfo, planAddrInfo } from "../../posix/names/getaddrinfo.ts";
import { finishNameInfo, planNameInfo } from "../../posix/names/getnameinfo.ts";
import { inet_ntop, inet_pton } from "../../posix/names/inet.ts";
import { systemHost } from "../../posix/names/local_host.ts";
import type { NameAnswer, NameQuery } from "../../posix/names/query.ts";
import { AF_INET, AF_INET6 } from "../../posix/constants/sockets.ts";
import type { AddrInfo, AddrInfoHints, NameInfo, Sockaddr } from "../../posix/types.ts";
import { ResolveFlag } from "../../ring/abi/opcodes.ts";
import { openLibcNames } from "./libc_names.ts";

/** @returns the results, or the number of the error */
export function getaddrinfo(
  node: string | null,
  service: string | null,
  hints: AddrInfoHints | null,
): Promise<AddrInfo[] | number> {
  return orNumber(async () => {
    const plan = planAddrInfo(node, service, hints, systemHost());
    return finishAddrInfo(plan, await askAll(plan.queries), openLibcNames().sourceFor);
  });
}

/** @returns the names, or the number of the error */
export function getnameinfo(address: Sockaddr, flags: number): Promise<NameInfo | number> {
  return orNumber(async () => {
    const plan = planNameInfo(address, flags, systemHost());
    return finishNameInfo(plan, await askAll(plan.queries));
  });
}

async function orNumber<Result>(run: () => Promise<Result>): Promise<Result | number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PosixError) return error.errno;
    throw error;
  }
}

function askAll(queries: readonly NameQuery[]): Promise<NameAnswer[]> {
  return Promise.all(queries.map(ask));
}

async function ask(query: NameQuery): Promise<NameAnswer> {
  if (query.kind === "reverse") {
    const family = query.address.length === 4 ? AF_INET : AF_INET6;
    const name = await reverseName(inet_ntop(family, query.address));
    return typeof name === "number" ? { result: -name } : { result: 0, names: [name] };
  }
  const family = query.family === 0 ? 0 : query.family === 4 ? AF_INET : AF_INET6;
  const flags = query.kind === "canonical" ? family | ResolveFlag.CANONICAL : family;
  const outcome = await resolveName(query.name, flags);
  if ("errno" in outcome) return { result: -outcome.errno };
  if ("name" in outcome) return { result: 0, names: [outcome.name] };
  const addresses = outcome.addresses.map((text) =>
    inet_pton(text.includes(":") ? AF_INET6 : AF_INET, text)!
  );
  return { result: addresses.length, addresses };
}
