/**
 * Scripts: TCP connections.
 *
 * @module
 */

import { bytes, loopback, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SOL_TCP,
  TCP_NODELAY,
} from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

const LOOPBACK6: Sockaddr = { family: AF_INET6, address: "::1", port: 0 };

/** `listen(2)`, `accept(2)`, `connect(2)`, `send(2)`, `recv(2)` on streams. */
export const streams: Scripts = {
  "a connection is accepted and bytes go both ways": (c, t) => {
    const listener = t.listener();
    const client = c.socket(AF_INET, SOCK_STREAM);
    c.connect(client, listener.address);
    const { fd } = c.accept(listener.fd);
    c.send(client, bytes("question"), 0);
    c.recv(fd, room(16), 0);
    t.expect(8);
    c.send(fd, bytes("answer"));
    c.recv(client, room(16));
    t.expect(6);
  },
  "bytes go over IPv6": (c, t) => {
    const [client, server] = t.streamPair(LOOPBACK6);
    c.send(client, bytes("six"));
    c.recv(server, room(8));
    t.expect(3);
  },
  "a stream knows no messages": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("one"));
    c.send(client, bytes("two"));
    t.settleBytes(server, 6);
    c.recv(server, room(2));
    c.recv(server, room(16));
    t.expect(4);
  },
  "the end of a stream is 0, again and again": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("last"));
    c.close(client);
    c.recv(server, room(8));
    c.recv(server, room(8));
    t.expect(0);
    c.recv(server, room(8));
    t.expect(0);
  },
  "connections are accepted in the order they came": (c, t) => {
    const listener = t.listener();
    for (const name of ["a", "b", "c"]) {
      const client = c.socket(AF_INET, SOCK_STREAM);
      c.connect(client, listener.address);
      c.send(client, bytes(name));
    }
    for (let count = 0; count < 3; count++) {
      c.recv(c.accept(listener.fd).fd, room(4));
    }
  },
  "accept4 gives flags to the connection": (c, t) => {
    const listener = t.listener();
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    const { fd } = c.accept4(listener.fd, SOCK_NONBLOCK | SOCK_CLOEXEC);
    c.fcntl(fd, F_GETFL);
    t.expect(O_RDWR | O_NONBLOCK);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.recv(fd, room(1));
    t.expect("EAGAIN");
  },
  "a connection does not inherit O_NONBLOCK": (c, t) => {
    const listener = t.listener({ type: SOCK_STREAM | SOCK_NONBLOCK });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    const { fd } = c.accept(listener.fd);
    c.fcntl(fd, F_GETFL);
    t.expect(O_RDWR);
  },
  "a connection inherits options of its listener": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    c.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1);
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 7 });
    c.bind(fd, loopback());
    c.listen(fd);
    c.connect(c.socket(AF_INET, SOCK_STREAM), c.getsockname(fd));
    const connection = c.accept(fd).fd;
    c.getsockopt(connection, SOL_SOCKET, SO_KEEPALIVE);
    t.expect(1);
    c.getsockopt(connection, SOL_TCP, TCP_NODELAY);
    t.expect(1);
    c.getsockopt(connection, SOL_SOCKET, SO_LINGER, room(8));
  },
  "accept4 takes no other flags": (c, t) => {
    const listener = t.listener();
    c.accept4(listener.fd, 1);
    t.expect("EINVAL");
    c.accept4(listener.fd, SOCK_NONBLOCK | 0x10);
    t.expect("EINVAL");
  },
  "nobody to accept on a non-blocking listener is EAGAIN": (c, t) => {
    const listener = t.listener({ type: SOCK_STREAM | SOCK_NONBLOCK });
    c.accept(listener.fd);
    t.expect("EAGAIN");
  },
  "a socket that does not listen accepts nobody": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.accept(fd);
    t.expect("EINVAL");
    c.bind(fd, loopback());
    c.accept(fd);
    t.expect("EINVAL");
    const [client] = t.streamPair();
    c.accept(client);
    t.expect("EINVAL");
  },
  "datagram sockets neither listen nor accept": (c, t) => {
    const { fd } = t.datagram();
    c.listen(fd);
    t.expect("ENOTSUP");
    c.accept(fd);
    t.expect("ENOTSUP");
  },
  "a connection does not listen": (c, t) => {
    const [client] = t.streamPair();
    c.listen(client);
    t.expect("EINVAL");
  },
  "a listener takes a new backlog": (c, t) => {
    const { fd } = t.listener();
    c.listen(fd, 1);
    t.expect(0);
    c.listen(fd, 0);
    t.expect(0);
    c.listen(fd, -1);
    t.expect(0);
  },
  "a listener does not connect": (c, t) => {
    const { fd, address } = t.listener();
    c.connect(fd, address);
    t.expect("EISCONN");
  },
  "a listener sends and receives nothing": (c, t) => {
    const { fd } = t.listener();
    c.recv(fd, room(1));
    t.expect("ENOTCONN");
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "a socket without a connection sends and receives nothing": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.recv(fd, room(1));
    t.expect("ENOTCONN");
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.read(fd, room(1));
    t.expect("ENOTCONN");
    c.write(fd, bytes("x"));
    t.expect("EPIPE");
  },
  "a connected socket is not connected again": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, listener.address);
    c.connect(fd, listener.address);
    t.expect("EISCONN");
  },
  "nobody listening refuses": (c, t) => {
    const address = t.deadAddress();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, address);
    t.expect("ECONNREFUSED");
  },
  "a refused socket may try again": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, t.deadAddress());
    const listener = t.listener();
    c.connect(fd, listener.address);
    t.expect(0);
    c.getpeername(fd);
  },
  "AF_UNSPEC ends a connection, and the socket may be used again": (c, t) => {
    const [client, server] = t.streamPair();
    c.connect(client, { family: AF_UNSPEC, data: new Uint8Array(14) });
    t.expect(0);
    c.getpeername(client);
    t.expect("ENOTCONN");
    t.settle(server, POLLIN);
    c.recv(server, room(1));
    t.expect("ECONNRESET");
    c.connect(client, t.listener().address);
    t.expect(0);
  },
  "a name to connect to needs its bytes": (c, t) => {
    const { address } = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    for (const length of [15, 8, 1, 0, -1, 129]) {
      c.connect(fd, address, length);
      t.expect("EINVAL");
    }
    c.connect(fd, null);
    t.expect("EFAULT");
    c.connect(fd, address, 64);
    t.expect(0);
  },
  "a name to connect to has the socket's family": (c, t) => {
    const { address } = t.listener();
    c.connect(c.socket(AF_INET, SOCK_STREAM), { ...LOOPBACK6, port: address.port });
    t.expect("EAFNOSUPPORT");
    c.connect(c.socket(AF_INET, SOCK_STREAM), { family: 44 });
    t.expect("EAFNOSUPPORT");
    c.connect(c.socket(AF_INET6, SOCK_STREAM), address);
    t.expect("EINVAL");
  },
  "an IPv6 socket connects to a mapped name": (c, t) => {
    const { fd, address } = t.listener();
    const client = c.socket(AF_INET6, SOCK_STREAM);
    c.connect(client, { family: AF_INET6, address: "::ffff:127.0.0.1", port: address.port });
    t.expect(0);
    c.accept(fd);
    c.getsockname(client);
  },
  "connecting to the wildcard means this host": (c, t) => {
    const { address } = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, { family: AF_INET, address: "0.0.0.0", port: address.port });
    t.expect(0);
    c.getpeername(fd);
  },
  "TCP has no way to a multicast or broadcast address": (c, t) => {
    c.connect(c.socket(AF_INET, SOCK_STREAM), { family: AF_INET, address: "224.0.0.1", port: 9 });
    t.expect("ENETUNREACH");
    c.connect(
      c.socket(AF_INET, SOCK_STREAM),
      { family: AF_INET, address: "255.255.255.255", port: 9 },
    );
    t.expect("ENETUNREACH");
  },
  "port 0 refuses": (c, t) => {
    c.connect(c.socket(AF_INET, SOCK_STREAM), loopback(0));
    t.expect("ECONNREFUSED");
  },
  "a bound socket connects from its name": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, { family: AF_INET, address: "127.0.0.9", port: 0 });
    const name = c.getsockname(fd);
    c.connect(fd, listener.address);
    const { address } = c.accept(listener.fd);
    t.note("the same port", address.port === name.port);
  },
  "two connections between the same four numbers cannot be": (c, t) => {
    const listener = t.listener();
    const first = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(first, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(first, loopback());
    const second = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(second, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(second, c.getsockname(first));
    c.connect(first, listener.address);
    t.expect(0);
    c.connect(second, listener.address);
    t.expect("EADDRNOTAVAIL");
  },
  "a socket connects to itself": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, loopback());
    c.connect(fd, c.getsockname(fd));
    t.expect(0);
    c.send(fd, bytes("me"));
    c.recv(fd, room(4));
    t.expect(2);
  },
};
