/**
 * Making, naming and ending sockets.
 *
 * @module
 */

import {
  EPOLL_CLOEXEC,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_SETFD,
  FD_CLOEXEC,
  O_CLOEXEC,
  SOCK_CLOEXEC,
} from "../constants/mod.ts";
import { copyName, type Core, type Step } from "../core.ts";
import { FIRST_DESCRIPTOR } from "../descriptors.ts";
import { emptyName, type Name } from "../engine.ts";
import { Kind } from "../authority.ts";
import { decodeName } from "../names/sockaddr.ts";
import type { Accepted, Sockaddr } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { nameOf, requireSocket, toInt } from "./arguments.ts";

/** `socket(2)`. */
export function socket(core: Core, domain: number, type: number, protocol = 0): Step<number> {
  const kind = core.authority.requireSocket("socket", domain, type, protocol);
  core.reserve("socket");
  const flags = (type & SOCK_CLOEXEC) === 0 ? 0 : FD_CLOEXEC;
  return made(core, "socket", core.engine.socket(domain, type, protocol), (handle) => {
    return core.install("socket", handle, flags, kind);
  });
}

/** `bind(2)`. */
export function bind(
  core: Core,
  fd: number,
  address: Sockaddr | null,
  addrlen?: number,
): Step<void> {
  const handle = core.handle("bind", fd);
  requireSocket(core, "bind", fd);
  const name = nameOf(core, "bind", address, addrlen);
  core.authority.requireLocal("bind", core.descriptors.kind(fd), name);
  return core.step("bind", -1, core.engine.bind(handle, name), nothing);
}

/** `listen(2)`. */
export function listen(core: Core, fd: number, backlog = 4096): Step<void> {
  const handle = core.handle("listen", fd);
  core.authority.requireLive("listen");
  return core.step("listen", -1, core.engine.listen(handle, toInt(backlog)), nothing);
}

/** `accept(2)`. */
export function accept(core: Core, fd: number): Step<Accepted> {
  return acceptAs(core, "accept", fd, 0);
}

/** `accept4(2)`. */
export function accept4(core: Core, fd: number, flags: number): Step<Accepted> {
  return acceptAs(core, "accept4", fd, flags);
}

function acceptAs(core: Core, call: string, fd: number, flags: number): Step<Accepted> {
  const handle = core.handle(call, fd);
  core.authority.requireLive(call);
  core.reserve(call);
  const name = emptyName();
  const kind = core.descriptors.kind(fd);
  const own = (flags & SOCK_CLOEXEC) === 0 ? 0 : FD_CLOEXEC;
  return made(core, call, core.engine.accept(handle, flags, name), (accepted) => ({
    fd: core.install(call, accepted, own, kind),
    address: addressOf(name),
  }), fd);
}

/** `connect(2)`. */
export function connect(
  core: Core,
  fd: number,
  address: Sockaddr | null,
  addrlen?: number,
): Step<void> {
  const handle = core.handle("connect", fd);
  const name = nameOf(core, "connect", address, addrlen);
  core.authority.requirePeer("connect", core.descriptors.kind(fd), name, false);
  return core.step("connect", fd, core.engine.connect(handle, copyName(name)), nothing);
}

/** `shutdown(2)`. */
export function shutdown(core: Core, fd: number, how: number): Step<void> {
  return core.step("shutdown", -1, core.engine.shutdown(core.handle("shutdown", fd), how), nothing);
}

/** `close(2)`. */
export function close(core: Core, fd: number): Step<void> {
  return core.step("close", -1, core.close(fd), nothing);
}

/** `getsockname(2)`. */
export function getsockname(core: Core, fd: number): Step<Sockaddr> {
  const name = emptyName();
  const outcome = core.engine.localName(core.handle("getsockname", fd), name);
  return core.step("getsockname", -1, outcome, () => addressOf(name));
}

/** `getpeername(2)`. */
export function getpeername(core: Core, fd: number): Step<Sockaddr> {
  const name = emptyName();
  const outcome = core.engine.peerName(core.handle("getpeername", fd), name);
  return core.step("getpeername", -1, outcome, () => addressOf(name));
}

/** `socketpair(2)`. */
export function socketpair(
  core: Core,
  domain: number,
  type: number,
  protocol = 0,
): Step<[number, number]> {
  const kind = core.authority.requireSocket("socketpair", domain, type, protocol);
  const flags = (type & SOCK_CLOEXEC) === 0 ? 0 : FD_CLOEXEC;
  const pair = new Int32Array(2);
  core.reserve("socketpair", 2);
  const outcome = core.engine.socketPair(domain, type, protocol, pair);
  return made(
    core,
    "socketpair",
    outcome,
    () => both(core, "socketpair", pair, flags, kind),
    -1,
    2,
  );
}

