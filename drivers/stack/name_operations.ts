/**
 * RESOLVE and REVERSE: names by the stack's own configuration and its own resolver.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { ResolveFlag } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../ring/abi/sockaddr.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import { readName, RESOLVE_STRIDE_BYTES } from "../resolve.ts";
import type { StackMachine } from "./machine.ts";
import { ipv6At, wordAt, writeSockaddr } from "./names.ts";
import type { Lookup, PendingLookup } from "./service.ts";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/** A lookup in flight. */
class Waiting<Answer> implements OperationOwner {
  readonly #machine: StackMachine;
  #pending: PendingLookup | null = null;

  constructor(machine: StackMachine, operation: Operation) {
    this.#machine = machine;
    machine.park(operation, this);
  }

  /** Has the operation complete with what `write` makes of the answer. */
  begin(
    operation: Operation,
    lookup: (done: (found: Lookup<Answer>) => void) => PendingLookup,
    write: (answer: Answer) => number,
  ): void {
    this.#pending = lookup((found) => {
      const isFailure = typeof found === "object" && found !== null && "errno" in found;
      this.#machine.complete(operation, isFailure ? -found.errno : write(found as Answer), 0);
    });
  }

  cancel(operation: Operation): number {
    this.#pending?.cancel();
    this.#machine.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }
}

/** RESOLVE: a name at `addr` with `len` bytes, room for the answer at `off`. */
export function resolve(machine: StackMachine, operation: Operation): void {
  const { address, length, offset, fileIndex: room, operationFlags } = operation;
  const { memory, service } = machine;
  if (!isWithin(memory, offset, room)) return machine.complete(operation, -Errno.EFAULT, 0);
  const name = readName(memory, address, length);
  if (typeof name === "number") return machine.complete(operation, name, 0);
  const family = operationFlags & ~ResolveFlag.CANONICAL;
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) {
    return machine.complete(operation, -Errno.EAFNOSUPPORT, 0);
  }
  if ((operationFlags & ResolveFlag.CANONICAL) !== 0) {
    return machine.complete(
      operation,
      writeText(machine, offset, room, service.canonical(name)),
      0,
    );
  }
  const wanted = family === AF_INET ? 4 : family === AF_INET6 ? 6 : 0;
  new Waiting<readonly IpAddress[]>(machine, operation).begin(
    operation,
    (done) => service.resolve(name, wanted, done),
    (addresses) => writeAddresses(machine, offset, room, addresses),
  );
}

function writeAddresses(
  { memory }: StackMachine,
  offset: number,
  room: number,
  addresses: readonly IpAddress[],
): number {
  const places = Math.floor(room / RESOLVE_STRIDE_BYTES);
  const written = addresses.slice(0, places);
  for (const [index, address] of written.entries()) {
    const at = offset + index * RESOLVE_STRIDE_BYTES;
    const family = typeof address === "number" ? AF_INET : AF_INET6;
    writeSockaddr(memory.bytes, at, RESOLVE_STRIDE_BYTES, family, address, 0, 0);
  }
  return addresses.length === 0 ? -Errno.ENOENT : written.length;
}

/** REVERSE: an address of `len` bytes at `addr`, room for its name at `off`. */
export function reverse(machine: StackMachine, operation: Operation): void {
  const { address, length, offset, fileIndex: room } = operation;
  const { memory, service } = machine;
  const isPlaced = isWithin(memory, address, length) && isWithin(memory, offset, room);
  if (!isPlaced) return machine.complete(operation, -Errno.EFAULT, 0);
  if (length !== IPV4_BYTES && length !== IPV6_BYTES) {
    return machine.complete(operation, -Errno.EINVAL, 0);
  }
  const { bytes } = memory;
  const wanted = length === IPV4_BYTES ? wordAt(bytes, address) : ipv6At(bytes, address);
  new Waiting<string>(machine, operation).begin(
    operation,
    (done) => service.reverse(wanted, done),
    (name) => writeText(machine, offset, room, name),
  );
}

function writeText({ memory }: StackMachine, offset: number, room: number, text: string): number {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > room) return -Errno.ENAMETOOLONG;
  memory.bytes.set(bytes, offset);
  return bytes.length;
}
