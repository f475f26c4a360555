/**
 * Names to addresses and back, for every driver that can ask Deno: `DriverOp.RESOLVE` and
 * `DriverOp.REVERSE`.
 *
 * It goes through `node:dns`, whose `lookup` and `lookupService` honour the hosts file and need
 * `--allow-net` for the name or the address alone. It tells no canonical names: those are read from
 * the hosts file, where that is granted, or asked of the DNS, which takes the whole of
 * `--allow-net`; a name that neither knows better is its own canonical name.
 *
 * @module
 */

import type { RingMemory } from "../ring/memory.ts";
import type { Words } from "../ring/barrier.ts";
import { SocketAddress } from "../ring/abi/address.ts";
import { Errno } from "../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../ring/abi/layout.ts";
import { getLong } from "../ring/abi/long.ts";
import { ResolveFlag } from "../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, encodeSockaddr } from "../ring/abi/sockaddr.ts";
import { canonicalInHosts, readHostsFile } from "./hosts_file.ts";

/** Bytes from one sockaddr of the answer to the next. */
export const RESOLVE_STRIDE_BYTES = 28;
/** Lookups that run at one time; each takes a thread of Deno's. */
const MAXIMUM_LOOKUPS = 16;
/** Lookups that wait for one of those to end. */
const MAXIMUM_WAITING = 1024;
/** How long a lookup may take before it counts as a temporary failure. */
const LOOKUP_LIMIT_MS = 30_000;
/** The longest name, as text. RFC 1035 section 2.3.4. */
const LONGEST_NAME_BYTES = 254;

/** What tells the family of an address to look up. */
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
/** Aliases of aliases that are followed. */
const MAXIMUM_ALIASES = 8;

/** What a lookup came to: the addresses as text, a name, or a positive errno. */
export type ResolveOutcome =
  | { readonly addresses: string[] }
  | { readonly name: string }
  | { readonly errno: number };

/** Where in ring memory the sockaddrs go. */
export interface ResolveOutput {
  readonly offset: number;
  readonly capacityBytes: number;
}

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Looks a name up.
 *
 * @param name a host name, or the text of an address
 * @param flags `AF_INET`, `AF_INET6`, or 0 for both, and {@linkcode ResolveFlag}
 * @returns the addresses in the resolver's order, or the canonical name where the flags ask for it;
 * ENOENT when there are none, EAGAIN when the failure is temporary, EACCES when the lookup is not
 * permitted; it never rejects
 */
export async function resolveName(name: string, flags: number): Promise<ResolveOutcome> {
  const family = flags & ~ResolveFlag.CANONICAL;
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) {
    return { errno: Errno.EAFNOSUPPORT };
  }
  if (!isPermitted(name)) return { errno: Errno.EACCES };
  const isCanonical = (flags & ResolveFlag.CANONICAL) !== 0;
  return await inTurn(() => isCanonical ? canonicalName(name, family) : lookUp(name, family));
}

/**
 * Looks up the name of an address.
 *
 * @param address the text of an IPv4 or IPv6 address
 * @returns the name, or a positive errno as {@linkcode resolveName} has it; it never rejects
 */
export async function reverseName(address: string): Promise<string | number> {
  if (!isPermitted(address)) return Errno.EACCES;
  const outcome = await inTurn(() => lookUpAddress(address));
  if ("name" in outcome) return outcome.name;
  return "errno" in outcome ? outcome.errno : Errno.ENOENT;
}

