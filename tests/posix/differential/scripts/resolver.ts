/**
 * Scripts: names of hosts and services, without a query to anybody.
 *
 * @module
 */

import { loopback, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AI_ALL,
  AI_CANONNAME,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  AI_PASSIVE,
  AI_V4MAPPED,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NI_DGRAM,
  NI_NAMEREQD,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";

const TCP = { socktype: SOCK_STREAM };

/** `getaddrinfo(3)`, `getnameinfo(3)`. */
export const resolver: Scripts = {
  "an IPv4 address is what it says": (c) => {
    c.getaddrinfo("192.0.2.7", "80", TCP);
  },
  "an IPv6 address is what it says": (c) => {
    c.getaddrinfo("2001:db8::7", "80", TCP);
    c.getaddrinfo("::ffff:192.0.2.7", "80", TCP);
    c.getaddrinfo("::", "0", TCP);
  },
  "odd but legal forms of IPv4": (c) => {
    for (const text of ["127.1", "127.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001"]) {
      c.getaddrinfo(text, "1", { ...TCP, flags: AI_NUMERICHOST });
    }
  },
  "forms that are none": (c, t) => {
    for (
      const text of ["1.2.3.4.5", "256.1.1.1", "1.2.3.", "0x", "1.2.3.4x", ":::", "1::2::3", ""]
    ) {
      c.getaddrinfo(text, "1", { ...TCP, flags: AI_NUMERICHOST });
      t.expect("EAI_NONAME");
    }
  },
  "without hints there is a result for each type": (c) => {
    c.getaddrinfo("192.0.2.7", "80");
    c.getaddrinfo("192.0.2.7", null);
    c.getaddrinfo("::1", "80", {});
  },
  "types and protocols pick": (c) => {
    c.getaddrinfo("192.0.2.7", "80", { socktype: SOCK_DGRAM });
    c.getaddrinfo("192.0.2.7", "80", { protocol: IPPROTO_UDP });
    c.getaddrinfo("192.0.2.7", "80", { protocol: IPPROTO_TCP });
    c.getaddrinfo("192.0.2.7", null, { socktype: SOCK_RAW });
    c.getaddrinfo("192.0.2.7", null, { socktype: SOCK_RAW, protocol: 99 });
  },
  "types and protocols that do not go together": (c, t) => {
    c.getaddrinfo("192.0.2.7", "80", { socktype: SOCK_STREAM, protocol: IPPROTO_UDP });
    t.expect("EAI_SOCKTYPE");
    c.getaddrinfo("192.0.2.7", "80", { socktype: SOCK_DGRAM, protocol: IPPROTO_TCP });
    t.expect("EAI_SOCKTYPE");
    c.getaddrinfo("192.0.2.7", "80", { socktype: 77 });
    t.expect("EAI_SOCKTYPE");
  },
  "a family that the address has not": (c, t) => {
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, family: AF_INET6 });
    t.expect("EAI_ADDRFAMILY");
    c.getaddrinfo("2001:db8::7", "80", { ...TCP, family: AF_INET });
    t.expect("EAI_ADDRFAMILY");
  },
  "a family that there is not": (c, t) => {
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, family: 99 });
    t.expect("EAI_FAMILY");
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, family: AF_UNIX });
    t.expect("EAI_FAMILY");
  },
  "AI_V4MAPPED maps": (c) => {
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, family: AF_INET6, flags: AI_V4MAPPED });
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, family: AF_INET6, flags: AI_V4MAPPED | AI_ALL });
    c.getaddrinfo("2001:db8::7", "80", { ...TCP, family: AF_INET6, flags: AI_V4MAPPED });
  },
  "a mapped address for IPv4": (c) => {
    c.getaddrinfo("::ffff:192.0.2.7", "80", { ...TCP, family: AF_INET });
  },
  "nobody and nothing": (c, t) => {
    c.getaddrinfo(null, null);
    t.expect("EAI_NONAME");
  },
  "no node is this host": (c) => {
    c.getaddrinfo(null, "80", TCP);
    c.getaddrinfo(null, "80", { ...TCP, family: AF_INET });
    c.getaddrinfo(null, "80", { ...TCP, family: AF_INET6 });
  },
  "AI_PASSIVE without a node is any address": (c) => {
    c.getaddrinfo(null, "80", { ...TCP, flags: AI_PASSIVE });
    c.getaddrinfo(null, "80", { ...TCP, flags: AI_PASSIVE, family: AF_INET6 });
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, flags: AI_PASSIVE });
  },
  "flags that there are not": (c, t) => {
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, flags: 0x10000 });
    t.expect("EAI_BADFLAGS");
    c.getaddrinfo(null, "80", { ...TCP, flags: AI_CANONNAME });
    t.expect("EAI_BADFLAGS");
  },
  "AI_NUMERICHOST asks nobody": (c, t) => {
    c.getaddrinfo("localhost", "80", { ...TCP, flags: AI_NUMERICHOST });
    t.expect("EAI_NONAME");
  },
  "AI_NUMERICSERV looks nothing up": (c, t) => {
    c.getaddrinfo("192.0.2.7", "http", { ...TCP, flags: AI_NUMERICSERV });
    t.expect("EAI_NONAME");
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, flags: AI_NUMERICSERV });
  },
  "AI_CANONNAME of an address is the address": (c) => {
    c.getaddrinfo("192.0.2.7", "80", { ...TCP, flags: AI_CANONNAME });
    c.getaddrinfo("127.1", "80", { ...TCP, flags: AI_CANONNAME });
    c.getaddrinfo("2001:DB8:0::7", "80", { ...TCP, flags: AI_CANONNAME });
    c.getaddrinfo("192.0.2.7", null, { flags: AI_CANONNAME });
  },
  "services have names": (c) => {
    c.getaddrinfo("192.0.2.7", "http", TCP);
    c.getaddrinfo("192.0.2.7", "https", TCP);
    c.getaddrinfo("192.0.2.7", "ssh", TCP);
    c.getaddrinfo("192.0.2.7", "domain", { socktype: SOCK_DGRAM });
    c.getaddrinfo("192.0.2.7", "domain");
    c.getaddrinfo("192.0.2.7", "smtp");
  },
  "services that nobody has": (c, t) => {
    c.getaddrinfo("192.0.2.7", "no-such-service", TCP);
    t.expect("EAI_SERVICE");
    c.getaddrinfo("192.0.2.7", "no-such-service");
    t.expect("EAI_SERVICE");
  },
  "a service that the protocol has not": (c, t) => {
    c.getaddrinfo("192.0.2.7", "tftp", TCP);
    t.expect("EAI_SERVICE");
    c.getaddrinfo("192.0.2.7", "http", { socktype: SOCK_RAW });
    t.expect("EAI_SERVICE");
  },
  "numbers of services": (c) => {
    for (const service of ["0", "65535", "65536", "99999", "-1", " 80", "80 ", "0x50", ""]) {
      c.getaddrinfo("192.0.2.7", service, TCP);
    }
  },
  "a scope follows an address": (c, t) => {
    c.getaddrinfo("fe80::1%lo", "80", TCP);
    c.getaddrinfo("fe80::1%1", "80", TCP);
    c.getaddrinfo("fe80::1%no-such-link", "80", { ...TCP, flags: AI_NUMERICHOST });
    t.expect("EAI_NONAME");
  },
  "localhost is this host": (c) => {
    c.getaddrinfo("localhost", "80", { ...TCP, family: AF_INET });
  },
  "an address as text": (c) => {
    c.getnameinfo(loopback(80), NI_NUMERICHOST | NI_NUMERICSERV);
    c.getnameinfo({ family: AF_INET6, address: "2001:db8::7", port: 443 }, 3);
    c.getnameinfo({ family: AF_INET6, address: "::ffff:1.2.3.4", port: 443 }, 3);
  },
  "a scope is told": (c) => {
    c.getnameinfo({ family: AF_INET6, address: "fe80::1", port: 1, scopeId: 1 }, 3);
    c.getnameinfo({ family: AF_INET6, address: "fe80::1", port: 1, scopeId: 9999 }, 3);
    c.getnameinfo({ family: AF_INET6, address: "2001:db8::1", port: 1, scopeId: 1 }, 3);
  },
  "a service by name": (c) => {
    c.getnameinfo(loopback(80), NI_NUMERICHOST);
    c.getnameinfo(loopback(69), NI_NUMERICHOST);
    c.getnameinfo(loopback(69), NI_NUMERICHOST | NI_DGRAM);
    c.getnameinfo(loopback(47_123), NI_NUMERICHOST);
  },
  "an address without a name": (c, t) => {
    const address = { family: AF_INET, address: "127.66.55.44", port: 80 };
    c.getnameinfo(address, NI_NUMERICHOST | NI_NAMEREQD);
    t.expect("EAI_NONAME");
  },
  "flags of names that there are not": (c, t) => {
    c.getnameinfo(loopback(80), 0x1000);
    t.expect("EAI_BADFLAGS");
  },
  "families that have no names": (c, t) => {
    c.getnameinfo({ family: 77, data: new Uint8Array(30) }, 3);
    t.expect("EAI_FAMILY");
  },
  "short addresses have no names": (c, t) => {
    c.getnameinfo({ family: AF_INET, data: new Uint8Array(4) }, 3);
    t.expect("EAI_FAMILY");
    c.getnameinfo({ family: AF_INET6, data: new Uint8Array(14) }, 3);
    t.expect("EAI_FAMILY");
  },
};
