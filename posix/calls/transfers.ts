/**
 * Bytes in and out: the calls that programs make most.
 *
 * @module
 */

import type { Bytes } from "../calls.ts";
import type { Core, Step } from "../core.ts";
import { emptyName, type Name } from "../engine.ts";
import { decodeName } from "../names/sockaddr.ts";
import type { ReceivedFrom, Sockaddr } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { firstBytes, lengthOf, nameOf, requireSocket } from "./arguments.ts";

/** `send(2)`. */
export function send(core: Core, fd: number, buffer: Bytes, a?: number, b?: number): Step<number> {
  const handle = core.handle("send", fd);
  const length = lengthOf(core, "send", buffer, b === undefined ? undefined : a);
  const flags = b === undefined ? a ?? 0 : b;
  return core.count("send", fd, core.engine.send(handle, buffer, length, flags, null));
}

/** `recv(2)`. */
export function recv(core: Core, fd: number, buffer: Bytes, a?: number, b?: number): Step<number> {
  const handle = core.handle("recv", fd);
  const length = lengthOf(core, "recv", buffer, b === undefined ? undefined : a);
  const flags = b === undefined ? a ?? 0 : b;
  return core.count("recv", fd, core.engine.receive(handle, buffer, length, flags, null));
}

/** `sendto(2)`. */
export function sendto(
  core: Core,
  fd: number,
  buffer: Bytes,
  a: number,
  b: number | Sockaddr | null,
  c?: Sockaddr | null | number,
  d?: number,
): Step<number> {
  const handle = core.handle("sendto", fd);
  const hasLength = typeof b === "number";
  const length = lengthOf(core, "sendto", buffer, hasLength ? a : undefined);
  const flags = hasLength ? b : a;
  const address = (hasLength ? c ?? null : b) as Sockaddr | null;
  const addrlen = hasLength ? d : c as number | undefined;
  let name: Name | null = null;
  if (address !== null) {
    requireSocket(core, "sendto", fd);
    name = nameOf(core, "sendto", address, addrlen);
    core.authority.requirePeer("sendto", core.descriptors.kind(fd), name, true);
  }
  const outcome = core.engine.send(handle, buffer, length, flags, name);
  return core.count("sendto", fd, outcome);
}

/** `recvfrom(2)`. */
export function recvfrom(
  core: Core,
  fd: number,
  buffer: Bytes,
  a?: number,
  b?: number,
): Step<ReceivedFrom> {
  const handle = core.handle("recvfrom", fd);
  const length = lengthOf(core, "recvfrom", buffer, b === undefined ? undefined : a);
  const flags = b === undefined ? a ?? 0 : b;
  const name = emptyName();
  const outcome = core.engine.receive(handle, buffer, length, flags, name);
  return core.step("recvfrom", fd, outcome, (n) => ({
    n,
    address: decodeName(name.bytes, Math.min(name.length, name.bytes.length)),
  }));
}

/** `read(2)`. */
export function read(core: Core, fd: number, buffer: Bytes, count?: number): Step<number> {
  const handle = core.handle("read", fd);
  const length = lengthOf(core, "read", buffer, count);
  if (buffer === null && length > 0) core.fail("read", Errno.EFAULT);
  return core.count("read", fd, core.engine.read(handle, [firstBytes(buffer, length)]));
}

/** `write(2)`. */
export function write(core: Core, fd: number, buffer: Bytes, count?: number): Step<number> {
  const handle = core.handle("write", fd);
  const length = lengthOf(core, "write", buffer, count);
  if (buffer === null && length > 0) core.fail("write", Errno.EFAULT);
  return core.count("write", fd, core.engine.write(handle, [firstBytes(buffer, length)]));
}

/** `readv(2)`. */
export function readv(core: Core, fd: number, iov: readonly Bytes[]): Step<number> {
  const handle = core.handle("readv", fd);
  return core.count("readv", fd, core.engine.read(handle, withoutNull(iov)));
}

/** `writev(2)`. */
export function writev(core: Core, fd: number, iov: readonly Bytes[]): Step<number> {
  const handle = core.handle("writev", fd);
  const buffers = withoutNull(iov);
  // Unlike a write of nothing, a vector of nothing never gets as far as the socket.
  const isNothing = iov.length === 1 && buffers[0].byteLength === 0;
  return core.count("writev", fd, core.engine.write(handle, isNothing ? [] : buffers));
}

function withoutNull(iov: readonly Bytes[]): Uint8Array<ArrayBufferLike>[] {
  return iov.map((buffer) => firstBytes(buffer, buffer?.byteLength ?? 0));
}
