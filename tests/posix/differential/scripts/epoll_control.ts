/**
 * Scripts: what `epoll` watches, and what it does not.
 *
 * @module
 */

import type { RecordedCalls } from "../recorder.ts";
import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLRDHUP,
  O_RDONLY,
  POLLERR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";
import type { EpollEvent } from "../../../../posix/types.ts";

/** Takes what is there, up to eight events. */
function take(c: RecordedCalls, epoll: number, timeout = 0): EpollEvent[] {
  const events: EpollEvent[] = [];
  c.epoll_wait(epoll, events, 8, timeout);
  return events;
}

/** `epoll_ctl(2)`, nested instances, exclusive watchers. */
export const epollControl: Scripts = {
  "fewer than one event is invalid": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_wait(fd, [], 0, 0);
    t.expect("EINVAL");
    c.epoll_wait(fd, [], -1, 0);
    t.expect("EINVAL");
  },
  "waiting needs an instance": (c, t) => {
    const { fd } = t.datagram();
    c.epoll_wait(fd, [], 1, 0);
    t.expect("EINVAL");
    c.epoll_wait(99, [], 1, 0);
    t.expect("EBADF");
    c.epoll_ctl(fd, EPOLL_CTL_ADD, t.datagram().fd, { events: EPOLLIN, data: 1 });
    t.expect("EINVAL");
    c.epoll_ctl(99, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 1 });
    t.expect("EBADF");
  },
  "nothing happens within 50 ms": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, t.datagram().fd, { events: EPOLLIN, data: 1 });
    t.waits(() => take(c, fd, 50));
    t.expect(0);
  },
  "what is ready does not wait": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, t.datagram().fd, { events: EPOLLOUT, data: 1 });
    t.isPrompt(() => take(c, fd, -1));
    t.expect(1);
    t.isPrompt(() => take(c, fd, 60_000));
    t.expect(1);
  },
  "a descriptor is added once": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLIN, data: 1 });
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 2 });
    t.expect("EEXIST");
    take(c, fd);
    t.expect(0);
  },
  "a descriptor that was not added is not there": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_MOD, socket, { events: EPOLLIN, data: 1 });
    t.expect("ENOENT");
    c.epoll_ctl(fd, EPOLL_CTL_DEL, socket, null);
    t.expect("ENOENT");
  },
  "a descriptor that was taken out is gone": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    c.epoll_ctl(fd, EPOLL_CTL_DEL, socket, null);
    t.expect(0);
    take(c, fd);
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 2 });
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_DEL, socket);
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_DEL, socket, { events: 0, data: 0 });
    t.expect("ENOENT");
  },
  "no event where one is needed is a bad address": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, null);
    t.expect("EFAULT");
    c.epoll_ctl(fd, EPOLL_CTL_MOD, socket, null);
    t.expect("EFAULT");
  },
  "an operation that there is not": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, 9, t.datagram().fd, { events: EPOLLIN, data: 1 });
    t.expect("EINVAL");
  },
  "a descriptor that is closed is none": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, 88, { events: EPOLLIN, data: 1 });
    t.expect("EBADF");
    c.epoll_ctl(fd, EPOLL_CTL_ADD, -1, { events: EPOLLIN, data: 1 });
    t.expect("EBADF");
  },
  "an instance does not watch itself": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: 1 });
    t.expect("EINVAL");
  },
  "a file cannot be watched": (c, t) => {
    const fd = c.epoll_create1();
    const file = c.open(t.file("f", bytes("x")), O_RDONLY);
    c.epoll_ctl(fd, EPOLL_CTL_ADD, file, { events: EPOLLIN, data: 1 });
    t.expect("EPERM");
  },
  "closing takes a descriptor out": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    c.close(socket);
    take(c, fd);
    t.expect(0);
  },
  "closing one of two descriptors of a file leaves it watched": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    const other = c.dup(socket);
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    c.close(socket);
    take(c, fd);
    t.expect(1);
    c.close(other);
    take(c, fd);
    t.expect(0);
  },
  "two descriptors of one file are two": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    c.epoll_ctl(fd, EPOLL_CTL_ADD, c.dup(socket), { events: EPOLLOUT, data: 2 });
    t.expect(0);
    take(c, fd);
    t.expect(2);
  },
  "an instance watches another": (c, t) => {
    const inner = c.epoll_create1();
    const outer = c.epoll_create1();
    const [read, write] = c.pipe2();
    c.epoll_ctl(inner, EPOLL_CTL_ADD, read, { events: EPOLLIN, data: 1 });
    c.epoll_ctl(outer, EPOLL_CTL_ADD, inner, { events: EPOLLIN, data: 2 });
    take(c, outer);
    t.expect(0);
    c.write(write, bytes("x"));
    take(c, outer);
    t.expect(1);
    take(c, inner);
    t.expect(1);
    c.read(read, room(1));
    take(c, outer);
    t.expect(0);
  },
  "an inner instance edge triggered": (c, t) => {
    const inner = c.epoll_create1();
    const outer = c.epoll_create1();
    const [read, write] = c.pipe2();
    c.epoll_ctl(inner, EPOLL_CTL_ADD, read, { events: EPOLLIN, data: 1 });
    c.epoll_ctl(outer, EPOLL_CTL_ADD, inner, { events: EPOLLIN | EPOLLET, data: 2 });
    c.write(write, bytes("x"));
    take(c, outer);
    t.expect(1);
    take(c, outer);
    t.expect(0);
    c.write(write, bytes("y"));
    take(c, outer);
    t.expect(1);
  },
  "instances do not watch each other in a circle": (c, t) => {
    const a = c.epoll_create1();
    const b = c.epoll_create1();
    c.epoll_ctl(a, EPOLL_CTL_ADD, b, { events: EPOLLIN, data: 1 });
    c.epoll_ctl(b, EPOLL_CTL_ADD, a, { events: EPOLLIN, data: 2 });
    t.expect("ELOOP");
  },
  "instances nest five deep": (c, t) => {
    const [read] = c.pipe2();
    let inner = c.epoll_create1();
    c.epoll_ctl(inner, EPOLL_CTL_ADD, read, { events: EPOLLIN, data: 1 });
    for (let depth = 1; depth < 5; depth++) {
      const outer = c.epoll_create1();
      c.epoll_ctl(outer, EPOLL_CTL_ADD, inner, { events: EPOLLIN, data: 1 });
      t.expect(0);
      inner = outer;
    }
    c.epoll_ctl(c.epoll_create1(), EPOLL_CTL_ADD, inner, { events: EPOLLIN, data: 1 });
    t.expect("ELOOP");
  },
  "EPOLLEXCLUSIVE is for adding only": (c, t) => {
    const fd = c.epoll_create1();
    const [read] = c.pipe2();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, read, { events: EPOLLIN | EPOLLEXCLUSIVE, data: 1 });
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_MOD, read, { events: EPOLLIN, data: 1 });
    t.expect("EINVAL");
    const [other] = c.pipe2();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, other, { events: EPOLLIN, data: 2 });
    c.epoll_ctl(fd, EPOLL_CTL_MOD, other, { events: EPOLLIN | EPOLLEXCLUSIVE, data: 2 });
    t.expect("EINVAL");
  },
  "EPOLLEXCLUSIVE goes with few others and no instances": (c, t) => {
    const fd = c.epoll_create1();
    const [read] = c.pipe2();
    const inner = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, inner, { events: EPOLLIN | EPOLLEXCLUSIVE, data: 1 });
    t.expect("EINVAL");
    const events = EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, read, { events, data: 1 });
    t.expect("EINVAL");
    c.epoll_ctl(fd, EPOLL_CTL_ADD, read, { events: EPOLLRDHUP | EPOLLEXCLUSIVE, data: 1 });
    t.expect("EINVAL");
    const edge = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, read, { events: edge, data: 1 });
    t.expect(0);
  },
  "an exclusive watcher is told": (c, t) => {
    const fd = c.epoll_create1();
    const listener = t.listener();
    const events = EPOLLIN | EPOLLEXCLUSIVE;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, listener.fd, { events, data: 1 });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    take(c, fd);
    t.expect(1);
  },
  "a listener edge triggered": (c, t) => {
    const fd = c.epoll_create1();
    const listener = t.listener();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, listener.fd, { events: EPOLLIN | EPOLLET, data: 1 });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    take(c, fd);
    t.expect(1);
    take(c, fd);
    t.expect(0);
    c.accept(listener.fd);
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    take(c, fd);
    t.expect(1);
  },
  "modifying changes what is waited for": (c, t) => {
    const fd = c.epoll_create1();
    const socket = t.datagram().fd;
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    c.epoll_ctl(fd, EPOLL_CTL_MOD, socket, { events: EPOLLIN, data: 2 });
    take(c, fd);
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_MOD, socket, { events: EPOLLIN | EPOLLOUT, data: 3 });
    take(c, fd);
    t.expect(1);
  },
  "a connection in progress is told": (c, t) => {
    const fd = c.epoll_create1();
    const socket = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(socket, t.deadAddress());
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data: 1 });
    t.settle(socket, POLLERR);
    take(c, fd);
    t.expect(1);
  },
};
