/**
 * SOCKET: what Deno has sockets for, and what not.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../ring/abi/sockaddr.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { Host } from "./host.ts";
import { areDatagramsLoaded, loadDatagrams } from "./node_datagrams.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { Socket } from "./socket.ts";

const TYPE_FLAGS = Sock.CLOEXEC | Sock.NONBLOCK;
const TYPE_MASK = 0xf;
const LARGEST_TYPE = 10;
const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;
const PROTOCOL_MAXIMUM = 262;

/** SOCKET: domain in `fd`, type in `off`, protocol in `len`. */
export function socket(host: Host, operation: Operation): void {
  const isDatagram = (operation.offset & TYPE_MASK) === Sock.DGRAM && operation.fd !== AF_UNIX;
  if (!isDatagram || areDatagramsLoaded()) {
    return host.complete(operation, makeSocket(host, operation), 0);
  }
  const loading = new Loading(host, operation);
  host.park(operation, loading);
  loading.start();
}

function makeSocket(host: Host, operation: Operation): number {
  const { fd: domain, offset: type, length: protocol } = operation;
  if (operation.addressLow !== 0 || operation.operationFlags !== 0) return -Errno.EINVAL;
  // A direct descriptor needs a table that was never registered.
  if (operation.fileIndex !== 0) return -Errno.ENXIO;
  if (domain !== AF_INET && domain !== AF_INET6 && domain !== AF_UNIX) return -Errno.EAFNOSUPPORT;
  if ((type & ~(TYPE_MASK | TYPE_FLAGS)) !== 0) return -Errno.EINVAL;
  const kind = type & TYPE_MASK;
  if (kind === 0 || kind > LARGEST_TYPE) return -Errno.EINVAL;
  const isDatagram = kind === Sock.DGRAM && domain !== AF_UNIX;
  // Sequenced packets, raw sockets and unix datagrams have no stable counterpart in Deno.
  if (kind !== Sock.STREAM && !isDatagram) return -Errno.ENOTSUP;
  if (protocol < 0 || protocol > PROTOCOL_MAXIMUM) return -Errno.EINVAL;
  if (isDatagram && isPing(domain, protocol)) return -Errno.ENOTSUP;
  const own = isDatagram ? SockOpt.IPPROTO_UDP : SockOpt.IPPROTO_TCP;
  const isKnown = protocol === 0 || protocol === (domain === AF_UNIX ? 1 : own);
  if (!isKnown) return -Errno.EPROTONOSUPPORT;
  const fd = host.files.lowest();
  if (fd < 0) return -Errno.EMFILE;
  host.files.set(
    fd,
    isDatagram ? new DatagramSocket(host, fd, domain) : new Socket(host, fd, domain),
  );
  return fd;
}

/** Whether a protocol makes a datagram socket one for echo requests (`icmp(7)`). */
function isPing(domain: number, protocol: number): boolean {
  return protocol === (domain === AF_INET ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
}

/** A SOCKET that waits for Node's module of datagrams. */
class Loading implements OperationOwner {
  readonly #host: Host;
  #operation: Operation | null;

  constructor(host: Host, operation: Operation) {
    this.#host = host;
    this.#operation = operation;
  }

  start(): void {
    this.#host.outstanding++;
    loadDatagrams().then(() => this.#finish(true), () => this.#finish(false));
  }

  cancel(operation: Operation): number {
    this.#operation = null;
    this.#host.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  #finish(isLoaded: boolean): void {
    this.#host.outstanding--;
    const operation = this.#operation;
    if (operation === null) return;
    const result = isLoaded ? makeSocket(this.#host, operation) : -Errno.ENOTSUP;
    this.#host.complete(operation, result, 0);
  }
}
