/**
 * Every call by its name, each written once for those who block and those who do not.
 *
 * @module
 */

import type { PosixCalls } from "./calls.ts";
import { open, sendfile, splice, vmsplice } from "./calls/files.ts";
import { recvmmsg, recvmsg, sendmmsg, sendmsg } from "./calls/messages.ts";
import { getaddrinfo, getnameinfo } from "./calls/names.ts";
import { getsockopt, setsockopt } from "./calls/options.ts";
import { epollControl, epollWait, poll, ppoll, select } from "./calls/readiness.ts";
import {
  accept,
  accept4,
  bind,
  close,
  connect,
  dup,
  dup2,
  dup3,
  epollCreate1,
  fcntl,
  getpeername,
  getsockname,
  ioctl,
  listen,
  pipe2,
  shutdown,
  socket,
  socketpair,
} from "./calls/sockets.ts";
import { read, readv, recv, recvfrom, send, sendto, write, writev } from "./calls/transfers.ts";
import type { Core, Step } from "./core.ts";

/** A call: what it takes after the state that it works on, and what it gives. */
export type CallBody<Call extends keyof PosixCalls> = (
  core: Core,
  ...values: Parameters<PosixCalls[Call]>
) => Step<ReturnType<PosixCalls[Call]>>;

/** The calls. */
export const CALLS: { readonly [Call in keyof PosixCalls]: CallBody<Call> } = {
  socket,
  bind,
  listen,
  accept,
  accept4,
  connect,
  send,
  recv,
  sendto,
  recvfrom,
  sendmsg,
  recvmsg,
  sendmmsg,
  recvmmsg,
  read,
  write,
  readv,
  writev,
  shutdown,
  close,
  getsockopt,
  setsockopt,
  getsockname,
  getpeername,
  socketpair,
  pipe2,
  dup,
  dup2,
  dup3,
  fcntl,
  ioctl,
  poll,
  ppoll,
  select,
  epoll_create1: epollCreate1,
  epoll_ctl: epollControl,
  epoll_wait: epollWait,
  sendfile,
  splice,
  vmsplice,
  open,
  getaddrinfo,
  getnameinfo,
};
