/**
 * Calls that block, each on a descriptor that nothing will ever happen on.
 *
 * @module
 */

import { AF_INET, AF_UNIX, type Posix, SOCK_STREAM } from "../../posix/mod.ts";

/** A call that will block. */
export interface BlockingCall {
  /** What it waits on. */
  readonly fd: number;
  /** What else has to be closed. */
  readonly also: readonly number[];
  readonly args: readonly unknown[];
}

/** Makes a listener on loopback. */
export function listenOn(posix: Posix): number {
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.bind(listener, { family: AF_INET, address: "127.0.0.1", port: 0 });
  posix.listen(listener, 100);
  return listener;
}

function unixPair(posix: Posix, type: number): [number, number] {
  return posix.socketpair(AF_UNIX, type);
}

/** By the call's name; `sendForEver` is one of `threads_worker.ts`. */
export const BLOCKING: Readonly<Record<string, (posix: Posix) => BlockingCall>> = {
  accept: (posix) => {
    const fd = listenOn(posix);
    return { fd, also: [], args: [fd] };
  },
  recv: (posix) => {
    const [fd, other] = unixPair(posix, SOCK_STREAM);
    return { fd, also: [other], args: [fd, new Uint8Array(8)] };
  },
  recvfrom: (posix) => {
    const [fd, other] = unixPair(posix, posix.SOCK_DGRAM);
    return { fd, also: [other], args: [fd, new Uint8Array(8)] };
  },
  recvmsg: (posix) => {
    const [fd, other] = unixPair(posix, SOCK_STREAM);
    return { fd, also: [other], args: [fd, { iov: [new Uint8Array(8)] }] };
  },
  read: (posix) => {
    const [fd, other] = posix.pipe2();
    return { fd, also: [other], args: [fd, new Uint8Array(8)] };
  },
  sendForEver: (posix) => {
    const [fd, other] = unixPair(posix, SOCK_STREAM);
    return { fd, also: [other], args: [fd] };
  },
  connect: (posix) => {
    // A Unix listener without room in its queue: who connects waits for some.
    const listener = posix.socket(AF_UNIX, SOCK_STREAM);
    const address = { family: AF_UNIX, path: `\0${crypto.randomUUID()}` };
    posix.bind(listener, address);
    posix.listen(listener, 0);
    const first = posix.socket(AF_UNIX, SOCK_STREAM);
    posix.connect(first, address);
    const fd = posix.socket(AF_UNIX, SOCK_STREAM);
    return { fd, also: [listener, first], args: [fd, address] };
  },
  epoll_wait: (posix) => {
    const fd = posix.epoll_create1();
    return { fd, also: [], args: [fd, [], 8, -1] };
  },
  poll: (posix) => {
    const fd = listenOn(posix);
    return { fd, also: [], args: [[{ fd, events: posix.POLLIN, revents: 0 }], -1] };
  },
};
