/**
 * Scripts: datagrams and sequenced packets of Unix sockets.
 *
 * @module
 */

import { bytes, pattern, room, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  AF_UNSPEC,
  MSG_NOSIGNAL,
  SO_PEERCRED,
  SO_SNDBUF,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";

/** Messages of `unix(7)`. */
export const unixDatagrams: Scripts = {
  "datagrams tell the sender's name": (c, t) => {
    const a = t.datagram(t.unixAddress("a"));
    const b = t.datagram(t.unixAddress("b"));
    c.sendto(a.fd, bytes("from a"), 0, b.address);
    c.recvfrom(b.fd, room(8));
  },
  "datagrams of a sender without a name tell none": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    c.sendto(c.socket(AF_UNIX, SOCK_DGRAM), bytes("x"), 0, b.address);
    c.recvfrom(b.fd, room(8));
    t.expect("{ address: NULL, n: 1 }");
  },
  "datagrams of an abstract sender tell its name": (c, t) => {
    const a = t.datagram(t.abstractAddress("a"));
    const b = t.datagram(t.abstractAddress("b"));
    c.sendto(a.fd, bytes("x"), 0, b.address);
    c.recvfrom(b.fd, room(8));
  },
  "a datagram socket without a peer has nowhere to send": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    c.send(fd, bytes("x"));
    t.expect("ENOTCONN");
    c.sendto(fd, bytes("x"), 0, t.unixAddress("nobody"));
    t.expect("ENOENT");
  },
  "a datagram to a socket that is closed is refused": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    c.close(b.fd);
    c.sendto(c.socket(AF_UNIX, SOCK_DGRAM), bytes("x"), 0, b.address);
    t.expect("ECONNREFUSED");
  },
  "a connected datagram socket learns that its peer has gone": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    c.connect(fd, b.address);
    c.close(b.fd);
    c.send(fd, bytes("x"));
    t.expect("ECONNREFUSED");
    c.send(fd, bytes("x"));
    t.expect("ENOTCONN");
  },
  "a peer that is connected elsewhere hears nobody else": (c, t) => {
    const a = t.datagram(t.unixAddress("a"));
    const b = t.datagram(t.unixAddress("b"));
    const stranger = c.socket(AF_UNIX, SOCK_DGRAM);
    c.connect(b.fd, a.address);
    c.sendto(stranger, bytes("x"), 0, b.address);
    t.expect("EPERM");
    c.sendto(a.fd, bytes("x"), 0, b.address);
    t.expect(1);
  },
  "AF_UNSPEC takes the peer of a datagram socket away": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    c.connect(fd, b.address);
    c.connect(fd, { family: AF_UNSPEC, data: new Uint8Array(14) });
    t.expect(0);
    c.send(fd, bytes("x"));
    t.expect("ENOTCONN");
  },
  "a receiver's queue is full after eleven datagrams": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    const a = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK);
    const sent = t.quietly(() => {
      let count = 0;
      while (c.sendto(a, bytes("x"), 0, b.address) > 0) count++;
      return count;
    });
    t.note("sent", sent);
    c.sendto(a, bytes("x"), 0, b.address);
    t.expect("EAGAIN");
    c.recv(b.fd, room(1));
    c.sendto(a, bytes("x"), 0, b.address);
    t.expect(1);
  },
  "a datagram that is longer than the send buffer is too long": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.setsockopt(a, SOL_SOCKET, SO_SNDBUF, 4608);
    c.send(a, pattern(20_000));
    t.expect("EMSGSIZE");
  },
  "a sequenced packet that is longer than the send buffer is too long": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_SEQPACKET);
    c.setsockopt(a, SOL_SOCKET, SO_SNDBUF, 4608);
    c.send(a, pattern(20_000), MSG_NOSIGNAL);
    t.expect("EMSGSIZE");
  },
  "sequenced packets connect, keep their bounds and are cut off": (c, t) => {
    const listener = t.listener({ address: t.unixAddress("q"), type: SOCK_SEQPACKET });
    const client = c.socket(AF_UNIX, SOCK_SEQPACKET);
    c.connect(client, listener.address);
    const { fd } = c.accept(listener.fd);
    c.send(client, bytes("first packet"));
    c.send(client, bytes("second"));
    c.recv(fd, room(5));
    t.expect(5);
    c.recv(fd, room(16));
    t.expect(6);
  },
  "a peer's credentials are told": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.getsockopt(a, SOL_SOCKET, SO_PEERCRED, room(12));
    t.expect(12);
  },
  "a peer's credentials are nobody's where there is none": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, room(12));
    t.expect(12);
  },
};
