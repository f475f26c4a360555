/**
 * What callers hand over, as backends want it.
 *
 * @module
 */

import type { Bytes } from "../calls.ts";
import { Kind } from "../authority.ts";
import type { Core } from "../core.ts";
import { emptyName, type Name } from "../engine.ts";
import { encodeName } from "../names/sockaddr.ts";
import type { Sockaddr } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Room for an address that is given or taken within one call. */
const scratch: Name = emptyName();

/** Linux asks whether it is a socket before it looks at an address, except in `connect`. */
export function requireSocket(core: Core, call: string, fd: number): void {
  const kind = core.descriptors.kind(fd);
  if (kind === Kind.OTHER || kind === Kind.EPOLL) core.fail(call, Errno.ENOTSOCK);
}

/** A buffer and how much of it a call may use. */
export function lengthOf(
  core: Core,
  call: string,
  buffer: Bytes,
  length: number | undefined,
): number {
  const room = buffer === null ? length ?? 0 : buffer.byteLength;
  if (length === undefined) return room;
  if (!Number.isInteger(length) || length < 0 || length > room) core.fail(call, Errno.EFAULT);
  return length;
}

/** The first bytes of a buffer. */
export function firstBytes(buffer: Bytes, length: number): Uint8Array<ArrayBufferLike> {
  if (buffer === null) return EMPTY;
  return length === buffer.byteLength ? buffer : buffer.subarray(0, length);
}

const EMPTY = new Uint8Array(0);

/** A number as C's int. */
export function toInt(value: number | undefined): number {
  return (value ?? 0) | 0;
}

/**
 * An address as bytes; good until the next call, so a call that waits copies it.
 *
 * @param addrlen the length that the caller claims, instead of the address's own
 */
export function nameOf(
  core: Core,
  call: string,
  address: Sockaddr | null,
  addrlen: number | undefined,
): Name {
  // Linux refuses such lengths before it looks at the bytes; there are no more of them here.
  const isLength = addrlen === undefined || (addrlen >= 0 && addrlen <= scratch.bytes.length);
  if (!isLength) core.fail(call, Errno.EINVAL);
  if (address === null) {
    if (addrlen !== 0) core.fail(call, Errno.EFAULT);
    scratch.length = 0;
    return scratch;
  }
  scratch.bytes.fill(0);
  const length = encodeName(address, scratch.bytes, call);
  scratch.length = addrlen ?? length;
  return scratch;
}
