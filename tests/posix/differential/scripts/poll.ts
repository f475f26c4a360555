/**
 * Scripts: readiness of a few descriptors.
 *
 * @module
 */

import { bytes, pattern, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  EPOLL_CTL_ADD,
  EPOLLOUT,
  MSG_OOB,
  O_NONBLOCK,
  O_RDONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  SHUT_WR,
  SO_ERROR,
  SO_LINGER,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";
import type { Pollfd } from "../../../../posix/types.ts";

const ALL = POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND |
  POLLWRBAND;

function entry(fd: number, events: number = ALL): Pollfd {
  return { fd, events, revents: 0 };
}

/** `poll(2)`, `ppoll(2)`. */
export const poll: Scripts = {
  "a connection can be written, and read once bytes are there": (c, t) => {
    const [client, server] = t.streamPair();
    c.poll([entry(client), entry(server)], 0);
    t.expect(2);
    c.send(client, bytes("x"));
    t.settle(server);
    c.poll([entry(client), entry(server)], 0);
  },
  "only what is asked for is told": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("x"));
    t.settle(server);
    c.poll([entry(server, POLLOUT), entry(server, POLLIN), entry(server, POLLPRI)], 0);
    t.expect(2);
    c.poll([entry(server, 0)], 0);
    t.expect(0);
  },
  "nothing to wait for is nothing": (c, t) => {
    c.poll([], 0);
    t.expect(0);
    t.waits(() => c.poll([], 50));
    t.expect(0);
  },
  "nothing happens within 50 ms": (c, t) => {
    const { fd } = t.datagram();
    t.waits(() => c.poll([entry(fd, POLLIN)], 50));
    t.expect(0);
  },
  "what is ready does not wait": (c, t) => {
    const { fd } = t.datagram();
    t.isPrompt(() => c.poll([entry(fd, POLLOUT)], 60_000));
    t.expect(1);
    t.isPrompt(() => c.poll([entry(fd, POLLOUT)], -1));
    t.expect(1);
  },
  "a negative descriptor is passed over": (c, t) => {
    const { fd } = t.datagram();
    c.poll([entry(-1), entry(fd, POLLOUT), entry(-5)], 0);
    t.expect(1);
  },
  "a closed descriptor is POLLNVAL": (c, t) => {
    const { fd } = t.datagram();
    c.close(fd);
    c.poll([entry(fd), entry(500, 0)], 0);
    t.expect(2);
    t.isPrompt(() => c.poll([entry(500, POLLIN)], 60_000));
    t.expect(1);
  },
  "the same descriptor counts each time": (c, t) => {
    const { fd } = t.datagram();
    c.poll([entry(fd, POLLOUT), entry(fd, POLLOUT), entry(fd, POLLIN)], 0);
    t.expect(2);
  },
  "what was there before is overwritten": (c, t) => {
    const { fd } = t.datagram();
    c.poll([{ fd, events: POLLIN, revents: POLLNVAL }, { fd: -1, events: 1, revents: 7 }], 0);
    t.expect(0);
  },
  "a listener is readable once somebody asks": (c, t) => {
    const listener = t.listener();
    c.poll([entry(listener.fd)], 0);
    t.expect(0);
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    c.poll([entry(listener.fd)], 0);
    t.expect(1);
    c.accept(listener.fd);
    c.poll([entry(listener.fd)], 0);
    t.expect(0);
  },
  "a peer that has ended is POLLIN and POLLRDHUP": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    t.settle(server);
    c.poll([entry(server)], 0);
    c.poll([entry(client)], 0);
  },
  "both ends ended is POLLHUP": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    t.settle(server);
    c.shutdown(server, SHUT_WR);
    t.settle(client, POLLHUP);
    t.settle(server, POLLHUP);
    c.poll([entry(client), entry(server), entry(server, 0)], 0);
    t.expect(3);
  },
  "a reset is POLLERR and POLLHUP": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(client, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 });
    c.close(client);
    t.settle(server, POLLERR);
    c.poll([entry(server)], 0);
    c.recv(server, room(4));
    t.expect("ECONNRESET");
    c.poll([entry(server)], 0);
  },
  "urgent data is POLLPRI": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.poll([entry(server), entry(server, POLLPRI)], 0);
    c.recv(server, room(1), MSG_OOB);
    c.poll([entry(server, POLLPRI)], 0);
  },
  "a datagram socket is readable while datagrams are there": (c, t) => {
    const a = t.datagram();
    c.poll([entry(a.fd)], 0);
    c.sendto(a.fd, bytes("x"), 0, a.address);
    t.settle(a.fd);
    c.poll([entry(a.fd)], 0);
    c.recv(a.fd, room(4));
    c.poll([entry(a.fd)], 0);
  },
  "an error by ICMP is POLLERR": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, t.deadAddress(SOCK_DGRAM));
    c.send(fd, bytes("x"));
    t.settle(fd, POLLERR);
    c.poll([entry(fd), entry(fd, 0)], 0);
    t.expect(2);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    c.poll([entry(fd)], 0);
  },
  "a pipe's ends": (c, t) => {
    const [read, write] = c.pipe2();
    c.poll([entry(read), entry(write)], 0);
    c.write(write, bytes("x"));
    c.poll([entry(read), entry(write)], 0);
    c.close(write);
    c.poll([entry(read)], 0);
    c.read(read, room(1));
    c.poll([entry(read)], 0);
    t.expect(1);
  },
  "a pipe that nobody reads is POLLERR": (c, t) => {
    const [read, write] = c.pipe2();
    c.close(read);
    c.poll([entry(write), entry(write, 0)], 0);
    t.expect(2);
  },
  "a full pipe cannot be written": (c, t) => {
    const [read, write] = c.pipe2(O_NONBLOCK);
    t.quietly(() => {
      while (c.write(write, pattern(4096)) > 0);
    });
    c.poll([entry(write)], 0);
    t.expect(0);
    t.quietly(() => c.read(read, room(4096)));
    c.poll([entry(write)], 0);
    t.expect(1);
  },
  "a full pair cannot be written": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    t.quietly(() => {
      while (c.write(a, pattern(4096)) > 0);
    });
    c.poll([entry(a), entry(b)], 0);
    t.quietly(() => {
      while (c.read(b, room(4096)) > 0);
    });
    c.poll([entry(a), entry(b)], 0);
  },
  "a file is always ready": (c, t) => {
    const fd = c.open(t.file("f", bytes("x")), O_RDONLY);
    c.poll([entry(fd)], 0);
    t.expect(1);
  },
  "a pair whose peer has gone": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.close(b);
    c.poll([entry(a), entry(a, 0)], 0);
    t.expect(2);
  },
  "a pair that was ended in halves": (c) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.shutdown(a, SHUT_WR);
    c.poll([entry(a), entry(b)], 0);
    c.shutdown(b, SHUT_WR);
    c.poll([entry(a), entry(b)], 0);
  },
  "sequenced packets whose peer has gone": (c) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_SEQPACKET);
    c.close(b);
    c.poll([entry(a)], 0);
  },
  "datagrams of a pair whose peer has gone": (c) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.close(b);
    c.poll([entry(a)], 0);
  },
  "an epoll instance is readable while it has events": (c, t) => {
    const { fd } = t.datagram();
    const epoll = c.epoll_create1();
    c.poll([entry(epoll)], 0);
    t.expect(0);
    c.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, { events: EPOLLOUT, data: 1 });
    c.poll([entry(epoll)], 0);
    t.expect(1);
  },
  "ppoll takes seconds and nanoseconds": (c, t) => {
    const { fd } = t.datagram();
    c.ppoll([entry(fd, POLLOUT)], { sec: 0, nsec: 0 });
    t.expect(1);
    t.waits(() => c.ppoll([entry(fd, POLLIN)], { sec: 0, nsec: 50_000_000 }));
    t.expect(0);
    t.isPrompt(() => c.ppoll([entry(fd, POLLOUT)], null));
    t.expect(1);
  },
  "ppoll takes no time that is none": (c, t) => {
    const { fd } = t.datagram();
    c.ppoll([entry(fd)], { sec: -1, nsec: 0 });
    t.expect("EINVAL");
    c.ppoll([entry(fd)], { sec: 0, nsec: -1 });
    t.expect("EINVAL");
    c.ppoll([entry(fd)], { sec: 0, nsec: 1_000_000_000 });
    t.expect("EINVAL");
  },
};
