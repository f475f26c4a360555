/**
 * Names to addresses: the one resolver, the system's own, which honours the hosts file.
 *
 * @module
 */

import type { Network } from "./network.ts";
import { netError, timedOut } from "./errors.ts";
import type { OpOptions } from "./operation.ts";
import type { SocketAddress } from "../ring/abi/address.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  decodeSockaddr,
  SOCKADDR_IN6_SIZE,
} from "../ring/abi/sockaddr.ts";
import { Errno } from "../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../ring/abi/layout.ts";
import { DriverOp } from "../ring/abi/opcodes.ts";

/** Addresses of one name, at most. */
const ADDRESSES_MAX = 64;
/** Bytes at the front of the block for the name: 253 and its NUL, rounded up. */
const NAME_BYTES = 256;

/** Options of `resolve`. */
export interface ResolveOptions extends OpOptions {
  /** Only addresses of this family. */
  readonly family?: "IPv4" | "IPv6";
}

/**
 * Resolves a name.
 *
 * @param name a DNS name or a name of the hosts file, canonical
 * @returns its addresses in the resolver's order, port 0
 * @throws {NetError} ENOENT when there is no such name, EAGAIN when the resolver failed for now
 */
export async function resolveName(
  network: Network,
  name: string,
  options: ResolveOptions,
): Promise<readonly SocketAddress[]> {
  const { reactor } = network;
  options.signal?.throwIfAborted();
  const bytes = new TextEncoder().encode(name);
  const block = reactor.arena.take(NAME_BYTES + ADDRESSES_MAX * SOCKADDR_IN6_SIZE);
  if (block < 0) throw netError(Errno.ENOBUFS, { operation: "resolve", remote: name });
  reactor.memory.bytes.set(bytes, block);
  const operation = network.start(DriverOp.RESOLVE, -1, (_, at) => {
    reactor.setLong(at + W_ADDRESS, block);
    reactor.entries[at + W_LENGTH] = bytes.length;
    reactor.setLong(at + W_OFFSET, block + NAME_BYTES);
    reactor.entries[at + W_FILE_INDEX] = ADDRESSES_MAX * SOCKADDR_IN6_SIZE;
    reactor.entries[at + W_OPERATION_FLAGS] = familyOf(options.family);
  });
  // The block is the operation's until it completes, though nobody may wait for it any more.
  const finished = operation.done.then((count) => {
    const addresses: SocketAddress[] = [];
    for (let index = 0; index < count; index++) {
      const at = block + NAME_BYTES + index * SOCKADDR_IN6_SIZE;
      addresses.push(decodeSockaddr(reactor.memory.bytes, at, SOCKADDR_IN6_SIZE));
    }
    reactor.giveArena(block);
    if (count < 0) throw netError(count, { operation: "resolve", remote: name });
    return addresses;
  });
  return await abandonable(network, finished, name, options);
}

function familyOf(family: "IPv4" | "IPv6" | undefined): number {
  if (family === undefined) return AF_UNSPEC;
  return family === "IPv4" ? AF_INET : AF_INET6;
}

/** A lookup cannot be recalled: whoever gives up leaves it to end by itself. */
async function abandonable<Result>(
  network: Network,
  finished: Promise<Result>,
  name: string,
  options: ResolveOptions,
): Promise<Result> {
  const { reactor } = network;
  const { signal, timeoutMs } = options;
  const givenUp = Promise.withResolvers<never>();
  const onAbort = () => givenUp.reject(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const deadline = timeoutMs === undefined ? null : reactor.armDeadline(timeoutMs, {
    onDeadline: () => givenUp.reject(timedOut("resolve", { remote: name, timeoutMs })),
  }, 0);
  finished.catch(() => {});
  reactor.reference();
  try {
    return await Promise.race([finished, givenUp.promise]);
  } finally {
    reactor.dereference();
    signal?.removeEventListener("abort", onAbort);
    if (deadline !== null) reactor.disarmDeadline(deadline);
  }
}
