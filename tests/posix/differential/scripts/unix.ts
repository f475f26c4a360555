/**
 * Scripts: Unix sockets.
 *
 * @module
 */

import { bytes, loopback, pattern, room, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SO_SNDTIMEO,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

const UNNAMED: Sockaddr = { family: AF_UNIX, path: "" };
/** Bytes of `sun_path`. */
const PATH_BYTES = 108;

/** Names, streams, datagrams and sequenced packets of `unix(7)`. */
export const unix: Scripts = {
  "a socket without a name tells none": (c) => {
    c.getsockname(c.socket(AF_UNIX, SOCK_STREAM));
    c.getsockname(c.socket(AF_UNIX, SOCK_DGRAM));
    c.getsockname(c.socket(AF_UNIX, SOCK_SEQPACKET));
  },
  "a path is bound, told and connected to": (c, t) => {
    const listener = t.listener({ address: t.unixAddress("s") });
    c.getsockname(listener.fd);
    const client = c.socket(AF_UNIX, SOCK_STREAM);
    c.connect(client, listener.address);
    const { fd } = c.accept(listener.fd);
    c.getpeername(client);
    c.getsockname(fd);
    c.getpeername(fd);
    c.send(client, bytes("hi"));
    c.recv(fd, room(4));
    t.expect(2);
  },
  "an abstract name is bound, told and connected to": (c, t) => {
    const listener = t.listener({ address: t.abstractAddress("s") });
    const client = c.socket(AF_UNIX, SOCK_STREAM);
    c.connect(client, listener.address);
    c.accept(listener.fd);
    c.getpeername(client);
  },
  "an abstract name may contain NUL": (c, t) => {
    const { path } = t.abstractAddress("a");
    const address = { family: AF_UNIX, path: `${path}\0tail` };
    const listener = t.listener({ address });
    const client = c.socket(AF_UNIX, SOCK_STREAM);
    c.connect(client, { family: AF_UNIX, path });
    t.expect("ECONNREFUSED");
    c.connect(client, address);
    t.expect(0);
    c.accept(listener.fd);
  },
  "no name lets the kernel choose one": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    c.bind(fd, UNNAMED);
    t.expect(0);
    c.getsockname(fd);
    c.bind(fd, UNNAMED);
    t.expect(0);
  },
  "a path that is there is in use, though nobody listens": (c, t) => {
    const address = t.unixAddress("taken");
    const first = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(first, address);
    c.bind(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("EADDRINUSE");
    c.close(first);
    c.bind(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("EADDRINUSE");
  },
  "a file is in the way of a name": (c, t) => {
    t.file("f", bytes("contents"));
    c.bind(c.socket(AF_UNIX, SOCK_STREAM), t.unixAddress("f"));
    t.expect("EADDRINUSE");
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), t.unixAddress("f"));
    t.expect("ECONNREFUSED");
  },
  "an abstract name is free once its socket is closed": (c, t) => {
    const address = t.abstractAddress("once");
    const first = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(first, address);
    const second = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(second, address);
    t.expect("EADDRINUSE");
    c.close(first);
    c.bind(second, address);
    t.expect(0);
  },
  "a name is given once": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(fd, t.unixAddress("one"));
    c.bind(fd, t.unixAddress("two"));
    t.expect("EINVAL");
  },
  "a directory must be there and be one": (c, t) => {
    t.file("f", bytes(""));
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(fd, t.unixAddress("missing/s"));
    t.expect("ENOENT");
    c.bind(fd, t.unixAddress("f/s"));
    t.expect("ENOTDIR");
    c.connect(fd, t.unixAddress("missing/s"));
    t.expect("ENOENT");
    c.connect(fd, t.unixAddress("f/s"));
    t.expect("ENOTDIR");
    c.connect(fd, t.unixAddress("nobody"));
    t.expect("ENOENT");
  },
  "a path may fill the name without a NUL": (c, t) => {
    const address = t.unixAddress("x".repeat(PATH_BYTES - t.path("").length));
    t.note("bytes", address.path!.length);
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(fd, address);
    t.expect(0);
    c.getsockname(fd);
    c.listen(fd);
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect(0);
  },
  "a path that is longer is invalid": (c, t) => {
    const address = t.unixAddress("x".repeat(PATH_BYTES + 1 - t.path("").length));
    c.bind(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("EINVAL");
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("EINVAL");
  },
  "a name of another family is invalid": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(fd, loopback());
    t.expect("EINVAL");
    c.connect(fd, loopback(9));
    t.expect("EINVAL");
    c.sendto(c.socket(AF_UNIX, SOCK_DGRAM), bytes("x"), 0, loopback(9));
    t.expect("EINVAL");
  },
  "lengths of names": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    const address = t.unixAddress("n");
    c.bind(fd, address, 1);
    t.expect("EINVAL");
    c.bind(fd, address, 0);
    t.expect("EINVAL");
    c.bind(fd, address, 111);
    t.expect("EINVAL");
    c.bind(fd, null);
    t.expect("EFAULT");
    c.bind(fd, address, 110);
    t.expect(0);
    c.getsockname(fd);
  },
  "a length ends a path": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_DGRAM);
    const address = t.unixAddress("longer");
    c.bind(fd, address, 2 + t.path("long").length);
    t.expect(0);
    c.getsockname(fd);
  },
  "streams refuse where the socket does not listen": (c, t) => {
    const address = t.unixAddress("s");
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.bind(fd, address);
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("ECONNREFUSED");
    c.close(fd);
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), address);
    t.expect("ECONNREFUSED");
  },
  "types do not mix": (c, t) => {
    const stream = t.listener({ address: t.unixAddress("s") });
    const datagram = t.datagram(t.unixAddress("d"));
    c.connect(c.socket(AF_UNIX, SOCK_DGRAM), stream.address);
    t.expect("EPROTOTYPE");
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), datagram.address);
    t.expect("EPROTOTYPE");
    c.connect(c.socket(AF_UNIX, SOCK_SEQPACKET), stream.address);
    t.expect("EPROTOTYPE");
    c.sendto(c.socket(AF_UNIX, SOCK_DGRAM), bytes("x"), 0, stream.address);
    t.expect("EPROTOTYPE");
  },
  "a stream needs a name to listen": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.listen(fd);
    t.expect("EINVAL");
    c.listen(c.socket(AF_UNIX, SOCK_DGRAM));
    t.expect("ENOTSUP");
  },
  "a full backlog is EAGAIN to who does not wait": (c, t) => {
    const { address } = t.listener({ address: t.unixAddress("s"), backlog: 1 });
    const results = [0, 1, 2, 3].map(() =>
      c.connect(c.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK), address)
    );
    t.expect("EAGAIN");
    t.note("connected", results.filter((result) => result === 0).length);
  },
  "a full backlog ends the wait of SO_SNDTIMEO": (c, t) => {
    const { address } = t.listener({ address: t.unixAddress("s"), backlog: 0 });
    c.connect(c.socket(AF_UNIX, SOCK_STREAM), address);
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, { sec: 0, usec: 50_000 });
    t.waits(() => c.connect(fd, address));
    t.expect("EAGAIN");
  },
  "a connected stream is not connected again": (c, t) => {
    const { address } = t.listener({ address: t.unixAddress("s") });
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.connect(fd, address);
    c.connect(fd, address);
    t.expect("EISCONN");
    const [end] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.connect(end, address);
    t.expect("EISCONN");
  },
  "a stream without a peer sends and receives nothing": (c, t) => {
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("ENOTCONN");
    c.recv(fd, room(4));
    t.expect("EINVAL");
    const packets = c.socket(AF_UNIX, SOCK_SEQPACKET);
    c.send(packets, bytes("x"), MSG_NOSIGNAL);
    t.expect("ENOTCONN");
    c.recv(packets, room(4));
    t.expect("ENOTCONN");
  },
  "a stream sends to its peer only": (c, t) => {
    const { address } = t.listener({ address: t.unixAddress("s") });
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.sendto(a, bytes("x"), MSG_NOSIGNAL, address);
    t.expect("EISCONN");
    const lone = c.socket(AF_UNIX, SOCK_STREAM);
    c.sendto(lone, bytes("x"), MSG_NOSIGNAL, address);
    t.expect("ENOTSUP");
  },
  "a stream that was never accepted ends": (c, t) => {
    const listener = t.listener({ address: t.unixAddress("s") });
    const fd = c.socket(AF_UNIX, SOCK_STREAM);
    c.connect(fd, listener.address);
    c.close(listener.fd);
    c.recv(fd, room(4));
    t.expect("ECONNRESET");
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "closing with unread bytes resets the peer": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("unread"));
    c.close(b);
    c.recv(a, room(4));
    t.expect("ECONNRESET");
    c.recv(a, room(4));
    t.expect(0);
  },
  "closing with nothing unread ends the peer": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(b, bytes("bye"));
    c.close(b);
    c.recv(a, room(8));
    t.expect(3);
    c.recv(a, room(8));
    t.expect(0);
    c.send(a, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "a full pair is EAGAIN": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    const total = t.quietly(() => {
      let sum = 0;
      for (let n = 0; (n = c.send(a, pattern(1000))) > 0;) sum += n;
      return sum;
    });
    c.send(a, bytes("x"));
    t.expect("EAGAIN");
    t.note("took bytes", total > 0);
    const drained = t.quietly(() => {
      let sum = 0;
      for (let n = 0; (n = c.recv(b, room(4096))) > 0;) sum += n;
      return sum;
    });
    t.note("gave them back", drained === total);
    c.send(a, bytes("more"));
    t.expect(4);
  },
  "a stream that is much too long for its buffer goes in part": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    const n = t.quietly(() => c.send(a, pattern(4 << 20)));
    t.note("in part", n > 0 && n < 4 << 20);
    const drained = t.quietly(() => {
      let sum = 0;
      for (let got = 0; (got = c.recv(b, room(1 << 16))) > 0;) sum += got;
      return sum;
    });
    t.note("all that went", drained === n);
  },
};
