/**
 * SOCKET: what the stack has sockets for, and what not.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import type { Operation } from "../machine/operation.ts";
import { DatagramFile } from "./datagram.ts";
import type { StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { familyOf } from "./names.ts";
import { StreamFile } from "./stream.ts";

const TYPE_FLAGS = Sock.CLOEXEC | Sock.NONBLOCK;
const TYPE_MASK = 0xf;
const LARGEST_TYPE = 10;
const PROTOCOL_ICMP = 1;
const PROTOCOL_MAXIMUM = 262;

/** SOCKET: domain in `fd`, type in `off`, protocol in `len`. */
export function socket(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, makeSocket(machine, operation), 0);
}

function makeSocket(machine: StackMachine, operation: Operation): number {
  const { fd: domain, offset: type, length: protocol } = operation;
  if (operation.addressLow !== 0 || operation.operationFlags !== 0) return -Errno.EINVAL;
  // A direct descriptor needs a table that was never registered.
  if (operation.fileIndex !== 0) return -Errno.ENXIO;
  // Sockets of Unix are between programs of one system: no network is in between.
  if (domain !== AF_INET && domain !== AF_INET6) return -Errno.EAFNOSUPPORT;
  if ((type & ~(TYPE_MASK | TYPE_FLAGS)) !== 0) return -Errno.EINVAL;
  const kind = type & TYPE_MASK;
  if (kind === 0 || kind > LARGEST_TYPE) return -Errno.EINVAL;
  if (protocol < 0 || protocol > PROTOCOL_MAXIMUM) return -Errno.EINVAL;
  const fd = machine.files.lowest();
  if (fd < 0) return -Errno.EMFILE;
  const file = makeFile(machine, fd, domain, kind, protocol);
  if (typeof file === "number") return file;
  machine.files.set(fd, file);
  return fd;
}

function makeFile(
  machine: StackMachine,
  fd: number,
  domain: number,
  kind: number,
  protocol: number,
): StackFile | number {
  const { core } = machine;
  const family = familyOf(domain);
  switch (kind) {
    case Sock.STREAM: {
      if (protocol !== 0 && protocol !== SockOpt.IPPROTO_TCP) return -Errno.EPROTONOSUPPORT;
      const made = core.streamSocket(family);
      return typeof made === "number" ? made : new StreamFile(machine, fd, domain, made);
    }
    case Sock.DGRAM: {
      const echo = domain === AF_INET ? PROTOCOL_ICMP : SockOpt.IPPROTO_ICMPV6;
      const isPing = protocol === echo;
      if (protocol !== 0 && protocol !== SockOpt.IPPROTO_UDP && !isPing) {
        return -Errno.EPROTONOSUPPORT;
      }
      const made = isPing ? core.pingSocket(family) : core.datagramSocket(family);
      const number = isPing ? echo : SockOpt.IPPROTO_UDP;
      return typeof made === "number"
        ? made
        : new DatagramFile(machine, fd, domain, made, kind, number);
    }
    case Sock.RAW: {
      // raw(7): all protocols at once cannot be had.
      if (protocol === 0) return -Errno.EPROTONOSUPPORT;
      const made = core.rawSocket(family, protocol);
      return typeof made === "number"
        ? made
        : new DatagramFile(machine, fd, domain, made, kind, protocol);
    }
    default:
      return -Errno.ESOCKTNOSUPPORT;
  }
}