/** Runs a lookup when it is its turn. It cannot be ended: what takes too long is left to itself. */
async function inTurn(lookup: () => Promise<ResolveOutcome>): Promise<ResolveOutcome> {
  if (running >= MAXIMUM_LOOKUPS) {
    if (waiting.length >= MAXIMUM_WAITING) return { errno: Errno.EAGAIN };
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running++;
  }
  const limit = Promise.withResolvers<ResolveOutcome>();
  const timer = setTimeout(() => limit.resolve({ errno: Errno.EAGAIN }), LOOKUP_LIMIT_MS);
  Deno.unrefTimer(timer);
  try {
    return await Promise.race([lookup(), limit.promise]);
  } catch (error) {
    return { errno: errnoOfLookup(error) };
  } finally {
    clearTimeout(timer);
    // The place goes straight to the next in line, or nobody has it.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

/** Deno would prompt on a terminal; a driver must not. */
function isPermitted(host: string): boolean {
  try {
    const literal = host.includes(":") ? `[${host}]` : host;
    return hasNet() ||
      Deno.permissions.querySync({ name: "net", host: literal }).state === "granted";
  } catch {
    // What is no host cannot have been permitted by name.
    return false;
  }
}

function hasNet(): boolean {
  return Deno.permissions.querySync({ name: "net" }).state === "granted";
}

async function lookUp(name: string, family: number): Promise<ResolveOutcome> {
  const { lookup } = await import("node:dns");
  const wanted = family === AF_INET ? 4 : family === AF_INET6 ? 6 : 0;
  return await new Promise((resolve, reject) => {
    lookup(name, { all: true, family: wanted, verbatim: true }, (error, found) => {
      if (error) reject(error);
      else resolve({ addresses: found.map((entry) => entry.address) });
    });
  });
}

async function lookUpAddress(address: string): Promise<ResolveOutcome> {
  const { lookupService } = await import("node:dns");
  return await new Promise((resolve, reject) => {
    lookupService(address, 0, (error, name) => {
      if (error) reject(error);
      else resolve({ name });
    });
  });
}

async function canonicalName(name: string, family: number): Promise<ResolveOutcome> {
  const table = await readHostsFile();
  if (table !== null) {
    const wanted = family === AF_INET ? 4 : family === AF_INET6 ? 6 : 0;
    const listed = canonicalInHosts(table, name, wanted);
    if (listed !== null) return { name: listed };
  }
  // The server that would be asked has an address of its own, which nobody granted by name.
  if (!hasNet()) return { name };
  let last = name;
  for (let hop = 0; hop < MAXIMUM_ALIASES; hop++) {
    const next = await aliasOf(last);
    if (next === null) break;
    last = next;
  }
  return { name: last };
}

async function aliasOf(name: string): Promise<string | null> {
  const { resolveCname } = await import("node:dns");
  return await new Promise((resolve) => {
    resolveCname(name, (error, names) => {
      // Most names are no aliases, which comes as an error too.
      const [target = ""] = error ? [] : names;
      resolve(target === "" ? null : target.replace(/\.$/, ""));
    });
  });
}

function errnoOfLookup(error: unknown): number {
  const { code, name } = error as { code?: string; name?: string };
  switch (code) {
    case "EAI_AGAIN":
    case "ETIMEOUT":
    case "ETIMEDOUT":
      return Errno.EAGAIN;
    case "EPERM":
    case "EACCES":
      return Errno.EACCES;
    case "ENOMEM":
    case "EAI_MEMORY":
      return Errno.ENOMEM;
    default:
      return name === "NotCapable" || name === "PermissionDenied" ? Errno.EACCES : Errno.ENOENT;
  }
}

/**
 * Reads the name that a RESOLVE points at.
 *
 * @param offset where its bytes are in ring memory
 * @param bytes how many there are
 * @returns the name, or `-errno`
 */
export function readName(memory: RingMemory, offset: number, bytes: number): string | number {
  if (bytes <= 0) return -Errno.EINVAL;
  if (bytes > LONGEST_NAME_BYTES) return -Errno.ENAMETOOLONG;
  if (offset < 0 || offset + bytes > memory.bytes.length) return -Errno.EFAULT;
  const name = new TextDecoder().decode(memory.bytes.slice(offset, offset + bytes));
  return name.includes("\0") ? -Errno.EINVAL : name;
}

/**
 * Writes what a lookup came to into ring memory.
 *
 * @param output where the sockaddrs go, one every {@linkcode RESOLVE_STRIDE_BYTES}; those that find
 * no room are left out; a name that finds none is ENAMETOOLONG
 * @returns the result of the operation: how many addresses or bytes there are, or `-errno`
 */
export function writeResolved(
  memory: RingMemory,
  output: ResolveOutput,
  outcome: ResolveOutcome,
): number {
  if ("errno" in outcome) return -outcome.errno;
  if ("name" in outcome) return writeName(memory, output, outcome.name);
  const room = Math.floor(output.capacityBytes / RESOLVE_STRIDE_BYTES);
  let count = 0;
  for (const text of outcome.addresses) {
    if (count >= room) break;
    const at = output.offset + count * RESOLVE_STRIDE_BYTES;
    try {
      const literal = text.includes(":") ? `[${text}]` : text;
      encodeSockaddr(SocketAddress.parse(`${literal}:0`), memory.bytes, at);
    } catch {
      // A zone that has a name only: it cannot be written as a number.
      continue;
    }
    count++;
  }
  return count === 0 && room > 0 ? -Errno.ENOENT : count;
}

function writeName(memory: RingMemory, output: ResolveOutput, name: string): number {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > output.capacityBytes) return -Errno.ENAMETOOLONG;
  memory.bytes.set(bytes, output.offset);
  return bytes.length;
}

/**
 * Executes the RESOLVE entry at a word index, which is read before this returns.
 *
 * @param words the submission entries; all addresses in them are offsets in ring memory
 * @param done called once, later, with the result: how many addresses or bytes there are, or
 * `-errno`
 */
export function completeResolve(
  memory: RingMemory,
  words: Words,
  at: number,
  done: (result: number) => void,
): void {
  const output = {
    offset: getLong(words, at + W_OFFSET),
    capacityBytes: words[at + W_FILE_INDEX],
  };
  const flags = words[at + W_OPERATION_FLAGS];
  const name = readName(memory, getLong(words, at + W_ADDRESS), words[at + W_LENGTH]);
  if (typeof name === "number") return queueMicrotask(() => done(name));
  resolveName(name, flags).then((outcome) => done(writeResolved(memory, output, outcome)));
}

/**
 * Executes the REVERSE entry at a word index, which is read before this returns.
 *
 * @param words the submission entries; all addresses in them are offsets in ring memory
 * @param done called once, later, with the result: the length of the name, or `-errno`
 */
export function completeReverse(
  memory: RingMemory,
  words: Words,
  at: number,
  done: (result: number) => void,
): void {
  const output = {
    offset: getLong(words, at + W_OFFSET),
    capacityBytes: words[at + W_FILE_INDEX],
  };
  const offset = getLong(words, at + W_ADDRESS);
  const length = words[at + W_LENGTH];
  if (length !== IPV4_BYTES && length !== IPV6_BYTES) {
    return queueMicrotask(() => done(-Errno.EINVAL));
  }
  const bytes = memory.bytes.slice(offset, offset + length);
  if (bytes.length < length) return queueMicrotask(() => done(-Errno.EFAULT));
  const { host } = length === IPV4_BYTES
    ? SocketAddress.ipv4(bytes, 0)
    : SocketAddress.ipv6(bytes, 0);
  reverseName(host).then((name) =>
    done(typeof name === "number" ? -name : writeName(memory, output, name))
  );
}
