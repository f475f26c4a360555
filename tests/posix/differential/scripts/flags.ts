/**
 * Scripts: flags of sends and receives.
 *
 * @module
 */

import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  MSG_CONFIRM,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_ERRQUEUE,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_WAITFORONE,
  MSG_ZEROCOPY,
  SOCK_DGRAM,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";

/** `MSG_*`. */
export const flags: Scripts = {
  "MSG_PEEK leaves the bytes there": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("stay"));
    t.settleBytes(server, 4);
    c.recv(server, room(2), MSG_PEEK);
    c.recv(server, room(8), MSG_PEEK);
    t.expect(4);
    c.recv(server, room(8));
    t.expect(4);
  },
  "MSG_PEEK of datagrams leaves the first": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("one"), 0, a.address);
    c.sendto(a.fd, bytes("two"), 0, a.address);
    c.recv(a.fd, room(8), MSG_PEEK);
    c.recvfrom(a.fd, room(8), MSG_PEEK);
    c.recv(a.fd, room(8));
    c.recv(a.fd, room(8));
    t.expect(3);
  },
  "MSG_PEEK with MSG_TRUNC measures a datagram": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("measure me"), 0, a.address);
    c.recv(a.fd, null, MSG_PEEK | MSG_TRUNC);
    t.expect(10);
    c.recv(a.fd, room(16));
    t.expect(10);
  },
  "MSG_PEEK at the end of a stream": (c, t) => {
    const [client, server] = t.streamPair();
    c.close(client);
    t.settle(server);
    c.recv(server, room(4), MSG_PEEK);
    t.expect(0);
  },
  "MSG_DONTWAIT does not wait": (c, t) => {
    const [client, server] = t.streamPair();
    c.recv(server, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.recvfrom(server, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.recvmsg(server, { iov: [room(4)] }, MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.send(client, bytes("x"), MSG_DONTWAIT);
    t.expect(1);
  },
  "MSG_WAITALL waits for all that is asked for": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("12"));
    c.send(client, bytes("34"));
    c.send(client, bytes("56"));
    c.recv(server, room(6), MSG_WAITALL);
    t.expect(6);
  },
  "MSG_WAITALL ends with the stream": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("123"));
    c.close(client);
    c.recv(server, room(8), MSG_WAITALL);
    t.expect(3);
  },
  "MSG_WAITALL of datagrams takes one": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("one"), 0, a.address);
    c.sendto(a.fd, bytes("two"), 0, a.address);
    c.recv(a.fd, room(8), MSG_WAITALL);
    t.expect(3);
  },
  "MSG_WAITALL with MSG_DONTWAIT gives what is there": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("123"));
    c.recv(b, room(8), MSG_WAITALL | MSG_DONTWAIT);
    t.expect(3);
  },
  "MSG_WAITALL with MSG_PEEK": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("12"));
    c.send(a, bytes("34"));
    c.recv(b, room(4), MSG_WAITALL | MSG_PEEK);
    t.expect(4);
    c.recv(b, room(8), MSG_DONTWAIT);
    t.expect(4);
  },
  "MSG_WAITALL with MSG_PEEK gives what a pair has": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("12"));
    c.recv(b, room(4), MSG_WAITALL | MSG_PEEK);
    t.expect(2);
  },
  "MSG_TRUNC of a stream throws bytes away": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("throw away"));
    t.settleBytes(server, 10);
    c.recv(server, room(6), MSG_TRUNC);
    t.expect(6);
    c.recv(server, room(8));
    t.expect(4);
  },
  "MSG_TRUNC of Unix sockets": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.send(a, bytes("much too long"));
    c.recv(b, room(4), MSG_TRUNC);
    t.expect(13);
    const [d, e] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(d, bytes("stream"));
    c.recv(e, room(4), MSG_TRUNC);
    t.expect(4);
  },
  "MSG_MORE holds a stream's bytes back": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("held "), MSG_MORE);
    c.recv(server, room(16), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.send(client, bytes("back"));
    t.settleBytes(server, 9);
    c.recv(server, room(16));
    t.expect(9);
  },
  "MSG_MORE makes one datagram of several sends": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.connect(a.fd, b.address);
    c.send(a.fd, bytes("one "), MSG_MORE);
    c.send(a.fd, bytes("piece"));
    c.recv(b.fd, room(16));
    t.expect(9);
  },
  "MSG_NOSIGNAL, MSG_DONTROUTE, MSG_CONFIRM and MSG_EOR": (c, t) => {
    const a = t.datagram();
    for (const flag of [MSG_NOSIGNAL, MSG_DONTROUTE, MSG_CONFIRM, MSG_EOR]) {
      c.sendto(a.fd, bytes("x"), flag, a.address);
      c.recv(a.fd, room(4), MSG_DONTWAIT);
    }
    const [client, server] = t.streamPair();
    for (const flag of [MSG_NOSIGNAL, MSG_DONTROUTE, MSG_CONFIRM, MSG_EOR]) {
      c.send(client, bytes("x"), flag);
      t.settleBytes(server, 1);
      c.recv(server, room(4));
    }
  },
  "MSG_ERRQUEUE of sockets that keep none": (c, t) => {
    const [client] = t.streamPair();
    c.recv(client, room(4), MSG_ERRQUEUE | MSG_DONTWAIT);
    t.expect("EAGAIN");
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.recv(a, room(4), MSG_ERRQUEUE | MSG_DONTWAIT);
  },
  "flags that mean nothing to a receive": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"));
    c.recv(b, room(4), MSG_NOSIGNAL | MSG_EOR | MSG_CONFIRM);
    t.expect(1);
  },
  "flags that there are not": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"), 0x200);
    c.recv(b, room(4), MSG_DONTWAIT | 0x80000);
    const datagram = t.datagram();
    c.sendto(datagram.fd, bytes("x"), 0x80000, datagram.address);
    c.recv(datagram.fd, room(4), MSG_DONTWAIT);
  },
  "MSG_ZEROCOPY sends all the same": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("zero"), MSG_ZEROCOPY);
    t.settleBytes(server, 4);
    c.recv(server, room(8));
    t.expect(4);
  },
  "MSG_WAITFORONE of a single receive": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"));
    c.recv(b, room(4), MSG_WAITFORONE);
    t.expect(1);
  },
};
