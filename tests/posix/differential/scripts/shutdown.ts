/**
 * Scripts: connections end in halves.
 *
 * @module
 */

import { bytes, loopback, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  F_SETFL,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_DGRAM,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";

/** `shutdown(2)`. */
export const shutdown: Scripts = {
  "SHUT_WR ends one way and leaves the other": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    t.expect(0);
    c.recv(server, room(4));
    t.expect(0);
    c.send(server, bytes("still"));
    c.recv(client, room(8));
    t.expect(5);
    c.send(client, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "bytes before SHUT_WR arrive": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("last words"));
    c.shutdown(client, SHUT_WR);
    c.recv(server, room(16));
    t.expect(10);
    c.recv(server, room(16));
    t.expect(0);
  },
  "SHUT_RD of TCP reads what comes all the same": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(server, SHUT_RD);
    c.recv(server, room(4));
    t.expect(0);
    c.send(client, bytes("late"));
    t.expect(4);
    t.settleBytes(server, 4);
    c.recv(server, room(8));
    t.expect(4);
    c.recv(server, room(8));
    t.expect(0);
  },
  "SHUT_RDWR ends both ways": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_RDWR);
    c.recv(client, room(4));
    t.expect(0);
    c.send(client, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.recv(server, room(4));
    t.expect(0);
  },
  "ending twice is fine while the connection lives": (c, t) => {
    const [client] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    c.shutdown(client, SHUT_WR);
    t.expect(0);
    c.shutdown(client, SHUT_RDWR);
    t.expect(0);
  },
  "a socket without a connection has nothing to end": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.shutdown(fd, SHUT_RDWR);
    t.expect("ENOTCONN");
    c.shutdown(c.socket(AF_INET, SOCK_DGRAM), SHUT_RD);
    t.expect("ENOTCONN");
    c.shutdown(c.socket(AF_UNIX, SOCK_STREAM), SHUT_RD);
  },
  "a way that there is not is invalid": (c, t) => {
    const [client] = t.streamPair();
    c.shutdown(client, 3);
    t.expect("EINVAL");
    c.shutdown(client, -1);
    t.expect("EINVAL");
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.shutdown(a, 3);
    t.expect("EINVAL");
  },
  "ending needs a socket": (c, t) => {
    c.shutdown(99, SHUT_WR);
    t.expect("EBADF");
    const [read] = c.pipe2();
    c.shutdown(read, SHUT_RD);
    t.expect("ENOTSOCK");
  },
  "a listener stops listening at SHUT_RD": (c, t) => {
    const { fd, address } = t.listener();
    c.shutdown(fd, SHUT_RD);
    t.expect(0);
    c.accept(fd);
    t.expect("EINVAL");
    c.connect(c.socket(AF_INET, SOCK_STREAM), address);
    t.expect("ECONNREFUSED");
    c.listen(fd);
    t.expect(0);
  },
  "a Unix listener tells only those who wait that it has stopped": (c, t) => {
    const { fd } = t.listener({ address: t.unixAddress("s") });
    c.shutdown(fd, SHUT_RD);
    c.accept(fd);
    t.expect("EINVAL");
    c.fcntl(fd, F_SETFL, O_NONBLOCK);
    c.accept(fd);
    t.expect("EAGAIN");
  },
  "a listener goes on at SHUT_WR": (c, t) => {
    const { fd, address } = t.listener();
    c.shutdown(fd, SHUT_WR);
    t.expect(0);
    c.connect(c.socket(AF_INET, SOCK_STREAM), address);
    c.accept(fd);
  },
  "a pair ends in halves": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.shutdown(a, SHUT_WR);
    c.recv(b, room(4));
    t.expect(0);
    c.send(b, bytes("back"));
    c.recv(a, room(8));
    t.expect(4);
    c.send(a, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "SHUT_RD of a pair stops its peer from sending": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.shutdown(a, SHUT_RD);
    c.send(b, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.recv(a, room(4));
    t.expect(0);
  },
  "SHUT_RD of datagrams wakes a reader with nothing": (c, t) => {
    const a = t.datagram();
    c.connect(a.fd, loopback(9));
    c.shutdown(a.fd, SHUT_RD);
    t.expect(0);
    c.recv(a.fd, room(4), MSG_DONTWAIT);
  },
  "SHUT_RD of datagrams ends a receive that would wait": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.send(b, bytes("first"));
    c.shutdown(a, SHUT_RD);
    c.recv(a, room(8));
    t.expect(5);
    c.recv(a, room(8));
    t.expect(0);
    c.recvmsg(a, { iov: [room(8)], controllen: 64 });
    t.expect(0);
    c.read(a, room(8));
    t.expect(0);
    c.recv(a, room(8), MSG_WAITALL);
    t.expect(0);
    c.recv(a, room(8), MSG_DONTWAIT);
    t.expect("EAGAIN");
    const { fd, address } = t.datagram();
    c.connect(fd, address);
    c.shutdown(fd, SHUT_RD);
    c.recvfrom(fd, room(8));
    t.expect("{ address: NULL, n: 0 }");
  },
  "SHUT_WR of datagrams stops sending": (c, t) => {
    const b = t.datagram();
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, b.address);
    c.shutdown(fd, SHUT_WR);
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "both ends half closed are readable and hung up": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    c.shutdown(server, SHUT_WR);
    t.settle(client, POLLHUP);
    t.settle(server, POLLHUP);
    const events = POLLIN | POLLOUT | POLLRDHUP;
    c.poll([{ fd: client, events, revents: 0 }, { fd: server, events, revents: 0 }], 0);
    t.expect(2);
  },
};
