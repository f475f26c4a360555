/**
 * `socket`: what Linux says of what cannot be had, before the other side is asked.
 *
 * @module
 */

import type { Outcome } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { FileTable } from "./file_table.ts";
import { StreamSocket } from "./stream_socket.ts";
import { EntryCall } from "./wait.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
} from "../constants/mod.ts";
import { W_LENGTH, W_OFFSET } from "../../ring/abi/layout.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** `SOCK_TYPE_MASK`, `SOCK_MAX`, `NPROTO` and `IPPROTO_MAX` of Linux. */
const TYPE_MASK = 0xf;
const TYPES = 11;
const FAMILIES = 46;
const PROTOCOLS = 263;
const PROTOCOL_UNIX = 1;

/** Why there can be no such socket. @param type without flags @returns 0 or `-errno` */
export function socketRefusal(domain: number, type: number, protocol: number): number {
  if (domain < 0 || domain >= FAMILIES) return -Errno.EAFNOSUPPORT;
  if (type < 0 || type >= TYPES) return -Errno.EINVAL;
  if (domain === AF_UNIX) {
    if (protocol !== 0 && protocol !== PROTOCOL_UNIX) return -Errno.EPROTONOSUPPORT;
    return type === SOCK_STREAM ? 0 : -Errno.ESOCKTNOSUPPORT;
  }
  if (domain !== AF_INET && domain !== AF_INET6) return -Errno.EAFNOSUPPORT;
  if (protocol < 0 || protocol >= PROTOCOLS) return -Errno.EINVAL;
  if (type === SOCK_RAW) return protocol === 0 ? -Errno.EPROTONOSUPPORT : -Errno.EPERM;
  if (type !== SOCK_STREAM && type !== SOCK_DGRAM) return -Errno.ESOCKTNOSUPPORT;
  const own = type === SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  if (protocol === 0 || protocol === own) return 0;
  const isPing = type === SOCK_DGRAM &&
    protocol === (domain === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  return isPing ? -Errno.EACCES : -Errno.EPROTONOSUPPORT;
}

/** `socket(2)`. */
export function makeSocket(
  ring: BlockingRing,
  files: FileTable,
  domain: number,
  type: number,
  protocol: number,
): Outcome {
  const flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
  const plain = type & TYPE_MASK;
  if ((type & ~(TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return -Errno.EINVAL;
  const refusal = socketRefusal(domain, plain, protocol);
  if (refusal !== 0) return refusal;
  if (files.isFull) return -Errno.EMFILE;
  const isStream = plain === SOCK_STREAM;
  const own = domain === AF_UNIX ? 0 : isStream ? IPPROTO_TCP : IPPROTO_UDP;
  const kind = { domain, type: plain, protocol: own };
  return new EntryCall(ring, Op.SOCKET, domain, (at) => {
    const { entries } = ring.reactor;
    entries[at + W_OFFSET] = plain;
    entries[at + W_LENGTH] = protocol;
  }, {
    finish: (descriptor) => {
      if (descriptor < 0) return descriptor;
      const socket = isStream
        ? new StreamSocket(ring, files, kind, descriptor, flags)
        : new DatagramSocket(ring, kind, descriptor, flags);
      return keep(files, socket);
    },
  }).outcome;
}

function keep(files: FileTable, socket: StreamSocket | DatagramSocket): number {
  const handle = files.add(socket);
  if (handle < 0) socket.release();
  return handle;
}
