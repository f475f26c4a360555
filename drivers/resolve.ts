/**
 * Names to addresses, for every driver that can ask Deno: `DriverOp.RESOLVE`.
 *
 * It goes through `node:dns`, whose `lookup` honours the hosts file and needs `--allow-net` for the
 * name alone.
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
import { AF_INET, AF_INET6, AF_UNSPEC, encodeSockaddr } from "../ring/abi/sockaddr.ts";

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

/** What a lookup came to: the addresses as text, or a positive errno. */
export type ResolveOutcome = { readonly addresses: string[] } | { readonly errno: number };

/** Where in ring memory the sockaddrs go. */
export interface ResolveOutput {
  readonly offset: number;
  readonly capacityBytes: number;
}

const HIGH = 4294967296;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * Looks a name up.
 *
 * @param name a host name, or the text of an address
 * @param family `AF_INET`, `AF_INET6`, or 0 for both
 * @returns the addresses in the resolver's order, or ENOENT when there are none, EAGAIN when the
 * failure is temporary, EACCES when the lookup is not permitted; it never rejects
 */
export async function resolveName(name: string, family: number): Promise<ResolveOutcome> {
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) {
    return { errno: Errno.EAFNOSUPPORT };
  }
  if (!isPermitted(name)) return { errno: Errno.EACCES };
  if (running >= MAXIMUM_LOOKUPS) {
    if (waiting.length >= MAXIMUM_WAITING) return { errno: Errno.EAGAIN };
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running++;
  }
  try {
    return await lookUp(name, family);
  } finally {
    // The place goes straight to the next in line, or nobody has it.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

/** Deno would prompt on a terminal; a driver must not. */
function isPermitted(name: string): boolean {
  try {
    return Deno.permissions.querySync({ name: "net" }).state === "granted" ||
      Deno.permissions.querySync({ name: "net", host: name }).state === "granted";
  } catch {
    // What is no host cannot have been permitted by name.
    return false;
  }
}

async function lookUp(name: string, family: number): Promise<ResolveOutcome> {
  const { lookup } = await import("node:dns");
  const wanted = family === AF_INET ? 4 : family === AF_INET6 ? 6 : 0;
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ errno: Errno.EAGAIN }), LOOKUP_LIMIT_MS);
    Deno.unrefTimer(timer);
    const settle = (outcome: ResolveOutcome) => {
      clearTimeout(timer);
      resolve(outcome);
    };
    try {
      lookup(name, { all: true, family: wanted, verbatim: true }, (error, found) => {
        if (error) settle({ errno: errnoOfLookup(error) });
        else settle({ addresses: found.map((entry) => entry.address) });
      });
    } catch (error) {
      settle({ errno: errnoOfLookup(error) });
    }
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
 * no room are left out
 * @returns the result of the operation: how many there are, or `-errno`
 */
export function writeResolved(
  memory: RingMemory,
  output: ResolveOutput,
  outcome: ResolveOutcome,
): number {
  if ("errno" in outcome) return -outcome.errno;
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

/**
 * Executes the RESOLVE entry at a word index, which is read before this returns.
 *
 * @param words the submission entries; all addresses in them are offsets in ring memory
 * @param done called once, later, with the result: how many addresses there are, or `-errno`
 */
export function completeResolve(
  memory: RingMemory,
  words: Words,
  at: number,
  done: (result: number) => void,
): void {
  const output = {
    offset: longAt(words, at + W_OFFSET),
    capacityBytes: words[at + W_FILE_INDEX],
  };
  const family = words[at + W_OPERATION_FLAGS];
  const name = readName(memory, longAt(words, at + W_ADDRESS), words[at + W_LENGTH]);
  if (typeof name === "number") return queueMicrotask(() => done(name));
  resolveName(name, family).then((outcome) => done(writeResolved(memory, output, outcome)));
}

function longAt(words: Words, at: number): number {
  return (words[at] >>> 0) + words[at + 1] * HIGH;
}
