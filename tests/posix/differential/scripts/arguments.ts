/**
 * Scripts: arguments that no program should pass.
 *
 * @module
 */

import { bytes, ints, loopback, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SO_KEEPALIVE,
  SO_LINGER,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";

/** Descriptors that are none. */
const NONE = [-1, 42, 1023, 0x7fffffff];

/** Bad descriptors, null buffers, lengths that are longer than their buffer. */
export const args: Scripts = {
  "descriptors that are none, in every call on sockets": (c, t) => {
    for (const fd of NONE) {
      c.listen(fd);
      t.expect("EBADF");
      c.accept(fd);
      t.expect("EBADF");
      c.accept4(fd, 0);
      t.expect("EBADF");
      c.connect(fd, loopback(9));
      t.expect("EBADF");
      c.send(fd, bytes("x"));
      t.expect("EBADF");
      c.recv(fd, room(1));
      t.expect("EBADF");
      c.sendto(fd, bytes("x"), 0, loopback(9));
      t.expect("EBADF");
      c.recvfrom(fd, room(1));
      t.expect("EBADF");
      c.shutdown(fd, 0);
      t.expect("EBADF");
    }
  },
  "pipes are no sockets": (c, t) => {
    const [read, write] = c.pipe2();
    c.listen(read);
    t.expect("ENOTSOCK");
    c.accept(read);
    t.expect("ENOTSOCK");
    c.connect(read, loopback(9));
    t.expect("ENOTSOCK");
    c.send(write, bytes("x"));
    t.expect("ENOTSOCK");
    c.recv(read, room(1));
    t.expect("ENOTSOCK");
    c.sendto(write, bytes("x"), 0, null);
    t.expect("ENOTSOCK");
    c.recvfrom(read, room(1));
    t.expect("ENOTSOCK");
  },
  "epoll instances are no sockets": (c, t) => {
    const fd = c.epoll_create1();
    c.send(fd, bytes("x"));
    t.expect("ENOTSOCK");
    c.recv(fd, room(1));
    t.expect("ENOTSOCK");
    c.listen(fd);
    t.expect("ENOTSOCK");
  },
  "files are no sockets": (c, t) => {
    const fd = c.open(t.file("f", bytes("x")), 2);
    c.send(fd, bytes("x"));
    t.expect("ENOTSOCK");
    c.recv(fd, room(1));
    t.expect("ENOTSOCK");
    c.getsockname(fd);
    t.expect("ENOTSOCK");
  },
  "null to send": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, null, 4, 0);
    t.expect("EFAULT");
    c.write(a, null, 4);
    t.expect("EFAULT");
    c.send(a, null, 0, 0);
    t.expect(0);
    const [client] = t.streamPair();
    c.send(client, null, 4, MSG_NOSIGNAL);
    t.expect("EFAULT");
  },
  "null to receive into": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(b, bytes("data"));
    c.recv(a, null, 4, 0);
    t.expect("EFAULT");
    c.read(a, null, 4);
    t.expect("EFAULT");
    const [client, server] = t.streamPair();
    c.send(client, bytes("data"));
    t.settleBytes(server, 4);
    c.recv(server, null, 4, 0);
    t.expect("EFAULT");
    c.recv(server, room(8));
    t.expect(4);
  },
  "null for a datagram": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, null, 4, 0, a.address);
    t.expect("EFAULT");
    c.sendto(a.fd, bytes("data"), 0, a.address);
    c.recv(a.fd, null, 4, 0);
    t.expect("EFAULT");
  },
  "a length that is longer than what is to be sent": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("four"), 5, 0);
    t.expect("EFAULT");
    c.write(a, bytes("four"), 5);
    t.expect("EFAULT");
    c.recv(b, room(8), MSG_DONTWAIT);
    t.expect("EAGAIN");
    const datagram = t.datagram();
    c.sendto(datagram.fd, bytes("four"), 5, 0, datagram.address);
    t.expect("EFAULT");
    const [client] = t.streamPair();
    c.send(client, bytes("four"), 5, 0);
    t.expect("EFAULT");
  },
  "a length that is longer than the room to receive into": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("data"));
    t.settleBytes(server, 4);
    c.recv(server, room(4), 5, 0);
    t.expect("EFAULT");
    c.read(server, room(4), 5);
    t.expect("EFAULT");
    c.recvfrom(server, room(4), 5, 0);
    t.expect("EFAULT");
    c.recv(server, room(4), 4, 0);
    t.expect(4);
  },
  "a length below 0": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("data"));
    t.settleBytes(server, 4);
    c.recv(server, room(4), -1, 0);
    t.expect("EFAULT");
    c.read(server, room(4), -1);
    t.expect("EFAULT");
    c.send(client, bytes("data"), -1, MSG_NOSIGNAL);
    t.expect("EFAULT");
    c.write(client, bytes("data"), -1);
    t.expect("EFAULT");
  },
  "a bad descriptor comes before a bad length": (c, t) => {
    c.recv(42, room(4), 5, 0);
    t.expect("EBADF");
    c.read(42, null, 4);
    t.expect("EBADF");
    c.send(42, bytes("four"), 5, 0);
    t.expect("EBADF");
  },
  "a length of an option that is longer than its bytes": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, ints(1), 8);
    t.expect("EFAULT");
    c.setsockopt(fd, SOL_SOCKET, SO_LINGER, ints(1, 0), 16);
    t.expect("EFAULT");
    c.getsockopt(fd, SOL_SOCKET, SO_LINGER, room(4), 8);
    t.expect("EFAULT");
    c.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, ints(1, 99), 4);
    t.expect(0);
    c.getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE);
    t.expect(1);
  },
  "nothing lost where a stream had a bad address": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("kept"));
    t.settleBytes(server, 4);
    c.read(server, null, 4);
    t.expect("EFAULT");
    c.read(server, room(4));
    t.expect(4);
  },
  "reads and writes of zero bytes where the descriptor is bad": (c, t) => {
    c.read(42, room(0));
    t.expect("EBADF");
    c.write(42, bytes(""));
    t.expect("EBADF");
    c.readv(42, []);
    t.expect("EBADF");
    c.writev(42, []);
    t.expect("EBADF");
  },
  "negative backlogs and huge ones": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, loopback());
    c.listen(fd, -5);
    t.expect(0);
    c.listen(fd, 0x7fffffff);
    t.expect(0);
  },
};
