/**
 * Scripts: messages of several buffers, and several messages at once.
 *
 * @module
 */

import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_NOSIGNAL,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITFORONE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";
import type { Mmsghdr, Msghdr, Sockaddr } from "../../../../posix/types.ts";

function receive(length: number, options: Partial<Msghdr> = {}): Msghdr {
  return { iov: [room(length)], ...options };
}

function outgoing(text: string, options: Partial<Msghdr> = {}): Mmsghdr {
  return { hdr: { iov: [bytes(text)], ...options }, len: 0 };
}

function incoming(length: number): Mmsghdr {
  return { hdr: receive(length, { namelen: 128 }), len: 0 };
}

/** `sendmsg(2)`, `recvmsg(2)`, `sendmmsg(2)`, `recvmmsg(2)`. */
export const messages: Scripts = {
  "a message gathers its buffers and is scattered": (c, t) => {
    const [client, server] = t.streamPair();
    c.sendmsg(client, { iov: [bytes("one "), bytes(""), bytes("message")] });
    t.expect(11);
    t.settleBytes(server, 11);
    c.recvmsg(server, { iov: [room(3), room(0), room(20)] });
    t.expect(11);
  },
  "a message names its destination and its sender": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("letter")] });
    c.recvmsg(b.fd, receive(16, { namelen: 128 }));
    t.expect(6);
  },
  "no room for a name asks for none": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("x")] });
    c.recvmsg(b.fd, receive(4, { namelen: 0 }));
    t.expect(1);
  },
  "a stream tells no name": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("x"));
    c.recvmsg(server, receive(4, { namelen: 128 }));
    t.expect(1);
  },
  "a name is cut off where there is no room for it": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("x")] });
    c.recvmsg(b.fd, receive(4, { namelen: 8 }));
    t.expect(1);
    const six = t.datagram({ family: AF_INET6, address: "::1", port: 0 });
    for (const namelen of [2, 24]) {
      c.sendto(six.fd, bytes("x"), 0, six.address);
      c.recvmsg(six.fd, receive(4, { namelen }));
      t.expect(1);
    }
  },
  "a negative length of a name is invalid": (c, t) => {
    const { fd } = t.datagram();
    c.recvmsg(fd, receive(4, { namelen: -1 }), MSG_DONTWAIT);
    t.expect("EINVAL");
  },
  "MSG_TRUNC is set where a datagram was cut off": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("much too long")] });
    const message = receive(4);
    c.recvmsg(b.fd, message);
    t.expect(4);
    t.note("cut off", (message.flags! & MSG_TRUNC) !== 0);
  },
  "MSG_TRUNC as a flag tells the true length too": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("much too long")] });
    c.recvmsg(b.fd, receive(4), MSG_TRUNC);
    t.expect(13);
  },
  "MSG_PEEK leaves a message there": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("stay")] });
    c.recvmsg(b.fd, receive(8), MSG_PEEK);
    t.expect(4);
    c.recvmsg(b.fd, receive(8));
    t.expect(4);
    c.recvmsg(b.fd, receive(8), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "sequenced packets end their records": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_SEQPACKET);
    c.sendmsg(a, { iov: [bytes("record")] }, MSG_EOR);
    c.recvmsg(b, receive(16));
    t.expect(6);
  },
  "no buffers at all": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendmsg(a.fd, { name: b.address, iov: [] });
    t.expect(0);
    c.recvmsg(b.fd, { iov: [], namelen: 128 });
    t.expect(0);
    const [client] = t.streamPair();
    c.sendmsg(client, { iov: [] });
    t.expect(0);
  },
  "as many buffers as there may be, and one more": (c, t) => {
    const [client, server] = t.streamPair();
    const many = (count: number) => Array.from({ length: count }, () => bytes("x"));
    t.quietly(() => c.sendmsg(client, { iov: many(1024) }));
    t.expect(1024);
    t.quietly(() => c.sendmsg(client, { iov: many(1025) }));
    t.expect("EMSGSIZE");
    t.settleBytes(server, 1024);
    t.quietly(() => c.recvmsg(server, { iov: many(1025) }));
    t.expect("EMSGSIZE");
    t.quietly(() => c.recvmsg(server, { iov: many(1024) }));
    t.expect(1024);
  },
  "a datagram without a destination": (c, t) => {
    c.sendmsg(c.socket(AF_INET, SOCK_DGRAM), { iov: [bytes("x")] });
    t.expect("EDESTADDRREQ");
  },
  "a destination of the wrong family or length": (c, t) => {
    const { fd, address } = t.datagram();
    c.sendmsg(fd, { name: { family: AF_INET6, address: "::1", port: 9 }, iov: [bytes("x")] });
    t.expect("EAFNOSUPPORT");
    c.sendmsg(fd, { name: address, namelen: 8, iov: [bytes("x")] });
    t.expect("EINVAL");
    c.sendmsg(fd, { name: address, namelen: -1, iov: [bytes("x")] });
    t.expect("EINVAL");
  },
  "messages need a socket": (c, t) => {
    const [read, write] = c.pipe2();
    c.sendmsg(write, { iov: [bytes("x")] });
    t.expect("ENOTSOCK");
    c.recvmsg(read, receive(4));
    t.expect("ENOTSOCK");
    c.sendmsg(88, { iov: [bytes("x")] });
    t.expect("EBADF");
    c.recvmsg(-1, receive(4));
    t.expect("EBADF");
    c.sendmmsg(88, [outgoing("x")]);
    t.expect("EBADF");
    c.recvmmsg(read, [incoming(4)]);
    t.expect("ENOTSOCK");
  },
  "a message on a connection that has ended": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.close(b);
    c.sendmsg(a, { iov: [bytes("x")] }, MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.recvmsg(a, receive(4));
    t.expect(0);
  },
  "an empty pair is EAGAIN": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.recvmsg(a, receive(4));
    t.expect("EAGAIN");
  },
  "several messages go at once": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const names = ["one", "two", "three"];
    c.sendmmsg(a.fd, names.map((name) => outgoing(name, { name: b.address })));
    t.expect(3);
    for (let count = 0; count < 3; count++) c.recvfrom(b.fd, room(8));
  },
  "several messages come at once": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    for (const name of ["one", "two", "three"]) c.sendto(a.fd, bytes(name), 0, b.address);
    c.recvmmsg(b.fd, [incoming(8), incoming(2), incoming(8)]);
    t.expect(3);
  },
  "fewer messages come than were asked for where there are no more": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    for (const name of ["one", "two"]) c.sendto(a.fd, bytes(name), 0, b.address);
    c.recvmmsg(b.fd, [incoming(8), incoming(8), incoming(8)], MSG_DONTWAIT);
    t.expect(2);
    c.recvmmsg(b.fd, [incoming(8)], MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "MSG_WAITFORONE waits for the first only": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("one"), 0, b.address);
    c.recvmmsg(b.fd, [incoming(8), incoming(8)], MSG_WAITFORONE);
    t.expect(1);
  },
  "no messages are none": (c, t) => {
    const { fd } = t.datagram();
    c.sendmmsg(fd, []);
    t.expect(0);
    c.recvmmsg(fd, [], MSG_DONTWAIT);
    t.expect(0);
  },
  "messages before one that fails are sent": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const bad: Sockaddr = { family: AF_INET6, address: "::1", port: 9 };
    c.sendmmsg(a.fd, [
      outgoing("one", { name: b.address }),
      outgoing("two", { name: bad }),
      outgoing("three", { name: b.address }),
    ]);
    t.expect(1);
    c.recv(b.fd, room(8));
    c.recv(b.fd, room(8), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "the first message that fails is an error": (c, t) => {
    const a = t.datagram();
    c.sendmmsg(a.fd, [outgoing("one"), outgoing("two")]);
    t.expect("EDESTADDRREQ");
  },
  "a timeout that is over takes the first message": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    for (const name of ["one", "two"]) c.sendto(a.fd, bytes(name), 0, b.address);
    c.recvmmsg(b.fd, [incoming(8), incoming(8)], 0, { sec: 0, nsec: 0 });
    t.note("at least one", t.masked(() => c.recv(b.fd, room(8), MSG_DONTWAIT)));
  },
  "a timeout that is none is invalid": (c, t) => {
    const { fd } = t.datagram();
    c.recvmmsg(fd, [incoming(8)], 0, { sec: -1, nsec: 0 });
    t.expect("EINVAL");
    c.recvmmsg(fd, [incoming(8)], 0, { sec: 0, nsec: 1_000_000_000 });
    t.expect("EINVAL");
  },
  "a timeout leaves time for messages that are there": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    for (const name of ["one", "two"]) c.sendto(a.fd, bytes(name), 0, b.address);
    c.recvmmsg(b.fd, [incoming(8), incoming(8)], 0, { sec: 5, nsec: 0 });
    t.expect(2);
  },
  "several messages go through a stream": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.sendmmsg(a, [outgoing("one"), outgoing("two")]);
    t.expect(2);
    c.recvmmsg(b, [incoming(4), incoming(4)], MSG_DONTWAIT);
    t.expect(2);
  },
  "messages come until the stream ends": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_SEQPACKET);
    c.sendmmsg(a, [outgoing("one"), outgoing("two")]);
    c.close(a);
    c.recvmmsg(b, [incoming(8), incoming(8), incoming(8)]);
    t.expect(3);
  },
};
