/**
 * Scripts: numbers of descriptors and what belongs to them.
 *
 * @module
 */

import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  FIONBIO,
  FIONREAD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_NONBLOCK,
  O_RDWR,
  SIOCATMARK,
  SIOCOUTQ,
  SO_TYPE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";

/** `close(2)`, `dup(2)`, `dup2(2)`, `dup3(2)`, `fcntl(2)`, `ioctl(2)`. */
export const descriptors: Scripts = {
  "closing twice is EBADF": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.close(fd);
    t.expect(0);
    c.close(fd);
    t.expect("EBADF");
  },
  "closing what was never open is EBADF": (c, t) => {
    for (const fd of [-1, 50, 1023, 1 << 30]) {
      c.close(fd);
      t.expect("EBADF");
    }
  },
  "dup takes the lowest number that is free": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup(fd);
    t.expect(4);
    c.dup(fd);
    c.close(4);
    c.dup(5);
    t.expect(4);
  },
  "a duplicate is the same open file": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const copy = c.dup(a);
    c.fcntl(copy, F_SETFL, O_NONBLOCK);
    c.fcntl(a, F_GETFL);
    t.expect(O_RDWR | O_NONBLOCK);
    c.send(copy, bytes("one"));
    c.send(a, bytes("two"));
    c.recv(b, room(8));
    t.expect(6);
  },
  "a connection ends when its last descriptor is closed": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    const copy = c.dup(a);
    c.close(a);
    c.recv(b, room(4));
    t.expect("EAGAIN");
    c.close(copy);
    c.recv(b, room(4));
    t.expect(0);
  },
  "FD_CLOEXEC is the descriptor's own": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
    const copy = c.dup(fd);
    c.fcntl(copy, F_GETFD);
    t.expect(0);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.fcntl(fd, F_SETFD, 0);
    c.fcntl(copy, F_SETFD, FD_CLOEXEC);
    c.fcntl(fd, F_GETFD);
    t.expect(0);
    c.fcntl(copy, F_GETFD);
    t.expect(FD_CLOEXEC);
  },
  "dup of what is not open": (c, t) => {
    c.dup(50);
    t.expect("EBADF");
    c.dup(-1);
    t.expect("EBADF");
  },
  "dup2 takes the number that is asked for": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup2(fd, 10);
    t.expect(10);
    c.getsockopt(10, SOL_SOCKET, SO_TYPE);
    t.expect(SOCK_STREAM);
    c.socket(AF_INET, SOCK_DGRAM);
    t.expect(4);
  },
  "dup2 closes what had the number": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const other = c.socket(AF_INET, SOCK_DGRAM);
    c.dup2(other, a);
    t.expect(a);
    c.recv(b, room(4));
    t.expect(0);
    c.getsockopt(a, SOL_SOCKET, SO_TYPE);
    t.expect(SOCK_DGRAM);
  },
  "dup2 to itself does nothing": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
    c.dup2(fd, fd);
    t.expect(fd);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.dup2(50, 50);
    t.expect("EBADF");
  },
  "dup2 of what is not open leaves the other": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup2(50, fd);
    t.expect("EBADF");
    c.getsockopt(fd, SOL_SOCKET, SO_TYPE);
    t.expect(SOCK_STREAM);
    c.dup2(fd, -1);
    t.expect("EBADF");
    c.dup2(fd, 1 << 30);
    t.expect("EBADF");
  },
  "dup2 clears FD_CLOEXEC": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
    c.dup2(fd, 9);
    c.fcntl(9, F_GETFD);
    t.expect(0);
  },
  "dup3 sets O_CLOEXEC": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup3(fd, 9, O_CLOEXEC);
    t.expect(9);
    c.fcntl(9, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.dup3(fd, 9, 0);
    c.fcntl(9, F_GETFD);
    t.expect(0);
  },
  "dup3 to itself is invalid": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup3(fd, fd, 0);
    t.expect("EINVAL");
    c.dup3(50, 50, 0);
    t.expect("EINVAL");
  },
  "dup3 takes no other flags": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.dup3(fd, 9, 1);
    t.expect("EINVAL");
    c.dup3(fd, 9, O_NONBLOCK);
    t.expect("EINVAL");
    c.dup3(50, 9, 1);
    t.expect("EINVAL");
    c.dup3(50, 9, 0);
    t.expect("EBADF");
  },
  "F_DUPFD takes the lowest number from there on": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.fcntl(fd, F_DUPFD, 20);
    t.expect(20);
    c.fcntl(fd, F_DUPFD, 20);
    t.expect(21);
    c.fcntl(fd, F_DUPFD, 0);
    t.expect(4);
    c.fcntl(fd, F_DUPFD, -1);
    t.expect("EINVAL");
    c.fcntl(50, F_DUPFD, 0);
    t.expect("EBADF");
  },
  "F_DUPFD_CLOEXEC sets the flag": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    const copy = c.fcntl(fd, F_DUPFD_CLOEXEC, 7);
    t.expect(7);
    c.fcntl(copy, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.fcntl(c.fcntl(copy, F_DUPFD, 7), F_GETFD);
    t.expect(0);
  },
  "F_SETFL sets and clears O_NONBLOCK": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.fcntl(a, F_SETFL, O_NONBLOCK);
    t.expect(0);
    c.recv(a, room(1));
    t.expect("EAGAIN");
    c.fcntl(a, F_SETFL, 0);
    c.fcntl(a, F_GETFL);
    t.expect(O_RDWR);
  },
  "F_SETFL leaves how a file was opened": (c, t) => {
    const [read] = c.pipe2();
    c.fcntl(read, F_SETFL, O_RDWR | O_NONBLOCK | O_CREAT);
    t.expect(0);
    c.fcntl(read, F_GETFL);
    t.expect(O_NONBLOCK);
    c.fcntl(read, F_SETFL, O_APPEND);
    c.fcntl(read, F_GETFL);
  },
  "F_SETFD knows one flag": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.fcntl(fd, F_SETFD, 0xff);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
    c.fcntl(fd, F_SETFD, 2);
    c.fcntl(fd, F_GETFD);
    t.expect(0);
  },
  "a command that there is not": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.fcntl(fd, 9999);
    t.expect("EINVAL");
    c.fcntl(fd, -1);
    t.expect("EINVAL");
    c.fcntl(50, 9999);
    t.expect("EBADF");
  },
  "fcntl of what is not open": (c, t) => {
    for (const command of [F_GETFL, F_SETFL, F_GETFD, F_SETFD]) {
      c.fcntl(50, command, 0);
      t.expect("EBADF");
    }
  },
  "FIONBIO is O_NONBLOCK": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.ioctl(a, FIONBIO, 1);
    t.expect(0);
    c.fcntl(a, F_GETFL);
    t.expect(O_RDWR | O_NONBLOCK);
    c.recv(a, room(1));
    t.expect("EAGAIN");
    c.ioctl(a, FIONBIO, 0);
    c.fcntl(a, F_GETFL);
    t.expect(O_RDWR);
    c.ioctl(a, FIONBIO, 5);
    c.fcntl(a, F_GETFL);
  },
  "FIONREAD of a stream counts its bytes": (c, t) => {
    const [client, server] = t.streamPair();
    c.ioctl(server, FIONREAD);
    t.expect(0);
    c.send(client, bytes("12345"));
    t.settleBytes(server, 5);
    c.ioctl(server, FIONREAD);
    t.expect(5);
    c.recv(server, room(2));
    c.ioctl(server, FIONREAD);
    t.expect(3);
  },
  "FIONREAD of datagrams tells the next one's length": (c, t) => {
    const a = t.datagram();
    c.ioctl(a.fd, FIONREAD);
    t.expect(0);
    c.sendto(a.fd, bytes("one"), 0, a.address);
    c.sendto(a.fd, bytes("three"), 0, a.address);
    c.ioctl(a.fd, FIONREAD);
    t.expect(3);
  },
  "FIONREAD of Unix sockets": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("12"));
    c.send(a, bytes("345"));
    c.ioctl(b, FIONREAD);
    t.expect(5);
    const [d, e] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.send(d, bytes("12"));
    c.send(d, bytes("345"));
    c.ioctl(e, FIONREAD);
    t.expect(2);
  },
  "FIONREAD of a listener is invalid": (c, t) => {
    const { fd } = t.listener();
    c.ioctl(fd, FIONREAD);
    t.expect("EINVAL");
    c.ioctl(fd, SIOCOUTQ);
    t.expect("EINVAL");
  },
  "SIOCOUTQ counts what the peer has not taken": (c, t) => {
    const [client] = t.streamPair();
    t.settleUntil("everything acknowledged", (c) => c.ioctl(client, SIOCOUTQ) === 0);
    c.ioctl(client, SIOCOUTQ);
    t.expect(0);
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.ioctl(a, SIOCOUTQ);
    t.expect(0);
  },
  "SIOCATMARK is for TCP": (c, t) => {
    const [client] = t.streamPair();
    c.ioctl(client, SIOCATMARK);
    t.expect(0);
    c.ioctl(t.datagram().fd, SIOCATMARK);
    t.expect("ENOTTY");
  },
  "a request that there is not": (c, t) => {
    const { fd } = t.datagram();
    c.ioctl(fd, 0x1234);
    t.expect("ENOTTY");
    c.ioctl(c.pipe2()[0], 0x1234);
    t.expect("ENOTTY");
    c.ioctl(50, FIONREAD);
    t.expect("EBADF");
    c.ioctl(c.epoll_create1(), FIONREAD);
    t.expect("EINVAL");
  },
};
