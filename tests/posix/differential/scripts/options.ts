/**
 * Scripts: what options mean, beyond being set and read back.
 *
 * @module
 */

import { bytes, loopback, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IP_MTU,
  IP_TTL,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_PEEK,
  POLLIN,
  SO_ACCEPTCONN,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_COOKIE,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_PEEK_OFF,
  SO_RCVBUF,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_SNDBUF,
  SO_SNDTIMEO,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_RAW,
  SOL_SOCKET,
  SOL_TCP,
  SOL_UDP,
  TCP_CONGESTION,
  TCP_CORK,
  TCP_FASTOPEN_CONNECT,
  TCP_INFO,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_SAVE_SYN,
  TCP_SAVED_SYN,
  TCP_TIMESTAMP,
  UDP_CORK,
  UDP_SEGMENT,
} from "../../../../posix/constants/mod.ts";

const NO_OPTION = 9999;
const NO_LEVEL = 9999;

/** `getsockopt(2)`, `setsockopt(2)`. */
export const options: Scripts = {
  "an option that nobody has is ENOPROTOOPT at the socket's level": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.getsockopt(fd, SOL_SOCKET, NO_OPTION);
    t.expect("ENOPROTOOPT");
    c.setsockopt(fd, SOL_SOCKET, NO_OPTION, 1);
    t.expect("ENOPROTOOPT");
    c.setsockopt(fd, SOL_SOCKET, -1, 1);
    t.expect("ENOPROTOOPT");
  },
  "an option that nobody has at the levels of protocols": (c, t) => {
    const tcp = c.socket(AF_INET, SOCK_STREAM);
    const udp = c.socket(AF_INET, SOCK_DGRAM);
    for (const [fd, level] of [[tcp, SOL_TCP], [tcp, SOL_IP], [udp, SOL_UDP], [udp, SOL_IP]]) {
      c.getsockopt(fd, level, NO_OPTION);
      t.expect("ENOPROTOOPT");
      c.setsockopt(fd, level, NO_OPTION, 1);
      t.expect("ENOPROTOOPT");
    }
  },
  "a level that nobody has": (c) => {
    for (const [family, type] of [[AF_INET, SOCK_STREAM], [AF_INET, SOCK_DGRAM], [AF_UNIX, 1]]) {
      const fd = c.socket(family, type);
      c.getsockopt(fd, NO_LEVEL, 1);
      c.setsockopt(fd, NO_LEVEL, 1, 1);
      c.getsockopt(fd, -1, 1);
      c.setsockopt(fd, -1, 1, 1);
    }
  },
  "a level of another protocol": (c) => {
    const tcp = c.socket(AF_INET, SOCK_STREAM);
    const udp = c.socket(AF_INET, SOCK_DGRAM);
    const unix = c.socket(AF_UNIX, SOCK_STREAM);
    c.getsockopt(tcp, SOL_UDP, UDP_CORK);
    c.setsockopt(tcp, SOL_UDP, UDP_CORK, 1);
    c.getsockopt(udp, SOL_TCP, TCP_NODELAY);
    c.setsockopt(udp, SOL_TCP, TCP_NODELAY, 1);
    c.getsockopt(unix, SOL_TCP, TCP_NODELAY);
    c.setsockopt(unix, SOL_IP, IP_TTL, 1);
    c.getsockopt(tcp, SOL_IPV6, IPV6_V6ONLY);
    c.setsockopt(tcp, SOL_RAW, 1, 1);
  },
  "options need a socket": (c, t) => {
    const [read] = c.pipe2();
    c.getsockopt(read, SOL_SOCKET, SO_TYPE);
    t.expect("ENOTSOCK");
    c.setsockopt(read, SOL_SOCKET, SO_KEEPALIVE, 1);
    t.expect("ENOTSOCK");
    c.getsockopt(77, SOL_SOCKET, SO_TYPE);
    t.expect("EBADF");
    c.setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, 1);
    t.expect("EBADF");
    c.getsockopt(c.epoll_create1(), SOL_SOCKET, SO_TYPE);
    t.expect("ENOTSOCK");
  },
  "a length below 0 is invalid": (c, t) => {
    const tcp = c.socket(AF_INET, SOCK_STREAM);
    for (const [level, option] of [[SOL_SOCKET, SO_KEEPALIVE], [SOL_TCP, TCP_NODELAY], [0, 2]]) {
      c.getsockopt(tcp, level, option, room(4), -1);
      t.expect("EINVAL");
      c.setsockopt(tcp, level, option, room(4), -1);
      t.expect("EINVAL");
    }
  },
  "true and false stand for 1 and 0": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_TCP, TCP_NODELAY, true);
    c.getsockopt(fd, SOL_TCP, TCP_NODELAY);
    t.expect(1);
    c.setsockopt(fd, SOL_TCP, TCP_NODELAY, false);
    c.getsockopt(fd, SOL_TCP, TCP_NODELAY);
    t.expect(0);
  },
  "a send buffer is twice what was asked for": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 20_000);
    c.getsockopt(fd, SOL_SOCKET, SO_SNDBUF);
    t.expect(40_000);
  },
  "a receive buffer is twice what was asked for": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 20_000);
    c.getsockopt(fd, SOL_SOCKET, SO_RCVBUF);
    t.expect(40_000);
  },
  "buffers are no larger than the system allows": (c) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, 1 << 30);
    c.getsockopt(fd, SOL_SOCKET, SO_SNDBUF);
    c.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 1 << 30);
    c.getsockopt(fd, SOL_SOCKET, SO_RCVBUF);
  },
  "SO_LINGER is a struct": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.getsockopt(fd, SOL_SOCKET, SO_LINGER, room(8));
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 30 });
    t.expect(0);
    c.getsockopt(fd, SOL_SOCKET, SO_LINGER, room(8));
    t.expect(8);
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 0, linger: 9 });
    c.getsockopt(fd, SOL_SOCKET, SO_LINGER, room(8));
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: -1 });
    c.getsockopt(fd, SOL_SOCKET, SO_LINGER, room(8));
  },
  "timeouts are structs": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, { sec: 1, usec: 500_000 });
    c.getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, room(16));
    t.expect(16);
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, { sec: 0, usec: 4_000 });
    c.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, room(16));
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, { sec: 0, usec: 1_000_000 });
    t.expect("EDOM");
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, { sec: -5, usec: 0 });
    c.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, room(16));
  },
  "SO_ACCEPTCONN tells who listens": (c, t) => {
    const { fd } = t.listener();
    c.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN);
    t.expect(1);
    const [client] = t.streamPair();
    c.getsockopt(client, SOL_SOCKET, SO_ACCEPTCONN);
    t.expect(0);
  },
  "TCP_NODELAY of one end is not the other's": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(client, SOL_TCP, TCP_NODELAY, 1);
    c.getsockopt(server, SOL_TCP, TCP_NODELAY);
    t.expect(0);
  },
  "TCP_MAXSEG is no larger than the route's once connected": (c, t) => {
    const [client] = t.streamPair();
    c.getsockopt(client, SOL_TCP, TCP_MAXSEG);
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_TCP, TCP_MAXSEG, 1_000);
    c.connect(fd, listener.address);
    c.getsockopt(fd, SOL_TCP, TCP_MAXSEG);
  },
  "TCP_INFO tells the state": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    const info = room(8);
    t.masked(() => c.getsockopt(fd, SOL_TCP, TCP_INFO, info));
    t.note("closed", info[0]);
    const { fd: listening } = t.listener();
    t.masked(() => c.getsockopt(listening, SOL_TCP, TCP_INFO, info));
    t.note("listening", info[0]);
    const [client, server] = t.streamPair();
    t.masked(() => c.getsockopt(client, SOL_TCP, TCP_INFO, info));
    t.note("established", info[0]);
    c.close(client);
    t.settle(server);
    t.masked(() => c.getsockopt(server, SOL_TCP, TCP_INFO, info));
    t.note("waiting to close", info[0]);
  },
  "TCP_INFO is as long as was asked for": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    t.masked(() => c.getsockopt(fd, SOL_TCP, TCP_INFO, room(104)));
    t.expect(104);
    t.masked(() => c.getsockopt(fd, SOL_TCP, TCP_INFO, room(1)));
    t.expect(1);
    c.setsockopt(fd, SOL_TCP, TCP_INFO, 1);
    t.expect("ENOPROTOOPT");
  },
  "TCP_TIMESTAMP is a number": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    t.note("told", t.quietly(() => c.getsockopt(fd, SOL_TCP, TCP_TIMESTAMP, room(4))));
    c.setsockopt(fd, SOL_TCP, TCP_TIMESTAMP, 1);
    t.expect("EPERM");
  },
  "TCP_CORK holds small pieces back": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(client, SOL_TCP, TCP_CORK, 1);
    c.send(client, bytes("held "));
    c.send(client, bytes("back"));
    c.recv(server, room(16), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.setsockopt(client, SOL_TCP, TCP_CORK, 0);
    t.settleBytes(server, 9);
    c.recv(server, room(16));
    t.expect(9);
  },
  "SO_RCVLOWAT holds readiness back": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, 4);
    c.send(client, bytes("abc"));
    t.settleBytes(server, 3);
    c.poll([{ fd: server, events: POLLIN, revents: 0 }], 0);
    t.expect(0);
    c.send(client, bytes("d"));
    t.settleBytes(server, 4);
    c.poll([{ fd: server, events: POLLIN, revents: 0 }], 0);
    t.expect(1);
    c.recv(server, room(8));
  },
  "SO_BROADCAST allows broadcasts": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, 1);
    c.connect(fd, { family: AF_INET, address: "127.255.255.255", port: 9 });
    t.expect(0);
  },
  "SO_BINDTODEVICE keeps a socket to a device": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bytes("lo"));
    t.expect(0);
    c.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, room(16));
    t.expect(3);
    c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bytes("no-such-device"));
    t.expect("ENODEV");
  },
  "SO_COOKIE is eight bytes and never changes": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    const first = room(8);
    const second = room(8);
    t.note("length", t.quietly(() => c.getsockopt(fd, SOL_SOCKET, SO_COOKIE, first)));
    t.quietly(() => c.getsockopt(fd, SOL_SOCKET, SO_COOKIE, second));
    t.note("same", first.every((byte, index) => byte === second[index]));
    c.getsockopt(fd, SOL_SOCKET, SO_COOKIE, room(4));
    t.expect("EINVAL");
  },
  "SO_PEEK_OFF moves where MSG_PEEK looks": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(b, SOL_SOCKET, SO_PEEK_OFF, 2);
    c.send(a, bytes("abcdef"));
    c.recv(b, room(2), MSG_PEEK);
    t.expect(2);
    c.recv(b, room(2), MSG_PEEK);
    c.getsockopt(b, SOL_SOCKET, SO_PEEK_OFF);
    t.expect(6);
    c.recv(b, room(3));
    c.getsockopt(b, SOL_SOCKET, SO_PEEK_OFF);
  },
  "the MTU of a route is known once connected": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.getsockopt(fd, SOL_IP, IP_MTU);
    t.expect("ENOTCONN");
    c.connect(fd, loopback(9));
    c.getsockopt(fd, SOL_IP, IP_MTU);
  },
  "TCP's default congestion control is the system's": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.getsockopt(fd, SOL_TCP, TCP_CONGESTION, room(16));
    c.setsockopt(fd, SOL_TCP, TCP_CONGESTION, bytes("reno"));
    t.expect(0);
    c.getsockopt(fd, SOL_TCP, TCP_CONGESTION, room(16));
    c.getsockopt(fd, SOL_TCP, TCP_CONGESTION, room(3));
  },
  "V6ONLY is fixed once bound": (c, t) => {
    const fd = c.socket(AF_INET6, SOCK_STREAM);
    c.bind(fd, { family: AF_INET6, address: "::1", port: 0 });
    c.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    t.expect("EINVAL");
  },
  "TCP_SAVE_SYN keeps the first packet": (c, t) => {
    const listener = t.listener();
    c.setsockopt(listener.fd, SOL_TCP, TCP_SAVE_SYN, 1);
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    const { fd } = c.accept(listener.fd);
    t.note("bytes", t.quietly(() => c.getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, room(128))));
    t.note("again", t.quietly(() => c.getsockopt(fd, SOL_TCP, TCP_SAVED_SYN, room(128))));
  },
  "UDP_SEGMENT cuts one send into datagrams": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.setsockopt(a.fd, SOL_UDP, UDP_SEGMENT, 4);
    c.sendto(a.fd, bytes("abcdefghij"), 0, b.address);
    t.expect(10);
    for (let count = 0; count < 3; count++) c.recv(b.fd, room(8), MSG_DONTWAIT);
    t.expect(2);
  },
  "TCP_FASTOPEN_CONNECT connects with the first bytes": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
    c.connect(fd, listener.address);
    t.expect(0);
    c.send(fd, bytes("first"));
    const connection = c.accept(listener.fd).fd;
    t.settleBytes(connection, 5);
    c.recv(connection, room(8));
    t.expect(5);
  },
};
