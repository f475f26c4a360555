/**
 * The two types of connected Unix sockets.
 *
 * @module
 */

import { domainOf } from "../authorization.ts";
import { netError, unsupported } from "../errors.ts";
import type { Network } from "../network.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock } from "../../ring/abi/opcodes.ts";

/** What a Unix socket keeps: bytes in their order, or messages, too. */
export type UnixSocketType = "stream" | "seqpacket";

/** Proves that an option is a type. @throws {TypeError} */
export function requireType(type: unknown): asserts type is UnixSocketType | undefined {
  if (type === undefined || type === "stream" || type === "seqpacket") return;
  throw new TypeError(`type must be "stream" or "seqpacket", not ${String(type)}`);
}

/**
 * Makes a socket for connections of an address's family.
 *
 * @returns its descriptor or `-errno`
 * @throws {NetError} ENOTSUP where the backend has no such sockets, ENOBUFS where the ring has no
 * buffers for messages
 */
export async function openSocket(
  network: Network,
  address: SocketAddress,
  type: UnixSocketType | undefined,
  operation: string,
): Promise<number> {
  const isMessages = type === "seqpacket";
  if (isMessages && network.reactor.datagramBuffers.count === 0) {
    const detail = "messages need buffers, and ring.datagramBuffers.count is 0";
    throw netError(Errno.ENOBUFS, { operation, remote: address.toString(), detail });
  }
  const kind = isMessages ? Sock.SEQPACKET : Sock.STREAM;
  const fd = await network.socket(domainOf(address), kind | Sock.CLOEXEC, operation);
  if (fd === -Errno.ENOTSUP && isMessages) {
    throw unsupported(network.kind, "seqpacket sockets", operation);
  }
  return fd;
}
