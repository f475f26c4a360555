/**
 * Scripts: UDP.
 *
 * @module
 */

import { bytes, loopback, pattern, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_MULTICAST_IF,
  IP_RECVERR,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_TRUNC,
  POLLERR,
  SO_ERROR,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  UDP_CORK,
} from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";
import { Errno } from "../../../../ring/abi/errno.ts";

const LOOPBACK6: Sockaddr = { family: AF_INET6, address: "::1", port: 0 };
const UNSPECIFIED: Sockaddr = { family: AF_UNSPEC, data: new Uint8Array(14) };

/** `sendto(2)`, `recvfrom(2)`, connected datagram sockets, errors by ICMP. */
export const datagrams: Scripts = {
  "a datagram tells who sent it": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("hello"), 0, b.address);
    c.recvfrom(b.fd, room(16), 0);
  },
  "a datagram of IPv6 tells who sent it": (c, t) => {
    const a = t.datagram(LOOPBACK6);
    const b = t.datagram(LOOPBACK6);
    c.sendto(a.fd, bytes("six"), 0, b.address);
    c.recvfrom(b.fd, room(16));
  },
  "a length after the buffer is honoured": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("hello there"), 5, 0, b.address);
    t.expect(5);
    c.recvfrom(b.fd, room(16), 3, 0);
    c.sendto(a.fd, bytes("again"), 5, 0, b.address, 16);
    c.recvfrom(b.fd, room(16), 16, MSG_DONTWAIT);
  },
  "an empty datagram is a datagram": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes(""), 0, b.address);
    t.expect(0);
    c.recvfrom(b.fd, room(4), 0);
    c.sendto(a.fd, null, 0, b.address);
    c.recv(b.fd, room(4), 0);
    t.expect(0);
    c.recv(b.fd, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "what does not fit is cut off": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("much too long"), 0, b.address);
    c.sendto(a.fd, bytes("next"), 0, b.address);
    c.recv(b.fd, room(4));
    t.expect(4);
    c.recv(b.fd, room(16));
    t.expect(4);
  },
  "MSG_TRUNC tells the true length": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("much too long"), 0, b.address);
    c.recv(b.fd, room(4), MSG_TRUNC);
    t.expect(13);
  },
  "no room takes the datagram all the same": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("gone"), 0, b.address);
    c.recv(b.fd, room(0));
    t.expect(0);
    c.recv(b.fd, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "datagrams come in their order": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    for (const name of ["one", "two", "three"]) c.sendto(a.fd, bytes(name), 0, b.address);
    for (let count = 0; count < 3; count++) c.recv(b.fd, room(8));
  },
  "without a destination there is nowhere to send": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.send(fd, bytes("x"));
    t.expect("EDESTADDRREQ");
    c.write(fd, bytes("x"));
    t.expect("EDESTADDRREQ");
    c.sendto(fd, bytes("x"), 0, null);
    t.expect("EDESTADDRREQ");
  },
  "sending gives a name to a socket without one": (c, t) => {
    const b = t.datagram();
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.sendto(fd, bytes("x"), 0, b.address);
    const { port } = c.getsockname(fd);
    const { address } = c.recvfrom(b.fd, room(4));
    t.note("the same port", port === address?.port);
  },
  "a datagram is at most 65507 bytes": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, 1 << 20);
    c.sendto(a.fd, pattern(65508), 0, b.address);
    t.expect("EMSGSIZE");
    c.sendto(a.fd, pattern(65507), 0, b.address);
    t.expect(65507);
    c.recv(b.fd, room(65507));
    t.expect(65507);
  },
  "a datagram of IPv6 is at most 65487 bytes on this link": (c, t) => {
    const a = t.datagram(LOOPBACK6);
    const b = t.datagram(LOOPBACK6);
    c.sendto(a.fd, pattern(65528), 0, b.address);
    t.expect("EMSGSIZE");
    c.sendto(a.fd, pattern(65000), 0, b.address);
    t.expect(65000);
  },
  "a connected socket sends to its peer": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.connect(a.fd, b.address);
    c.send(a.fd, bytes("send"));
    c.write(a.fd, bytes("write"));
    c.sendto(a.fd, bytes("sendto"), 0, null);
    for (let count = 0; count < 3; count++) c.recvfrom(b.fd, room(8));
  },
  "a connected socket may still send elsewhere": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const other = t.datagram();
    c.connect(a.fd, b.address);
    c.sendto(a.fd, bytes("elsewhere"), 0, other.address);
    t.expect(9);
    c.recvfrom(other.fd, room(16));
  },
  "a connected socket hears its peer only": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const other = t.datagram();
    c.connect(a.fd, b.address);
    c.sendto(other.fd, bytes("stranger"), 0, a.address);
    c.sendto(b.fd, bytes("peer"), 0, a.address);
    c.recvfrom(a.fd, room(16));
    c.recv(a.fd, room(16), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "a socket connects to another peer at any time": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const other = t.datagram();
    c.connect(a.fd, b.address);
    c.connect(a.fd, other.address);
    t.expect(0);
    c.getpeername(a.fd);
    c.send(a.fd, bytes("x"));
    c.recv(other.fd, room(4));
  },
  "AF_UNSPEC takes the peer away": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.connect(a.fd, b.address);
    c.connect(a.fd, UNSPECIFIED);
    t.expect(0);
    c.getpeername(a.fd);
    t.expect("ENOTCONN");
    c.send(a.fd, bytes("x"));
    t.expect("EDESTADDRREQ");
    c.getsockname(a.fd);
  },
  "AF_UNSPEC as two bytes will do": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, t.datagram().address);
    c.connect(fd, UNSPECIFIED, 2);
    t.expect(0);
    c.connect(fd, UNSPECIFIED, 1);
    t.expect("EINVAL");
  },
  "a destination needs its bytes and its family": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.sendto(a.fd, bytes("x"), 0, b.address, 15);
    t.expect("EINVAL");
    c.sendto(a.fd, bytes("x"), 0, b.address, -1);
    t.expect("EINVAL");
    c.sendto(a.fd, bytes("x"), 0, b.address, 129);
    t.expect("EINVAL");
    c.sendto(a.fd, bytes("x"), 0, LOOPBACK6);
    t.expect("EAFNOSUPPORT");
    c.sendto(a.fd, bytes("x"), 0, { family: 55 });
    t.expect("EAFNOSUPPORT");
    c.sendto(a.fd, bytes("x"), 0, b.address, 100);
    t.expect(1);
  },
  "AF_UNSPEC as a destination is taken for AF_INET": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    const data = new Uint8Array(14);
    new DataView(data.buffer).setUint16(0, b.address.port!, false);
    data.set([127, 0, 0, 1], 2);
    t.note("sent", t.quietly(() => c.sendto(a.fd, bytes("x"), 0, { family: AF_UNSPEC, data })));
    c.recv(b.fd, room(4), MSG_DONTWAIT);
    t.expect(1);
  },
  "port 0 is no destination": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("x"), 0, loopback(0));
    t.expect("EINVAL");
  },
  "broadcast needs SO_BROADCAST": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("x"), 0, { family: AF_INET, address: "127.255.255.255", port: 9 });
    t.expect("EACCES");
    c.connect(a.fd, { family: AF_INET, address: "127.255.255.255", port: 9 });
    t.expect("EACCES");
  },
  "nobody there is told at the next call of a connected socket": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, t.deadAddress(SOCK_DGRAM));
    c.send(fd, bytes("anybody?"));
    t.expect(8);
    t.settle(fd, POLLERR);
    c.recv(fd, room(4), MSG_DONTWAIT);
    t.expect("ECONNREFUSED");
    c.recv(fd, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "nobody there is told to a send, which sends nothing": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, t.deadAddress(SOCK_DGRAM));
    c.send(fd, bytes("one"));
    t.settle(fd, POLLERR);
    c.send(fd, bytes("two"));
    t.expect("ECONNREFUSED");
    c.send(fd, bytes("three"));
    t.expect(5);
  },
  "nobody there is told by SO_ERROR once": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, t.deadAddress(SOCK_DGRAM));
    c.send(fd, bytes("x"));
    t.settle(fd, POLLERR);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(Errno.ECONNREFUSED);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
  },
  "nobody there is not told to a socket that is not connected": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    const dead = t.deadAddress(SOCK_DGRAM);
    c.sendto(fd, bytes("x"), 0, dead);
    c.sendto(fd, bytes("x"), 0, dead);
    t.expect(1);
    c.recv(fd, room(4), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
  },
  "IP_RECVERR tells it nevertheless, and who and what": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_IP, IP_RECVERR, 1);
    c.sendto(fd, bytes("dead letter"), 0, t.deadAddress(SOCK_DGRAM));
    t.settle(fd, POLLERR);
    c.recv(fd, room(4), MSG_DONTWAIT);
    t.expect("ECONNREFUSED");
    const message = { iov: [room(16)], controllen: 128, namelen: 128 };
    c.recvmsg(fd, message, MSG_ERRQUEUE);
    t.expect(11);
    c.recvmsg(fd, message, MSG_ERRQUEUE);
    t.expect("EAGAIN");
  },
  "IPV6_RECVERR tells it for IPv6": (c, t) => {
    const { fd } = t.datagram(LOOPBACK6);
    c.setsockopt(fd, SOL_IPV6, IPV6_RECVERR, 1);
    const dead = t.datagram(LOOPBACK6);
    c.close(dead.fd);
    c.sendto(fd, bytes("dead letter"), 0, dead.address);
    t.settle(fd, POLLERR);
    c.recv(fd, room(4), MSG_DONTWAIT);
    t.expect("ECONNREFUSED");
    c.recvmsg(fd, { iov: [room(16)], controllen: 128, namelen: 128 }, MSG_ERRQUEUE);
    t.expect(11);
  },
  "the error queue is empty where nothing failed": (c, t) => {
    const { fd } = t.datagram();
    c.recv(fd, room(4), MSG_ERRQUEUE);
    t.expect("EAGAIN");
  },
  "a socket that is bound to nothing receives nothing": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
    c.recv(fd, room(4));
    t.expect("EAGAIN");
    c.recvfrom(fd, room(4));
    t.expect("EAGAIN");
  },
  "a full receive buffer drops what comes after": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, 2304);
    t.quietly(() => {
      for (let count = 0; count < 100; count++) c.sendto(a.fd, pattern(500), 0, b.address);
    });
    c.recv(b.fd, room(500), MSG_DONTWAIT);
    t.expect(500);
    const rest = t.quietly(() => {
      let count = 0;
      while (c.recv(b.fd, room(500), MSG_DONTWAIT) > 0) count++;
      return count;
    });
    t.note("some were dropped", rest < 99);
  },
  "a socket sends to itself": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("me"), 0, a.address);
    c.recvfrom(a.fd, room(4));
    t.expect("{ address: 127.0.0.1:P1, n: 2 }");
  },
  "a wildcard socket hears every address": (c, t) => {
    const b = t.datagram({ family: AF_INET, address: "0.0.0.0", port: 0 });
    const a = t.datagram();
    for (const address of ["127.0.0.1", "127.0.0.2", "127.77.0.1"]) {
      c.sendto(a.fd, bytes(address), 0, { ...b.address, address });
      c.recv(b.fd, room(16));
    }
  },
  "a mapped address reaches IPv4": (c, t) => {
    const b = t.datagram();
    const a = t.datagram({ family: AF_INET6, address: "::", port: 0 });
    const to = { family: AF_INET6, address: "::ffff:127.0.0.1", port: b.address.port };
    c.sendto(a.fd, bytes("mapped"), 0, to);
    t.expect(6);
    const { address } = c.recvfrom(b.fd, room(8));
    c.sendto(b.fd, bytes("back"), 0, address);
    c.recvfrom(a.fd, room(8));
  },
  "an IPv4 destination of an IPv6 socket is taken for a mapped one": (c, t) => {
    const b = t.datagram();
    const a = t.datagram({ family: AF_INET6, address: "::", port: 0 });
    c.sendto(a.fd, bytes("four"), 0, b.address);
    t.note("came", t.masked(() => c.recv(b.fd, room(8), MSG_DONTWAIT)));
  },
  "multicast comes back to a member": (c, t) => {
    const b = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(b, { family: AF_INET, address: "0.0.0.0", port: 0 });
    const { port } = c.getsockname(b);
    const group = new Uint8Array([239, 77, 1, 2, 127, 0, 0, 1]);
    c.setsockopt(b, SOL_IP, IP_ADD_MEMBERSHIP, group);
    t.expect(0);
    c.setsockopt(b, SOL_IP, IP_ADD_MEMBERSHIP, group);
    t.expect("EADDRINUSE");
    const a = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(a, SOL_IP, IP_MULTICAST_IF, new Uint8Array([127, 0, 0, 1]));
    c.sendto(a, bytes("all"), 0, { family: AF_INET, address: "239.77.1.2", port });
    t.settle(b);
    c.recv(b, room(8), MSG_DONTWAIT);
    t.expect(3);
    c.setsockopt(b, SOL_IP, IP_DROP_MEMBERSHIP, group);
    t.expect(0);
    c.setsockopt(b, SOL_IP, IP_DROP_MEMBERSHIP, group);
    t.expect("EADDRNOTAVAIL");
  },
  "corked datagrams go as one": (c, t) => {
    const a = t.datagram();
    const b = t.datagram();
    c.connect(a.fd, b.address);
    c.setsockopt(a.fd, SOL_UDP, UDP_CORK, 1);
    c.send(a.fd, bytes("one "));
    c.send(a.fd, bytes("piece"));
    c.recv(b.fd, room(16), MSG_DONTWAIT);
    t.expect("EAGAIN");
    c.setsockopt(a.fd, SOL_UDP, UDP_CORK, 0);
    c.recv(b.fd, room(16));
    t.expect(9);
  },
};
