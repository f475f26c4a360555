/**
 * Scripts: names are given, taken and told.
 *
 * @module
 */

import { loopback, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_UNSPEC,
  IP_FREEBIND,
  IPV6_V6ONLY,
  POLLIN,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

/** An address that no interface here has: TEST-NET-3. */
const ELSEWHERE = "203.0.113.1";
const ANY: Sockaddr = { family: AF_INET, address: "0.0.0.0", port: 0 };
const LOOPBACK6: Sockaddr = { family: AF_INET6, address: "::1", port: 0 };

/** `bind(2)`, `getsockname(2)`, `getpeername(2)` on Internet sockets. */
export const names: Scripts = {
  "a socket without a name tells the wildcard": (c) => {
    c.getsockname(c.socket(AF_INET, SOCK_STREAM));
    c.getsockname(c.socket(AF_INET, SOCK_DGRAM));
    c.getsockname(c.socket(AF_INET6, SOCK_STREAM));
    c.getsockname(c.socket(AF_INET6, SOCK_DGRAM));
  },
  "port 0 lets the kernel choose": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, loopback());
    const { port } = c.getsockname(fd);
    t.note("has a port", port !== 0);
  },
  "the wildcard can be bound": (c) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, ANY);
    c.getsockname(fd);
  },
  "any address of the loopback network can be bound": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(fd, { family: AF_INET, address: "127.1.2.3", port: 0 });
    t.expect(0);
    c.getsockname(fd);
  },
  "a name is given once": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, loopback());
    c.bind(fd, loopback());
    t.expect("EINVAL");
    const datagram = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(datagram, loopback());
    c.bind(datagram, loopback());
    t.expect("EINVAL");
  },
  "a TCP port that is taken is in use": (c, t) => {
    const { address } = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, address);
    t.expect("EADDRINUSE");
  },
  "a UDP port that is taken is in use": (c, t) => {
    const { address } = t.datagram();
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(fd, address);
    t.expect("EADDRINUSE");
  },
  "the wildcard is in use where one address is": (c, t) => {
    const { address } = t.datagram();
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(fd, { ...ANY, port: address.port });
    t.expect("EADDRINUSE");
  },
  "TCP and UDP have ports of their own": (c, t) => {
    const { address } = t.listener();
    c.bind(c.socket(AF_INET, SOCK_DGRAM), address);
    t.expect(0);
  },
  "SO_REUSEADDR does not take a listener's port": (c, t) => {
    const { address } = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(fd, address);
    t.expect("EADDRINUSE");
  },
  "SO_REUSEADDR lets datagram sockets share a port where all have it": (c, t) => {
    const first = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(first, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(first, loopback());
    const address = c.getsockname(first);
    const second = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(second, address);
    t.expect("EADDRINUSE");
    c.setsockopt(second, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(second, address);
    t.expect(0);
  },
  "SO_REUSEPORT lets listeners share a port where all have it": (c, t) => {
    const first = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(first, SOL_SOCKET, SO_REUSEPORT, 1);
    c.bind(first, loopback());
    c.listen(first);
    const address = c.getsockname(first);
    const without = c.socket(AF_INET, SOCK_STREAM);
    c.bind(without, address);
    t.expect("EADDRINUSE");
    const second = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(second, SOL_SOCKET, SO_REUSEPORT, 1);
    c.bind(second, address);
    c.listen(second);
    t.expect(0);
  },
  "bound without SO_REUSEADDR a second listener fails where both bind first": (c, t) => {
    const first = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(first, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(first, loopback());
    const second = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(second, SOL_SOCKET, SO_REUSEADDR, 1);
    c.bind(second, c.getsockname(first));
    t.expect(0);
    c.listen(first);
    t.expect(0);
    c.listen(second);
    t.expect("EADDRINUSE");
  },
  "an address of another host is not available": (c, t) => {
    c.bind(c.socket(AF_INET, SOCK_STREAM), { family: AF_INET, address: ELSEWHERE, port: 0 });
    t.expect("EADDRNOTAVAIL");
    c.bind(c.socket(AF_INET, SOCK_DGRAM), { family: AF_INET, address: ELSEWHERE, port: 0 });
    t.expect("EADDRNOTAVAIL");
  },
  "IP_FREEBIND binds an address of another host": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.setsockopt(fd, SOL_IP, IP_FREEBIND, 1);
    c.bind(fd, { family: AF_INET, address: ELSEWHERE, port: 0 });
    t.expect(0);
    c.getsockname(fd);
  },
  "an IPv4 socket takes no name of another family": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, LOOPBACK6);
    t.expect("EAFNOSUPPORT");
    c.bind(fd, { family: 77 });
    t.expect("EAFNOSUPPORT");
    c.bind(fd, { family: AF_UNIX, path: "/tmp/nowhere-at-all" });
    t.expect("EAFNOSUPPORT");
  },
  "an IPv6 socket takes no name of another family": (c, t) => {
    const fd = c.socket(AF_INET6, SOCK_STREAM);
    c.bind(fd, loopback());
    t.expect("EINVAL");
    c.bind(fd, { family: 77, data: new Uint8Array(26) });
    t.expect("EAFNOSUPPORT");
  },
  "AF_UNSPEC with the wildcard is taken for AF_INET": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.bind(fd, { family: AF_UNSPEC, data: new Uint8Array(14) });
    t.expect(0);
    c.getsockname(fd);
  },
  "AF_UNSPEC with an address is not": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    const data = new Uint8Array(14);
    data.set([127, 0, 0, 1], 2);
    c.bind(fd, { family: AF_UNSPEC, data });
    t.expect("EAFNOSUPPORT");
  },
  "an IPv4 name needs sixteen bytes": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    for (const length of [15, 2, 1, 0]) {
      c.bind(fd, loopback(), length);
      t.expect("EINVAL");
    }
    c.bind(fd, loopback(), 16);
    t.expect(0);
  },
  "an IPv6 name needs twenty-four bytes": (c, t) => {
    const fd = c.socket(AF_INET6, SOCK_STREAM);
    for (const length of [23, 16, 0]) {
      c.bind(fd, LOOPBACK6, length);
      t.expect("EINVAL");
    }
    c.bind(fd, LOOPBACK6, 24);
    t.expect(0);
    c.getsockname(fd);
  },
  "a name may be as long as any name is": (c, t) => {
    c.bind(c.socket(AF_INET, SOCK_DGRAM), loopback(), 128);
    t.expect(0);
    c.bind(c.socket(AF_INET6, SOCK_DGRAM), LOOPBACK6, 128);
    t.expect(0);
  },
  "a name is no longer than any name is": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    for (const length of [129, 4096, -1]) {
      c.bind(fd, loopback(), length);
      t.expect("EINVAL");
    }
  },
  "no name at all is a bad address": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.bind(fd, null);
    t.expect("EFAULT");
    c.bind(fd, null, 0);
    t.expect("EINVAL");
  },
  "a name needs a socket": (c, t) => {
    c.bind(-1, loopback());
    t.expect("EBADF");
    c.bind(77, loopback());
    t.expect("EBADF");
    const [read] = c.pipe2();
    c.bind(read, loopback());
    t.expect("ENOTSOCK");
    c.getsockname(read);
    t.expect("ENOTSOCK");
    c.getpeername(read);
    t.expect("ENOTSOCK");
    c.getsockname(99);
    t.expect("EBADF");
    c.getpeername(99);
    t.expect("EBADF");
  },
  "a socket without a peer tells none": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.getpeername(fd);
    t.expect("ENOTCONN");
    c.bind(fd, loopback());
    c.listen(fd);
    c.getpeername(fd);
    t.expect("ENOTCONN");
    c.getpeername(c.socket(AF_INET6, SOCK_DGRAM));
    t.expect("ENOTCONN");
  },
  "both ends of a connection tell each other": (c, t) => {
    const [client, server] = t.streamPair();
    c.getsockname(client);
    c.getpeername(client);
    c.getsockname(server);
    c.getpeername(server);
  },
  "both ends of an IPv6 connection tell each other": (c, t) => {
    const [client, server] = t.streamPair(LOOPBACK6);
    c.getsockname(client);
    c.getpeername(client);
    c.getsockname(server);
    c.getpeername(server);
  },
  "connecting gives a name to a socket without one": (c) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM);
    c.connect(fd, loopback(9));
    c.getsockname(fd);
    c.getpeername(fd);
  },
  "listening gives a port to a socket without one": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.listen(fd);
    const { port } = c.getsockname(fd);
    t.note("has a port", port !== 0);
  },
  "an IPv6 wildcard takes IPv4 as well": (c, t) => {
    const listener = t.listener({ address: { family: AF_INET6, address: "::", port: 0 } });
    const client = c.socket(AF_INET, SOCK_STREAM);
    c.connect(client, loopback(listener.address.port));
    t.expect(0);
    c.accept(listener.fd);
    c.getpeername(client);
  },
  "IPV6_V6ONLY leaves IPv4's port free": (c, t) => {
    // A port that is free in IPv4, too: one drawn for IPv6 alone need not be.
    const both = c.socket(AF_INET6, SOCK_STREAM);
    c.bind(both, { family: AF_INET6, address: "::", port: 0 });
    const { port } = c.getsockname(both);
    c.close(both);
    const fd = c.socket(AF_INET6, SOCK_STREAM);
    c.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    c.bind(fd, { family: AF_INET6, address: "::", port });
    c.listen(fd);
    const client = c.socket(AF_INET, SOCK_STREAM);
    c.connect(client, loopback(port));
    t.expect("ECONNREFUSED");
    c.bind(c.socket(AF_INET, SOCK_STREAM), loopback(port));
    t.expect(0);
  },
  "IPV6_V6ONLY takes no mapped name": (c, t) => {
    const fd = c.socket(AF_INET6, SOCK_DGRAM);
    c.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
    c.bind(fd, { family: AF_INET6, address: "::ffff:127.0.0.1", port: 0 });
    t.expect("EINVAL");
  },
  "a mapped name is one of IPv4": (c) => {
    const fd = c.socket(AF_INET6, SOCK_DGRAM);
    c.bind(fd, { family: AF_INET6, address: "::ffff:127.0.0.1", port: 0 });
    c.getsockname(fd);
  },
  "a link-local name needs a scope": (c, t) => {
    const fd = c.socket(AF_INET6, SOCK_DGRAM);
    c.bind(fd, { family: AF_INET6, address: "fe80::1", port: 0 });
    t.expect("EINVAL");
    c.bind(fd, { family: AF_INET6, address: "fe80::1", port: 0, scopeId: 9999 });
    t.expect("ENODEV");
  },
  "the names of a dead connection are told as long as it lives": (c, t) => {
    const [client, server] = t.streamPair();
    c.close(server);
    t.settle(client, POLLIN);
    c.getpeername(client);
    c.getsockname(client);
    c.close(client);
    c.getsockname(client);
    t.expect("EBADF");
  },
};
