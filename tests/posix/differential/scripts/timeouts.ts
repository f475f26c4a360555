/**
 * Scripts: calls that wait 50 ms.
 *
 * @module
 */

import { bytes, loopback, pattern, room, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_WAITALL,
  SHUT_RD,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  SPLICE_F_NONBLOCK,
} from "../../../../posix/constants/mod.ts";
import type { Timeval } from "../../../../posix/types.ts";

const SHORT: Timeval = { sec: 0, usec: 50_000 };

/** `SO_RCVTIMEO`, `SO_SNDTIMEO`. */
export const timeouts: Scripts = {
  "recv of a stream": (c, t) => {
    const [, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recv(server, room(4)));
    t.expect("EAGAIN");
    t.waits(() => c.read(server, room(4)));
    t.expect("EAGAIN");
  },
  "recvfrom and recvmsg of datagrams": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recvfrom(fd, room(4)));
    t.expect("EAGAIN");
    t.waits(() => c.recvmsg(fd, { iov: [room(4)] }));
    t.expect("EAGAIN");
    t.waits(() => c.readv(fd, [room(2), room(2)]));
    t.expect("EAGAIN");
  },
  "recvmmsg gives what came before the time was over": (c, t) => {
    const a = t.datagram();
    c.setsockopt(a.fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    c.sendto(a.fd, bytes("one"), 0, a.address);
    const messages = [0, 1].map(() => ({ hdr: { iov: [room(4)] }, len: 0 }));
    t.waits(() => c.recvmmsg(a.fd, messages));
    t.expect(1);
    t.waits(() => c.recvmmsg(a.fd, messages));
    t.expect("EAGAIN");
  },
  "recv of a pair": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recv(a, room(4)));
    t.expect("EAGAIN");
  },
  "recv of urgent bytes and errors where the socket knows none": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recv(fd, room(4), MSG_OOB));
    t.expect("EAGAIN");
    t.isPrompt(() => c.recv(fd, room(4), MSG_ERRQUEUE));
    t.expect("EAGAIN");
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recv(a, room(4), MSG_ERRQUEUE));
    t.expect("EAGAIN");
    t.isPrompt(() => c.recv(a, room(4), MSG_OOB));
  },
  "accept": (c, t) => {
    const { fd } = t.listener();
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.accept(fd));
    t.expect("EAGAIN");
    t.waits(() => c.accept4(fd, SOCK_NONBLOCK));
    t.expect("EAGAIN");
  },
  "accept of a Unix socket": (c, t) => {
    const { fd } = t.listener({ address: t.unixAddress("s") });
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.accept(fd));
    t.expect("EAGAIN");
  },
  "MSG_WAITALL gives what came before the time was over": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    c.send(client, bytes("part"));
    t.settleBytes(server, 4);
    t.waits(() => c.recv(server, room(8), MSG_WAITALL));
    t.expect(4);
  },
  "MSG_WAITALL of a pair gives what came before the time was over": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(b, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    c.send(a, bytes("part"));
    t.waits(() => c.recv(b, room(8), MSG_WAITALL));
    t.expect(4);
  },
  "send to a full pair": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, SHORT);
    t.quietly(() => {
      while (c.send(a, pattern(1000), MSG_DONTWAIT) > 0);
    });
    t.waits(() => c.send(a, bytes("x")));
    t.expect("EAGAIN");
    t.waits(() => c.write(a, bytes("x")));
    t.expect("EAGAIN");
    t.waits(() => c.sendmsg(a, { iov: [bytes("x")] }));
    t.expect("EAGAIN");
  },
  "send of more than a pair takes goes in part": (c, t) => {
    const [a] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, SHORT);
    const n = t.waits(() => t.quietly(() => c.send(a, pattern(2 << 20))));
    t.note("in part", n > 0 && n < 2 << 20);
  },
  "send to a full queue of datagrams": (c, t) => {
    const b = t.datagram(t.unixAddress("b"));
    const a = c.socket(AF_UNIX, SOCK_DGRAM);
    c.setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, SHORT);
    t.quietly(() => {
      while (c.sendto(a, bytes("x"), MSG_DONTWAIT, b.address) > 0);
    });
    t.waits(() => c.sendto(a, bytes("x"), 0, b.address));
    t.expect("EAGAIN");
  },
  "what is there does not wait": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, { sec: 60, usec: 0 });
    c.send(client, bytes("x"));
    t.isPrompt(() => c.recv(server, room(4)));
    t.expect(1);
    c.close(client);
    t.isPrompt(() => c.recv(server, room(4)));
    t.expect(0);
  },
  "MSG_DONTWAIT does not wait": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, { sec: 60, usec: 0 });
    t.isPrompt(() => c.recv(fd, room(4), MSG_DONTWAIT));
    t.expect("EAGAIN");
  },
  "O_NONBLOCK does not wait": (c, t) => {
    const { fd } = t.datagram(loopback(), SOCK_NONBLOCK);
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, { sec: 60, usec: 0 });
    t.isPrompt(() => c.recv(fd, room(4)));
    t.expect("EAGAIN");
  },
  "a duplicate has the same timeout": (c, t) => {
    const { fd } = t.datagram();
    c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.recv(c.dup(fd), room(4)));
    t.expect("EAGAIN");
  },
  "splice from a socket with SPLICE_F_NONBLOCK, which is the pipe's": (c, t) => {
    const [, server] = t.streamPair();
    const [, write] = c.pipe2();
    c.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.splice(server, null, write, null, 4, SPLICE_F_NONBLOCK));
    t.expect("EAGAIN");
    const [datagram] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.shutdown(datagram, SHUT_RD);
    c.splice(datagram, null, write, null, 4);
    t.expect(0);
  },
  "splice from a socket": (c, t) => {
    const [, server] = t.streamPair();
    const [, write] = c.pipe2();
    c.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, SHORT);
    t.waits(() => c.splice(server, null, write, null, 4));
    t.expect("EAGAIN");
  },
};
