/**
 * Scripts: sockets come to be.
 *
 * @module
 */

import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_UNSPEC,
  F_GETFD,
  F_GETFL,
  FD_CLOEXEC,
  IPPROTO_TCP,
  IPPROTO_UDP,
  O_NONBLOCK,
  O_RDWR,
  PF_UNIX,
  SO_DOMAIN,
  SO_PROTOCOL,
  SO_TYPE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_RDM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";

const NO_FAMILY = 99;

/** `socket(2)`, `socketpair(2)`. */
export const creation: Scripts = {
  "the first descriptor is 3 and each next one the lowest that is free": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM);
    t.expect(3);
    c.socket(AF_INET, SOCK_DGRAM);
    c.socket(AF_UNIX, SOCK_STREAM);
    c.close(4);
    c.close(3);
    c.socket(AF_INET6, SOCK_STREAM);
    t.expect(3);
    c.socket(AF_INET6, SOCK_DGRAM);
    t.expect(4);
    c.socket(AF_INET6, SOCK_DGRAM);
    t.expect(6);
  },
  "a socket blocks, and lives on in programs that it starts, unless told": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.fcntl(fd, F_GETFL);
    t.expect(O_RDWR);
    c.fcntl(fd, F_GETFD);
    t.expect(0);
  },
  "SOCK_NONBLOCK and SOCK_CLOEXEC are flags of the new descriptor": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    c.fcntl(fd, F_GETFL);
    t.expect(O_RDWR | O_NONBLOCK);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
  },
  "a protocol may be named": (c, t) => {
    for (
      const [domain, type, protocol] of [
        [AF_INET, SOCK_STREAM, IPPROTO_TCP],
        [AF_INET, SOCK_DGRAM, IPPROTO_UDP],
        [AF_INET6, SOCK_STREAM, IPPROTO_TCP],
        [AF_INET6, SOCK_DGRAM, IPPROTO_UDP],
        [AF_UNIX, SOCK_STREAM, PF_UNIX],
      ]
    ) {
      const fd = c.socket(domain, type, protocol);
      c.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL);
    }
    t.expect(0);
  },
  "a socket tells its domain, type and protocol": (c) => {
    const kinds = [AF_INET, AF_INET6, AF_UNIX].flatMap((domain) =>
      [SOCK_STREAM, SOCK_DGRAM].map((type) => [domain, type])
    );
    for (const [domain, type] of [...kinds, [AF_UNIX, SOCK_SEQPACKET]]) {
      const fd = c.socket(domain, type);
      c.getsockopt(fd, SOL_SOCKET, SO_DOMAIN);
      c.getsockopt(fd, SOL_SOCKET, SO_TYPE);
      c.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL);
    }
  },
  "TCP is no protocol of datagrams": (c, t) => {
    c.socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP);
    t.expect("EPROTONOSUPPORT");
    c.socket(AF_INET6, SOCK_DGRAM, IPPROTO_TCP);
    t.expect("EPROTONOSUPPORT");
  },
  "UDP is no protocol of streams": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP);
    t.expect("EPROTONOSUPPORT");
    c.socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP);
    t.expect("EPROTONOSUPPORT");
  },
  "a protocol that nobody has is refused": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM, 200);
    t.expect("EPROTONOSUPPORT");
    c.socket(AF_UNIX, SOCK_STREAM, 5);
    t.expect("EPROTONOSUPPORT");
  },
  "a protocol out of range is invalid": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM, 9999);
    t.expect("EINVAL");
    c.socket(AF_INET, SOCK_STREAM, -1);
    t.expect("EINVAL");
  },
  "a family that nobody has is refused": (c, t) => {
    c.socket(NO_FAMILY, SOCK_STREAM);
    t.expect("EAFNOSUPPORT");
    c.socket(-1, SOCK_STREAM);
    t.expect("EAFNOSUPPORT");
  },
  "AF_UNSPEC is no family of sockets": (c, t) => {
    c.socket(AF_UNSPEC, SOCK_STREAM);
    t.expect("EAFNOSUPPORT");
  },
  "a type that the family has not got is refused": (c, t) => {
    c.socket(AF_INET, SOCK_SEQPACKET);
    t.expect("ESOCKTNOSUPPORT");
    c.socket(AF_INET, SOCK_RDM);
    t.expect("ESOCKTNOSUPPORT");
    c.socket(AF_UNIX, SOCK_RDM);
    t.expect("ESOCKTNOSUPPORT");
  },
  "a type out of range is invalid": (c, t) => {
    c.socket(AF_INET, 0);
    t.expect("ESOCKTNOSUPPORT");
    c.socket(AF_INET, 15);
    t.expect("EINVAL");
    c.socket(AF_INET, -1);
    t.expect("EINVAL");
  },
  "a flag that is none of the type's is invalid": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM | 0x100000);
    t.expect("EINVAL");
    c.socket(AF_INET, SOCK_STREAM | 0x10);
    t.expect("EINVAL");
  },
  "a raw socket needs a protocol": (c, t) => {
    c.socket(AF_INET, SOCK_RAW);
    t.expect("EPROTONOSUPPORT");
  },
  "a call that failed takes no descriptor": (c, t) => {
    c.socket(NO_FAMILY, SOCK_STREAM);
    c.socket(AF_INET, SOCK_STREAM);
    t.expect(3);
  },
  "a raw Unix socket is one of datagrams": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_RAW);
    c.getsockopt(fd, SOL_SOCKET, SO_TYPE);
    t.expect(SOCK_DGRAM);
  },
  "a pair of streams talks both ways": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.write(a, bytes("there"));
    c.read(b, room(8));
    t.expect(5);
    c.write(b, bytes("back"));
    c.read(a, room(8));
    t.expect(4);
  },
  "a pair of datagram sockets keeps messages apart": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.write(a, bytes("one"));
    c.write(a, bytes("two"));
    c.read(b, room(8));
    t.expect(3);
    c.read(b, room(8));
    t.expect(3);
  },
  "a pair of sequenced packets keeps messages apart and ends": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_SEQPACKET);
    c.write(a, bytes("one"));
    c.write(a, bytes("two"));
    c.close(a);
    c.read(b, room(8));
    c.read(b, room(8));
    t.expect(3);
    c.read(b, room(8));
    t.expect(0);
  },
  "a pair takes flags": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (const fd of [a, b]) {
      c.fcntl(fd, F_GETFL);
      c.fcntl(fd, F_GETFD);
      t.expect(FD_CLOEXEC);
    }
    c.read(a, room(1));
    t.expect("EAGAIN");
  },
  "both ends of a pair have no name": (c) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.getsockname(a);
    c.getpeername(a);
    c.getsockname(b);
    c.getpeername(b);
  },
  "the Internet has no pairs": (c, t) => {
    c.socketpair(AF_INET, SOCK_STREAM);
    t.expect("ENOTSUP");
    c.socketpair(AF_INET6, SOCK_DGRAM);
    t.expect("ENOTSUP");
  },
  "a pair of a family, type or protocol that there is not is refused": (c, t) => {
    c.socketpair(NO_FAMILY, SOCK_STREAM);
    t.expect("EAFNOSUPPORT");
    c.socketpair(AF_UNIX, SOCK_RDM);
    t.expect("ESOCKTNOSUPPORT");
    c.socketpair(AF_UNIX, SOCK_STREAM, 7);
    t.expect("EPROTONOSUPPORT");
    c.socketpair(AF_UNIX, SOCK_STREAM | 0x100000);
    t.expect("EINVAL");
  },
  "a pair takes the two lowest descriptors that are free": (c, t) => {
    c.socket(AF_INET, SOCK_STREAM);
    c.socket(AF_INET, SOCK_STREAM);
    c.close(3);
    c.socketpair(AF_UNIX, SOCK_STREAM);
    t.expect("[3, 5]");
  },
};
