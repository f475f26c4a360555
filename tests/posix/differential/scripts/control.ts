/**
 * Scripts: control data.
 *
 * @module
 */

import { bytes, ints, room, type Scripts } from "../script.ts";
import { rightsOf } from "../../../../posix/calls.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  F_GETFD,
  FD_CLOEXEC,
  IP_PKTINFO,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
  IPV6_HOPLIMIT,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  IPV6_TCLASS,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_PEEK,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SCM_TIMESTAMP,
  SO_PASSCRED,
  SO_TIMESTAMP,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  SOL_UDP,
  TCP_INQ,
  UDP_GRO,
  UDP_SEGMENT,
} from "../../../../posix/constants/mod.ts";
import type { Cmsg, Msghdr, Sockaddr } from "../../../../posix/types.ts";

const LOOPBACK6: Sockaddr = { family: AF_INET6, address: "::1", port: 0 };
/** `CMSG_SPACE` of one int. */
const INT_SPACE = 24;

function rights(...fds: number[]): Cmsg {
  return { level: SOL_SOCKET, type: SCM_RIGHTS, data: ints(...fds) };
}

function receive(controllen: number): Msghdr {
  return { iov: [room(16)], controllen };
}

/** `SCM_RIGHTS`, `SCM_CREDENTIALS`, `IP_PKTINFO` and others. */
export const control: Scripts = {
  "a descriptor is passed on": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const [read, write] = c.pipe2();
    c.sendmsg(a, { iov: [bytes("take")], control: [rights(read)] });
    t.expect(4);
    c.close(read);
    const message = receive(INT_SPACE);
    c.recvmsg(b, message);
    t.expect(4);
    const [got] = rightsOf(message.control![0]);
    c.write(write, bytes("through"));
    c.read(got, room(8));
    t.expect(7);
  },
  "several descriptors are passed on in their order": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    const stream = c.socket(AF_INET, SOCK_STREAM);
    const datagram = c.socket(AF_INET, SOCK_DGRAM);
    c.sendmsg(a, { iov: [bytes("two")], control: [rights(datagram, stream)] });
    const message = receive(64);
    c.recvmsg(b, message);
    for (const fd of rightsOf(message.control![0])) c.getsockopt(fd, SOL_SOCKET, SO_TYPE);
    t.expect(SOCK_STREAM);
  },
  "MSG_CMSG_CLOEXEC marks what is received": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.socket(AF_INET, SOCK_STREAM);
    for (const flag of [0, MSG_CMSG_CLOEXEC]) {
      c.sendmsg(a, { iov: [bytes("x")], control: [rights(fd)] });
      const message = receive(INT_SPACE);
      c.recvmsg(b, message, flag);
      c.fcntl(rightsOf(message.control![0])[0], F_GETFD);
    }
    t.expect(FD_CLOEXEC);
  },
  "no room for descriptors closes them": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const [read, write] = c.pipe2();
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(read)] });
    c.close(read);
    const message = receive(0);
    c.recvmsg(b, message);
    t.note("cut off", (message.flags! & MSG_CTRUNC) !== 0);
    c.write(write, bytes("x"));
    t.expect("EPIPE");
  },
  "room for one descriptor of two": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(fd, fd, fd)] });
    c.recvmsg(b, receive(20));
    t.expect(1);
  },
  "receiving without a message closes descriptors": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const [read, write] = c.pipe2();
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(read)] });
    c.close(read);
    c.recv(b, room(4));
    t.expect(1);
    c.write(write, bytes("x"));
    t.expect("EPIPE");
  },
  "descriptors do not run together": (c) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.send(a, bytes("before"));
    c.sendmsg(a, { iov: [bytes("with")], control: [rights(fd)] });
    c.send(a, bytes("after"));
    c.recvmsg(b, receive(64), MSG_DONTWAIT);
    c.recvmsg(b, receive(64), MSG_DONTWAIT);
    c.recvmsg(b, receive(64), MSG_DONTWAIT);
  },
  "MSG_PEEK passes a copy on": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(fd)] });
    c.recvmsg(b, receive(INT_SPACE), MSG_PEEK);
    c.recvmsg(b, receive(INT_SPACE));
    t.expect(1);
  },
  "a descriptor that is none is not passed on": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(99)] });
    t.expect("EBADF");
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(-1)] });
    t.expect("EBADF");
    c.recv(b, room(4));
    t.expect("EAGAIN");
  },
  "more descriptors than may be passed on": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    t.quietly(() => c.sendmsg(a, { iov: [bytes("x")], control: [rights(...Array(254).fill(a))] }));
    t.expect("EINVAL");
    t.quietly(() => c.sendmsg(a, { iov: [bytes("x")], control: [rights(...Array(253).fill(a))] }));
    t.expect(1);
  },
  "descriptors without a byte": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.sendmsg(a, { iov: [], control: [rights(a)] });
    t.expect(0);
    c.recvmsg(b, receive(64));
    const [d, e] = c.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK);
    c.sendmsg(d, { iov: [], control: [rights(d)] });
    t.expect(0);
    c.recvmsg(e, receive(64));
    t.expect(0);
  },
  "descriptors go over Unix sockets only": (c, t) => {
    const [client] = t.streamPair();
    c.sendmsg(client, { iov: [bytes("x")], control: [rights(client)] }, MSG_NOSIGNAL);
    const a = t.datagram();
    c.sendmsg(a.fd, { name: a.address, iov: [bytes("x")], control: [rights(a.fd)] });
  },
  "a socket may be passed over itself": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(b)] });
    t.expect(1);
    c.recvmsg(b, receive(INT_SPACE));
    t.expect(1);
  },
  "an epoll instance may be passed on": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const epoll = c.epoll_create1();
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(epoll)] });
    c.recvmsg(b, receive(INT_SPACE));
    t.expect(1);
  },
  "a Unix socket that listens is passed on and accepts": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const listener = t.listener({ address: t.unixAddress("s") });
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(listener.fd)] });
    c.close(listener.fd);
    const message = receive(INT_SPACE);
    c.recvmsg(b, message);
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), listener.address);
    t.expect(0);
    c.accept(rightsOf(message.control![0])[0]);
  },
  "SO_PASSCRED tells who sends": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(b, SOL_SOCKET, SO_PASSCRED, 1);
    c.send(a, bytes("x"));
    const message = receive(64);
    c.recvmsg(b, message);
    t.note("this process", new DataView(message.control![0].data.buffer).getInt32(0, true) > 0);
  },
  "credentials may be sent": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.setsockopt(b, SOL_SOCKET, SO_PASSCRED, 1);
    const data = ints(Deno.pid, Deno.uid()!, Deno.gid()!);
    const credentials = { level: SOL_SOCKET, type: SCM_CREDENTIALS, data };
    c.sendmsg(a, { iov: [bytes("me")], control: [credentials] });
    t.expect(2);
    c.recvmsg(b, receive(64));
    const nobody = { ...credentials, data: ints(0x3fffffff, 0, 0) };
    c.sendmsg(a, { iov: [bytes("x")], control: [nobody] });
    t.expect(Deno.uid() === 0 ? "ESRCH" : "EPERM");
    const short = { ...credentials, data: ints(1) };
    c.sendmsg(a, { iov: [bytes("x")], control: [short] });
    t.expect("EINVAL");
  },
  "credentials and descriptors go together": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(b, SOL_SOCKET, SO_PASSCRED, 1);
    c.sendmsg(a, { iov: [bytes("x")], control: [rights(a)] });
    c.recvmsg(b, receive(128));
    t.expect(1);
  },
  "IP_PKTINFO tells where a datagram came to": (c, t) => {
    const b = t.datagram({ family: AF_INET, address: "0.0.0.0", port: 0 });
    c.setsockopt(b.fd, SOL_IP, IP_PKTINFO, 1);
    const a = t.datagram();
    c.sendto(a.fd, bytes("x"), 0, { ...b.address, address: "127.0.0.5" });
    c.recvmsg(b.fd, receive(64));
    t.expect(1);
  },
  "IP_PKTINFO sends from another address": (c, t) => {
    const a = c.socket(AF_INET, SOCK_DGRAM);
    const b = t.datagram();
    const data = new Uint8Array(12);
    data.set([127, 0, 0, 7], 4);
    const pktinfo = { level: SOL_IP, type: IP_PKTINFO, data };
    c.sendmsg(a, { name: b.address, iov: [bytes("x")], control: [pktinfo] });
    c.recvfrom(b.fd, room(4));
    c.sendmsg(a, {
      name: b.address,
      iov: [bytes("x")],
      control: [{ ...pktinfo, data: data.subarray(4) }],
    });
    t.expect("EINVAL");
  },
  "IP_RECVTTL and IP_RECVTOS tell both": (c, t) => {
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_IP, IP_RECVTTL, 1);
    c.setsockopt(b.fd, SOL_IP, IP_RECVTOS, 1);
    const a = t.datagram();
    c.setsockopt(a.fd, SOL_IP, IP_TTL, 9);
    c.setsockopt(a.fd, SOL_IP, IP_TOS, 0x10);
    c.sendto(a.fd, bytes("x"), 0, b.address);
    c.recvmsg(b.fd, receive(128));
    t.expect(1);
  },
  "IP_TTL and IP_TOS of one message": (c, t) => {
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_IP, IP_RECVTTL, 1);
    c.setsockopt(b.fd, SOL_IP, IP_RECVTOS, 1);
    const a = t.datagram();
    const control = [
      { level: SOL_IP, type: IP_TTL, data: ints(33) },
      { level: SOL_IP, type: IP_TOS, data: ints(0x20) },
    ];
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("x")], control });
    t.expect(1);
    c.recvmsg(b.fd, receive(128));
    const bad = [{ level: SOL_IP, type: IP_TTL, data: ints(0) }];
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("x")], control: bad });
    t.expect("EINVAL");
  },
  "IPv6 tells and takes hop limits, classes and addresses": (c, t) => {
    const b = t.datagram(LOOPBACK6);
    c.setsockopt(b.fd, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
    c.setsockopt(b.fd, SOL_IPV6, IPV6_RECVTCLASS, 1);
    c.setsockopt(b.fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
    const a = t.datagram(LOOPBACK6);
    const control = [
      { level: SOL_IPV6, type: IPV6_HOPLIMIT, data: ints(12) },
      { level: SOL_IPV6, type: IPV6_TCLASS, data: ints(0x28) },
    ];
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("x")], control });
    t.expect(1);
    c.recvmsg(b.fd, receive(256));
  },
  "control data is cut off where there is no room": (c, t) => {
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_IP, IP_RECVTTL, 1);
    c.setsockopt(b.fd, SOL_IP, IP_PKTINFO, 1);
    const a = t.datagram();
    for (const length of [0, 8, 16, 20, 28, 40]) {
      c.sendto(a.fd, bytes("x"), 0, b.address);
      c.recvmsg(b.fd, receive(length));
      t.expect(1);
    }
  },
  "control data of a level that is not meant": (c, t) => {
    const a = t.datagram();
    const control = [{ level: 999, type: 1, data: ints(1) }];
    c.sendmsg(a.fd, { name: a.address, iov: [bytes("x")], control });
    const [end] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.sendmsg(end, { iov: [bytes("x")], control });
    const [client] = t.streamPair();
    c.sendmsg(client, { iov: [bytes("x")], control }, MSG_NOSIGNAL);
    const unknown = [{ level: SOL_SOCKET, type: 99, data: ints(1) }];
    c.sendmsg(end, { iov: [bytes("x")], control: unknown });
    t.expect("EINVAL");
    c.sendmsg(a.fd, { name: a.address, iov: [bytes("x")], control: unknown });
    t.expect("EINVAL");
  },
  "SO_TIMESTAMP tells when": (c, t) => {
    const a = t.datagram();
    c.setsockopt(a.fd, SOL_SOCKET, SO_TIMESTAMP, 1);
    c.sendto(a.fd, bytes("x"), 0, a.address);
    const message = receive(128);
    t.masked(() => c.recvmsg(a.fd, message));
    t.note("type", message.control![0].type === SCM_TIMESTAMP);
    t.note("length", message.control![0].data.length);
  },
  "UDP_GRO tells the length of the pieces": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_UDP, UDP_GRO, 1);
    const segment = { level: SOL_UDP, type: UDP_SEGMENT, data: Uint8Array.of(4, 0) };
    c.sendmsg(a.fd, { name: b.address, iov: [bytes("abcdefgh")], control: [segment] });
    t.expect(8);
    c.recvmsg(b.fd, receive(64));
    t.expect(8);
  },
  "TCP_INQ tells what is left": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_TCP, TCP_INQ, 1);
    c.send(client, bytes("abcdef"));
    t.settleBytes(server, 6);
    c.recvmsg(server, { iov: [room(2)], controllen: 64 });
    t.expect(2);
  },
};