/** `pipe2(2)`. */
export function pipe2(core: Core, flags = 0): Step<[number, number]> {
  core.authority.requireLive("pipe2");
  const pair = new Int32Array(2);
  core.reserve("pipe2", 2);
  const own = (flags & O_CLOEXEC) === 0 ? 0 : FD_CLOEXEC;
  return made(
    core,
    "pipe2",
    core.engine.pipe(flags, pair),
    () => {
      return both(core, "pipe2", pair, own, Kind.OTHER);
    },
    -1,
    2,
  );
}

/** `dup(2)`. */
export function dup(core: Core, fd: number): Step<number> {
  return duplicate(core, "dup", fd, 0, FIRST_DESCRIPTOR);
}

/** `dup2(2)`. */
export function dup2(core: Core, fd: number, newfd: number): Step<number> {
  const handle = core.handle("dup2", fd);
  if (fd === newfd) return newfd;
  return duplicateTo(core, "dup2", handle, core.descriptors.kind(fd), newfd, 0);
}

/** `dup3(2)`. */
export function dup3(core: Core, fd: number, newfd: number, flags: number): Step<number> {
  if ((flags & ~O_CLOEXEC) !== 0 || fd === newfd) core.fail("dup3", Errno.EINVAL);
  const handle = core.handle("dup3", fd);
  const own = flags === 0 ? 0 : FD_CLOEXEC;
  return duplicateTo(core, "dup3", handle, core.descriptors.kind(fd), newfd, own);
}

/** `fcntl(2)`. */
export function fcntl(core: Core, fd: number, command: number, argument = 0): Step<number> {
  const handle = core.handle("fcntl", fd);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      const end = core.descriptors.maximum + FIRST_DESCRIPTOR;
      if (argument < 0 || argument >= end) core.fail("fcntl", Errno.EINVAL);
      const flags = command === F_DUPFD ? 0 : FD_CLOEXEC;
      return duplicate(core, "fcntl", fd, flags, Math.max(FIRST_DESCRIPTOR, argument));
    }
    case F_GETFD:
      return core.descriptors.flags(fd);
    case F_SETFD:
      core.descriptors.setFlags(fd, argument & FD_CLOEXEC);
      return 0;
    default:
      return core.count("fcntl", -1, core.engine.control(handle, command, argument));
  }
}

/** `ioctl(2)`. */
export function ioctl(core: Core, fd: number, request: number, argument = 0): Step<number> {
  const handle = core.handle("ioctl", fd);
  return core.count("ioctl", -1, core.engine.ioctl(handle, request, argument));
}

/** `epoll_create1(2)`. */
export function epollCreate1(core: Core, flags = 0): Step<number> {
  if ((flags & ~EPOLL_CLOEXEC) !== 0) core.fail("epoll_create1", Errno.EINVAL);
  core.authority.requireLive("epoll_create1");
  core.reserve("epoll_create1");
  const own = flags === 0 ? 0 : FD_CLOEXEC;
  return made(core, "epoll_create1", core.engine.epollCreate(), (handle) => {
    return core.install("epoll_create1", handle, own, Kind.EPOLL);
  });
}

/** The address that a call left; a socket without one has its family only. */
function addressOf(name: Name): Sockaddr {
  return decodeName(name.bytes, Math.min(name.length, name.bytes.length)) ?? { family: 0 };
}

/** What a call made, where room for it was reserved: given back when it made nothing. */
export function made<Result>(
  core: Core,
  call: string,
  outcome: ReturnType<Core["close"]>,
  install: (handle: number) => Result,
  fd = -1,
  count = 1,
): Step<Result> {
  if (typeof outcome === "number") {
    if (outcome < 0) core.refund(count);
    return install(core.check(call, outcome));
  }
  const { block, later } = outcome;
  const note = (result: number): number => {
    if (result < 0) core.refund(count);
    return result;
  };
  outcome.block = () => note(block.call(outcome));
  outcome.later = async () => note(await later.call(outcome));
  return core.step(call, fd, outcome, install);
}

function both(
  core: Core,
  call: string,
  pair: Int32Array,
  flags: number,
  kind: number,
): [number, number] {
  return [core.install(call, pair[0], flags, kind), core.install(call, pair[1], flags, kind)];
}

function duplicate(
  core: Core,
  call: string,
  fd: number,
  flags: number,
  least: number,
): Step<number> {
  const handle = core.handle(call, fd);
  const kind = core.descriptors.kind(fd);
  core.reserve(call);
  return made(core, call, core.engine.duplicate(handle), (copy) => {
    return core.install(call, copy, flags, kind, least);
  });
}

function duplicateTo(
  core: Core,
  call: string,
  handle: number,
  kind: number,
  newfd: number,
  flags: number,
): Step<number> {
  const end = core.descriptors.maximum + FIRST_DESCRIPTOR;
  const isNumber = Number.isInteger(newfd) && newfd >= FIRST_DESCRIPTOR && newfd < end;
  if (!isNumber) core.fail(call, Errno.EBADF);
  core.reserve(call);
  return made(core, call, core.engine.duplicate(handle), (copy) => {
    core.replace(newfd, copy, flags, kind);
    return newfd;
  });
}

function nothing(): void {}
