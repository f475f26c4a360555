/**
 * Scripts: readiness of many descriptors.
 *
 * @module
 */

import type { RecordedCalls } from "../recorder.ts";
import { bytes, pattern, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  MSG_OOB,
  POLLERR,
  POLLPRI,
  SHUT_WR,
  SOCK_DGRAM,
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

/** `epoll_create1(2)`, `epoll_ctl(2)`, `epoll_wait(2)`. */
export const epoll: Scripts = {
  "an instance is a descriptor": (c, t) => {
    const fd = c.epoll_create1();
    t.expect(3);
    c.fcntl(fd, F_GETFD);
    t.expect(0);
    const closing = c.epoll_create1(EPOLL_CLOEXEC);
    c.fcntl(closing, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.fcntl(fd, F_GETFL);
    c.close(fd);
    t.expect(0);
  },
  "other flags are invalid": (c, t) => {
    c.epoll_create1(1);
    t.expect("EINVAL");
    c.epoll_create1(-1);
    t.expect("EINVAL");
  },
  "level triggered, an event comes again while it lasts": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, server, { events: EPOLLIN, data: 5 });
    take(c, fd);
    t.expect(0);
    c.send(client, bytes("ab"));
    t.settle(server);
    take(c, fd);
    t.expect(1);
    c.recv(server, room(1));
    take(c, fd);
    t.expect(1);
    c.recv(server, room(1));
    take(c, fd);
    t.expect(0);
  },
  "edge triggered, an event comes once for each arrival": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, server, { events: EPOLLIN | EPOLLET, data: 5 });
    c.send(client, bytes("ab"));
    t.settle(server);
    take(c, fd);
    t.expect(1);
    take(c, fd);
    t.expect(0);
    c.recv(server, room(1));
    take(c, fd);
    t.expect(0);
    c.send(client, bytes("c"));
    t.settleBytes(server, 2);
    take(c, fd);
    t.expect(1);
  },
  "edge triggered, what was there before is told once": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"));
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: EPOLLIN | EPOLLOUT | EPOLLET, data: 5 });
    take(c, fd);
    t.expect(1);
    take(c, fd);
    t.expect(0);
  },
  "edge triggered, modifying tells again": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"));
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: EPOLLIN | EPOLLET, data: 5 });
    take(c, fd);
    c.epoll_ctl(fd, EPOLL_CTL_MOD, b, { events: EPOLLIN | EPOLLET, data: 6 });
    take(c, fd);
    t.expect(1);
  },
  "edge triggered, room to write is told when it comes": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, a, { events: EPOLLOUT | EPOLLET, data: 1 });
    take(c, fd);
    t.expect(1);
    t.quietly(() => {
      while (c.write(a, pattern(4096)) > 0);
    });
    take(c, fd);
    t.expect(0);
    t.quietly(() => {
      while (c.read(b, room(4096)) > 0);
    });
    take(c, fd);
    t.expect(1);
  },
  "one shot, an event comes once until it is armed again": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: EPOLLIN | EPOLLONESHOT, data: 5 });
    c.send(a, bytes("x"));
    take(c, fd);
    t.expect(1);
    c.send(a, bytes("y"));
    take(c, fd);
    t.expect(0);
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: EPOLLIN, data: 5 });
    t.expect("EEXIST");
    c.epoll_ctl(fd, EPOLL_CTL_MOD, b, { events: EPOLLIN | EPOLLONESHOT, data: 6 });
    take(c, fd);
    t.expect(1);
  },
  "one shot, even a hang-up comes once": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: EPOLLONESHOT, data: 5 });
    c.close(a);
    take(c, fd);
    t.expect(1);
    take(c, fd);
    t.expect(0);
  },
  "a hang-up is told without being asked for": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, b, { events: 0, data: 5 });
    take(c, fd);
    t.expect(0);
    c.close(a);
    take(c, fd);
    t.expect(1);
  },
  "EPOLLRDHUP tells that the peer has ended": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, server, { events: EPOLLRDHUP, data: 5 });
    take(c, fd);
    t.expect(0);
    c.shutdown(client, SHUT_WR);
    t.settle(server);
    take(c, fd);
    t.expect(1);
  },
  "EPOLLPRI tells urgent data": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, server, { events: EPOLLPRI, data: 5 });
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    take(c, fd);
    t.expect(1);
  },
  "EPOLLERR tells an error by ICMP": (c, t) => {
    const socket = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(socket, t.deadAddress(SOCK_DGRAM));
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLIN, data: 5 });
    c.send(socket, bytes("x"));
    t.settle(socket, POLLERR);
    take(c, fd);
    t.expect(1);
  },
  "data words come back whole": (c, t) => {
    const fd = c.epoll_create1();
    for (const data of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const socket = t.datagram().fd;
      c.epoll_ctl(fd, EPOLL_CTL_ADD, socket, { events: EPOLLOUT, data });
    }
    take(c, fd);
    t.expect(4);
  },
  "events of several descriptors come together": (c, t) => {
    const fd = c.epoll_create1();
    const [read, write] = c.pipe2();
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.epoll_ctl(fd, EPOLL_CTL_ADD, read, { events: EPOLLIN, data: 1 });
    c.epoll_ctl(fd, EPOLL_CTL_ADD, write, { events: EPOLLOUT, data: 2 });
    c.epoll_ctl(fd, EPOLL_CTL_ADD, a, { events: EPOLLIN | EPOLLOUT, data: 3 });
    take(c, fd);
    t.expect(2);
    c.write(write, bytes("x"));
    take(c, fd);
    t.expect(3);
  },
  "at most as many events as were asked for, the others next time": (c, t) => {
    const fd = c.epoll_create1();
    for (let data = 0; data < 3; data++) {
      c.epoll_ctl(fd, EPOLL_CTL_ADD, t.datagram().fd, { events: EPOLLOUT | EPOLLET, data });
    }
    c.epoll_wait(fd, [], 2, 0);
    t.expect(2);
    c.epoll_wait(fd, [], 2, 0);
    t.expect(1);
    c.epoll_wait(fd, [], 2, 0);
    t.expect(0);
  },
  "events beyond the count are left as they were": (c, t) => {
    const fd = c.epoll_create1();
    c.epoll_ctl(fd, EPOLL_CTL_ADD, t.datagram().fd, { events: EPOLLOUT, data: 9 });
    const events = [{ events: 0, data: 1 }, { events: 0, data: 2 }];
    c.epoll_wait(fd, events, 2, 0);
    t.expect(1);
  },
};
